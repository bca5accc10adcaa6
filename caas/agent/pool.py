"""Threads that carry out actions, and a clock that calls back."""

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable

LOG = logging.getLogger(__name__)

Job = Callable[[], object]


class Pool:
    """Runs jobs, the lowest priority number first; no job may block long.

    Sets are numbered as their work begins, so a set under way is finished
    before the next is begun, instead of all being half done.
    """

    def __init__(self, workers: int) -> None:
        """:param workers: how many jobs run at once."""
        self._count = itertools.count()
        self._jobs: queue.PriorityQueue[tuple[float, int, Job | None]] = (
            queue.PriorityQueue()
        )
        self._timers: list[tuple[float, int, Job]] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(
                target=self._work, name=f"worker-{n}", daemon=True
            )
            for n in range(workers)
        ]
        self._threads.append(
            threading.Thread(target=self._tick, name="timer", daemon=True)
        )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more; what runs is left to itself."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        for _ in self._threads:
            self._jobs.put((float("-inf"), next(self._count), None))

    def submit(self, priority: float, job: Job) -> None:
        self._jobs.put((priority, next(self._count), job))

    def spawn(self, job: Job) -> None:
        """Run a job that may block long, on a thread of its own."""
        threading.Thread(
            target=self._run, args=(job,), name="slow", daemon=True
        ).start()

    def later(self, seconds: float, job: Job) -> None:
        """Run a job on a worker after a while, wherever the clock is set."""
        when = time.monotonic() + seconds
        with self._changed:
            heapq.heappush(self._timers, (when, next(self._count), job))
            self._changed.notify()

    def _work(self) -> None:
        while (job := self._jobs.get()[2]) is not None:
            self._run(job)

    @staticmethod
    def _run(job: Job) -> None:
        try:
            job()
        except Exception:
            LOG.exception("A job of the agent failed unexpectedly")

    def _tick(self) -> None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                while self._timers and self._timers[0][0] <= now:
                    self.submit(0, heapq.heappop(self._timers)[2])
                if self._timers:
                    self._changed.wait(self._timers[0][0] - now)
                else:
                    self._changed.wait()
