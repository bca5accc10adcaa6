"""``exec`` and ``attach``: at the other end of a process in a container."""

import signal
from collections.abc import Awaitable
from typing import Any

from caas.agent.streams import pumps, target
from caas.agent.streams.arguments import Arguments
from caas.agent.streams.link import Link, Sets
from caas.drivers.runtime.base import Command, Runtime, Terminal
from caas.model import streams

#: Of a terminal, in characters or lines; the kernel keeps 16 bits.
LARGEST_SIZE = 10_000


class Terminals:
    def __init__(self, sets: Sets, runtime: Runtime) -> None:
        self._sets = sets
        self._runtime = runtime

    async def exec(self, link: Link) -> None:
        given = Arguments(link.ask)
        there = target.running(self._sets, link.ask)
        command = Command(
            words=given.words("command"),
            tty=given.flag("tty"),
            stdin=given.flag("stdin"),
            user=given.text("user"),
            working_dir=given.text("working_dir"),
            env=given.texts("env"),
            width=given.number("width", 1, LARGEST_SIZE, 0),
            height=given.number("height", 1, LARGEST_SIZE, 0),
        )
        await _serve(link, self._runtime.exec(there.id, command))

    async def attach(self, link: Link) -> None:
        given = Arguments(link.ask)
        there = target.running(self._sets, link.ask, paused=True)
        stdin = given.flag("stdin")
        await _serve(
            link,
            self._runtime.attach(
                there.id,
                stdin=stdin,
                width=given.number("width", 1, LARGEST_SIZE, 0),
                height=given.number("height", 1, LARGEST_SIZE, 0),
            ),
            notice=(
                f"Container {there.name} was made without stdin: it does not "
                "see what you type."
                if stdin
                else ""
            ),
        )


async def _serve(
    link: Link, opening: Awaitable[Terminal], notice: str = ""
) -> None:
    """:param notice: for one that cannot be written to."""
    terminal = await opening
    try:
        await link.tell(
            streams.STARTED, {"tty": terminal.tty, "stdin": terminal.stdin}
        )
        if notice and not terminal.stdin:
            await link.tell(streams.NOTICE, notice)
        code = await pumps.until_gone(
            link, _output(link, terminal), _input(link, terminal)
        )
        if code is not None:
            await link.tell(streams.EXIT, {"exit_code": code})
    finally:
        await terminal.end()


async def _output(link: Link, terminal: Terminal) -> int:
    while (piece := await terminal.read()) is not None:
        await link.send(*piece)
    return await terminal.exit_code()


async def _input(link: Link, terminal: Terminal) -> None:
    async for message in link.messages():
        if isinstance(message, bytes):
            await terminal.write(message)
            continue
        name, value = message
        if name == streams.EOF:
            await terminal.write_eof()
        elif name == streams.RESIZE and _is_size(value):
            await terminal.resize(value["width"], value["height"])
        elif name == streams.SIGNAL:
            if f"SIG{value}" in signal.Signals.__members__:
                await terminal.signal(value)
            else:
                await link.tell(
                    streams.NOTICE, f"There is no signal {value!r:.40}."
                )


def _is_size(value: Any) -> bool:
    return isinstance(value, dict) and all(
        type(value.get(key)) is int and 0 < value[key] <= LARGEST_SIZE
        for key in ("width", "height")
    )
