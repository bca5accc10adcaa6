"""What a call of :func:`caas.agent.converge.converge` collects, and the words
its branches are made of.  Pure.
"""

import dataclasses
from collections.abc import Iterable

from caas.agent import actions as act
from caas.agent import health, told
from caas.agent.config import INFRA, digest, sub_paths
from caas.agent.found import (
    ANY,
    RETRY_CAP,
    Book,
    Container,
    Found,
    retry_delay,
)
from caas.model import wire
from caas.model.spec import RestartPolicy
from caas.model.states import Phase


@dataclasses.dataclass(frozen=True)
class Rules:
    """Times in seconds.

    :ivar backoff_cap: longest wait before a restart by policy.
    :ivar good_behaviour: after so long a run the wait begins small again.
    :ivar boost: CPU time of a set is not capped while it starts, so long at
        most; it has its weight against others.
    :ivar same_cause: containers that ended no longer than this before their
        infra container did are taken to have ended with the host or engine.
    """

    backoff_cap: float = 60.0
    good_behaviour: float = 60.0
    boost: float = 5.0
    same_cause: float = 20.0


@dataclasses.dataclass(frozen=True)
class Step:
    """:ivar phase: to report; None leaves the last one.
    :ivar wake: when to look again though nothing happened.
    :ivar refused: why it cannot have the limits that are wanted.
    :ivar verdicts: why containers that were started count as failed, by name.
    """

    phase: Phase | None
    reason: str = ""
    actions: tuple[act.Action, ...] = ()
    wake: float | None = None
    refused: str = ""
    verdicts: dict[str, str] = dataclasses.field(default_factory=dict)


#: Failures of a step before a change that needs it is given up; more where
#: others than the set and its host have a part in it.
TRIES = 3
PULLS = 6

#: What is said of a set before the first full list of a run has come.
UNLISTED = "waiting for a conductor to say what this host is to run"


def restart_at(
    there: Container, book: Book, policy: RestartPolicy, rules: Rules
) -> float | None:
    """When the policy starts an ended container again; None for never."""
    if policy.name == "no":
        return None
    row = _row(there, book, rules)
    if policy.name == "on-failure":
        if there.well and not health.ill(there, book):
            return None
        if policy.max_retries and row >= policy.max_retries:
            return None
    wait = 0.0 if row == 0 else min(rules.backoff_cap, 2.0 ** min(row - 1, 16))
    return (there.finished or 0.0) + wait


def _row(there: Container, book: Book, rules: Rules) -> int:
    """Restarts in a row that count against the next one."""
    ran = (there.finished or 0.0) - (there.started or 0.0)
    return 0 if ran >= rules.good_behaviour else book.row


class Plan:
    """Collects actions, waits and faults."""

    def __init__(
        self,
        wanted: wire.Wanted | None,
        found: Found,
        listed: bool,
        now: float,
        rules: Rules,
    ) -> None:
        self.wanted = wanted
        self.found = found
        self.listed = listed
        self.now = now
        self.rules = rules
        self.actions: list[act.Action] = []
        self.wake: float | None = None
        self.unlisted = False
        self.failed: list[str] = []
        self.held: list[str] = []
        self.refused = ""
        self.verdicts: dict[str, str] = {}
        #: new names of containers in the engine, by the ones they have
        self.renames: dict[str, str] = {}
        self._fits: dict[str, bool] = {}
        self._told = ""

    def do(self, *wanted: act.Action) -> None:
        for action in wanted:
            if action in self.found.busy or action in self.actions:
                continue
            if not self.listed and isinstance(
                action, (act.EnsureImage, act.Create, act.Remove, act.Release)
            ):
                self.unlisted = True
                continue
            if not self._held(action):
                self.actions.append(action)

    def _held(self, action: act.Action) -> bool:
        """A fault keeps it from being tried now."""
        fault = self.found.faults.get(action)
        if fault is None:
            return False
        if self.wanted and fault.revision != self.wanted.revision:
            return False
        if fault.permanent and isinstance(action, act.Limit):
            self.refused = fault.reason
            return True
        building = isinstance(action, (*act.BUILDING, act.EnsureImage))
        often = PULLS if isinstance(action, act.EnsureImage) else TRIES
        if building and (fault.permanent or fault.tries >= often):
            for name in self._waiting_for(action):
                self.verdicts.setdefault(name, fault.reason)
        if isinstance(action, act.Start) and fault.tries >= TRIES:
            # worth telling, though it is tried again
            self.failed.append(f"{fault.reason}; it is tried again")
        if fault.permanent and building:
            if fault.reason not in self.failed:
                self.failed.append(fault.reason)
            return True
        if not self.now < fault.retry_at <= self.now + RETRY_CAP:
            # its time has come, or the clock was set back
            return False
        delay = retry_delay(fault.tries)
        self.held.append(f"{fault.reason}; trying again in {delay:g} s")
        self.look_at(fault.retry_at)
        return True

    def _waiting_for(self, action: act.Action) -> list[str]:
        """Names of the containers that cannot come without it."""
        containers = self.wanted.containers if self.wanted else ()
        match action:
            case act.Start(name) | act.Create(name):
                return [name]
            case act.EnsureImage(digest_):
                return [
                    c.spec.name
                    for c in containers
                    if c.spec.image.digest == digest_ and not self.fits(c)
                ]
            case act.MakeVolume():
                return [
                    c.spec.name for c in containers if not self.has_place(c)
                ]
        return []

    def has_place(self, container: wire.WantedContainer) -> bool:
        """The folders it mounts are there."""
        return self.found.volume and self.found.sub_paths.issuperset(
            sub_paths(container.spec)
        )

    @property
    def told(self) -> str:
        """Digest of what containers are to be told."""
        self._told = self._told or told.digest(self.target)
        return self._told

    @property
    def informed(self) -> bool:
        """That is what they are told."""
        return self.found.shown == self.told

    def look_at(self, time: float) -> None:
        self.wake = time if self.wake is None else min(self.wake, time)

    def step(self, phase: Phase | None, reason: str = "") -> Step:
        if self.failed:
            reason = "; ".join(self.failed)
        elif self.held:
            reason = "; ".join(dict.fromkeys(self.held))
        elif self.unlisted:
            reason = UNLISTED
        return Step(
            phase,
            reason,
            tuple(self.actions),
            self.wake,
            self.refused,
            self.verdicts,
        )

    def note(self, note: act.Note) -> Step:
        return Step(None, "", (note,))

    @property
    def target(self) -> wire.Wanted:
        """What is wanted, where something is."""
        assert self.wanted is not None
        return self.wanted

    @property
    def building(self) -> bool:
        return any(isinstance(a, act.BUILDING) for a in self.found.busy)

    @property
    def infra(self) -> Container | None:
        return self.found.containers.get(INFRA)

    @property
    def infra_up(self) -> bool:
        return self.infra is not None and self.infra.running

    def business(self) -> Iterable[tuple[str, Container]]:
        """Those in the engine, wanted or not."""
        return (
            (name, there)
            for name, there in self.found.containers.items()
            if name != INFRA
        )

    def index_of(self, name: str) -> int:
        """Start order; what is not wanted any more goes down first."""
        for container in self.target.containers:
            if container.spec.name == name:
                return container.spec.index
        return 1 << 30

    def launched(self, name: str) -> bool:
        """It was started in this round, whatever became of it."""
        there = self.found.containers.get(name)
        book = self.found.books.get(name)
        return (
            there is not None
            and there.state != "created"
            and book is not None
            and book.round == self.found.round
        )

    def fits(self, container: wire.WantedContainer) -> bool:
        """What there is of that name is made as is wanted."""
        name = container.spec.name
        if name not in self._fits:
            there = self.found.containers.get(name)
            self._fits[name] = (
                there is not None
                and there.config == digest(container.spec)
                and there.member in ("", container.id)
                and there.infra == (self.infra.id if self.infra else "")
                and there.state != "dead"
            )
        return self._fits[name]

    def in_place(self, container: wire.WantedContainer) -> bool:
        """It fits, and was started in this round."""
        return self.launched(container.spec.name) and self.fits(container)

    def proved(self, container: wire.WantedContainer) -> bool:
        """It is in place and has shown what it has to since its start."""
        if not self.in_place(container):
            return False
        book = self.found.books[container.spec.name]
        key = health.key(container)
        return not key or (book.key in (key, ANY) and book.proved)

    def restarts_at(self, container: wire.WantedContainer) -> float | None:
        name = container.spec.name
        there = self.found.containers[name]
        if there.state != "exited":
            return None
        return restart_at(
            there,
            self.found.books[name],
            container.spec.restart_policy,
            self.rules,
        )

    def making_way(self, name: str) -> bool:
        return any(
            isinstance(a, (act.Stop, act.Remove)) and a.name == name
            for a in (*self.found.busy, *self.actions)
        )

    def busy_with(self, name: str) -> bool:
        return any(
            getattr(a, "name", None) == name and not isinstance(a, act.Probe)
            for a in (*self.found.busy, *self.actions)
        )

    def has(self, *kinds: type[act.Action]) -> bool:
        """Such an action is in progress, or begins now."""
        both = (*self.found.busy, *self.actions)
        return any(isinstance(action, kinds) for action in both)

    def stop_reverse(self, names: Iterable[str], grace_period: int) -> None:
        """Stop those of the highest Index among ``names``."""
        by_index: dict[int, list[str]] = {}
        for name in names:
            by_index.setdefault(self.index_of(name), []).append(name)
        if not by_index:
            return
        for name in sorted(by_index[max(by_index)]):
            asked = [
                a.grace_period
                for a in self.found.busy
                if isinstance(a, act.Stop) and a.name == name
            ]
            # a shorter grace period overtakes one that is being waited for
            if not asked or grace_period < min(asked):
                self.do(act.Stop(name, grace_period))
