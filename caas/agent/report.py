"""Tells a conductor what changed and hears what is wanted.

One thread sends one report at a time: at once when something settled, a
little later what is only passing, and now and then though nothing changed.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from caas.agent.ledger import Change, Ledger
from caas.model import wire
from caas.model.states import Phase

LOG = logging.getLogger(__name__)

#: Sends a report and returns the answer, or raises.
Sync = Callable[[dict[str, Any]], dict[str, Any]]

#: Phases a set only passes through: told after a while, if it is still so.
_PASSING = frozenset(
    {
        Phase.NONE,
        Phase.PREPARING,
        Phase.STARTING,
        Phase.RESTARTING,
        Phase.STOPPING,
    }
)
#: How long that while is (s).
LINGER = 0.5
#: So many sets on their way are a burst; then what settled is gathered for
#: longer (s), as there is more to come.
BURST, BURST_GATHER = 4, 0.25
#: First wait after a report nobody answered (s); doubles up to a heartbeat.
FIRST_WAIT = 0.25


class Reporter:
    """The ledger, shared by threads, and the thread that keeps it in step.

    :param changed: called, outside of any lock, with what a message changed.
    :param heartbeat: longest time between two reports (s).
    :param gather: shortest time between two reports (s).
    """

    def __init__(
        self,
        ledger: Ledger,
        sync: Sync,
        changed: Callable[[Change], None],
        *,
        heartbeat: float,
        gather: float,
    ) -> None:
        self._ledger = ledger
        self._sync = sync
        self._changed = changed
        self._heartbeat = heartbeat
        self._gather = gather
        self._cond = threading.Condition()
        self._stopping = False
        self._failures = 0
        self._behind = 0
        # monotonic times: of the last report, before which none is sent,
        # and by when what is waiting should go (None: nothing waits)
        self._sent = float("-inf")
        self._not_before = float("-inf")
        self._by: float | None = None
        self._underway: set[str] = set()
        self._thread = threading.Thread(
            target=self._run, name="report", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._cond:
            self._stopping = True
            self._cond.notify()

    # What other threads tell and ask.

    def assign(self, message: dict[str, Any]) -> None:
        with self._cond:
            change = self._ledger.assign(message)
            if self._ledger.behind:
                self._hurry(0)
            elif self._ledger.pending:
                # most of it is to change yet
                self._hurry(LINGER)
        self._changed(change)

    def wanted(self, set_id: str) -> list[wire.Wanted]:
        with self._cond:
            return self._ledger.wanted(set_id)

    def known(self) -> list[str]:
        """Ids of all sets on the list."""
        with self._cond:
            return list(self._ledger.sets)

    @property
    def listed(self) -> bool:
        with self._cond:
            return self._ledger.listed

    def observe(
        self, report: wire.SetReport, events: list[wire.AgentEvent]
    ) -> None:
        with self._cond:
            for event in events:
                self._ledger.note(event)
            if report.phase in _PASSING:
                self._underway.add(report.id)
            else:
                self._underway.discard(report.id)
            if self._ledger.observe(report):
                self._hurry(LINGER if report.phase in _PASSING else 0)
            elif events:
                self._hurry(LINGER)

    def note(self, event: wire.AgentEvent) -> None:
        """Tell of something beside the state of a set."""
        with self._cond:
            self._ledger.note(event)
            self._hurry(LINGER)

    def set_facts(self, facts: wire.HostFacts) -> None:
        with self._cond:
            self._ledger.set_facts(facts)
            if self._ledger.pending:
                self._hurry(0)

    def ask(self) -> None:
        """Get the full list anew, with fresh leave to pull images."""
        with self._cond:
            self._ledger.ask()
            self._hurry(LINGER)

    def _hurry(self, within: float) -> None:
        by = time.monotonic() + within
        if self._by is None or by < self._by:
            self._by = by
            self._cond.notify()

    # The thread.

    def _run(self) -> None:
        while (report := self._next()) is not None:
            try:
                reply = self._sync(report.to_dict())
                with self._cond:
                    change = self._ledger.answer(report, reply)
                    self._answered()
            except Exception as error:
                self._unanswered(error)
            else:
                self._changed(change)

    def _next(self) -> wire.Report | None:
        """Wait until a report is due."""
        with self._cond:
            while not self._stopping:
                now = time.monotonic()
                due = self._sent + self._heartbeat
                if self._by is not None:
                    due = min(due, self._by)
                due = max(due, self._not_before)
                if due <= now:
                    self._sent, self._by = now, None
                    burst = len(self._underway) > BURST
                    self._not_before = now + (
                        max(self._gather, BURST_GATHER)
                        if burst
                        else self._gather
                    )
                    return self._ledger.next_report()
                self._cond.wait(due - now)
        return None

    def _answered(self) -> None:
        if self._failures:
            LOG.info("A conductor answers again")
        self._failures = 0
        if self._ledger.behind:
            # The answer was older than what was heard of meanwhile.
            self._hurry(min(0.1 * 2**self._behind, self._heartbeat))
            self._behind = min(self._behind + 1, 10)
        else:
            self._behind = 0
            if self._ledger.pending and self._by is None:
                self._hurry(0)

    def _unanswered(self, error: Exception) -> None:
        with self._cond:
            if self._stopping:
                return
            wait = min(
                self._heartbeat, FIRST_WAIT * 2 ** min(self._failures, 16)
            )
            # spread, so that not all hosts come back at the same moment
            wait *= 0.5 + random.random() / 2  # noqa: S311
            self._not_before = time.monotonic() + wait
            self._hurry(wait)
            self._failures += 1
        LOG.warning(
            "No conductor took the report: %s; trying again in %.1f s",
            str(error) or type(error).__name__,
            wait,
        )
