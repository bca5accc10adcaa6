"""Terminals of containers in memory; see :mod:`caas.drivers.runtime.fake`."""

import asyncio
import re
import signal
from collections.abc import Mapping
from typing import Protocol

from caas.drivers.runtime.base import (
    Command,
    EngineError,
    Executed,
    Terminal,
)
from caas.model.streams import Channel

_EXIT = re.compile(r"exit (\d+)\s*$")
#: Pieces that are kept for who does not read.
_KEPT = 16
#: Seconds between looks at whether a container has ended.
_PAUSE = 0.01


class _Fake(Terminal):
    def __init__(self, *, tty: bool, stdin: bool) -> None:
        self.tty = tty
        self.stdin = stdin
        self._output: asyncio.Queue[bytes] = asyncio.Queue(_KEPT)
        self._code: int | None = None
        self._over = asyncio.Event()

    async def read(self) -> tuple[Channel, bytes] | None:
        if self._over.is_set() and self._output.empty():
            return None
        reading = asyncio.create_task(self._output.get())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait(
                {reading, over}, return_when=asyncio.FIRST_COMPLETED
            )
            return (
                (Channel.STDOUT, reading.result()) if reading.done() else None
            )
        finally:
            reading.cancel()
            over.cancel()

    async def write(self, data: bytes) -> None:
        if self.stdin and not self._over.is_set():
            await self._output.put(data)

    async def write_eof(self) -> None:
        self.finish(0)

    async def resize(self, width: int, height: int) -> None:
        pass

    async def signal(self, name: str) -> None:
        self.finish(128 + signal.Signals[f"SIG{name}"])

    async def exit_code(self) -> int:
        await self._over.wait()
        return self._code or 0

    async def end(self) -> None:
        self.finish(129)

    def finish(self, code: int, said: bytes = b"") -> None:
        """It has ended, and what it said before."""
        if not self._over.is_set():
            if said:
                self._output.put_nowait(said)
            self._code = code
            self._over.set()


class Container(Protocol):
    """Of whose containers it is told when they end."""

    def signal(self, runtime_id: str, name: str) -> None: ...
    def ended(self, runtime_id: str) -> int | None: ...


class _Attached(_Fake):
    def __init__(
        self, runtime: Container, runtime_id: str, *, tty: bool, stdin: bool
    ) -> None:
        super().__init__(tty=tty, stdin=stdin)
        self._runtime = runtime
        self._id = runtime_id
        self._watch = asyncio.create_task(self._until_ended())

    async def _until_ended(self) -> None:
        while (code := self._runtime.ended(self._id)) is None:
            await asyncio.sleep(_PAUSE)
        self.finish(code)

    async def write_eof(self) -> None:
        pass

    async def signal(self, name: str) -> None:
        self._runtime.signal(self._id, name)

    async def end(self) -> None:
        self._watch.cancel()


def run(
    command: Command, answers: Mapping[tuple[str, ...], Executed]
) -> Terminal:
    """A command that ends at once, with what ``answers`` say of it; ``cat``
    and ``sleep`` run until they are told to end."""
    words = command.words
    if words[0].startswith("no-such"):
        raise EngineError(
            f"The command cannot be run: {words[0]}: executable file not "
            "found in $PATH.",
            permanent=True,
        )
    terminal = _Fake(tty=command.tty, stdin=command.stdin)
    if words in answers:
        answer = answers[words]
        terminal.finish(answer.exit_code or 0, answer.output.encode())
    elif words[0] not in ("cat", "sleep"):
        done = _EXIT.search(" ".join(words))
        terminal.finish(int(done[1]) if done else int(words[0] == "false"))
    return terminal


def attach(
    runtime: Container, runtime_id: str, *, tty: bool, stdin: bool
) -> Terminal:
    """To a container that says what it is told."""
    return _Attached(runtime, runtime_id, tty=tty, stdin=stdin)
