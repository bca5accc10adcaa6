"""The agent: what it is made of and how the parts are joined."""

import dataclasses
import datetime
import logging
import threading
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Any

from caas.agent import report
from caas.agent.events import Watcher
from caas.agent.fitness.finding import Verdict
from caas.agent.hands import DRIVER_ERRORS, Drivers, Hands, netns_of
from caas.agent.inputs import Fetch, Handed
from caas.agent.jobs import Workshop
from caas.agent.ledger import Change, Ledger
from caas.agent.logs import FormerLogs
from caas.agent.plan import Rules
from caas.agent.pool import Pool
from caas.agent.state import State
from caas.agent.streams.link import Sets
from caas.agent.worker import Worker
from caas.drivers.runtime import base
from caas.model import spec, wire

LOG = logging.getLogger(__name__)

#: Longest wait for the engine before the first report (s).
ENGINE_WAIT = 2.0

#: How often is set right what somebody else may have changed (s).
TEND_INTERVAL = 60.0

#: How often a host looks at itself (s); one that is unfit more often, as it
#: may be mended.
LOOK_INTERVAL, UNFIT_INTERVAL = 600.0, 60.0

#: Says whether the host is fit for sets, see
#: :meth:`caas.agent.fitness.look.Fitness.look`.
Look = Callable[[bool], Verdict]

RULES = Rules()


@dataclasses.dataclass(frozen=True)
class Settings:
    """Times in seconds.

    :ivar capacity: what sets may use; 0 takes what the host has.
    :ivar reserved_memory_mb: of the host's memory, kept from sets.
    :ivar resync: how often everything is listed anew, in case an event was
        lost that should not have been.
    :ivar tend: how often network and limits are looked after.
    """

    host: str
    zone: str = ""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    capacity: spec.Resources = spec.NOTHING
    reserved_memory_mb: int = 0
    version: str = ""
    heartbeat: float = 10.0
    gather: float = 0.03
    workers: int = 4
    resync: float = 3600.0
    tend: float = TEND_INTERVAL
    rules: Rules = RULES


class Agent:
    """:param sync: sends a report to a conductor and returns its answer.
    :param inputs: asks one what was handed into a set.
    :param netns: and ``former``: see :class:`caas.agent.hands.Hands`.
    :param look: says whether the host is fit for sets.
    :ivar streams_at: set before the start, see :class:`wire.HostFacts`.
    """

    def __init__(
        self,
        settings: Settings,
        drivers: Drivers,
        state: State,
        sync: report.Sync,
        netns: Callable[[int], str | None] = netns_of,
        look: Look = lambda thorough: Verdict(),
        former: FormerLogs | None = None,
        inputs: Fetch = lambda set_id: None,
    ) -> None:
        self._state = state
        self._sync = sync
        self._look = look
        self._verdict = Verdict()
        self._known: wire.HostFacts | None = None
        self._telling = threading.Lock()
        self._settings = settings
        self._drivers = drivers
        self._former = former
        self.streams_at = ""
        self._pool = Pool(settings.workers)
        self._looked = threading.Event()
        kept = state.load()
        ledger = Ledger(
            settings.host,
            state.next_boot(),
            zone=settings.zone,
            sets=[w for wanted, _ in kept.values() for w in wanted],
        )
        self._reporter = report.Reporter(
            ledger,
            self._report,
            self._changed,
            heartbeat=settings.heartbeat,
            gather=settings.gather,
        )
        self._worker = Worker(
            settings.host,
            Hands(
                drivers,
                Handed(state.path / "inputs", inputs),
                netns,
                tell=self._reporter.note,
                former=former,
                zone=settings.zone,
            ),
            self._pool,
            state,
            self._reporter,
            Workshop(drivers, self._pool, self._reporter.ask),
            left=self._left,
            rules=settings.rules,
        )
        for set_id, (wanted, book) in kept.items():
            self._worker.adopt(set_id, wanted, book)
        self._watcher = Watcher(
            drivers.runtime,
            settings.host,
            inventory=self._inventory,
            event=self._worker.event,
            trouble=self._trouble,
        )
        self._troubled = False

    def start(self) -> None:
        self._pool.start()
        self._watcher.start()
        # the first report had better say what the host is
        self._looked.wait(ENGINE_WAIT)
        self._reporter.start()
        self._pool.later(self._settings.resync, self._resync)
        self._pool.later(self._settings.tend, self._tend)
        self._pool.spawn(self._look_again)

    def stop(self) -> None:
        """Begin nothing more.  Containers are left as they are."""
        self._reporter.stop()
        self._watcher.stop()
        self._pool.stop()

    @property
    def sets(self) -> Sets:
        """What streams look into."""
        return self._worker

    def assign(self, message: dict[str, Any]) -> None:
        """Take in an ``assign`` of a conductor."""
        self._reporter.assign(message)

    def _report(self, report: dict[str, Any]) -> dict[str, Any]:
        reply = self._sync(report)
        if networks := reply.get("networks"):
            self._state.keep_networks(networks)
            # one of them may clash with a network of this host
            self._pool.submit(0, lambda: self._judge(thorough=False))
        return reply

    def _changed(self, change: Change) -> None:
        self._worker.apply(change)

    def _inventory(self, containers: Sequence[base.RuntimeContainer]) -> None:
        try:
            self._known = self._facts()
        except DRIVER_ERRORS as error:
            LOG.error("What this host has cannot be told: %s", error)
        self._judge(thorough=False)
        self._worker.inventory(containers)
        self._looked.set()

    def _trouble(self, reason: str | None) -> None:
        """See :class:`Watcher`."""
        self._worker.trouble(reason)
        if bool(reason) == self._troubled or reason == "":
            return
        self._troubled = bool(reason)
        self._reporter.note(
            wire.AgentEvent(
                id=str(uuid.uuid4()),
                set_id="",
                action="host.engine-down" if reason else "host.engine-up",
                at=datetime.datetime.now(datetime.UTC).isoformat(),
                result="error" if reason else "success",
                reason=reason or "",
            )
        )

    def _resync(self) -> None:
        self._pool.later(self._settings.resync, self._resync)
        self._worker.inventory(self._drivers.runtime.list())

    def _tend(self) -> None:
        self._pool.later(self._settings.tend, self._tend)
        try:
            self._worker.unplugged(self._drivers.network.tend())
        except DRIVER_ERRORS as error:
            LOG.error("The network of this host is not in order: %s", error)
        try:
            self._worker.check_limits()
        except DRIVER_ERRORS as error:
            LOG.error("The limits of sets cannot be looked at: %s", error)
        if not self._reporter.listed:
            return
        try:
            self._worker.tidy()
        except DRIVER_ERRORS as error:
            LOG.error("What jobs have left cannot be removed: %s", error)

    def _look_again(self) -> None:
        """On a thread of its own: what hangs takes long to tell so."""
        self._judge(thorough=True)
        self._pool.later(
            UNFIT_INTERVAL if self._verdict.unfit else LOOK_INTERVAL,
            lambda: self._pool.spawn(self._look_again),
        )

    def _judge(self, *, thorough: bool) -> None:
        """Have conductors know whether this host is fit, and what it is."""
        verdict = self._look(thorough)
        with self._telling:
            self._verdict = verdict
            if self._known is not None:
                self._reporter.set_facts(
                    dataclasses.replace(
                        self._known,
                        unfit=verdict.unfit,
                        warnings=verdict.warnings,
                    )
                )

    def _left(self) -> Collection[str]:
        left = set(self._former.list()) if self._former else set()
        for driver in (self._drivers.volume, self._drivers.network):
            try:
                left.update(driver.list())
            except DRIVER_ERRORS as error:
                LOG.error("What earlier sets left is not known: %s", error)
        return left

    def _facts(self) -> wire.HostFacts:
        settings = self._settings
        info = self._drivers.runtime.info()
        return wire.HostFacts(
            capacity=spec.Resources(
                millicpus=settings.capacity.millicpus or info.cpus * 1000,
                memory_mb=settings.capacity.memory_mb
                or max(0, info.memory_mb - settings.reserved_memory_mb),
                disk_gb=settings.capacity.disk_gb
                or self._drivers.volume.capacity_gb(),
            ),
            engine=info.engine,
            engine_version=info.version,
            api_version=info.api_version,
            agent_version=settings.version,
            kernel=info.kernel,
            cgroup_version=info.cgroup_version,
            storage_driver=info.storage_driver,
            os=info.os,
            labels=settings.labels,
            streams=self.streams_at,
            booted_at=_booted_at(),
        )


def _booted_at() -> int:
    """As the kernel tells; it does not change while the host is up."""
    try:
        with open("/proc/stat") as file:
            found = [line for line in file if line.startswith("btime ")]
        return int(found[0].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
