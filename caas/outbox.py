"""Sends what can wait from a thread of its own, in order.

A broker that is away or hangs must hold up neither a request of a user nor
the scheduling.
"""

import collections
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

LOG = logging.getLogger(__name__)


class Outbox(Generic[T]):
    """A queue that never makes who puts something into it wait.

    :param name: of what is sent, for the log and the thread.
    :param send: sends all of these, in the thread; what it raises is logged.
    :param most: beyond so many the oldest are dropped.
    :param batch: given to ``send`` at once at most.
    :ivar dropped: how many were, in all.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[list[T]], None],
        most: int = 10_000,
        batch: int = 100,
    ) -> None:
        self.dropped = 0
        self._name = name
        self._send = send
        self._batch = batch
        self._waiting: collections.deque[T] = collections.deque(maxlen=most)
        self._most = most
        # of those dropped, how many were written to the log
        self._told = 0
        self._change = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def put(self, items: Iterable[T]) -> None:
        with self._change:
            full = 0
            for item in items:
                full += len(self._waiting) == self._most
                self._waiting.append(item)
            first = full > 0 and self.dropped == self._told
            self.dropped += full
            # Started late, so that it belongs to the process that uses it.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                self._thread.start()
            self._change.notify()
        if first:
            LOG.warning(
                "%s: %d wait to be sent; the oldest are dropped from now on",
                self._name,
                self._most,
            )

    def stop(self, timeout: float = 5) -> None:
        """Wait until what is queued is sent, ``timeout`` seconds at most."""
        with self._change:
            self._stopping = True
            self._change.notify()
            thread = self._thread
        if thread:
            thread.join(timeout)
        if left := len(self._waiting):
            LOG.warning("%s: %d were not sent", self._name, left)

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._stopping:
                    self._change.wait()
                if not self._waiting:
                    return
                most = min(self._batch, len(self._waiting))
                items = [self._waiting.popleft() for _ in range(most)]
            try:
                self._send(items)
            except Exception:
                LOG.exception("%s: %d were not sent", self._name, len(items))
            with self._change:
                dropped = self.dropped - self._told
                if dropped and len(self._waiting) < self._most:
                    self._told = self.dropped
                else:
                    dropped = 0
            if dropped:
                LOG.warning(
                    "%s: it goes on; %d were dropped", self._name, dropped
                )
