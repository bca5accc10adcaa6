"""A command in a container, by the engine's own exec.

Not by ``nsenter``: that would give it the environment, the user and the
control group of who runs it, and leave out what keeps the container in.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from caas.drivers.runtime.base import EngineError
from caas.drivers.runtime.engine import Engine, clean
from caas.drivers.runtime.frames import Frames
from caas.host.errors import ABSENT, ENGINE, REFUSED, HostError
from caas.model.streams import Channel

#: The best there is in the container, with the shell every system has.
SHELL = (
    "/bin/sh",
    "-c",
    "if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh",
)

_CHUNK = 1 << 16
_NOT_STARTED = b"OCI runtime exec failed"
_WHAT = "The container cannot be entered"
#: Seconds for the engine to note the end of a command.
_END = 5.0


def run(
    url: str,
    engine_id: str,
    command: Sequence[str],
    *,
    user: str = "",
    timeout: float,
) -> int:
    """Run it with the streams of this process until it ends.

    :param command: none for a shell.
    :param user: "" for that of the container.
    :param timeout: seconds the engine has to answer and to start it.
    :returns: its exit code.
    :raises HostError: it cannot be run.
    """
    if not url.startswith("unix://"):
        raise HostError(
            f"The engine at {url} is not on this host ([docker] url).", ENGINE
        )
    terminal = os.isatty(0) and os.isatty(1)
    engine = Engine(url, timeout)
    try:
        with engine.call(_WHAT) as api:
            made = api.exec_create(
                engine_id,
                list(command or SHELL),
                stdin=True,
                tty=terminal,
                user=user,
                environment=(
                    {"TERM": os.environ.get("TERM", "xterm")}
                    if terminal
                    else None
                ),
            )["Id"]
            session = _Session(engine, made, terminal, timeout)
            with _start(url, api.api_version, made, terminal, timeout) as (
                connection,
                first,
            ):
                session.pump(connection, first)
            return session.end(command)
    except EngineError as error:
        raise HostError(error.message, ENGINE) from error


@contextlib.contextmanager
def _start(
    url: str, version: str, exec_id: str, terminal: bool, timeout: float
) -> Iterator[tuple[socket.socket, bytes]]:
    """Start it, on a connection that becomes its streams.

    Not by the SDK, which loses what comes with the head of the answer.

    :returns: the connection, and what it has brought already.
    """
    body = json.dumps({"Detach": False, "Tty": terminal}).encode()
    head = (
        f"POST /v{version}/exec/{exec_id}/start HTTP/1.1\r\n"
        "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(url.removeprefix("unix://"))
        connection.sendall(head.encode() + body)
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(_CHUNK)
            if not part:
                raise HostError(f"{_WHAT}: the engine hung up.", ENGINE)
            data += part
        answer, _, first = data.partition(b"\r\n\r\n")
        status = int(answer.split()[1])
        if status not in (101, 200):
            raise _refused(first, connection)
        yield connection, first


def _refused(data: bytes, connection: socket.socket) -> HostError:
    """An answer that is an error, as newer engines give it."""
    with contextlib.suppress(OSError):
        while part := connection.recv(_CHUNK):
            data += part
    try:
        said = str(
            json.loads(data[data.index(b"{") : data.rindex(b"}") + 1])[
                "message"
            ]
        )
    except (ValueError, KeyError):
        said = data.decode(errors="replace")
    return _cannot(said)


def _cannot(said: str) -> HostError:
    message = f"{_WHAT}: {clean(said).rstrip('.')}."
    absent = "no such file" in said or "not found" in said
    return HostError(message, ABSENT if absent else REFUSED)


class _Session:
    """One run of a command, from its start to its exit code."""

    def __init__(
        self, engine: Engine, exec_id: str, terminal: bool, timeout: float
    ) -> None:
        self._engine = engine
        self._id = exec_id
        self._terminal = terminal
        self._timeout = timeout
        self._frames = Frames()
        self._channel = Channel.STDOUT
        self._said = b""
        self._begun = False

    def pump(self, connection: socket.socket, first: bytes) -> None:
        """Carry bytes both ways until the command closes its output."""
        with _signals() as signals, _raw(self._terminal):
            self._resize()
            try:
                if first:
                    self._output(first)
                self._carry(connection, signals)
            except _Ended:
                self._hang_up()

    def end(self, command: Sequence[str]) -> int:
        """:raises HostError: it was never started."""
        found = self._inspect()
        deadline = time.monotonic() + _END
        while found["Running"] and time.monotonic() < deadline:
            time.sleep(0.02)
            found = self._inspect()
        if self._said and not found["Pid"]:
            failure = _cannot(self._said.decode(errors="replace").strip())
            if not command and failure.code == ABSENT:
                raise HostError(
                    "There is no shell in the image of this container; name "
                    "a command that is: caas-host enter NAME -- COMMAND.",
                    ABSENT,
                )
            raise failure
        if self._said:
            # it was the command that wrote it
            _write(self._channel, self._said)
        code = found["ExitCode"]
        return 128 + signal.SIGHUP if code is None else int(code)

    def _carry(self, connection: socket.socket, signals: int) -> None:
        connection.setblocking(False)
        typed = _Typed(connection)
        deadline = time.monotonic() + self._timeout
        while True:
            reads = [connection.fileno(), signals, *typed.reads()]
            patience = (
                None if self._begun else max(0.0, deadline - time.monotonic())
            )
            ready, able, _ = select.select(reads, typed.writes(), [], patience)
            if not self._begun and time.monotonic() >= deadline:
                self._must_run()
            if signals in ready:
                self._signalled(os.read(signals, 64))
            typed.move(0 in ready, bool(able))
            if connection.fileno() in ready:
                data = _received(connection)
                if data == b"":
                    return
                self._output(data or b"")

    def _must_run(self) -> None:
        """It may be silent, but has to have been started by now."""
        if not self._inspect()["Pid"]:
            raise HostError(
                f"{_WHAT}: the engine did not start the command within "
                f"{self._timeout:g} s; its containerd may hang.",
                ENGINE,
            )
        self._begun = True

    def _output(self, data: bytes) -> None:
        if self._terminal:
            self._put(Channel.STDOUT, data)
            return
        for channel, part in self._frames.feed(data):
            self._put(channel, part)

    def _put(self, channel: Channel, data: bytes) -> None:
        if self._said or (not self._begun and data.startswith(_NOT_STARTED)):
            self._said += data
            self._channel = channel
        else:
            _write(channel, data)
        self._begun = True

    def _signalled(self, numbers: bytes) -> None:
        if set(numbers) - {signal.SIGWINCH}:
            raise _Ended
        self._resize()

    def _resize(self) -> None:
        if not self._terminal:
            return
        size = os.get_terminal_size(1)
        # before it has started there is nothing to resize yet
        with contextlib.suppress(EngineError), self._engine.call("") as api:
            api.exec_resize(self._id, height=size.lines, width=size.columns)

    def _hang_up(self) -> None:
        """End what was started; the engine would let it go on."""
        pid = self._inspect()["Pid"]
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)

    def _inspect(self) -> Mapping[str, Any]:
        with self._engine.call(_WHAT) as api:
            return dict(api.exec_inspect(self._id))


class _Typed:
    """What goes to the command: no more is read than it takes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting = b""
        self._asking = True

    def reads(self) -> list[int]:
        return [0] if self._asking and not self._waiting else []

    def writes(self) -> list[int]:
        return [self._connection.fileno()] if self._waiting else []

    def move(self, readable: bool, writable: bool) -> None:
        if readable:
            self._waiting = os.read(0, _CHUNK)
            if not self._waiting:
                self._asking = False
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_WR)
        elif writable:
            try:
                sent = self._connection.send(self._waiting)
                self._waiting = self._waiting[sent:]
            except BlockingIOError:
                pass
            except OSError:
                # it takes nothing any more
                self._waiting, self._asking = b"", False


def _received(connection: socket.socket) -> bytes | None:
    """None if there is nothing yet, b"" at the end."""
    try:
        return connection.recv(_CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class _Ended(Exception):
    """This process was told to end."""


def _write(channel: Channel, data: bytes) -> None:
    file = sys.stderr if channel == Channel.STDERR else sys.stdout
    file.buffer.write(data)
    file.buffer.flush()


@contextlib.contextmanager
def _raw(terminal: bool) -> Iterator[None]:
    """Leave what is typed to the terminal of the container."""
    if not terminal:
        yield
        return
    before = termios.tcgetattr(0)
    # what was typed already is not thrown away
    tty.setraw(0, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """A descriptor to read the numbers of signals from, as they come."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer)
    numbers = (
        signal.SIGWINCH,
        signal.SIGHUP,
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGQUIT,
    )
    before = {n: signal.signal(n, lambda *_: None) for n in numbers}
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(reader)
        os.close(writer)
