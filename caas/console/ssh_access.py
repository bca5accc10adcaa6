"""Who comes to the SSH gateway, which set they mean, and what they may.

Nobody comes with a token: a key says which user it is, Keystone what roles
that user has, and the policies are those of the HTTP API.
"""

import contextlib
import dataclasses
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from caas import exception
from caas.clients.keystone import User
from caas.context import RequestContext
from caas.core import sessions, sets
from caas.core.deps import Deps
from caas.model.containers import BUSINESS
from caas.model.hosts import Host
from caas.model.keypairs import Keypair
from caas.model.sessions import Session
from caas.model.sets import Set
from caas.model.streams import Verb
from caas.policy import Policy
from caas.store import events, keypairs
from caas.store import sets as sets_store

LOG = logging.getLogger(__name__)

#: The one answer for what is not there and what is somebody else's.
DENIED = "No such set, or you may not enter it."

#: Longest name of a container, and of a set with one before it.
_CONTAINER, _LONGEST = 63, 63 + 1 + 255
#: Ids told at most where a name is not enough.
_TOLD = 10
#: Failures noted as events in a minute; the log has all.
_NOTED = 60


class Identity(Protocol):
    """See :class:`caas.clients.keystone.Identity`."""

    def user(self, user_id: str) -> User | None: ...
    def open(self, project_id: str) -> bool: ...


@dataclasses.dataclass(frozen=True)
class Place:
    """A set somebody may know of.

    :ivar ctx: who it is, with the roles in the project of the set.
    :ivar container: name of the one that is meant.
    """

    ctx: RequestContext
    item: Set
    container: str

    @property
    def hosts(self) -> frozenset[str]:
        """What the set is called, as the end of a forwarding."""
        names = ("localhost", "127.0.0.1", "::1", self.item.address)
        own = (self.item.id, self.item.name, self.item.hostname)
        return frozenset(name for name in (*names, *own) if name)


@dataclasses.dataclass(frozen=True)
class _Reading:
    """One way to read what was asked for.

    :ivar container: None: the first one.
    """

    ident: str
    container: str | None


def readings(wanted: str) -> Iterator[_Reading]:
    """``set`` or ``container.set``, where both may have dots."""
    if not wanted or len(wanted) > _LONGEST or not wanted.isprintable():
        return
    yield _Reading(wanted, None)
    for at in range(1, min(len(wanted) - 1, _CONTAINER + 1)):
        if wanted[at] == ".":
            yield _Reading(wanted[at + 1 :], wanted[:at])


class Access:
    """All calls block.

    :param proxy: name of this process among the proxies of the cloud.
    """

    def __init__(
        self,
        deps: Deps,
        policy: Policy,
        identity: Identity,
        proxy: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deps = deps
        self._policy = policy
        self._identity = identity
        self._proxy = proxy
        self._notes = _Throttle(clock)

    def keypairs(self, fingerprint: str) -> list[Keypair]:
        """Whose key it is: of several users, the oldest pair first.

        :param fingerprint: SHA256, as OpenSSH shows it.
        """
        with self._deps.store.reader() as conn:
            return keypairs.by_fingerprint(conn, fingerprint)

    def find(self, owners: Sequence[Keypair], wanted: str) -> Place:
        """The set somebody means.

        What is looked up, and what is answered, is the same whether a set of
        this name is in a project the user has no role in or nowhere.

        :param owners: of the key, as of :meth:`keypairs`.
        :param wanted: ``set`` or ``container.set``, by name or id, after the
            id of the user and a slash where several have added the key.
        :raises NotFound: there is no such set, or no leave to know of it.
        :raises Conflict: several are meant.
        """
        # the same pair may be kept under several names
        users = dict.fromkeys(pair.user_id for pair in owners)
        user, slash, rest = wanted.partition("/")
        if slash:
            users = {user: None} if user in users else {}
            wanted = rest
        elif len(users) > 1:
            # a public key is no secret, so anybody may have added it: whose
            # sets are meant has to be said
            raise exception.Conflict(
                "Several users have added this key; log in as "
                f"USER/{wanted}, where USER is the id of your user."
            )
        ways = list(readings(wanted))
        found: list[tuple[_Reading, Place]] = []
        for user_id in users:
            known = {place.item.id for _, place in found}
            found += [
                (way, place)
                for way, place in self._of_user(user_id, ways)
                if place.item.id not in known
            ]
        whole = [place for way, place in found if way.container is None]
        return _only(wanted, whole or [place for _, place in found])

    def _of_user(
        self, user_id: str, ways: Sequence[_Reading]
    ) -> Iterator[tuple[_Reading, Place]]:
        user = self._identity.user(user_id)
        if user is None:
            return
        with self._deps.store.reader() as conn:
            items = sets_store.named(
                conn, _idents(way.ident for way in ways), user.projects
            )
        for item in items:
            ctx = _context(user, item.project_id)
            if not self._allows(ctx, "caas:sets:get", item):
                continue
            if not self._identity.open(item.project_id):
                continue
            for way in ways:
                if way.ident.lower() != item.id and way.ident != item.name:
                    continue
                name = _container(item, way)
                if name is not None:
                    yield way, Place(ctx, item, name)
                    break

    def begin(
        self,
        place: Place,
        verb: Verb,
        arguments: dict[str, Any],
        *,
        client: str,
        reason: str = "",
    ) -> tuple[Session, Host]:
        """Open a session, if the policies let this be done there.

        :param client: address of who comes.
        :raises CaasError: why not.
        """
        ctx, item = place.ctx, place.item
        rule = f"caas:containers:{verb}"
        if not self._allows(ctx, rule, item):
            error = exception.Forbidden(
                f"The policy {rule} does not allow this to your roles."
            )
            self._note_refusal(place, verb, error, client)
            raise error
        session, token = sessions.create(
            self._deps,
            ctx,
            item,
            place.container,
            verb,
            arguments,
            reason=reason,
            terms=sessions.Terms(
                record=self._allows(ctx, "caas:sessions:must:record", item),
                reason=self._allows(ctx, "caas:sessions:must:reason", item),
            ),
        )
        return sessions.redeem(
            self._deps,
            session.id,
            token,
            user_id=ctx.user_id,
            proxy=self._proxy,
            client=client,
        )

    def _allows(self, ctx: RequestContext, rule: str, item: Set) -> bool:
        target = {"project_id": item.project_id, "user_id": item.user_id}
        return self._policy.allows(ctx, rule, target)

    # What did not come to a session: in the log, and for operators.

    def note_stranger(self, client: str, offered: Sequence[str]) -> None:
        """Nobody signed in.

        :param offered: fingerprints of keys.
        """
        LOG.warning(
            "Nobody let in from %s: no user has the key %s",
            client,
            ", ".join(offered),
        )
        self._note(
            action="ssh.login",
            reason="No user has this key.",
            object_type="keypair",
            object_id=offered[0],
            details={"client": client, "fingerprints": list(offered)},
        )

    def note_denial(
        self, owners: Sequence[Keypair], wanted: str, client: str, why: str
    ) -> None:
        """Somebody with a key asked for what could not be had."""
        first = owners[0]
        LOG.warning(
            "User %s with key %s from %s: %r: %s",
            first.user_id,
            first.sha256,
            client,
            wanted[:_LONGEST],
            why,
        )
        self._note(
            action="ssh.enter",
            reason=why,
            user_id=first.user_id,
            object_type="keypair",
            object_id=first.id,
            details={
                "client": client,
                "fingerprint": first.sha256,
                "wanted": wanted[:_LONGEST],
            },
        )

    def _note_refusal(
        self,
        place: Place,
        verb: Verb,
        error: exception.CaasError,
        client: str,
    ) -> None:
        LOG.warning(
            "Set %s (%s): %s refused to user %s from %s: %s",
            place.item.id,
            place.ctx.request_id,
            verb,
            place.ctx.user_id,
            client,
            error.message,
        )
        self._note(
            **{
                **sets.set_event(
                    place.ctx, place.item.id, f"container.{verb}"
                ),
                "container": place.container or "",
                "result": "error",
                "reason": error.message,
                "details": {"client": client},
            }
        )

    def _note(self, **event: Any) -> None:
        if not self._notes.free():
            return
        with self._deps.store.writer() as conn:
            events.add(conn, **{"result": "error", **event})


class _Throttle:
    """Who knocks all the time fills the log, but not the database."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minute, self._count = 0, 0

    def free(self) -> bool:
        minute = int(self._clock() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._count = minute, 0
            self._count += 1
            return self._count <= _NOTED


def _idents(names: Iterator[str]) -> list[str]:
    """With ids as they are stored."""
    found = []
    for name in names:
        found.append(name)
        with contextlib.suppress(ValueError):
            found.append(str(uuid.UUID(name)))
    return list(dict.fromkeys(found))


def _container(item: Set, way: _Reading) -> str | None:
    """Name of the container that is meant; None if the set has none such."""
    business = [c for c in item.containers if c.role == BUSINESS]
    if way.container is None:
        business.sort(key=lambda c: (c.index, c.name))
        return business[0].name if business else None
    names = {c.name for c in item.containers}
    # that of infra too: it is told that nobody enters that
    return way.container if way.container in names else None


def _only(wanted: str, places: Sequence[Place]) -> Place:
    if not places:
        raise exception.NotFound(DENIED)
    if len(places) > 1:
        ids = sorted(place.item.id for place in places)
        more = ", ..." if len(ids) > _TOLD else ""
        raise exception.Conflict(
            f"{len(ids)} sets you may enter are meant by {wanted!r}; give "
            f"the id of one: {', '.join(ids[:_TOLD])}{more}."
        )
    return places[0]


def _context(user: User, project_id: str) -> RequestContext:
    project = user.projects[project_id]
    return RequestContext(
        user_id=user.id,
        user_domain_id=user.domain_id,
        project_id=project_id,
        project_domain_id=project.domain_id,
        roles=list(project.roles),
        overwrite=False,
    )
