"""The queue of sets to look at, and the thread that works on them."""

import logging
import threading
from collections.abc import Callable, Iterable

LOG = logging.getLogger(__name__)

#: Sets worked on together at most.
_BATCH = 200


class Loop:
    """Gathers set ids and works on them, each once however often it came.

    One thread works, so that no set is worked on twice at a time.  What
    fails is not tried again here: it stays due and comes with a sweep.

    :param delay: seconds to gather before a batch.
    """

    def __init__(
        self, work: Callable[[list[str]], None], delay: float
    ) -> None:
        self._work = work
        self._delay = delay
        self._waiting: dict[str, None] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="conductor-loop", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Finish the batch at hand, in ``timeout`` seconds at most."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout)

    def look_again(self, set_ids: Iterable[str]) -> None:
        with self._lock:
            self._waiting.update(dict.fromkeys(set_ids))
            self._wake.set()

    def _run(self) -> None:
        while self._wake.wait() and not self._stopping.is_set():
            self._stopping.wait(self._delay)
            batch = self._take()
            if not batch:
                continue
            try:
                self._work(batch)
            except Exception:
                LOG.exception(
                    "%d set(s) are left to the next sweep", len(batch)
                )

    def _take(self) -> list[str]:
        with self._lock:
            batch = list(self._waiting)[:_BATCH]
            for set_id in batch:
                del self._waiting[set_id]
            if not self._waiting:
                self._wake.clear()
            return batch
