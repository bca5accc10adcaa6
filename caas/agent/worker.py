"""All sets of this host, each with its keeper."""

import itertools
import logging
import threading
import time
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from types import MappingProxyType
from typing import Any

from caas.agent import validate
from caas.agent.found import Found
from caas.agent.hands import Hands
from caas.agent.jobs import Workshop
from caas.agent.keeper import Books, Keeper, Seen, Shared
from caas.agent.ledger import Change
from caas.agent.plan import Rules
from caas.agent.pool import Pool
from caas.agent.state import State
from caas.drivers.runtime import base
from caas.model import wire

LOG = logging.getLogger(__name__)


class Worker:
    """Sends what happens to the keeper it concerns.

    :param books: the reporter.
    :param left: ids of sets that have a volume or a network here, so that
        nothing is forgotten that has no container.
    """

    def __init__(
        self,
        host: str,
        hands: Hands,
        pool: Pool,
        state: State,
        books: Books,
        workshop: Workshop,
        *,
        left: Callable[[], Collection[str]],
        rules: Rules,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._hands = hands
        self._left = left
        self._workshop = workshop
        self._shared = Shared(
            host,
            hands,
            workshop,
            pool,
            state,
            books,
            clock,
            rules,
            self._dropped,
        )
        self._lock = threading.Lock()
        self._keepers: dict[str, Keeper] = {}
        self._count = itertools.count(1)
        self._inventoried = False
        self._watches: dict[str, list[Callable[[], None]]] = {}

    def adopt(
        self,
        set_id: str,
        wanted: list[wire.Wanted],
        book: Mapping[str, Any],
    ) -> None:
        """A set that an earlier run of the agent kept on disk."""
        try:
            found = Found.from_dict(book, self._hands.images)
        except (ValueError, TypeError, AttributeError) as error:
            # of a newer agent, maybe: then what runs is adopted without it
            LOG.error("Set %s: its books are left out: %s", set_id, error)
            found = Found(images=self._hands.images)
        jobs = book.get("jobs") or {}
        with self._lock:
            self._keepers[set_id] = self._make(set_id, found, wanted, jobs)

    def apply(self, change: Change) -> None:
        """Look at what a message of the conductor changed."""
        ids = set(change.sets)
        if change.full:
            with self._lock:
                # what is not on the list goes from now on
                ids.update(self._keepers)
        for set_id in sorted(ids):
            if validate.is_id(set_id):
                self.look(set_id)
                self._tell(set_id)
            else:
                LOG.error("A set with the id %r is left alone", set_id)

    def look(self, set_id: str) -> None:
        while not self._keeper(set_id).look():
            pass

    def inventory(self, containers: Sequence[base.RuntimeContainer]) -> None:
        """Take in all the engine has."""
        by_set: dict[str, list[base.RuntimeContainer]] = {}
        for container in containers:
            set_id = container.labels.get(base.LABEL_SET, "")
            if validate.is_id(set_id):
                by_set.setdefault(set_id, []).append(container)
        with self._lock:
            first, self._inventoried = not self._inventoried, True
        ids = set(by_set)
        if first:
            ids.update(i for i in self._left() if validate.is_id(i))
        with self._lock:
            ids.update(self._keepers)
        for set_id in sorted(ids):
            there = by_set.get(set_id, [])
            self._keeper(set_id).inventory(
                there, self._hands.namespaces(there)
            )
            self._tell(set_id)

    def event(self, event: base.RuntimeEvent) -> None:
        set_id = event.labels.get(base.LABEL_SET, "")
        with self._lock:
            known = set_id in self._keepers
        # one nobody knows matters when something of it begins to run
        if known or (event.action == "start" and validate.is_id(set_id)):
            self._keeper(set_id).event(event)
        self._tell(set_id)

    def _tell(self, set_id: str) -> None:
        with self._lock:
            told = list(self._watches.get(set_id, ()))
        for tell in told:
            tell()

    # What streams ask, see caas.agent.streams.link.Sets.

    def seen(self, set_id: str, incarnation: int) -> list[Seen] | None:
        with self._lock:
            keeper = self._keepers.get(set_id)
        return keeper.seen(incarnation) if keeper else None

    def infra_pid(self, set_id: str) -> int:
        with self._lock:
            keeper = self._keepers.get(set_id)
        return keeper.infra_pid() if keeper else 0

    def members(self, set_id: str, incarnation: int) -> dict[str, str] | None:
        with self._lock:
            keeper = self._keepers.get(set_id)
        return keeper.members(incarnation) if keeper else None

    def watch(self, set_id: str, tell: Callable[[], None]) -> None:
        with self._lock:
            self._watches.setdefault(set_id, []).append(tell)

    def unwatch(self, set_id: str, tell: Callable[[], None]) -> None:
        with self._lock:
            left = self._watches[set_id]
            left.remove(tell)
            if not left:
                del self._watches[set_id]

    def unplugged(self, set_ids: Iterable[str]) -> None:
        """Sets whose interface is not there (any more, or yet)."""
        with self._lock:
            keepers = [
                self._keepers[set_id]
                for set_id in set_ids
                if set_id in self._keepers
            ]
        for keeper in keepers:
            keeper.unplugged()

    def tidy(self) -> None:
        """Remove what jobs have left that are not wanted any more."""
        self._workshop.tidy(self._jobs)

    def check_limits(self) -> None:
        """Of all sets, whether somebody changed their cgroups."""
        with self._lock:
            keepers = list(self._keepers.values())
        for keeper in keepers:
            keeper.check_limits()

    def trouble(self, reason: str | None) -> None:
        """The engine does not answer (see converge), or None: it does."""
        if self._shared.trouble == reason:
            return
        self._shared.trouble = reason
        with self._lock:
            keepers = list(self._keepers.values())
        for keeper in keepers:
            keeper.look()

    def _keeper(self, set_id: str) -> Keeper:
        with self._lock:
            keeper = self._keepers.get(set_id)
            if keeper is None or keeper.gone:
                found = Found(
                    images=self._hands.images, known=self._inventoried
                )
                keeper = self._keepers[set_id] = self._make(set_id, found, [])
            return keeper

    def _make(
        self,
        set_id: str,
        found: Found,
        wanted: list[wire.Wanted],
        jobs: Mapping[str, Any] = MappingProxyType({}),
    ) -> Keeper:
        return Keeper(
            set_id, found, self._shared, next(self._count), wanted, jobs
        )

    def _jobs(self) -> set[str]:
        with self._lock:
            keepers = list(self._keepers.values())
        return {job_id for keeper in keepers for job_id in keeper.jobs}

    def _dropped(self, keeper: Keeper) -> None:
        with self._lock:
            if self._keepers.get(keeper.set_id) is keeper:
                del self._keepers[keeper.set_id]
                self._shared.state.forget(keeper.set_id)
