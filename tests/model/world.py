"""A cloud with faults: real conductors and real ledgers of agents.

One thread, virtual time, one seed.  Messages are lost, repeated and
overtake each other; conductors and agents die at any moment, conductors also
between any two transactions; hosts are cut off.  In between other things
happen: whenever a conductor has committed something, the world may go on
before the conductor does.

What is simulated: time, the network, the engine of each host, users.  What is
real: the use cases of the API, worker, sweeps and sync endpoint of the
conductor, the database, and the ledger of the agent.

Rules that must hold are checked as things happen; see
:mod:`tests.model.check`.
"""

import contextlib
import datetime
import heapq
import itertools
import json
import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from caas.agent.ledger import Ledger
from caas.model.containers import Asked
from caas.model.content import Content
from caas.store import engine, tables
from tests.model import check
from tests.model.common import START, Broken, Faults
from tests.model.conductors import Conductor
from tests.model.hosts import Host
from tests.model.users import Users


class World:
    """:param seconds: for which there are faults and users.
    :param rate: what users do per second.
    :param often: verbs that they choose more often.
    :param settle_timeout: seconds after which a host is asked again.
    :param ledger: class of the books of the agents.
    """

    def __init__(
        self,
        store: engine.Store,
        seed: int,
        *,
        faults: Faults | None = None,
        hosts: int = 5,
        conductors: int = 2,
        seconds: float = 40,
        rate: float = 2,
        often: tuple[str, ...] = (),
        grouped: float = 0.2,
        settle_timeout: float = 20,
        ledger: type[Ledger] = Ledger,
    ) -> None:
        self.store = store
        self.rng = random.Random(seed)
        self.faults: Faults | None = faults or Faults()
        self.seconds = seconds
        self.rate = rate
        self.often = often
        # of what users create, how much is in a server group
        self.grouped = grouped
        self.settle_timeout = settle_timeout
        self.ledger = ledger
        self.now = 0.0
        self.log: list[str] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._depth = 0
        self.hosts = {f"h{n}": Host(self, f"h{n}") for n in range(hosts)}
        self.conductors = [Conductor(self, f"c{n}") for n in range(conductors)]
        self.users = Users(self)
        # the database itself, for what is read again and again
        with store.engine.connect() as conn:
            self._database: Any = conn.connection.driver_connection
        self._written = -1
        # memory claimed, by host, set and incarnation
        self.claimed: dict[tuple[str, str, int], int] = {}
        # what was seen of each set, and of each of its incarnations
        self.address_of: dict[str, str] = {}
        self.moment_of: dict[tuple[str, int], int] = {}
        self.moments = itertools.count(1)
        # what users asked of containers last
        self.asked: dict[str, Asked] = {}
        # what each revision of a set is made of
        self.content_of: dict[tuple[str, int], Content] = {}

    # Time.

    def utc(self) -> datetime.datetime:
        return START + datetime.timedelta(seconds=self.now)

    def after(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(
            self._queue, (self.now + delay, next(self._number), call)
        )

    def run(self) -> None:
        """Faults and users, then peace; at the end all must be well."""
        with self._virtual():
            self._clear()
            # conductors last: with nothing else to happen between their
            # first transactions, time would run away to their next sweeps
            self.users.start()
            for thing in (*self.hosts.values(), *self.conductors):
                thing.start()
            self._trouble()
            self._run_until(self.seconds)
            self.note("peace")
            self.faults = None
            for thing in (*self.conductors, *self.hosts.values()):
                thing.heal()
            self._settle(self.seconds + 300)

    def _settle(self, end: float) -> None:
        """Until all is well, which it must be in the end."""
        while True:
            self._run_until(self.now + 20)
            check.always(self)
            try:
                return check.at_the_end(self)
            except Broken:
                if self.now >= end:
                    raise

    def step(self) -> None:
        time, _number, call = heapq.heappop(self._queue)
        # what was due while something else took its time is late
        self.now = max(self.now, time)
        call()

    def _run_until(self, end: float) -> None:
        while self._queue and self._queue[0][0] <= end:
            self.step()
        self.now = end

    def between(self) -> None:
        """Other things may happen at this point."""
        if self.faults and self.chance(self.faults.between):
            self.meanwhile(self.faults.most)

    def meanwhile(self, most: int) -> None:
        """Other things happen at this point, unless there is peace."""
        if self.faults is None or self._depth > 3:
            return
        self._depth += 1
        try:
            for _ in range(self.rng.randint(1, most)):
                if self._queue:
                    self.step()
        finally:
            self._depth -= 1

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def note(self, text: str) -> None:
        self.log.append(f"{self.now:8.3f} {text}")

    @contextlib.contextmanager
    def _virtual(self) -> Iterator[None]:
        """Time, chance and ids from the seed."""

        def uuid4() -> uuid.UUID:
            return uuid.UUID(int=self.rng.getrandbits(128), version=4)

        random.seed(self.rng.random())
        with (
            mock.patch.object(uuid, "uuid4", uuid4),
            mock.patch("caas.core.sets.utcnow", self.utc),
            mock.patch("caas.core.changes.utcnow", self.utc),
            mock.patch("caas.core.containers.utcnow", self.utc),
            mock.patch("caas.core.moves.utcnow", self.utc),
            mock.patch("caas.core.recycling.utcnow", self.utc),
            mock.patch("caas.store.events.utcnow", self.utc),
        ):
            yield

    def _clear(self) -> None:
        with self.store.writer() as conn:
            for table in tables.metadata.tables.values():
                conn.execute(table.delete())

    # Network.

    def send(
        self, what: str, message: Any, deliver: Callable[[Any], None]
    ) -> None:
        """Once, later, twice or never, as JSON."""
        text = json.dumps(message)
        copies = 1
        if self.faults:
            if self.chance(self.faults.loss):
                return
            copies += self.chance(self.faults.repeat)
        for _ in range(copies):
            delay = self.rng.uniform(0.001, 0.05)
            if self.faults and self.chance(self.faults.slow):
                delay = self.rng.uniform(0.05, 8)
            self.after(delay, lambda: deliver(json.loads(text)))

    def _trouble(self) -> None:
        """Crashes and cuts, each second with some probability."""
        if self.faults is None:
            return
        for thing in (*self.conductors, *self.hosts.values()):
            if self.chance(self.faults.crash):
                thing.crash()
        for host in self.hosts.values():
            if not host.cut and self.chance(self.faults.cut):
                self.note(f"{host.name} is cut off")
                host.cut = True
                self.after(
                    self.rng.choice((3, 20, 60)), lambda host=host: host.join()
                )
        self.after(1, self._trouble)

    def written(self) -> bool:
        """Whether rows were written since this was asked last."""
        before = self._written
        self._written = self._database.total_changes
        return self._written != before

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, past all that makes SQLAlchemy slow."""
        return list(self._database.execute(statement))

    def rows(self, statement: Any) -> list[Any]:
        with self.store.reader() as conn:
            return list(conn.execute(statement).all())
