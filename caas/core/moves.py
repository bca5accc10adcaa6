"""Use cases of sets that go to another host.

A set comes to another host as a new incarnation: address, containers and what
they are to be stay; what they have written does not go along, and so no set
whose containers use the volume is moved off a host that is there.
"""

import datetime

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.core.sets import (
    check_still_unlocked,
    check_unlocked,
    failed_event,
    failure,
    get,
    host_is_down,
    overtaken,
    set_event,
    wrong_state,
)
from caas.model.hosts import Host
from caas.model.sets import Set
from caas.model.states import Desired, Move, SetStatus
from caas.store import events, hosts
from caas.store import sets as store
from caas.store.engine import retry, utcnow

#: In which a set may be moved off a host that is there.
MOVABLE = (SetStatus.ACTIVE, SetStatus.SHUTOFF)
#: In which it may be, when that is down.
EVACUABLE = (
    *(SetStatus.ACTIVE, SetStatus.SHUTOFF, SetStatus.ERROR),
    *(SetStatus.PAUSED, SetStatus.SUSPENDED, SetStatus.STARTING),
    *(SetStatus.STOPPING, SetStatus.RESTARTING),
)


def migrate(deps: Deps, ctx: RequestContext, item: Set, to: str = "") -> Set:
    """Stop a set and have it go on on another host.

    There it waits to be confirmed, or reverted, which brings it back.  If no
    host can take it, it goes on where it was, with the reason in
    ``failure``.

    :param to: name of the host it is to go to, "" for any other.
    :raises NotFound: there is no such host.
    :raises BadRequest: it is there already, or its volume is in use.
    :raises Conflict: it is in no state for that, or locked.
    """
    check_unlocked(ctx, item)
    if item.status not in MOVABLE or item.host_id is None:
        raise wrong_state(item, "migrate", "ACTIVE or SHUTOFF, on a host")
    _check_host(deps, item, to)
    _check_volume(item)
    return _move(deps, ctx, item, Move.MIGRATE, to, hold=True)


def back(deps: Deps, ctx: RequestContext, item: Set) -> Set:
    """Have it return to the host from which it was migrated.

    :raises Conflict: it is locked, or was changed at the same moment.
    """
    check_unlocked(ctx, item)
    to = item.resized_from["host"]
    return _move(deps, ctx, item, Move.MIGRATE, to)


def evacuate(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    to: str = "",
    *,
    stopped: bool = False,
) -> Set:
    """Have a set go on on another host, as its own is down.

    When that is back, it removes what it had of it.

    :param to: as of :func:`migrate`.
    :param stopped: it is not to run there until it is started.
    :raises NotFound: there is no such host.
    :raises BadRequest: its host is not down.
    :raises Conflict: it has no host, is moved or shelved already, or locked.
    """
    check_unlocked(ctx, item)
    if item.status not in EVACUABLE or item.host_id is None or item.shelved:
        raise wrong_state(item, "evacuate", "ACTIVE, SHUTOFF or ERROR")
    if not host_is_down(deps, item):
        raise exception.BadRequest(
            f"Compute service of {item.host_name} is still in use."
        )
    _check_host(deps, item, to)
    desired = Desired.STOPPED if stopped else item.desired
    return _move(deps, ctx, item, Move.EVACUATE, to, desired=desired)


def _check_host(deps: Deps, item: Set, to: str) -> None:
    if not to:
        return
    with deps.store.reader() as conn:
        found: Host | None = hosts.find(conn, to)
    if found is None or found.name != to:
        raise exception.NotFound(
            f"Compute host {to[:100]} could not be found."
        )
    if found.id == item.host_id:
        raise exception.BadRequest(
            f"Set {item.id} is on the host {to} already; name another one."
        )


def _check_volume(item: Set) -> None:
    users = [c.name for c in item.containers if c.spec and c.spec.mounts]
    if users:
        raise exception.BadRequest(
            "To migrate a set whose volume is in use is not supported for "
            "container sets: the volume stays on its host, and is used by "
            f"container {users[0]!r}."
        )


@retry
def _move(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    how: Move,
    to: str,
    *,
    hold: bool = False,
    desired: Desired | None = None,
) -> Set:
    with deps.store.writer() as conn:
        check_still_unlocked(conn, ctx, item)
        if not store.move(
            conn,
            item,
            how,
            to,
            ctx.request_id or "",
            utcnow(),
            desired=desired or item.desired,
            hold=hold,
        ):
            raise overtaken(item)
        events.add(
            conn,
            **set_event(
                ctx,
                item.id,
                f"set.{how.value}",
                project_id=item.project_id,
                details={"from": item.host_name or "", "to": to},
            ),
        )
    deps.notify(ctx, [item.id])
    return get(deps, ctx, item.id)


def take_back(
    conn: sa.Connection, item: Set, reason: str, now: datetime.datetime
) -> bool:
    """No host can take it: it stays, as a new revision.

    :returns: False when something else is wanted by now.
    """
    failed = failure(item.move, reason, item.request_id, now)
    if not store.unmove(conn, item, failed, now):
        return False
    failed_event(conn, item, item.move, reason, item.request_id)
    return True
