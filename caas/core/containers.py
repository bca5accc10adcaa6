"""Use cases of containers: looking at them, and verbs of single ones."""

from collections.abc import Callable

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core import sets
from caas.core.deps import Deps
from caas.model.containers import Container
from caas.model.query import Query
from caas.model.sets import Set
from caas.model.states import Desired
from caas.store import containers as store
from caas.store import events
from caas.store import sets as store_sets
from caas.store.engine import retry, utcnow


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Container]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def pick(item: Set, ident: str) -> Container:
    """:param item: with its containers.
    :param ident: name or id of one of them.
    :raises NotFound: the set has no such container.
    """
    for container in item.containers:
        if ident in (container.id, container.name):
            return container
    raise exception.NotFound(
        f"Set {item.id} has no container with the name or id {ident!r}."
    )


def restart(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    ident: str,
    grace_period: int | None = None,
) -> Set:
    """Stop and start one container; the others go on.

    :param grace_period: seconds between SIGTERM and SIGKILL, None for as
        before.
    :raises Conflict: its set is not to run.
    """
    one = business(item, ident)
    return _ask(
        deps,
        ctx,
        item,
        one,
        "container.restart",
        lambda conn: store.restart(conn, one.id),
        grace_period,
    )


def pause(
    deps: Deps, ctx: RequestContext, item: Set, ident: str, paused: bool
) -> Set:
    """Freeze the processes of one container, or have them go on.

    :raises Conflict: its set is not to run.
    """
    one = business(item, ident)
    if one.asked.paused == paused:
        return item
    return _ask(
        deps,
        ctx,
        item,
        one,
        "container.pause" if paused else "container.unpause",
        lambda conn: store.desire(conn, one.id, {"paused": paused}),
    )


def signal(
    deps: Deps, ctx: RequestContext, item: Set, ident: str, name: str
) -> Set:
    """Send a signal to the first process of one container.

    :param name: without ``SIG``.
    :raises Conflict: its set is not to run.
    """
    one = business(item, ident)
    return _ask(
        deps,
        ctx,
        item,
        one,
        "container.signal",
        lambda conn: store.signal(conn, one.id, name),
        details={"signal": name},
    )


def business(item: Set, ident: str) -> Container:
    """As :func:`pick`.

    :raises Forbidden: it is the infra container.
    """
    found = pick(item, ident)
    if found.spec is None:
        raise exception.Forbidden(
            "The infra container holds the network of the set; only its set "
            "as a whole can be asked for that."
        )
    return found


@retry
def _ask(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    one: Container,
    action: str,
    write: Callable[[sa.Connection], bool],
    grace_period: int | None = None,
    details: dict[str, str] | None = None,
) -> Set:
    """Write what is wanted of one container, as a new revision of its set."""
    sets.check_unlocked(ctx, item)
    with deps.store.writer() as conn:
        sets.check_still_unlocked(conn, ctx, item)
        done = store_sets.desire(
            conn,
            item.id,
            Desired.RUNNING,
            ctx.request_id or "",
            utcnow(),
            grace_period=grace_period,
            only_if=(Desired.RUNNING,),
        )
        if not done:
            raise exception.Conflict(
                f"Set {item.id} is not running, so nothing can be asked of "
                "its containers; start it first."
            )
        if not write(conn):
            raise exception.Conflict(
                f"Container {one.name!r} was removed at the same moment."
            )
        events.add(
            conn,
            **sets.set_event(
                ctx,
                item.id,
                action,
                project_id=item.project_id,
                container=one.name,
                container_id=one.id,
                details=details or {},
            ),
        )
    deps.notify(ctx, [item.id])
    return sets.get(deps, ctx, item.id)
