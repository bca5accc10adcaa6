"""Keeps one set as it is wanted: the loop around converge()."""

import dataclasses
import functools
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from caas.agent import actions as act
from caas.agent import converge, status, validate
from caas.agent.config import INFRA
from caas.agent.found import Container, Found, Happening, iso
from caas.agent.hands import DRIVER_ERRORS, Hands, ImageLostError, Slow
from caas.agent.jobs import Jobs, Workshop
from caas.agent.plan import Rules, Step
from caas.agent.pool import Pool
from caas.agent.state import State
from caas.drivers.runtime import base
from caas.model import wire
from caas.model.states import Desired, Phase

LOG = logging.getLogger(__name__)

#: Least time between two words on the progress of an image (s).
PROGRESS_EVERY = 1.0


class Books(Protocol):
    """What a keeper asks of and tells the ledger."""

    def wanted(self, set_id: str) -> list[wire.Wanted]: ...

    @property
    def listed(self) -> bool: ...

    def observe(
        self, report: wire.SetReport, events: list[wire.AgentEvent]
    ) -> None: ...

    def ask(self) -> None: ...


@dataclasses.dataclass
class Shared:
    """What all keepers of a host share.

    :ivar trouble: see :func:`converge.converge`.
    :ivar dropped: called when nothing of a set is left and nobody wants any.
    """

    host: str
    hands: Hands
    workshop: Workshop
    pool: Pool
    state: State
    books: Books
    clock: Callable[[], float]
    rules: Rules
    dropped: Callable[["Keeper"], None]
    trouble: str | None = None


@dataclasses.dataclass(frozen=True)
class Seen:
    """See :class:`caas.agent.streams.link.Seen`."""

    name: str
    member: str
    id: str
    state: str
    pid: int


class Keeper:
    """One at a time decides; what it decided runs on any thread.

    :param priority: the lower, the earlier its actions are carried out.
    :param wanted: what an earlier run was told of the set.
    :param jobs: what it kept of jobs.
    """

    def __init__(
        self,
        set_id: str,
        found: Found,
        shared: Shared,
        priority: float,
        wanted: list[wire.Wanted],
        jobs: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.set_id = set_id
        self.found = found
        self.shared = shared
        self.priority = priority
        self.gone = False
        self._lock = threading.RLock()
        self._jobs = Jobs(self, self._lock, shared.workshop, jobs)
        self._received: float | None = None
        self._take_in(wanted)
        self._reason = ""
        self._events: list[wire.AgentEvent] = []
        self._saved: tuple[list[dict[str, Any]], dict[str, Any]] | None = None
        self._wake: float | None = None
        self._progressed = 0.0

    def __str__(self) -> str:
        """How log lines begin."""
        request = f" ({self.target.request_id})" if self.target else ""
        return f"Set {self.set_id} on {self.shared.host}{request}"

    @property
    def target(self) -> wire.Wanted | None:
        return self._wanted[-1] if self._wanted else None

    @property
    def jobs(self) -> set[str]:
        """Ids of the jobs that are wanted."""
        with self._lock:
            return {job.id for w in self._wanted for job in w.jobs}

    def seen(self, incarnation: int) -> list[Seen] | None:
        """Its business containers, by Index; None for another incarnation."""
        with self._lock:
            if self.found.incarnation != incarnation or self.target is None:
                return None
            order = {c.id: c.spec.index for c in self.target.containers}
            return sorted(
                (
                    Seen(name, c.member, c.id, c.state, self._pid(c))
                    for name, c in self.found.containers.items()
                    if name != INFRA
                ),
                key=lambda seen: (order.get(seen.member, 0), seen.name),
            )

    def _pid(self, container: Container) -> int:
        """It is not looked up when a container is started."""
        if not container.running or container.pid:
            return container.pid
        return self.shared.hands.first_process(self.set_id, container.id)

    def members(self, incarnation: int) -> dict[str, str] | None:
        """See :meth:`caas.agent.streams.link.Sets.members`."""
        with self._lock:
            target = self.target
            if target is None or target.incarnation != incarnation:
                return None
            if not self.found.known:
                # what there is of it is not told yet
                return None
            if target.desired == Desired.DELETED and not any(
                name != INFRA for name in self.found.containers
            ):
                return None
            ordered = sorted(target.containers, key=lambda c: c.spec.index)
            return {c.id: c.spec.name for c in ordered}

    def infra_pid(self) -> int:
        """Of the first process of the infra container, 0 without."""
        with self._lock:
            infra = self.found.containers.get(INFRA)
            return infra.pid if infra else 0

    def look(self) -> bool:
        """Bring it a step nearer to what is wanted.

        :returns: False when it is of no use any more: make a new one.
        """
        with self._lock:
            if self.gone:
                return False
            self._read()
            jobs = self._jobs.read(self.target)
            step = self._decide()
            self._tell(step)
            self.keep()
            self._sleep(step.wake)
            if step.phase == Phase.GONE and not self._wanted:
                self.gone = True
                self.shared.dropped(self)
            for action in step.actions:
                self._begin(action)
            for begin in jobs:
                begin()
        return True

    def _begin(self, action: act.Action) -> None:
        try:
            call = self.shared.hands.take(
                action, self.set_id, self.target, self.found, self._progress
            )
        except Exception as error:
            # ends like a call that failed, or it would stay busy for ever
            call = functools.partial(_raise, error)
        revision = self.target.revision if self.target else 0
        self.found.busy.add(action)
        self.shared.pool.submit(
            self.priority,
            functools.partial(self._carry_out, action, call, revision),
        )

    def inventory(
        self,
        containers: Sequence[base.RuntimeContainer],
        netns: Mapping[str, str],
    ) -> None:
        """Take in a listing of the engine (all there is of the set)."""
        with self._lock:
            self.found.forgive()
            if not all(isinstance(a, act.HARMLESS) for a in self.found.busy):
                # results on their way are younger than the listing
                self.found.stale = True
            else:
                self._note(self.found.inventory(containers, netns))
        self.look()

    def event(self, event: base.RuntimeEvent) -> None:
        with self._lock:
            self._note(self.found.event(event))
            news = event.action != "start" or self.found.stale
        if news:
            self.look()

    def unplugged(self) -> None:
        """Somebody took the interface of the set away."""
        with self._lock:
            if not self.found.plugged:
                return
            self.found.plugged = False
            self._repaired("its network interface was gone and is put back")
        self.look()

    def check_limits(self) -> None:
        """See that the cgroups have the limits they were given."""
        with self._lock:
            strayed = self.shared.hands.strayed(self.target, self.found)
            if not strayed:
                return
            # Limit does all that is not known to be as it should
            self.found.limits, self.found.capped = None, False
            names = []
            for name, there in self.found.containers.items():
                if there.id in strayed:
                    there.limits = strayed[there.id]
                    names.append(name)
            whose = f"containers {', '.join(names)}" if names else "the set"
            self._repaired(
                f"control groups of {whose} had been changed by hand and are "
                "put back"
            )
        self.look()

    def _repaired(self, reason: str) -> None:
        now = self.shared.clock()
        self._note([Happening("set.repaired", "", now, reason=reason)])

    def _read(self) -> None:
        wanted = self.shared.books.wanted(self.set_id)
        if wanted == self._wanted:
            return
        before = self.target
        self._take_in(wanted)
        after = self.target
        if after is None:
            LOG.info("%s: not on the list", self)
        elif before is None or (before.incarnation, before.revision) != (
            after.incarnation,
            after.revision,
        ):
            self._received = self.shared.clock()
            LOG.info(
                "%s: %s wanted, incarnation %d, revision %d",
                self,
                after.desired,
                after.incarnation,
                after.revision,
            )

    def _take_in(self, wanted: list[wire.Wanted]) -> None:
        self._wanted = wanted
        self._refusal = validate.refusal(wanted[-1]) if wanted else ""
        # tokens are of no use to a later run, so they are not kept
        self._wanted_dicts = [
            dataclasses.replace(
                w,
                containers=tuple(
                    dataclasses.replace(c, pull=None) for c in w.containers
                ),
                jobs=tuple(dataclasses.replace(j, push=None) for j in w.jobs),
            ).to_dict()
            for w in wanted
        ]

    def _decide(self) -> Step:
        """The next step, with all that only has to be noted noted."""
        while True:
            step = converge.converge(
                self._jobs.freeze(self.target) if self.target else None,
                self.found,
                listed=self.shared.books.listed,
                now=self.shared.clock(),
                refusal=self._refusal,
                engine_trouble=self.shared.trouble,
                rules=self.shared.rules,
            )
            notes = [a for a in step.actions if isinstance(a, act.Note)]
            if not notes:
                return step
            for note in notes:
                self.found.note(note)
                if isinstance(note, act.NewRound) and note.cause == "infra":
                    self._note([self._healed()])

    def _healed(self) -> Happening:
        return Happening(
            "set.restarted",
            "",
            self.shared.clock(),
            reason="the infra container ended, so all containers start anew",
        )

    def _carry_out(
        self, action: act.Action, call: Callable[[], Any], revision: int
    ) -> None:
        try:
            result = call()
            if isinstance(result, Slow):
                self.shared.pool.spawn(
                    functools.partial(
                        self._carry_out, action, result.call, revision
                    )
                )
                return
        except Exception as error:
            with self._lock:
                self._failed(action, error, revision)
        else:
            LOG.debug("%s: done: %s", self, action)
            with self._lock:
                self._note(self.found.done(action, result, revision))
        self.look()

    def _failed(
        self, action: act.Action, error: Exception, revision: int
    ) -> None:
        if isinstance(error, ImageLostError):
            LOG.warning("%s: %s", self, error)
            self.found.busy.discard(action)
            return
        if isinstance(error, DRIVER_ERRORS):
            reason = error.args[0].rstrip(".")
        else:
            LOG.error("%s: %s", self, action, exc_info=error)
            reason = f"unexpected {type(error).__name__}"
        name = getattr(action, "name", "")
        fault = self.found.failed(
            action,
            f"container {name}: {reason}" if name else reason,
            permanent=getattr(error, "permanent", False),
            expired=getattr(error, "expired", False),
            revision=revision,
            now=self.shared.clock(),
        )
        LOG.warning(
            "%s: %s%s",
            self,
            fault.reason,
            "; not tried again" if fault.permanent else "",
        )
        if fault.expired:
            self.shared.books.ask()

    def _progress(self, digest: str, sentence: str) -> None:
        with self._lock:
            now = self.shared.clock()
            self.found.progress[digest] = sentence
            if now - self._progressed < PROGRESS_EVERY:
                return
            self._progressed = now
        self.look()

    def _note(self, happenings: list[Happening]) -> None:
        for happening in happenings:
            LOG.info(
                "%s: %s %s %s",
                self,
                happening.action,
                happening.container,
                happening.reason,
            )
            self._events.append(
                wire.AgentEvent(
                    id=str(uuid.uuid4()),
                    set_id=self.set_id,
                    action=happening.action,
                    at=iso(happening.at) or "",
                    result=happening.result,
                    container=happening.container,
                    reason=happening.reason,
                )
            )

    def _tell(self, step: Step) -> None:
        """Report the set, and the older incarnations that are gone."""
        if step.phase is not None:
            if step.phase != self.found.phase:
                LOG.info("%s: %s %s", self, step.phase, step.reason)
            self.found.phase, self._reason = step.phase, step.reason
        target = self.target
        if target is None:
            return
        reason = step.reason if step.phase is None else self._reason
        if step.phase is not None or step.reason:
            self._observe(target, self.found.phase, reason, step)
        if step.phase in (Phase.RUNNING, Phase.FINISHED):
            self.found.settle(target.revision)
        old_gone = (
            step.phase == Phase.GONE
            or self.found.incarnation == target.incarnation
        ) and not self.found.strays
        for old in self._wanted[:-1]:
            self._observe(
                old, Phase.GONE if old_gone else Phase.STOPPING, "", None
            )

    def _observe(
        self,
        wanted: wire.Wanted,
        phase: Phase,
        reason: str,
        step: Step | None,
    ) -> None:
        report = status.set_report(
            wanted,
            self.found,
            phase,
            reason,
            received=self._received,
            rules=self.shared.rules,
            refused=step.refused if step else "",
            verdicts=step.verdicts if step else {},
            jobs=self._jobs.reports() if step else (),
        )
        events, self._events = self._events, []
        self.shared.books.observe(report, events)

    def keep(self) -> None:
        """Write what is to outlive the agent to the disk."""
        data = (
            self._wanted_dicts,
            {**self.found.to_dict(), "jobs": self._jobs.to_dict()},
        )
        if data == self._saved:
            return
        try:
            self.shared.state.save(self.set_id, *data)
            self._saved = data
        except OSError as error:
            # it can be run all the same, only a restart knows less of it
            LOG.error("%s: not kept on disk: %s", self, error)

    def _sleep(self, wake: float | None) -> None:
        now = self.shared.clock()
        if wake is None or (
            self._wake is not None and now < self._wake <= wake
        ):
            return
        self._wake = wake
        self.shared.pool.later(wake - now, self.look)


def _raise(error: Exception) -> None:
    raise error
