"""Conductors: the real parts, without threads, and with a death in store."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from caas.conductor.agents import Agents
from caas.conductor.settings import Network, Settings
from caas.conductor.sweeps import Sweeper
from caas.conductor.view import View
from caas.conductor.worker import Worker
from tests.model import check
from tests.model.common import RECLAIM, Crash

if TYPE_CHECKING:
    from tests.model.world import World


class Conductor:
    """The parts of a conductor without their threads."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.up = False
        self.life = 0
        self._waiting: dict[str, None] = {}
        self._working = False

    def start(self) -> None:
        self.life += 1
        self.up = True
        self._waiting.clear()
        self._working = False
        store: Any = _Store(self)
        settings = Settings(
            name=self.name,
            network=Network.from_conf(_NetworkConf()),
            settle_timeout=self.world.settle_timeout,
            reclaim_interval=RECLAIM,
        )
        clock = self.world.utc
        tokens: Any = _Tokens()
        self._worker = Worker(
            store,
            View(store, settings, clock),
            self._assign,
            tokens,
            settings,
            clock,
        )
        self._agents = Agents(store, tokens, settings, clock, self.look_again)
        self._sweeper = Sweeper(
            store, self.look_again, settings, clock, "test"
        )
        self._guard(self._worker.begin)
        self._sweep(self.life)

    def crash(self) -> None:
        if self.up:
            self.world.note(f"{self.name} dies")
            self.up = False
            self.world.after(self.world.rng.uniform(0.5, 20), self.heal)

    def heal(self) -> None:
        if not self.up:
            self.world.note(f"{self.name} starts")
            self.start()

    def look_again(self, set_ids: list[str]) -> None:
        if self.up:
            self._waiting.update(dict.fromkeys(set_ids))
            self.world.after(0.005, self._work)

    def sync(self, report: dict[str, Any]) -> dict[str, Any] | None:
        """None: no answer."""
        if not self.up:
            return None
        answer: dict[str, Any] | None = None

        def call() -> None:
            nonlocal answer
            answer = self._agents.sync(report)

        self._guard(call)
        if report["sets"]:
            check.always(self.world)
        if answer and answer["sets"]:
            check.told(self.world, answer["sets"])
        return answer

    def committed(self, life: int) -> None:
        """A transaction has ended, and who knows what happens now."""
        world = self.world
        if world.faults and world.chance(world.faults.crash_at_commit):
            self.crash()
        world.between()
        if not self.up or self.life != life:
            raise Crash

    def _work(self) -> None:
        if not self.up or self._working or not self._waiting:
            return
        batch = list(self._waiting)
        self._waiting.clear()
        self._working = True
        life = self.life
        self._guard(lambda: self._worker.work(batch))
        if self.life == life:
            self._working = False
            if self._waiting:
                self.world.after(0.005, self._work)
        check.always(self.world)

    def _sweep(self, life: int) -> None:
        if not self.up or self.life != life:
            return
        for task in (
            self._sweeper.beat,
            self._sweeper.sets,
            self._sweeper.hosts,
            self._sweeper.recycle_bin,
        ):
            self._guard(task)
        self.world.after(
            self.world.rng.uniform(7.5, 12.5), lambda: self._sweep(life)
        )

    def _guard(self, call: Callable[[], object]) -> None:
        """Like the thread it runs in: a crash ends the conductor only."""
        with contextlib.suppress(Crash):
            call()

    def _assign(self, name: str, message: dict[str, Any]) -> None:
        host = self.world.hosts[name]
        check.told(self.world, message["sets"])
        if not host.cut:
            self.world.send("assign", message, host.assign)


class _Store:
    """The store as one life of a conductor sees it."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._life = conductor.life
        self._store = conductor.world.store
        self.reader = self._store.reader

    @contextlib.contextmanager
    def writer(self) -> Iterator[sa.Connection]:
        with self._store.writer() as conn:
            yield conn
        self._conductor.committed(self._life)


class _Tokens:
    def issue(self, repository: str, digest: str) -> str:
        return "token"


class _NetworkConf:
    pool = "default"
    cidr = "10.0.0.0/27"
    gateway = None
    dns = ()
    mtu = 1500
