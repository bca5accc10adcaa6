"""Use cases of sets that are put away for a while.

A shelved set is stopped, and CPUs and memory of its host are free for others.
Its volume, and what its containers have written, stay where they are, so that
it returns to that host, or not at all as long as that has no room for it.
"""

import datetime

import sqlalchemy as sa

from caas.context import RequestContext
from caas.core.deps import Deps
from caas.core.sets import (
    ask,
    check_unlocked,
    failed_event,
    failure,
    wrong_state,
)
from caas.model.sets import Set
from caas.model.states import Desired, SetStatus, Shelved
from caas.store import sets as store

#: In which a set may be put away.
SHELVABLE = (
    SetStatus.ACTIVE,
    SetStatus.SHUTOFF,
    SetStatus.PAUSED,
    SetStatus.SUSPENDED,
)


def shelve(deps: Deps, ctx: RequestContext, item: Set) -> Set:
    """Stop a set and give its CPUs and memory to others.

    :raises Conflict: it is in no state for that, or locked.
    """
    check_unlocked(ctx, item)
    if item.status not in SHELVABLE:
        raise wrong_state(item, "shelve", "ACTIVE or SHUTOFF")
    return ask(
        deps,
        ctx,
        item,
        "set.shelve",
        Desired.STOPPED,
        frozen="",
        shelved=Shelved.AWAY.value,
        before="",
    )


def unshelve(deps: Deps, ctx: RequestContext, item: Set) -> Set:
    """Have it run again.

    If its host has no room for it, it is put away again, with the reason in
    ``failure``.

    :raises Conflict: it is not shelved, or locked.
    """
    check_unlocked(ctx, item)
    if item.shelved != Shelved.AWAY:
        raise wrong_state(item, "unshelve", SetStatus.SHELVED_OFFLOADED.value)
    return ask(
        deps,
        ctx,
        item,
        "set.unshelve",
        Desired.RUNNING,
        shelved=Shelved.RETURNING.value,
        before=Shelved.AWAY.value,
    )


def put_back(
    conn: sa.Connection, item: Set, reason: str, now: datetime.datetime
) -> bool:
    """It cannot return now: put away as before, as a new revision.

    :returns: False when something else is wanted by now.
    """
    failed = failure("unshelve", reason, item.request_id, now)
    if not store.put_back(conn, item, failed, now):
        return False
    failed_event(conn, item, "unshelve", reason, item.request_id)
    return True
