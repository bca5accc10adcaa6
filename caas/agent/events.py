"""Follows the engine: lists it once, then listens, and never polls.

When the stream of events ends, the engine or the connection is gone; when it
answers again it is listed once more, for events may have been missed.
"""

import datetime
import logging
import threading
import time
from collections.abc import Callable, Sequence

from caas.drivers.runtime import base

LOG = logging.getLogger(__name__)

#: Waits between two tries to reach the engine (s): from, to.
FIRST_WAIT, LAST_WAIT = 0.05, 2.0
#: Events are asked for from so long before a listing (s); repeats do no harm,
#: and the clocks of engine and agent may differ by a little.
OVERLAP = 1.0
#: Shorter silences of the engine are not told to anybody (s).
GRACE = 5.0


class Watcher:
    """:param inventory: takes in a listing of all containers of ours.
    :param event: takes in one event.
    :param trouble: told a sentence when the engine does not answer ("" while
        it is too early to say so), None when it does again.
    """

    def __init__(
        self,
        runtime: base.Runtime,
        host: str,
        *,
        inventory: Callable[[Sequence[base.RuntimeContainer]], None],
        event: Callable[[base.RuntimeEvent], None],
        trouble: Callable[[str | None], None],
    ) -> None:
        self._runtime = runtime
        self._host = host
        self._inventory = inventory
        self._event = event
        self._trouble = trouble
        self._lost: float | None = None
        self._said = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="events", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; a call that hangs is left to itself."""
        self._stopping.set()
        for _ in range(10):
            # the first one may come just before it begins to listen
            self._runtime.close()
            self._thread.join(0.05)
            if not self._thread.is_alive():
                break

    def _run(self) -> None:
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(
                seconds=OVERLAP
            )
            try:
                self._inventory(self._runtime.list())
                self._answers()
                began = time.monotonic()
                for event in self._runtime.events(since):
                    if self._stopping.is_set():
                        return
                    self._event(event)
                if time.monotonic() - began > GRACE:
                    wait = FIRST_WAIT
                LOG.warning("The stream of events of the engine ended")
            except base.EngineError as error:
                self._silent(error.message)
            except Exception:
                LOG.exception("Following the engine failed unexpectedly")
            self._stopping.wait(wait)
            wait = min(wait * 2, LAST_WAIT)

    def _answers(self) -> None:
        if self._lost is not None:
            LOG.info(
                "The engine answers again after %.1f s",
                time.time() - self._lost,
            )
        self._lost, self._said = None, False
        self._trouble(None)

    def _silent(self, message: str) -> None:
        now = time.time()
        if self._lost is None:
            self._lost = now
            LOG.warning("The engine does not answer: %s", message)
            self._trouble("")
        elif not self._said and now - self._lost > GRACE:
            self._said = True
            since = datetime.datetime.fromtimestamp(self._lost, datetime.UTC)
            self._trouble(
                f"Docker does not answer on host {self._host} since"
                f" {since:%H:%M:%S}Z: {message}"
            )
