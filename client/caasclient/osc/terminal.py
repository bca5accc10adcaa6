"""The user's terminal, joined to a stream."""

import contextlib
import os
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from typing import Any

from caasclient.sdk.streams import (
    STDERR,
    Data,
    Notice,
    Source,
    Stream,
)

#: What ends an attachment and leaves the container alone, as with Docker.
DETACH = b"\x10\x11"
_PIECE = 1 << 15


def size() -> tuple[int, int]:
    """Columns and rows of the user's terminal."""
    found = shutil.get_terminal_size()
    return found.columns, found.lines


def is_terminal() -> bool:
    """Whether somebody types."""
    return sys.stdin.isatty()


def visible(value: Any) -> Any:
    """What a container says, so that it cannot steer the terminal."""
    if value is None:
        return ""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode()
        for c in value
    )


def show(stream: Stream, *, prefix: bool = False) -> int:
    """Write out what comes, to the end.

    :param prefix: begin each line with the name of its container.
    :returns: exit code of the command, 0 where there is none.
    :raises StreamError: it ends before it is done.
    """
    writer = _Writer(prefix)
    for each in stream:
        match each:
            case Data(channel, data):
                writer.write(channel, data)
            case Source(container):
                writer.source = container
            case Notice(text):
                print(text, file=sys.stderr)  # noqa: T201
    return stream.exit_code or 0


class _Writer:
    def __init__(self, prefix: bool) -> None:
        self.source = ""
        self._prefix = prefix
        self._fresh = {1: True, 2: True}

    def write(self, channel: int, data: bytes) -> None:
        out = sys.stderr if channel == STDERR else sys.stdout
        if self._prefix:
            data = self._prefixed(channel, data)
        out.buffer.write(data)
        out.buffer.flush()

    def _prefixed(self, channel: int, data: bytes) -> bytes:
        mark = f"{self.source} | ".encode()
        lines = data.splitlines(keepends=True)
        fresh = self._fresh[channel]
        self._fresh[channel] = data.endswith(b"\n")
        return b"".join(
            line if i == 0 and not fresh else mark + line
            for i, line in enumerate(lines)
        )


def join(
    stream: Stream, *, raw: bool, typed: bool, detach: bool = False
) -> int:
    """Show what comes and send what is typed, until it is over.

    :param raw: pass every key on, for it has a terminal of its own.
    :param typed: whether anything is sent.
    :param detach: :data:`DETACH` ends it.
    :returns: exit code of the command, 0 where there is none.
    """
    with _raw() if raw else contextlib.nullcontext(), _signals(stream, raw):
        if typed:
            feed(stream, detach=detach and raw)
        return show(stream)


def feed(stream: Stream, *, detach: bool = False) -> None:
    """Send what is typed, on a thread, for as long as this process runs.

    :param detach: :data:`DETACH` ends the stream.
    """
    threading.Thread(target=_send, args=(stream, detach), daemon=True).start()


def _send(stream: Stream, detach: bool) -> None:
    """What is typed, until nothing more is."""
    held = b""
    while data := os.read(sys.stdin.fileno(), _PIECE):
        if detach:
            data = held + data
            if DETACH in data:
                stream.leave()
                return
            held = data[-1:] if data.endswith(DETACH[:1]) else b""
            data = data[: len(data) - len(held)]
        stream.send(data)
    stream.end_input()


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Every key as it is, and no echo, while it lasts."""
    if not is_terminal():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _signals(stream: Stream, raw: bool) -> Iterator[None]:
    """Pass on that the terminal has another size or, where keys are not
    passed on, that the user interrupts."""

    def resized(*_: object) -> None:
        threading.Thread(target=stream.resize, args=size()).start()

    def interrupted(number: int, _: object) -> None:
        name = signal.Signals(number).name
        threading.Thread(target=stream.signal, args=(name,)).start()

    kept = {}
    try:
        if raw and is_terminal():
            kept[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, resized)
        if not raw:
            for number in (signal.SIGINT, signal.SIGTERM):
                kept[number] = signal.signal(number, interrupted)
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
