"""Plans a whole batch of sets over a snapshot of the hosts.

Sets that ask for the same are one class.  For each class the hosts that can
take it are filtered and weighed once, and kept in a heap; later only hosts
that changed are looked at again.  So a batch costs little more than one
choice from a heap for each set, however many hosts there are.
"""

import collections
import dataclasses
import heapq
from collections.abc import Sequence

from caas.scheduler import filters
from caas.scheduler.filters import Refusal, Request
from caas.scheduler.snapshot import Host, Snapshot
from caas.scheduler.weighers import Weigher, spread

#: Classes that are kept, and the best hosts kept of each.
_CLASSES = 128
_BEST = 1024


@dataclasses.dataclass(frozen=True)
class Group:
    """Sets that were asked for together.

    :ivar sets: what each set asks for, by set id.
    :ivar need: place none of them unless at least so many find a host.
    """

    sets: dict[str, Request]
    need: int = 0


@dataclasses.dataclass(frozen=True)
class Plan:
    """:ivar placed: host id by set id; assumed in the snapshot.
    :ivar refused: why there is no host for the others, by set id.
    """

    placed: dict[str, str] = dataclasses.field(default_factory=dict)
    refused: dict[str, Refusal] = dataclasses.field(default_factory=dict)


class Planner:
    """Decides, and assumes what it decided in the snapshot."""

    def __init__(self, snapshot: Snapshot, weigher: Weigher = spread) -> None:
        self.snapshot = snapshot
        self._weigher = weigher
        self._classes: collections.OrderedDict[Request, _Class] = (
            collections.OrderedDict()
        )

    def plan(self, groups: Sequence[Group]) -> Plan:
        """Find hosts for the sets of all groups, one after the other."""
        plan = Plan()
        reasons: dict[Request, Refusal] = {}
        for group in groups:
            found, refused = self._place(group, reasons)
            need = min(group.need, len(group.sets))
            if len(found) < need:
                for set_id, host in found.items():
                    self.snapshot.forget(host, group.sets[set_id].resources)
                first = next(iter(refused.values()))
                refusal = Refusal(
                    f"Only {len(found)} of at least {need} sets asked for "
                    f"together find a host. {first.reason}",
                    first.hope,
                )
                plan.refused.update(dict.fromkeys(group.sets, refusal))
            else:
                plan.placed.update((i, host.id) for i, host in found.items())
                plan.refused.update(refused)
        return plan

    def _place(
        self, group: Group, reasons: dict[Request, Refusal]
    ) -> tuple[dict[str, Host], dict[str, Refusal]]:
        """Hosts of the sets of one group, assumed, and why others get none.

        :param reasons: of requests refused before in this batch.
        """
        found: dict[str, Host] = {}
        refused: dict[str, Refusal] = {}
        for set_id, request in group.sets.items():
            host = self._class(request).best(self.snapshot)
            if host is not None:
                self.snapshot.assume(host, request.resources)
                found[set_id] = host
                continue
            if request not in reasons:
                reasons[request] = self._explain(request)
            refused[set_id] = reasons[request]
        return found, refused

    def _explain(self, request: Request) -> Refusal:
        return filters.explain(list(self.snapshot.hosts.values()), request)

    def _class(self, request: Request) -> "_Class":
        found = self._classes.get(request)
        if found is None:
            found = self._classes[request] = _Class(request, self._weigher)
            if len(self._classes) > _CLASSES:
                self._classes.popitem(last=False)
        else:
            self._classes.move_to_end(request)
        return found


#: Lightness, tie, host id, stamp of the host when weighed, host.
_Entry = tuple[float, float, str, int, Host]


class _Class:
    """The best hosts for one kind of set, the very best first.

    An entry is good while its host has not changed since; one that did has
    another entry by the time the heap is looked at.  Hosts that were left
    out are no better than ``_floor``.
    """

    def __init__(self, request: Request, weigher: Weigher) -> None:
        self._request = request
        self._weigher = weigher
        self._heap: list[_Entry] = []
        self._position = -1
        self._floor: _Entry | None = None

    def best(self, snapshot: Snapshot) -> Host | None:
        changes = snapshot.changes(self._position)
        self._position = snapshot.position
        if changes is None or len(self._heap) > 4 * _BEST:
            self._build(snapshot)
        else:
            for host in changes:
                if self._fits(host):
                    heapq.heappush(self._heap, self._entry(host))
        best = self._top()
        if self._floor is not None and (best is None or best > self._floor):
            self._build(snapshot)
            best = self._top()
        return None if best is None else best[-1]

    def _build(self, snapshot: Snapshot) -> None:
        hosts = snapshot.hosts.values()
        fit = [self._entry(h) for h in hosts if self._fits(h)]
        # sorted, and so a heap
        self._heap = heapq.nsmallest(_BEST, fit)
        self._floor = self._heap[-1] if len(fit) > _BEST else None

    def _top(self) -> _Entry | None:
        heap = self._heap
        while heap:
            entry = heap[0]
            if entry[-1].stamp == entry[-2]:
                return entry
            heapq.heappop(heap)
        return None

    def _fits(self, host: Host) -> bool:
        return not host.gone and filters.passes(host, self._request)

    def _entry(self, host: Host) -> _Entry:
        lightness = -self._weigher(host, self._request)
        return (lightness, host.tie, host.id, host.stamp, host)
