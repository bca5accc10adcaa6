"""What stands in for a host's engine: processes of this machine.

The server is the agent's own; only what is behind its verbs is not.
"""

import asyncio
import fcntl
import os
import struct
import subprocess
import termios

from caas.agent.streams.link import Link, Refused
from caas.model.streams import Channel


async def exec_(link: Link) -> None:
    """The command runs beside the test."""
    arguments = link.ask.arguments
    if arguments.get("tty"):
        await _terminal(link)
        return
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *arguments["command"],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={"PATH": os.environ["PATH"], **arguments["env"]},
    )
    await link.tell("started", {})
    reading = asyncio.ensure_future(_input(link, process))
    gone = asyncio.ensure_future(_kill_after(reading, process))
    try:
        await asyncio.gather(
            _output(link, Channel.STDOUT, process.stdout),
            _output(link, Channel.STDERR, process.stderr),
        )
        code = await process.wait()
        await link.tell(
            "exit", {"exit_code": code if code >= 0 else 128 - code}
        )
    finally:
        reading.cancel()
        gone.cancel()


async def _kill_after(reading, process):
    if await reading:
        process.kill()


async def _input(link, process):
    """:returns: whether the client is gone."""
    async for message in link.messages():
        if isinstance(message, bytes):
            process.stdin.write(message)
            await process.stdin.drain()
        elif message[0] == "eof":
            process.stdin.close()
        elif message[0] == "signal":
            process.send_signal(
                getattr(__import__("signal"), f"SIG{message[1]}")
            )
    return True


async def _output(link, channel, stream):
    while data := await stream.read(1 << 15):
        await link.send(channel, data)


async def _terminal(link: Link) -> None:
    arguments = link.ask.arguments
    ours, theirs = os.openpty()
    _resize(ours, arguments)
    process = subprocess.Popen(
        arguments["command"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={"PATH": os.environ["PATH"], **arguments["env"]},
    )
    os.close(theirs)
    await link.tell("started", {})

    async def read():
        async for message in link.messages():
            if isinstance(message, bytes):
                os.write(ours, message)
            elif message[0] == "resize":
                _resize(ours, message[1])

    reading = asyncio.ensure_future(read())
    try:
        while data := await asyncio.to_thread(_read, ours):
            await link.send(Channel.STDOUT, data)
        code = await asyncio.to_thread(process.wait)
        await link.tell("exit", {"exit_code": code})
    finally:
        reading.cancel()
        process.kill()
        process.wait()
        os.close(ours)


def _read(number):
    try:
        return os.read(number, 1 << 15)
    except OSError:
        return b""


def _resize(number, size):
    packed = struct.pack("HHHH", size["height"], size["width"], 0, 0)
    fcntl.ioctl(number, termios.TIOCSWINSZ, packed)


async def sftp(link: Link) -> None:
    """Whatever comes goes back, as it is."""
    await link.tell("started", {})
    async for message in link.messages():
        if isinstance(message, bytes):
            await link.send(Channel.STDOUT, message)
        elif message[0] == "eof":
            break
    await link.tell("exit", {"exit_code": 0})


async def forward(link: Link) -> None:
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", link.ask.arguments["port"]
        )
    except OSError:
        raise Refused(409, "Nothing listens at this port.") from None
    await link.tell("started", {})

    async def read():
        async for message in link.messages():
            if isinstance(message, bytes):
                writer.write(message)
                await writer.drain()
            elif message[0] == "eof":
                writer.write_eof()

    reading = asyncio.ensure_future(read())
    try:
        await _output(link, Channel.STDOUT, reader)
        await link.tell("exit", {})
    finally:
        reading.cancel()
        writer.close()


VERBS = {"exec": exec_, "sftp": sftp, "forward": forward}
