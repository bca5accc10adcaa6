"""Whether the engine answers, asked for as long as somebody cares.

The agent itself notices when the engine is gone, but not when it hangs: it
waits for events, and those may be long in coming.
"""

import asyncio
import concurrent.futures
from collections.abc import Callable

from caas.drivers.runtime.base import EngineError

#: Time between an answer and the next question (s).
INTERVAL = 1.0
#: Longest wait for an answer before somebody is told (s).
PATIENCE = 2.0

Tell = Callable[[], None]


class Pulse:
    """Belongs to one event loop.

    :param ping: of the engine; raises EngineError when it does not answer.
    :ivar silent: it does not.
    """

    def __init__(self, ping: Callable[[], None]) -> None:
        self.silent = False
        self._ping = ping
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "pulse")
        self._tells: list[Tell] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, tell: Tell) -> None:
        """Have ``tell`` called when the engine falls silent, and when it
        answers again."""
        self._tells.append(tell)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def remove(self, tell: Tell) -> None:
        self._tells.remove(tell)
        if not self._tells and self._task is not None:
            self._task.cancel()
            self._task = None
            self.silent = False

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.run_in_executor(self._thread, self._answers)
            await asyncio.wait({asked}, timeout=PATIENCE)
            if not asked.done():
                self._found(silent=True)
            self._found(silent=not await asked)
            await asyncio.sleep(INTERVAL)

    def _answers(self) -> bool:
        try:
            self._ping()
        except EngineError:
            return False
        return True

    def _found(self, *, silent: bool) -> None:
        if silent != self.silent:
            self.silent = silent
            for tell in self._tells:
                tell()
