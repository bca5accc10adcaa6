"""SFTP, version 3, and the older protocol of scp, with the container."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh
from asyncssh.logging import SSHLogger
from asyncssh.scp import run_scp_server
from asyncssh.sftp import run_sftp_server

from caas.agent.inside import outside
from caas.agent.inside.files import open_regular
from caas.agent.inside.outside import FIRST, NOBODY, Problem

VERSION = 3
#: Bytes of one read; a client that gets fewer than it asked for asks again.
_READ = 1 << 18
#: Bytes that come in are kept up to this many.
_BUFFER = 1 << 17

_FLAGS = {
    asyncssh.FXF_APPEND: os.O_APPEND,
    asyncssh.FXF_CREAT: os.O_CREAT,
    asyncssh.FXF_TRUNC: os.O_TRUNC,
    asyncssh.FXF_EXCL: os.O_EXCL,
}


def prepare(arguments: dict[str, Any]) -> Callable[[], None]:
    """:raises Problem: the command of scp is none."""
    # it would look for the lines of the source when it logs an exception
    logging.disable(logging.CRITICAL)
    channel = Channel(str(arguments["client"]))
    server = Files(channel)  # type: ignore[arg-type]
    serve: Awaitable[None]
    if "scp" in arguments:
        # what parses the command may look for translations: not in there
        serve = run_scp_server(  # type: ignore[assignment]
            server,
            arguments["scp"],
            channel,  # type: ignore[arg-type]
            channel,  # type: ignore[arg-type]
            channel,  # type: ignore[arg-type]
        )
        # it does not look at the name
        if serve is None or arguments["scp"].split()[0] != "scp":
            raise Problem(
                400,
                "That is no command of scp: -t or -f, then -d, -p, -r, -v, "
                "and one path.",
            )
    else:
        serve = run_sftp_server(
            server,
            channel,  # type: ignore[arg-type]
            channel,  # type: ignore[arg-type]
            VERSION,
        )

    def work() -> None:
        asyncio.run(_serve(channel, serve))

    return work


async def _serve(channel: "Channel", serve: Awaitable[None]) -> None:
    asyncio.get_running_loop().add_reader(FIRST, outside.end, NOBODY)
    await channel.open()
    outside.say("started", {})
    await serve
    channel.close()
    await channel.wait_closed()
    outside.say("exit", {"exit_code": 0})
    # the loop would be taken down with much ado
    outside.end(0)


class Channel(asyncio.Protocol):
    """stdin and stdout, as the handlers of asyncssh know a channel, its
    reader and its writer, of which they use no more than this.

    :param client: what the client says that it is.
    """

    def __init__(self, client: str) -> None:
        self._client = client
        self.logger = SSHLogger()
        self._transport: asyncio.WriteTransport | None = None
        self._reader: asyncio.StreamReader | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._closed = asyncio.Event()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._reader = reader = asyncio.StreamReader(_BUFFER)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        self._transport, _ = await loop.connect_write_pipe(
            lambda: self, sys.stdout
        )

    # of its transport

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            outside.end(NOBODY)
        self._may_write.set()
        self._closed.set()

    # as a reader

    def get_extra_info(self, name: str, default: str) -> str:
        return self._client if name == "client_version" else default

    async def readexactly(self, n: int) -> bytes:
        assert self._reader is not None
        # a client that reads no answers gets to send no more requests
        await self.drain()
        return await self._reader.readexactly(n)

    async def read(self, n: int) -> bytes:
        assert self._reader is not None
        await self.drain()
        return await self._reader.read(n)

    async def readline(self) -> bytes:
        assert self._reader is not None
        await self.drain()
        return await self._reader.readline()

    # as a writer

    @property
    def channel(self) -> "Channel":
        return self

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    async def drain(self) -> None:
        await self._may_write.wait()

    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def wait_closed(self) -> None:
        await self._closed.wait()

    def abort(self) -> None:
        self.close()

    def exit(self, status: int) -> None:
        self.close()


class Files(asyncssh.SFTPServer):
    """The files of the container, as they are."""

    def format_user(self, uid: int | None) -> str:
        """A number; a name would have code of the container looked for."""
        return "" if uid is None else str(uid)

    def format_group(self, gid: int | None) -> str:
        """As :meth:`format_user`."""
        return "" if gid is None else str(gid)

    def open(
        self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs
    ) -> object:
        """Open a regular file."""
        writes = pflags & (asyncssh.FXF_WRITE | asyncssh.FXF_APPEND)
        if not writes:
            flags, mode = os.O_RDONLY, "rb"
        elif pflags & asyncssh.FXF_READ:
            flags, mode = os.O_RDWR, "r+b"
        else:
            flags, mode = os.O_WRONLY, "wb"
        for asked, given in _FLAGS.items():
            if pflags & asked:
                flags |= given
        permissions = attrs.permissions
        try:
            fd = open_regular(
                path, flags, 0o666 if permissions is None else permissions
            )
        except Problem as e:
            raise asyncssh.SFTPFailure(e.message) from e
        return os.fdopen(fd, mode, buffering=0)

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        """Read some of what is asked for."""
        return os.pread(file_obj.fileno(), min(size, _READ), offset)
