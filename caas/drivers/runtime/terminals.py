"""Docker's side of terminals: commands run in containers, and attaching."""

import asyncio
import base64
import contextlib
import itertools
import json
import secrets
import signal
from collections import deque
from collections.abc import Iterator
from typing import Any

from caas.drivers.runtime.base import (
    Absent,
    Command,
    Conflict,
    EngineError,
    Runtime,
    Terminal,
)
from caas.drivers.runtime.execution import not_started
from caas.drivers.runtime.frames import Frames
from caas.drivers.runtime.sessions import Leader
from caas.drivers.runtime.streaming import Answer, Streaming
from caas.model.streams import Channel

_EXEC = "The command cannot be run"
_ATTACH = "The container cannot be attached to"
#: The API from which an exec can be told its size before it runs.
_CONSOLE_SIZE = (1, 42)
#: Seconds between looks at whether a command runs by now; they get longer.
_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08)
#: Seconds a command may take to be started by the engine.
START = 30.0
#: Seconds to wait for it once the engine has said something, or nobody is
#: there to listen.
_REFUSAL = 5.0
#: Seconds between looks at a command that nothing comes of any more.
_GOES_ON = 1.0
#: Characters of what the engine says when a command cannot be run.
_LONGEST_REASON = 4096


class Mark:
    """The keys to detach of what one agent, in one run, has begun.

    The engine looks for some in what terminals read and cannot be told not to:
    these are not typed by accident.  It also tells them of each command, so
    that the next run finds what this one left.
    """

    _FIRST = 8

    def __init__(self) -> None:
        self._own = secrets.token_hex(8)

    @property
    def keys(self) -> str:
        """As the engine is told."""
        return ",".join([*["ctrl-^"] * self._FIRST, *self._own])

    def is_of_another(self, keys: str | None) -> bool:
        """:param keys: as the engine tells, in base64."""
        found = base64.b64decode(keys or "")
        first = b"\x1e" * self._FIRST
        return found.startswith(first) and not found.endswith(
            self._own.encode()
        )


def _pauses() -> Iterator[float]:
    return itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1]))


class _Socket(Terminal):
    """What both have in common."""

    def __init__(self, answer: Answer, *, tty: bool, stdin: bool) -> None:
        self.tty = tty
        self.stdin = stdin
        self._answer = answer
        self._frames = None if tty else Frames()
        self._pieces: deque[tuple[Channel, bytes]] = deque()
        self._closed = not stdin

    async def read(self) -> tuple[Channel, bytes] | None:
        while not self._pieces:
            data = await self._answer.read()
            if not data:
                return None
            if self._frames is None:
                return Channel.STDOUT, data
            self._pieces.extend(self._frames.feed(data))
        return self._pieces.popleft()

    async def write(self, data: bytes) -> None:
        if self._closed:
            return
        try:
            await self._answer.write(data)
        except OSError:
            # that it has ended is seen where it is read from
            self._closed = True

    async def write_eof(self) -> None:
        if not self._closed:
            self._closed = True
            self._answer.write_eof()


class Exec(_Socket):
    """A command; made by :func:`run`."""

    def __init__(
        self,
        streaming: Streaming,
        runtime_id: str,
        exec_id: str,
        answer: Answer,
        command: Command,
    ) -> None:
        super().__init__(answer, tty=command.tty, stdin=command.stdin)
        self._streaming = streaming
        self._runtime_id = runtime_id
        self._path = f"/exec/{exec_id}"
        self._leader: Leader | None = None
        self._pid = 0
        self._failed = False
        self._first: asyncio.Task[tuple[Channel, bytes] | None] | None = None

    async def begin(self) -> None:
        """Wait until the command runs.

        :raises EngineError: it does not, and why.
        """
        # what it writes or its end may come before the next look
        self._first = asyncio.create_task(super().read())
        if not await self._appeared():
            # the engine says why where its output would come
            said = b""
            while len(said) < _LONGEST_REASON and (piece := await self.read()):
                said += piece[1]
            raise not_started(said.decode(errors="replace").strip())

    async def read(self) -> tuple[Channel, bytes] | None:
        if self._first is not None:
            # of who is cancelled here, nothing is lost
            first = await asyncio.shield(self._first)
            self._first = None
            return first
        return await super().read()

    async def resize(self, width: int, height: int) -> None:
        if self.tty:
            await resize(self._streaming, self._path, width, height)

    async def signal(self, name: str) -> None:
        if self._leader is not None:
            self._leader.signal(signal.Signals[f"SIG{name}"])

    async def exit_code(self) -> int:
        pauses = _pauses()
        while (found := await self._look())["Running"]:
            # it has closed what it wrote to and goes on, or that it has ended
            # is not noted yet
            pause = next(pauses)
            if self._leader is not None and self._leader.alive:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_GOES_ON):
                        await self._leader.ended()
            else:
                await asyncio.sleep(pause)
        return int(found["ExitCode"])

    async def end(self) -> None:
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        self._answer.close()
        try:
            # it may be about to run
            with contextlib.suppress(EngineError):
                await self._appeared()
            if self._leader is not None:
                await self._leader.end()
        finally:
            if self._leader is not None:
                self._leader.close()

    async def _appeared(self) -> bool:
        """Whether it has run; it may have ended since.

        :raises EngineError: that cannot be told.
        """
        loop = asyncio.get_running_loop()
        begun, pauses = loop.time(), _pauses()
        while not self._pid and not self._failed:
            found = await self._look()
            over = found["ExitCode"] is not None and not found["Running"]
            if not self._pid and loop.time() > begun + START:
                self._failed = True
                raise EngineError(
                    f"{_EXEC}: the Docker Engine did not start it within "
                    f"{START:g} s."
                )
            # refused before it was tried: nothing is noted of that
            mute = self._first is None or self._first.done()
            late = loop.time() > begun + _REFUSAL
            self._failed = not self._pid and (over or (mute and late))
            if not self._pid and not self._failed:
                await asyncio.sleep(next(pauses))
        return not self._failed

    async def _look(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._streaming.json(
            _EXEC, "GET", f"{self._path}/json"
        )
        if not self._pid and found["Pid"]:
            self._pid = found["Pid"]
            if found["Running"]:
                with contextlib.suppress(ProcessLookupError):
                    self._leader = Leader(self._pid, self._runtime_id)
        return found


class Attached(_Socket):
    """The first process of a container; made by :func:`attach`."""

    def __init__(
        self,
        streaming: Streaming,
        runtime: Runtime,
        runtime_id: str,
        answer: Answer,
        end: Answer,
        *,
        tty: bool,
        stdin: bool,
    ) -> None:
        super().__init__(answer, tty=tty, stdin=stdin)
        self._streaming = streaming
        self._runtime = runtime
        self._runtime_id = runtime_id
        self._end = end

    async def resize(self, width: int, height: int) -> None:
        if self.tty:
            path = f"/containers/{self._runtime_id}"
            await resize(self._streaming, path, width, height)

    async def signal(self, name: str) -> None:
        await asyncio.to_thread(self._runtime.signal, self._runtime_id, name)

    async def exit_code(self) -> int:
        said = await self._end.all(_LONGEST_REASON)
        try:
            return int(json.loads(said)["StatusCode"])
        except (ValueError, KeyError) as e:
            raise EngineError(
                f"{_ATTACH}: the Docker Engine does not say how it ended."
            ) from e

    async def end(self) -> None:
        self._answer.close()
        self._end.close()


async def run(
    streaming: Streaming, mark: Mark, runtime_id: str, command: Command
) -> Terminal:
    """See :meth:`caas.drivers.runtime.base.Runtime.exec`."""
    body: dict[str, Any] = {
        "AttachStdin": command.stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": command.tty,
        "Cmd": list(command.words),
        "DetachKeys": mark.keys,
    }
    if command.env:
        body["Env"] = [f"{k}={v}" for k, v in command.env.items()]
    if command.user:
        body["User"] = command.user
    if command.working_dir:
        body["WorkingDir"] = command.working_dir
    size = {}
    sized = command.tty and command.width and command.height
    if sized and await streaming.version() >= _CONSOLE_SIZE:
        size = {"ConsoleSize": [command.height, command.width]}
    made = await streaming.json(
        _EXEC, "POST", f"/containers/{runtime_id}/exec", body=body | size
    )
    answer = await streaming.ask(
        _EXEC,
        "POST",
        f"/exec/{made['Id']}/start",
        body={"Detach": False, "Tty": command.tty} | size,
        upgrade=True,
    )
    terminal = Exec(streaming, runtime_id, made["Id"], answer, command)
    try:
        if sized and not size:
            # the engine waits with it until the command has been started
            await terminal.resize(command.width, command.height)
        await terminal.begin()
    except BaseException:
        await terminal.end()
        raise
    return terminal


async def end_left(streaming: Streaming, mark: Mark, runtime_id: str) -> None:
    """End what runs in a container for a client of an earlier agent."""
    with contextlib.suppress(Absent):
        found = await streaming.json(
            _EXEC, "GET", f"/containers/{runtime_id}/json"
        )
        for exec_id in found["ExecIDs"] or ():
            run = await streaming.json(_EXEC, "GET", f"/exec/{exec_id}/json")
            if not run["Running"] or not mark.is_of_another(
                run.get("DetachKeys")
            ):
                continue
            with contextlib.suppress(ProcessLookupError):
                leader = Leader(run["Pid"], runtime_id)
                try:
                    await leader.end()
                finally:
                    leader.close()


async def attach(
    streaming: Streaming,
    mark: Mark,
    runtime: Runtime,
    runtime_id: str,
    *,
    stdin: bool,
    width: int,
    height: int,
) -> Terminal:
    """See :meth:`caas.drivers.runtime.base.Runtime.attach`."""
    path = f"/containers/{runtime_id}"
    found = await streaming.json(_ATTACH, "GET", f"{path}/json")
    state, config = found["State"], found["Config"]
    if not state["Running"]:
        raise Conflict(f"{_ATTACH}: it does not run.")
    stdin = stdin and config["OpenStdin"]
    # before it can have ended and been started again
    end = await streaming.ask(
        _ATTACH, "POST", f"{path}/wait", {"condition": "not-running"}
    )
    try:
        answer = await streaming.ask(
            _ATTACH,
            "POST",
            f"{path}/attach",
            {
                "stream": 1,
                "stdin": int(stdin),
                "stdout": 1,
                "stderr": 1,
                "detachKeys": mark.keys,
            },
            upgrade=True,
        )
    except BaseException:
        end.close()
        raise
    terminal = Attached(
        streaming,
        runtime,
        runtime_id,
        answer,
        end,
        tty=config["Tty"],
        stdin=stdin,
    )
    if width and height:
        with contextlib.suppress(EngineError):
            await terminal.resize(width, height)
    return terminal


async def resize(
    streaming: Streaming, path: str, width: int, height: int
) -> None:
    # one that has ended meanwhile has no size
    with contextlib.suppress(EngineError):
        await streaming.json(
            "The terminal cannot be resized",
            "POST",
            f"{path}/resize",
            {"w": width, "h": height},
        )
