"""Hosts: an engine that is simulated, and an agent with the real books."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from caas.agent.ledger import Change
from caas.model import wire
from caas.model.states import ContainerStatus, Desired, Phase
from tests.model import check
from tests.model.common import BAD, FULL, Part

if TYPE_CHECKING:
    from tests.model.world import World

#: What it would do, and how.
Step = tuple[tuple[Any, ...], Callable[[], None]]


#: By id.
Parts = dict[str, Part]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A set in the engine of a host."""

    running: bool
    epoch: int
    memory_mb: int
    parts: Parts


class Host:
    """An engine, which outlives everything, and an agent with a disk."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.engine: dict[tuple[str, int], Entry] = {}
        self.cut = False
        self.up = False
        self._life = 0
        self._boot = 0
        self._disk: list[dict[str, Any]] = []
        self._said: dict[tuple[str, int], tuple[Any, ...]] = {}

    def start(self) -> None:
        self._life += 1
        self.up = True
        self._boot += 1
        self._said.clear()
        self._busy: set[str] = set()
        self._call: int | None = None
        self._ledger = self.world.ledger(
            self.name,
            self._boot,
            zone="z",
            facts=wire.HostFacts(FULL),
            sets=[wire.Wanted.from_dict(data) for data in self._disk],
        )
        for set_id in {*self._ledger.sets, *(i for i, _ in self.engine)}:
            self._look(set_id)
        self._beat(self._life)

    def crash(self) -> None:
        if self.up:
            self.world.note(f"agent of {self.name} dies")
            self.up = False
            if self.world.faults and self.world.chance(
                self.world.faults.disk_lost
            ):
                self._disk = []
            self.world.after(self.world.rng.uniform(0.5, 20), self.heal)

    def heal(self) -> None:
        if self.cut and self.world.faults is None:
            self.join()
        if not self.up:
            self.world.note(f"agent of {self.name} starts")
            self.start()

    def join(self) -> None:
        self.cut = False

    def wants(self, set_id: str, incarnation: int) -> bool:
        return self.up and any(
            w.incarnation == incarnation and w.desired != Desired.DELETED
            for w in self._ledger.wanted(set_id)
        )

    # Talking.

    def assign(self, message: dict[str, Any]) -> None:
        if self.up and not self.cut:
            self._take(self._ledger.assign(message))

    def told(self) -> dict[tuple[str, int], str]:
        """Metadata of what it is to have."""
        return {
            (wanted.id, wanted.incarnation): str(wanted.metadata)
            for set_id in self._ledger.sets
            for wanted in self._ledger.wanted(set_id)
            if wanted.desired != Desired.DELETED
        }

    def _take(self, change: Change) -> None:
        # on disk before anything is done about it
        self._disk = [
            wanted.to_dict()
            for set_id in self._ledger.sets
            for wanted in self._ledger.wanted(set_id)
        ]
        ids = set(change.sets)
        if change.full:
            ids.update(set_id for set_id, _ in self.engine)
        for set_id in sorted(ids):
            self._look(set_id)
        self._hurry()

    def _hurry(self) -> None:
        life = self._life
        self.world.after(0.03, lambda: self._sync(life, only_if_due=True))

    def _beat(self, life: int) -> None:
        if self._life == life and self.up:
            self._sync(life)
            self.world.after(10, lambda: self._beat(life))

    def _sync(self, life: int, only_if_due: bool = False) -> None:
        if self._life != life or not self.up or self._call is not None:
            return
        if only_if_due and not (self._ledger.pending or self._ledger.behind):
            return
        call = self._call = next(self.world.moments)
        report = self._ledger.next_report()
        conductor = self.world.rng.choice(self.world.conductors)

        def arrive(message: dict[str, Any]) -> None:
            answer = conductor.sync(message)
            if answer is not None and not self.cut:
                self.world.send("answer", answer, answered)

        def answered(answer: dict[str, Any]) -> None:
            if self._life == life and self.up and self._call == call:
                self._call = None
                self._take(self._ledger.answer(report, answer))

        def expire() -> None:
            if self._life == life and self._call == call:
                self._call = None
                self._sync(life)

        if not self.cut:
            self.world.send("sync", report.to_dict(), arrive)
        self.world.after(10, expire)

    # Working.

    def _say(
        self,
        wanted: wire.Wanted,
        phase: Phase,
        refused: str = "",
        containers: tuple[wire.ContainerReport, ...] = (),
    ) -> None:
        """Report a phase, with the moment it began as the reason."""
        key = (wanted.id, wanted.incarnation)
        state = (phase, wanted.revision, refused, containers)
        if self._said.get(key) == state:
            return
        self._said[key] = state
        self._ledger.observe(
            wire.SetReport(
                id=wanted.id,
                incarnation=wanted.incarnation,
                revision=wanted.revision,
                phase=phase,
                reason=str(next(self.world.moments)),
                refused=refused,
                containers=containers,
            )
        )
        self._hurry()

    def _look(self, set_id: str) -> None:
        """Say how it is, and begin the next step towards what is wanted."""
        step = self._step(set_id)
        if step is None or set_id in self._busy:
            return
        life = self._life
        self._busy.add(set_id)

        def done() -> None:
            if self._life != life or not self.up:
                return
            self._busy.discard(set_id)
            # what was begun is done only if it is still the thing to do
            now = self._step(set_id)
            if now is not None and now[0] == step[0]:
                now[1]()
            self._look(set_id)

        self.world.after(self.world.rng.uniform(0.05, 1.5), done)

    def _step(self, set_id: str) -> Step | None:
        wanteds = self._ledger.wanted(set_id)
        known = {w.incarnation for w in wanteds}
        for key in sorted(self.engine):
            if key[0] == set_id and key[1] not in known:
                return self._removal(key)
        for old in wanteds[:-1]:
            key = (set_id, old.incarnation)
            if key in self.engine:
                return self._removal(key)
            self._say(old, Phase.GONE)
        if not wanteds:
            return None
        return self._towards(wanteds[-1])

    def _towards(self, wanted: wire.Wanted) -> Step | None:
        key = (wanted.id, wanted.incarnation)
        entry = self.engine.get(key)
        if wanted.desired == Desired.DELETED:
            if entry is None:
                self._say(wanted, Phase.GONE)
                return None
            self._say(wanted, Phase.STOPPING)
            return self._removal(key)
        if wanted.desired == Desired.STOPPED:
            if entry is None or not entry.running:
                self._say(wanted, Phase.STOPPED)
                return None
            self._say(wanted, Phase.STOPPING)
            return ("stop", key), lambda: self._set(
                key, dataclasses.replace(entry, running=False)
            )
        if entry and entry.running and entry.epoch >= wanted.restart_epoch:
            return self._change(wanted, key, entry)
        self._say(wanted, Phase.RESTARTING if entry else Phase.STARTING)
        return ("run", key, wanted.restart_epoch), lambda: self._set(
            key,
            Entry(True, wanted.restart_epoch, _memory(wanted), _parts(wanted)),
        )

    def _change(
        self, wanted: wire.Wanted, key: tuple[str, int], entry: Entry
    ) -> Step | None:
        """Of a set that runs: first its limits, then one container at once."""
        memory = _memory(wanted)
        if entry.memory_mb != memory:
            # what the processes in it use is anybody's guess
            if (
                memory < entry.memory_mb
                and (wanted.revision + int(wanted.id[:2], 16)) % 3 == 0
            ):
                self._say(wanted, Phase.RUNNING, "in use")
                return None
            self._say(wanted, Phase.STARTING)
            return ("limit", key, memory), lambda: self._set(
                key, dataclasses.replace(entry, memory_mb=memory)
            )
        goal = _parts(wanted)
        for one in sorted(entry.parts.keys() | goal.keys()):
            part = _next(entry.parts.get(one), goal.get(one))
            if part != entry.parts.get(one):
                self._say(wanted, Phase.STARTING)
                after = _with(entry, one, part)
                return ("part", key, one, part), functools.partial(
                    self._set, key, after
                )
        bad = any(part.image == BAD for part in entry.parts.values())
        self._say(
            wanted,
            Phase.FAILED if bad else Phase.RUNNING,
            containers=_reports(entry.parts),
        )
        return None

    def _set(self, key: tuple[str, int], entry: Entry) -> None:
        self.engine[key] = entry
        check.always(self.world)

    def _removal(self, key: tuple[str, int]) -> Step | None:
        # nothing is removed before the first full list of a run
        if not self._ledger.listed:
            return None
        return ("remove", key), lambda: self._remove(key)

    def _remove(self, key: tuple[str, int]) -> None:
        check.removal(self.world, self.name, key)
        del self.engine[key]


def _memory(wanted: wire.Wanted) -> int:
    assert wanted.resources is not None
    return wanted.resources.memory_mb


def _parts(wanted: wire.Wanted) -> Parts:
    return {
        c.id: Part(c.spec.name, c.spec.image.id, c.restart_epoch, c.paused)
        for c in wanted.containers
    }


def _next(there: Part | None, goal: Part | None) -> Part | None:
    """What becomes of a container; a restart is never done twice."""
    if there is None or goal is None:
        return goal
    return dataclasses.replace(goal, epoch=max(there.epoch, goal.epoch))


def _with(entry: Entry, one: str, part: Part | None) -> Entry:
    parts = {i: p for i, p in entry.parts.items() if i != one}
    if part is not None:
        parts[one] = part
    return dataclasses.replace(entry, parts=parts)


def _reports(parts: Parts) -> tuple[wire.ContainerReport, ...]:
    return tuple(
        wire.ContainerReport(
            id=one,
            name=part.name,
            status=ContainerStatus.FAILED
            if part.image == BAD
            else ContainerStatus.RUNNING,
            reason="It is bad." if part.image == BAD else "",
        )
        for one, part in sorted(parts.items())
    )
