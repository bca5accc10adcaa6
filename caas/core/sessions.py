"""Use cases of sessions: leave to look inside, and what became of it."""

import dataclasses
import datetime
import hashlib
import hmac
import logging
import secrets
import uuid
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core import containers, hosts, sets
from caas.core.deps import Deps
from caas.model.containers import Container
from caas.model.hosts import Host
from caas.model.query import Query
from caas.model.sessions import RECORDABLE, Session
from caas.model.sets import Set
from caas.model.states import ContainerStatus, HostStatus
from caas.model.streams import Ask, Look, Verb
from caas.store import events
from caas.store import hosts as host_store
from caas.store import sessions as store
from caas.store.engine import retry, utcnow

LOG = logging.getLogger(__name__)

#: Seconds within which a session has to begin.
TOKEN_TTL = 60

#: Seconds within which a terminal in a browser has to be opened.
WEB_TTL = 600

#: What a login starts: the shell of most people if the image has it.
SHELL = "command -v bash >/dev/null && exec bash -l || exec sh -l"

#: What works on a container that does not run, too.
_STILL = (Verb.LOGS, Look.DIFF, Look.INSPECT)
#: And on one whose processes are frozen.
_FROZEN = (*_STILL, Verb.ATTACH, Verb.FORWARD, Look.STATS, Look.TOP)


@dataclasses.dataclass(frozen=True)
class Terms:
    """What policy says of a session that is asked for.

    :ivar record: it is recorded whether the user wants it or not.
    :ivar reason: the user has to say why.
    """

    record: bool = False
    reason: bool = False


def create(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    ident: str | None,
    verb: Verb,
    arguments: dict[str, Any],
    *,
    reason: str = "",
    record: bool = False,
    terms: Terms | None = None,
    alone: bool = False,
) -> tuple[Session, str]:
    """Give leave to open one stream.

    :param ident: name or id of a container; None for the set as a whole.
    :param arguments: see :class:`caas.model.streams.Verb`.
    :param alone: who has the token needs none of Keystone.
    :returns: the session, and the token that begins it, once, within
        :data:`TOKEN_TTL` seconds; :data:`WEB_TTL` where it stands alone.
    :raises Forbidden: the infra container is meant.
    :raises BadRequest: a reason is lacking.
    :raises Conflict: it does not run.
    :raises Unavailable: its host cannot be reached.
    """
    terms = terms or Terms()
    one = _container(deps, ctx, item, ident, verb)
    if terms.reason and not reason.strip():
        raise exception.BadRequest(
            "The policy of this cloud wants a reason for sessions like this "
            "one; say it with 'reason'."
        )
    host = _way(deps, ctx, item, one, verb)
    now = utcnow()
    session = Session(
        id=str(uuid.uuid4()),
        project_id=item.project_id,
        set_id=item.id,
        set_name=item.name,
        container_id=one.id if one else None,
        container=one.name if one else "",
        user_id=ctx.user_id or "",
        verb=verb,
        arguments=arguments,
        reason=reason,
        recorded=verb in RECORDABLE and (record or terms.record),
        request_id=ctx.request_id or "",
        incarnation=item.incarnation,
        host_id=host.id,
        created_at=now,
        expires_at=now
        + datetime.timedelta(seconds=WEB_TTL if alone else TOKEN_TTL),
        alone=alone,
    )
    token = secrets.token_urlsafe(32)
    with deps.store.writer() as conn:
        store.insert(conn, session, _hash(token))
        events.add(conn, **_event(session, "accepted"))
    return session, token


def terminal(
    deps: Deps, ctx: RequestContext, item: Set, terms: Terms
) -> tuple[Session, str]:
    """Leave to open a shell in the first container of a set, in a browser.

    :returns: as :func:`create`.
    :raises CaasError: likewise.
    """
    first = next(each for each in item.containers if each.spec is not None)
    arguments = {
        "command": ["/bin/sh", "-c", SHELL],
        "tty": True,
        "stdin": True,
        "env": {"TERM": "xterm-256color"},
    }
    return create(
        deps,
        ctx,
        item,
        first.id,
        Verb.EXEC,
        arguments,
        terms=terms,
        alone=True,
    )


def stands_alone(deps: Deps, session_id: str, token: str) -> bool:
    """Whether this is the token of a session that needs no other one."""
    with deps.store.reader() as conn:
        session = store.get(conn, session_id)
        known = store.token_hash(conn, session_id)
    return (
        session is not None
        and session.alone
        and known is not None
        and hmac.compare_digest(known, _hash(token))
    )


def of_token(deps: Deps, token: str) -> tuple[Session, Host]:
    """The session a token may begin, and where that goes.

    :raises NotFound: there is none, or not any more.
    """
    missing = exception.NotFound("Token not found")
    with deps.store.reader() as conn:
        session = store.of_token(conn, _hash(token))
    if session is None or _used(session, utcnow()):
        raise missing
    with deps.store.reader() as conn:
        host = host_store.find(conn, session.host_id)
    if host is None:
        raise missing
    return session, host


#: Most bytes of :func:`output`.
OUTPUT = 1 << 20


def look(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    ident: str | None,
    what: Look,
    arguments: dict[str, Any] | None = None,
) -> Any:
    """Ask the host of a set something that has a short answer.

    :raises CaasError: as :func:`create`, and whatever the host says.
    """
    one = _container(deps, ctx, item, ident, what)
    host = _way(deps, ctx, item, one, what)
    ask = Ask(
        verb=what.value,
        set_id=item.id,
        incarnation=item.incarnation,
        container=one.id if one else "",
        arguments=arguments or {},
        request_id=ctx.request_id or "",
    )
    return deps.agents.look(host.name, host.facts["streams"], ask)


def output(
    deps: Deps, ctx: RequestContext, item: Set, lines: int | None
) -> str:
    """The last lines that the containers of a set have written.

    :param lines: of all of them, without the end of the last one; None for all
        within :data:`OUTPUT`.
    :raises CaasError: as :func:`create`, and whatever the host says.
    """
    host = _way(deps, ctx, item, None, Verb.LOGS)
    ask = Ask(
        verb=Verb.LOGS.value,
        set_id=item.id,
        incarnation=item.incarnation,
        arguments={"tail": lines},
        request_id=ctx.request_id or "",
    )
    found = deps.agents.read(host.name, host.facts["streams"], ask, OUTPUT)
    text = found.decode(errors="replace")
    if lines is None:
        return text
    parts = text.removesuffix("\n").split("\n")
    return "\n".join(parts[max(0, len(parts) - lines) :])


def _container(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    ident: str | None,
    verb: Verb | Look,
) -> Container | None:
    if ident is None:
        return None
    found = containers.pick(item, ident)
    if found.spec is None:
        reason = (
            "Nobody enters the infra container: it only holds the network of "
            "the set. Choose one of its other containers."
        )
        with deps.store.writer() as conn:
            events.add(
                conn,
                **sets.set_event(
                    ctx,
                    item.id,
                    f"container.{verb}",
                    project_id=item.project_id,
                    result="error",
                    reason=reason,
                    container=found.name,
                    container_id=found.id,
                ),
            )
        LOG.warning(
            "Set %s (%s): %s of the infra container refused to user %s",
            item.id,
            ctx.request_id,
            verb,
            ctx.user_id,
        )
        raise exception.Forbidden(reason)
    return found


def _way(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    one: Container | None,
    verb: Verb | Look,
) -> Host:
    """The host to go to, after a look at what is known of the container."""
    if item.host_id is None or item.incarnation == 0:
        raise exception.Conflict(
            f"Set {item.id} is not on a host yet, its status is "
            f"{item.status}; wait until it is ACTIVE."
        )
    if one is not None and verb not in _STILL:
        if one.status == ContainerStatus.PAUSED and verb not in _FROZEN:
            raise exception.Conflict(
                f"Container {one.name!r} is paused; unpause it first."
            )
        if one.status not in (ContainerStatus.RUNNING, ContainerStatus.PAUSED):
            raise exception.Conflict(
                f"Container {one.name!r} does not run, its status is "
                f"{one.status}"
                + (f": {one.reason.rstrip('.')}." if one.reason else ".")
            )
    host = hosts.get(deps, ctx, item.host_id)
    if host.forced_down:
        raise exception.Unavailable(
            f"Operators have taken the host of set {item.id} out of service."
        )
    if host.status(utcnow(), deps.heartbeat_timeout) != HostStatus.UP:
        raise exception.Unavailable(
            f"The host of set {item.id} has not reported since "
            f"{host.last_seen:%H:%M:%S}Z; try again when it is back."
        )
    if not host.facts.get("streams"):
        raise exception.Unavailable(
            f"The host of set {item.id} lets nobody look inside: its agent "
            "has no certificate. An operator has to make one."
        )
    return host


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Session]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def get(
    deps: Deps,
    ctx: RequestContext,
    session_id: str,
    project_id: str | None = None,
) -> Session:
    """:param project_id: only one of this project; None for any.
    :raises NotFound: there is none.
    """
    with deps.store.reader() as conn:
        found = store.get(conn, session_id, project_id)
    if found is None:
        raise exception.NotFound(
            f"There is no session with the id {session_id}."
        )
    return found


def recording(
    deps: Deps, ctx: RequestContext, session: Session, piece: int
) -> tuple[str, int | None]:
    """:returns: lines of asciicast v2, and the number of the next piece.
    :raises NotFound: nothing was recorded, or not so many pieces.
    """
    with deps.store.reader() as conn:
        found = store.recording(conn, session.id, piece)
    if found is None:
        why = (
            "has no such piece"
            if piece
            else "is still empty"
            if session.recorded
            else "does not exist: the session was not recorded"
        )
        raise exception.NotFound(
            f"The recording of session {session.id} {why}."
        )
    return found[0], piece + 1 if found[1] else None


# What proxies do.


def redeem(
    deps: Deps,
    session_id: str,
    token: str,
    *,
    user_id: str | None,
    proxy: str,
    client: str,
) -> tuple[Session, Host]:
    """Begin a session with its token, which is used up by that.

    :param user_id: who comes with it, as Keystone says; None when that was
        not asked.
    :param proxy: name of the process that serves it.
    :param client: address of who comes.
    :returns: the session, and the host to connect to.
    :raises Forbidden: it is not good for this; the log says why.
    """
    now = utcnow()
    with deps.store.reader() as conn:
        session = store.get(conn, session_id)
        known = store.token_hash(conn, session_id) if session else None
    problem = _problem(session, known, token, user_id, now)
    if session is not None and not problem:
        with deps.store.writer() as conn:
            if store.begin(conn, session, now, proxy=proxy, client=client):
                host = hosts.get(
                    deps, RequestContext(overwrite=False), session.host_id
                )
                started = dataclasses.replace(
                    session, started_at=now, proxy=proxy, client=client
                )
                return started, host
        problem = "it was used at the same moment"
    LOG.warning(
        "A token for session %s is refused to %s, user %s: %s",
        session_id,
        client,
        user_id or "unknown",
        problem,
    )
    if session is not None:
        with deps.store.writer() as conn:
            events.add(
                conn,
                **{
                    **_event(session, "error"),
                    "action": "session.refused",
                    "user_id": user_id,
                    "reason": f"A token was refused: {problem}.",
                    "details": {"session": session.id, "client": client},
                },
            )
    raise exception.Forbidden(
        "The token is not good for this session, or not any more; ask for a "
        "new session."
    )


def _problem(
    session: Session | None,
    known: str | None,
    token: str,
    user_id: str | None,
    now: datetime.datetime,
) -> str:
    if session is None or known is None:
        return "there is no such session"
    if not hmac.compare_digest(known, _hash(token)):
        return "it is the token of another session, or none"
    if user_id is not None and user_id != session.user_id:
        return "it was given to another user"
    return _used(session, now)


def _used(session: Session, now: datetime.datetime) -> str:
    if session.started_at is not None or session.ended_at is not None:
        return "it was used before"
    if now >= session.expires_at:
        return "it has expired"
    return ""


def ask(session: Session) -> Ask:
    """What its agent is asked."""
    return Ask(
        verb=session.verb.value,
        set_id=session.set_id,
        incarnation=session.incarnation,
        container=session.container_id or "",
        arguments=session.arguments,
        session_id=session.id,
        request_id=session.request_id,
    )


@retry
def end(
    deps: Deps,
    session: Session,
    *,
    result: str,
    message: str = "",
    exit_code: int | None = None,
) -> None:
    """Note that it is over, and how it went.

    :param result: ``success`` or ``error``.
    """
    now = utcnow()
    with deps.store.writer() as conn:
        if not store.end(
            conn,
            session.id,
            now,
            result=result,
            message=message,
            exit_code=exit_code,
        ):
            return
        event = _event(session, result, message)
        event["details"] |= {
            "exit_code": exit_code,
            "seconds": round(
                (now - (session.started_at or now)).total_seconds(), 3
            ),
        }
        events.add(conn, **event)


def abandon(deps: Deps, proxy: str) -> None:
    """End what an earlier run of a proxy left, which died."""
    with deps.store.reader() as conn:
        left = store.active(conn, proxy)
    for session in left:
        end(
            deps,
            session,
            result="error",
            message="The proxy that served it ended.",
        )


@retry
def record(deps: Deps, session: Session, piece: int, text: str) -> None:
    """Keep a piece of what was seen: lines of asciicast v2."""
    with deps.store.writer() as conn:
        store.record(conn, session.id, piece, text)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _event(session: Session, result: str, reason: str = "") -> dict[str, Any]:
    noun = "container" if session.container_id else "set"
    return {
        "project_id": session.project_id,
        "user_id": session.user_id,
        "object_type": "set",
        "object_id": session.set_id,
        "container": session.container,
        "container_id": session.container_id or "",
        "action": f"{noun}.{session.verb}",
        "result": result,
        "reason": reason,
        "request_id": session.request_id,
        "details": {
            "session": session.id,
            "recorded": session.recorded,
            **({"client": session.client} if session.client else {}),
            **({"why": session.reason} if session.reason else {}),
        },
    }
