"""What this host was told to run and what it has still to report.

The protocol of :mod:`caas.model.wire` seen from the agent, without threads,
clock or I/O: the same calls in the same order end in the same state, so that
the fault simulation can drive it.  Whoever uses it from several threads holds
a lock around each call.
"""

import collections
import dataclasses
from collections.abc import Iterable
from typing import Any

from caas.model import wire
from caas.model.states import Desired, Phase

#: A set's incarnation: (set id, incarnation).
Key = tuple[str, int]

#: Events kept while no conductor answers; the oldest go first.
EVENTS_KEPT = 1000
#: Events in one report, so that a long absence does not make a huge message.
EVENTS_SENT = 200


@dataclasses.dataclass(frozen=True)
class Change:
    """What a message changed.

    :ivar sets: ids of the sets to look at again.
    :ivar full: the whole list was replaced: what is not in it is to go.
    """

    sets: frozenset[str] = frozenset()
    full: bool = False


class Ledger:
    """:ivar version: of the list in ``sets``; -1 before this run has one.

    A run starts without a version even when it has a list from the last one:
    the first report of a run asks for the full list, and until it came
    nothing may be removed (:attr:`listed`).

    :ivar sets: incarnations of each set this host was told about.
    """

    def __init__(
        self,
        host: str,
        boot: int,
        *,
        zone: str = "",
        facts: wire.HostFacts | None = None,
        sets: Iterable[wire.Wanted] = (),
    ) -> None:
        """:param sets: the last list of an earlier run."""
        self.host = host
        self.boot = boot
        self.zone = zone
        self.version = -1
        self.sets: dict[str, dict[int, wire.Wanted]] = {}
        for wanted in sets:
            self.sets.setdefault(wanted.id, {})[wanted.incarnation] = wanted
        self._seq = 0
        # the highest version heard of, and whether to ask for the list anew
        self._heard = -1
        self._ask = False
        self._facts = facts
        self._facts_due = True
        self._reports: dict[Key, wire.SetReport] = {}
        self._due: set[Key] = set()
        self._events: collections.deque[wire.AgentEvent] = collections.deque(
            maxlen=EVENTS_KEPT
        )

    @property
    def listed(self) -> bool:
        """The full list has come in this run: what is not in it may go."""
        return self.version >= 0

    @property
    def behind(self) -> bool:
        """Only the full list helps; the next report asks for it."""
        return self._ask or not self.listed or self._heard > self.version

    @property
    def pending(self) -> bool:
        """Something is waiting to be reported."""
        return bool(
            self._due or self._events or (self._facts_due and self._facts)
        )

    def wanted(self, set_id: str) -> list[wire.Wanted]:
        """The incarnations of a set on the list, the newest last."""
        known = self.sets.get(set_id, {})
        return [known[i] for i in sorted(known)]

    def assign(self, message: dict[str, Any]) -> Change:
        """Take in an ``assign``; old ones and repeats change nothing."""
        version = int(message["version"])
        if version <= self.version:
            return Change()
        self._heard = max(self._heard, version)
        if int(message["base"]) != self.version:
            return Change()
        changed = set()
        for data in message["sets"]:
            wanted = wire.Wanted.from_dict(data)
            if self._put(self.sets, wanted):
                changed.add(wanted.id)
            # whoever speaks of it may have missed what was said of it
            self._repeat((wanted.id, wanted.incarnation))
        self.version = version
        return Change(frozenset(changed))

    def ask(self) -> None:
        """Have the next report ask for the full list (for fresh tokens)."""
        self._ask = True

    def set_facts(self, facts: wire.HostFacts) -> None:
        if facts != self._facts:
            self._facts = facts
            self._facts_due = True

    def observe(self, report: wire.SetReport) -> bool:
        """Note the state of one incarnation; True when it is news."""
        key = (report.id, report.incarnation)
        if report.incarnation not in self.sets.get(report.id, {}):
            # not ours to report: nobody holds a claim for it
            return False
        if self._reports.get(key) == report:
            return False
        self._reports[key] = report
        self._due.add(key)
        return True

    def note(self, event: wire.AgentEvent) -> None:
        self._events.append(event)

    def next_report(self) -> wire.Report:
        """The report to send now; what it says stays due until answered."""
        self._seq += 1
        return wire.Report(
            host=self.host,
            boot=self.boot,
            seq=self._seq,
            version=-1 if self._ask else self.version,
            zone=self.zone,
            facts=self._facts if self._facts_due else None,
            sets=tuple(self._reports[key] for key in sorted(self._due)),
            events=tuple(self._events)[:EVENTS_SENT],
        )

    def answer(self, report: wire.Report, reply: dict[str, Any]) -> Change:
        """Take in the answer to ``report``."""
        changed = self._acknowledge(report)
        if reply.get("facts"):
            self._facts_due = True
        version = int(reply["version"])
        self._heard = max(self._heard, version)
        if reply.get("sets") is None:
            return Change(frozenset(changed))
        # A version below the one just quoted means that the books of the
        # conductor were started anew (host forgotten, backup restored).
        anew = version < report.version
        if version < self.version and not anew:
            return Change(frozenset(changed))
        listed: dict[str, dict[int, wire.Wanted]] = {}
        for data in reply["sets"]:
            wanted = wire.Wanted.from_dict(data)
            known = self.sets.get(wanted.id, {}).get(wanted.incarnation)
            if known and not anew and known.revision > wanted.revision:
                wanted = known
            self._put(listed, wanted)
        for set_id in self.sets.keys() | listed.keys():
            if self.sets.get(set_id) != listed.get(set_id):
                changed.add(set_id)
        self.sets = listed
        self.version = version
        if anew:
            self._heard = version
            for key in self._reports:
                self._repeat(key)
        if report.version == -1:
            self._ask = False
        for key in [k for k in self._reports if not self._listed(k)]:
            self._reports.pop(key)
            self._due.discard(key)
        return Change(frozenset(changed), full=True)

    def _acknowledge(self, report: wire.Report) -> set[str]:
        """Settle what was sent, unless it changed since; forget the gone."""
        if report.facts is not None and report.facts == self._facts:
            self._facts_due = False
        sent = {event.id for event in report.events}
        while self._events and self._events[0].id in sent:
            self._events.popleft()
        forgotten = set()
        for one in report.sets:
            key = (one.id, one.incarnation)
            if self._reports.get(key) != one:
                continue
            self._due.discard(key)
            if one.phase == Phase.GONE and self._obsolete(key):
                del self._reports[key]
                del self.sets[one.id][one.incarnation]
                if not self.sets[one.id]:
                    del self.sets[one.id]
                forgotten.add(one.id)
        return forgotten

    def _repeat(self, key: Key) -> None:
        if key in self._reports:
            self._due.add(key)

    def _listed(self, key: Key) -> bool:
        return key[1] in self.sets.get(key[0], {})

    def _obsolete(self, key: Key) -> bool:
        known = self.sets.get(key[0], {})
        if key[1] not in known:
            return False
        return known[key[1]].desired == Desired.DELETED or key[1] < max(known)

    @staticmethod
    def _put(
        sets: dict[str, dict[int, wire.Wanted]], wanted: wire.Wanted
    ) -> bool:
        known = sets.setdefault(wanted.id, {})
        old = known.get(wanted.incarnation)
        # contents may be younger than their label: never go back
        if old and old.revision > wanted.revision:
            return False
        known[wanted.incarnation] = wanted
        return old != wanted
