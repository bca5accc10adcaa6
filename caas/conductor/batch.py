"""The sets a conductor works on together, sorted by what is to be done."""

import dataclasses
import datetime
from collections.abc import Collection, Iterable

from caas.conductor.reconcile import Action, reconcile
from caas.conductor.settings import Network
from caas.model.hints import NONE
from caas.model.sets import Set
from caas.model.states import Desired
from caas.scheduler.filters import Refusal, Request
from caas.scheduler.plan import Group
from caas.store import claims, placements
from caas.store.engine import Store, retry
from caas.store.placements import Leased


@dataclasses.dataclass
class Batch:
    """Leased sets by what is to be done about them.

    :ivar told: incarnations and hosts to tell, by set.
    :ivar groups: sets to place.
    :ivar refused: sets that cannot be placed, whatever the hosts have.
    """

    token: str
    leased: dict[str, Leased]
    actions: dict[str, Action]
    told: dict[str, list[tuple[int, str]]]
    groups: list[Group]
    refused: dict[str, Refusal] = dataclasses.field(default_factory=dict)

    def item(self, set_id: str) -> Set:
        return self.leased[set_id].item

    def having(self, *actions: Action) -> list[str]:
        return [i for i, action in self.actions.items() if action in actions]

    def hosts(self, placed: dict[str, str]) -> set[str]:
        """All hosts whose lists change.

        :param placed: host ids by set id.
        """
        told = {host for where in self.told.values() for _, host in where}
        return told.union(placed.values())

    def limit(self, network: Network, left: int) -> None:
        """Keep only as many sets to place as there are addresses."""
        kept = []
        for group in self.groups:
            new = sum(self.item(i).unaddressed for i in group.sets)
            if new <= left:
                left -= new
                kept.append(group)
                continue
            refusal = Refusal(
                f"All addresses of the pool {network.pool} ({network.cidr}) "
                "are in use."
            )
            self.refused.update(dict.fromkeys(group.sets, refusal))
        self.groups = kept


@retry
def lease(
    store: Store,
    set_ids: Collection[str],
    token: str,
    now: datetime.datetime,
    until: datetime.datetime,
) -> Batch:
    """Reserve those of the sets that need work and nobody works on.

    Sets to be placed together bring the rest of their reservation along; if
    another conductor has some of it, all of it is left to a sweep.

    :param token: not used before.
    """
    batch = Batch(token, {}, {}, {}, [])
    placed: dict[str, int] = {}
    with store.writer() as conn:
        if not placements.lease(conn, set_ids, token, now, until):
            return batch
        rows = placements.leased(conn, set_ids, token)
        together = {
            row.item.reservation_id for row in rows if _together(row.item)
        }
        if together:
            mine, elsewhere = placements.lease_together(
                conn, together, token, now, until
            )
            rows = placements.leased(conn, mine.union(set_ids), token)
            left = [
                row.item.id
                for row in rows
                if _together(row.item) and row.item.reservation_id in elsewhere
            ]
            placements.unlease(conn, left, token)
            rows = [row for row in rows if row.item.id not in left]
            placed = placements.placed_of(conn, together)
        doomed = [
            row.item.id for row in rows if row.item.desired == Desired.DELETED
        ]
        claimed = claims.of_sets(conn, doomed) if doomed else {}
    for row in rows:
        item = row.item
        batch.leased[item.id] = row
        action = reconcile(item, item.id in claimed)
        batch.actions[item.id] = action
        if action in (Action.TELL, Action.MOVE):
            batch.told[item.id] = claimed.get(item.id) or [
                (item.incarnation, item.host_id or "")
            ]
    batch.groups = _groups(
        [batch.item(i) for i in batch.having(Action.PLACE, Action.MOVE)],
        placed,
    )
    return batch


def _together(item: Set) -> bool:
    """Whether it is to be placed together with its reservation."""
    return (
        item.min_count > 1
        and item.issued == 0
        and reconcile(item, False) is Action.PLACE
    )


def request_of(item: Set) -> Request:
    """What a set asks of a host."""
    asked = item.hints
    if item.incarnation:
        # where it was to begin
        asked = dataclasses.replace(asked, host="")
    if item.leaving:
        asked = dataclasses.replace(asked, host=item.move_to)
    return Request(
        item.needs,
        item.zone,
        asked,
        item.group_id,
        item.project_id if asked != NONE else "",
        avoid=item.host_id if item.leaving else None,
    )


def _groups(items: Iterable[Set], placed: dict[str, int]) -> list[Group]:
    """The oldest first: hints name sets that were there before.

    :param placed: sets of each reservation that have a host.
    """
    groups = []
    reservations: dict[str, dict[str, Request]] = {}
    needs: dict[str, int] = {}
    for item in sorted(items, key=lambda item: (item.created_at, item.id)):
        request = request_of(item)
        if _together(item):
            reservation = item.reservation_id
            reservations.setdefault(reservation, {})[item.id] = request
            needs[reservation] = item.min_count - placed.get(reservation, 0)
        else:
            groups.append(Group({item.id: request}))
    groups += [Group(found, needs[r]) for r, found in reservations.items()]
    return groups
