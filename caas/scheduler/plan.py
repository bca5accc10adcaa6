"""Plans a whole batch of sets over a snapshot of the hosts.

Sets that ask for the same are one class.  For each class the hosts that can
take it are filtered and weighed once, and kept in a heap; later only hosts
that changed are looked at again.  So a batch costs little more than one
choice from a heap for each set, however many hosts there are.

Where a set has to be with others, or apart from them, the heap of its class
is gone through until a host will do, or only the few are looked at that can.
"""

import collections
import dataclasses
import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from caas.model.spec import NOTHING, Resources
from caas.scheduler import filters, where
from caas.scheduler.filters import Refusal, Request
from caas.scheduler.snapshot import Host, Snapshot
from caas.scheduler.weighers import Weigher, spread
from caas.scheduler.where import Others, Where

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
    :ivar versions: of the server groups that sets were placed in, as they
        were planned from.
    """

    placed: dict[str, str] = dataclasses.field(default_factory=dict)
    refused: dict[str, Refusal] = dataclasses.field(default_factory=dict)
    versions: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class _Turn:
    """What one plan knows.

    :ivar reasons: of requests refused before in it.
    :ivar bound: of those that depend on ``others``, by what they see there.
    :ivar coming: what sets that are yet to be placed take together, by
        server group.
    """

    others: Others
    coming: dict[str, Resources]
    reasons: dict[Request, Refusal] = dataclasses.field(default_factory=dict)
    bound: dict[Any, Host | Refusal] = dataclasses.field(default_factory=dict)


class Planner:
    """Decides, and assumes what it decided in the snapshot."""

    def __init__(self, snapshot: Snapshot, weigher: Weigher = spread) -> None:
        self.snapshot = snapshot
        self._weigher = weigher
        self._classes: collections.OrderedDict[Request, _Class] = (
            collections.OrderedDict()
        )

    def plan(
        self, groups: Sequence[Group], others: Others | None = None
    ) -> Plan:
        """Find hosts for the sets of all groups, one after the other.

        :param others: where sets are that these are to be with, or apart
            from; what is planned is written down in it.
        """
        plan = Plan()
        turn = _Turn(others or Others(), _coming(groups))
        for group in groups:
            found, refused = self._place(group, turn)
            need = min(group.need, len(group.sets))
            if len(found) < need:
                for set_id, host in found.items():
                    request = group.sets[set_id]
                    self.snapshot.forget(host, request.resources)
                    turn.others.take_away(set_id, request)
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
                for set_id in found:
                    joined = turn.others.group(group.sets[set_id])
                    if joined is not None:
                        plan.versions[joined.id] = joined.version
        return plan

    def _place(
        self, group: Group, turn: _Turn
    ) -> tuple[dict[str, Host], dict[str, Refusal]]:
        """Hosts of the sets of one group, assumed, and why others get
        none."""
        found: dict[str, Host] = {}
        refused: dict[str, Refusal] = {}
        for set_id, request in group.sets.items():
            host: Host | Refusal
            if request.bound:
                host = self._bound(set_id, request, group.need, turn)
            else:
                host = self._unbound(request, turn)
            if isinstance(host, Refusal):
                refused[set_id] = host
                continue
            self.snapshot.assume(host, request.resources)
            found[set_id] = host
            turn.others.put(set_id, request, host.id)
        return found, refused

    def _unbound(self, request: Request, turn: _Turn) -> Host | Refusal:
        best = self._class(request).best(self.snapshot)
        if best is not None:
            return best
        if request not in turn.reasons:
            turn.reasons[request] = self._explain(request)
        return turn.reasons[request]

    def _bound(
        self, set_id: str, request: Request, need: int, turn: _Turn
    ) -> Host | Refusal:
        """The best host for a set that has wishes, or why there is none."""
        key = turn.others.seen_by(set_id, request)
        if key not in turn.bound:
            turn.bound[key] = self._look(set_id, request, need, turn)
        found = turn.bound[key]
        if isinstance(found, Host):
            # the next one finds it taken
            del turn.bound[key]
        return found

    def _look(
        self, set_id: str, request: Request, need: int, turn: _Turn
    ) -> Host | Refusal:
        hosts = self.snapshot.hosts
        asked = where.of(set_id, request, turn.others, hosts)
        if isinstance(asked, Refusal):
            return asked
        sizes = [request.resources]
        if asked.begins and request.group_id is not None:
            # where the others have room, too
            sizes = [
                turn.coming[request.group_id],
                _times(request.resources, max(need, 1)),
                *sizes,
            ]
        for size in sizes:
            found = self._choose(Request(size, request.zone), asked)
            if found is not None:
                return found
        return filters.explain(list(hosts.values()), request, asked.filters)

    def _choose(self, request: Request, asked: Where) -> Host | None:
        """:param request: a plain one."""
        if asked.only is not None:
            return self._best_of(asked.only, request, asked)
        if asked.near:
            found = self._best_of(asked.near, request, asked)
            if found is not None:
                return found
        best = self._class(request).best(
            self.snapshot,
            lambda host: (
                host.id not in asked.apart and asked.accepts(host, request)
            ),
        )
        if best is None and asked.apart:
            return self._best_of(asked.apart, request, asked)
        return best

    def _best_of(
        self, host_ids: Iterable[str], request: Request, asked: Where
    ) -> Host | None:
        """The best of a few."""
        hosts = self.snapshot.hosts
        entries = [
            (
                asked.apart.get(host.id, 0) - asked.near.get(host.id, 0),
                -self._weigher(host, request),
                host.tie,
                host.id,
            )
            for host_id in host_ids
            if (host := hosts.get(host_id)) is not None
            and filters.passes(host, request)
            and asked.accepts(host, request)
        ]
        return hosts[min(entries)[-1]] if entries else None

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


def _coming(groups: Sequence[Group]) -> dict[str, Resources]:
    """What all sets take together, by server group."""
    found: dict[str, Resources] = {}
    for group in groups:
        for request in group.sets.values():
            if request.group_id is not None:
                found[request.group_id] = request.resources.plus(
                    found.get(request.group_id, NOTHING)
                )
    return found


def _times(one: Resources, count: int) -> Resources:
    return Resources(
        one.millicpus * count, one.memory_mb * count, one.disk_gb * count
    )


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

    def best(
        self,
        snapshot: Snapshot,
        accepts: Callable[[Host], bool] | None = None,
    ) -> Host | None:
        """:param accepts: what else a host has to pass."""
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
        if best is not None and accepts is not None:
            return self._first(snapshot, accepts)
        return None if best is None else best[-1]

    def _first(
        self, snapshot: Snapshot, accepts: Callable[[Host], bool]
    ) -> Host | None:
        """The best one that is accepted; the heap is as before."""
        passed: list[_Entry] = []
        found = None
        while (entry := self._top()) is not None:
            if self._floor is not None and entry > self._floor:
                break
            if accepts(entry[-1]):
                found = entry[-1]
                break
            passed.append(heapq.heappop(self._heap))
        for entry in passed:
            heapq.heappush(self._heap, entry)
        if found is not None or self._floor is None:
            return found
        # some were left out of the heap
        rest = [
            self._entry(host)
            for host in snapshot.hosts.values()
            if self._fits(host) and accepts(host)
        ]
        return min(rest)[-1] if rest else None

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
