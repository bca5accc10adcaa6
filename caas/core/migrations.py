"""Use cases of moves of sets to other hosts: what became of each.

They are read from the events that accepted them, as long as those are kept.
"""

import dataclasses
import datetime

from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.events import Event
from caas.model.query import Query
from caas.model.sets import Set
from caas.model.states import Move
from caas.store import events, sets

#: Moves looked at: more than are made while events are kept.
MOST = 10_000

_ACTIONS = tuple(f"set.{how.value}" for how in Move)
#: Sets asked for at once.
_AT_ONCE = 500


@dataclasses.dataclass(frozen=True)
class Migration:
    """:ivar id: of the event that accepted it.
    :ivar source: names of hosts; ``dest`` is None while none is found.
    :ivar status: ``migrating``, ``finished`` (it waits to be confirmed),
        ``confirmed``, ``done`` (of evacuations) or ``error``.
    :ivar updated_at: when it came to that, if that is known.
    """

    id: str
    set_id: str
    flavor_id: str
    project_id: str
    user_id: str
    how: Move
    source: str
    dest: str | None
    status: str
    created_at: datetime.datetime
    updated_at: datetime.datetime | None


def list_(deps: Deps, ctx: RequestContext) -> list[Migration]:
    """All of them, the latest first."""
    query = Query(
        filters={"actions": _ACTIONS},
        limit=MOST,
        sort_key="at",
        sort_dir="desc",
    )
    with deps.store.reader() as conn:
        told = events.list_(conn, query)
        ids = sorted({each.object_id for each in told})
        found: dict[str, Set] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            of_some = Query(
                # deleted ones, too
                filters={
                    "ids": some,
                    "changes_since": datetime.datetime.min,
                },
                limit=_AT_ONCE,
                sort_key="created_at",
            )
            there = sets.list_(conn, of_some, with_containers=False)
            found |= {each.id: each for each in there}
    failed = {
        (each.object_id, each.request_id): each.at
        for each in told
        if each.result == "error"
    }
    #: Where each set was when the move after the one looked at began.
    later: dict[str, str] = {}
    moves = []
    for each in told:
        item = found.get(each.object_id)
        if each.result != "accepted" or item is None:
            continue
        error = failed.get((each.object_id, each.request_id))
        moves.append(_migration(each, item, error, later.get(item.id)))
        later[item.id] = str(each.details.get("from") or "")
    return moves


def _migration(
    event: Event,
    item: Set,
    failed: datetime.datetime | None,
    after: str | None,
) -> Migration:
    """:param after: the host it was on when its next move began, None if
    this is the last one."""
    how = Move(event.action.removeprefix("set."))
    to = str(event.details.get("to") or "") or None
    last = after is None
    if failed is not None or (last and item.move and item.deleted_at):
        status = "error"
    elif last and item.move:
        status = "migrating"
    elif how == Move.EVACUATE:
        status = "done"
    else:
        waits = last and item.resized_at is not None
        status = "finished" if waits else "confirmed"
    if status not in ("error", "migrating"):
        to = to or after or item.host_name
    return Migration(
        id=event.id,
        set_id=item.id,
        flavor_id=item.flavor_id,
        project_id=item.project_id,
        user_id=event.user_id or "",
        how=how,
        source=str(event.details.get("from") or ""),
        dest=to,
        status=status,
        created_at=event.at,
        updated_at=failed,
    )
