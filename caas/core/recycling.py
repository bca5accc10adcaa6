"""Use cases of sets in the recycle bin.

Where operators want it, a set that is deleted is first put away as a shelved
one is: it is stopped, CPUs and memory of its host are free for others, its
volume and what its containers have written stay.  It counts in no quota, is
in no list unless asked for, and can be had back until ``[conductor]
reclaim_interval`` has passed.
"""

import datetime

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core import changes, moves, sets
from caas.core import quotas as core_quotas
from caas.core.deps import Deps
from caas.model.sets import Set
from caas.model.states import Desired
from caas.store import containers, events, quotas
from caas.store import sets as store
from caas.store.engine import retry, utcnow

_DELETED = "The set was deleted."


def delete(deps: Deps, ctx: RequestContext, item: Set) -> Set:
    """Put a set into the recycle bin; remove it where there is none.

    One that has never run, or has no host, is removed: there is nothing of it
    to be had back.  Asking twice is no error.

    :raises Conflict: it is locked.
    """
    sets.check_unlocked(ctx, item, binned=True)
    if deps.reclaim_interval and _put_away(deps, ctx, item.id):
        deps.notify(ctx, [item.id])
        return sets.get(deps, ctx, item.id)
    return sets.delete(deps, ctx, item)


@retry
def _put_away(deps: Deps, ctx: RequestContext, set_id: str) -> bool:
    """:returns: whether it is in the recycle bin."""
    now = utcnow()
    with deps.store.writer() as conn:
        item = store.hold(conn, set_id)
        if item is None:
            return False
        sets.check_unlocked(ctx, item, binned=True)
        if (
            item.desired == Desired.DELETED
            or item.launched_at is None
            or item.host_id is None
        ):
            return False
        if item.binned_at is not None:
            return True
        item = _stop_changing(conn, item, now)
        if not store.put_in_bin(conn, item, ctx.request_id or "", now):
            raise _changed()
        if item.frozen:
            containers.freeze(conn, set_id, paused=False)
        quotas.release(conn, item.project_id, _takes(item))
        events.add(
            conn,
            **sets.set_event(
                ctx, set_id, "set.soft-delete", project_id=item.project_id
            ),
        )
    return True


def _stop_changing(
    conn: sa.Connection, item: Set, now: datetime.datetime
) -> Set:
    """A change or move that is under way is taken back."""
    if item.change_revision:
        if not changes.take_back(conn, item, _DELETED, now):
            raise _changed()
        item = _again(conn, item)
    if item.leaving:
        if not moves.take_back(conn, item, _DELETED, now):
            raise _changed()
        item = _again(conn, item)
    return item


def _again(conn: sa.Connection, item: Set) -> Set:
    found = store.get(conn, item.id)
    if found is None:
        raise _changed()
    return found


def _changed() -> db_exception.RetryRequest:
    return db_exception.RetryRequest(
        RuntimeError("the set was changed by somebody else meanwhile")
    )


def _takes(item: Set) -> dict[str, int]:
    """Of the quota, by resource."""
    return {"sets": 1, **item.content.held()}


@retry
def restore(deps: Deps, ctx: RequestContext, item: Set) -> Set:
    """Have it back, and run.

    If its host has no room for it, it is shelved then, with the reason in
    ``failure``.

    :raises Conflict: it is not in the recycle bin, or locked.
    :raises QuotaExceeded: the quota has no room for it any more.
    """
    sets.check_unlocked(ctx, item, binned=True)
    if item.binned_at is None or item.desired == Desired.DELETED:
        raise sets.wrong_state(item, "restore", "SOFT_DELETED")
    quota = core_quotas.ready(deps, item.project_id)
    takes = _takes(item)
    if not sets.room(quota, takes):
        raise sets.over_quota(quota, takes, 1, "this set")
    with deps.store.writer() as conn:
        sets.claim_quota(conn, item.project_id, takes, quota)
        if not store.take_from_bin(conn, item, ctx.request_id or "", utcnow()):
            raise exception.Conflict(
                f"Set {item.id} was restored or removed by another request "
                "at the same moment."
            )
        events.add(
            conn,
            **sets.set_event(
                ctx, item.id, "set.restore", project_id=item.project_id
            ),
        )
    deps.notify(ctx, [item.id])
    return sets.get(deps, ctx, item.id)


def reclaim(
    conn: sa.Connection,
    set_id: str,
    before: datetime.datetime,
    now: datetime.datetime,
) -> bool:
    """Have a set removed that is in the recycle bin since then.

    :returns: False if it is not, by now.
    """
    item = store.get(conn, set_id)
    if (
        item is None
        or item.binned_at is None
        or item.binned_at > before
        or not store.reclaim(conn, item, now)
    ):
        return False
    events.add(
        conn,
        project_id=item.project_id,
        object_type="set",
        object_id=set_id,
        action="set.delete",
        result="accepted",
        reason="It was in the recycle bin for as long as sets are kept there.",
        request_id=item.request_id,
    )
    return True
