"""``download`` and ``upload``: files as tar archives, out of and into."""

import contextlib
import dataclasses
import tarfile
from collections.abc import Iterator
from typing import Any

from caas.agent.streams import pumps, target
from caas.agent.streams.arguments import Arguments
from caas.agent.streams.link import Link, Refused, Sets
from caas.drivers.runtime.base import Download, Runtime, Upload
from caas.model import streams
from caas.model.streams import Channel

_MIB = 1 << 20
_DONE = {"exit_code": 0}


@dataclasses.dataclass(frozen=True)
class Limits:
    """See :mod:`caas.conf.streams`.

    :ivar max_mb: of one archive, in MiB.
    :ivar max_copies: at once.
    """

    max_mb: int = 10240
    max_copies: int = 8


class Archives:
    def __init__(self, sets: Sets, runtime: Runtime, limits: Limits) -> None:
        self._sets = sets
        self._runtime = runtime
        self._limits = limits
        self._count = 0

    async def download(self, link: Link) -> None:
        path = Arguments(link.ask).path("path")
        there = target.running(self._sets, link.ask, paused=True)
        with self._one_more():
            archive = await self._runtime.download(there.id, path)
            try:
                stat = dataclasses.asdict(archive.stat)
                await link.tell(streams.STARTED, stat)
                done = await pumps.until_gone(
                    link, self._out(link, archive), link.gone()
                )
                if done:
                    await link.tell(streams.EXIT, _DONE)
            finally:
                await archive.close()

    async def upload(self, link: Link) -> None:
        path = Arguments(link.ask).path("path")
        there = target.running(self._sets, link.ask, paused=True)
        with self._one_more():
            archive = await self._runtime.upload(there.id, path)
            try:
                await link.tell(streams.STARTED, {})
                if await pumps.until_gone(
                    link, self._into(link, archive), _never()
                ):
                    await link.tell(streams.EXIT, _DONE)
            finally:
                await archive.close()

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        if self._count >= self._limits.max_copies:
            raise Refused(
                503,
                f"This host copies for {self._count} others already; try "
                "again when one of them is done.",
            )
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    async def _out(self, link: Link, archive: Download) -> bool:
        size = 0
        while data := await archive.read():
            size = self._more(size, data)
            await link.send(Channel.STDOUT, data)
        return True

    async def _into(self, link: Link, archive: Upload) -> bool:
        """Whether all of it has come."""
        size, first = 0, b""
        async for message in link.messages():
            if isinstance(message, tuple):
                if message[0] != streams.EOF:
                    continue
                if len(first) < tarfile.BLOCKSIZE:
                    raise _no_archive()
                await archive.finish()
                return True
            size = self._more(size, message)
            if len(first) < tarfile.BLOCKSIZE:
                first += message
                if len(first) < tarfile.BLOCKSIZE:
                    continue
                _check(first[: tarfile.BLOCKSIZE])
                message = first
            await archive.write(message)
        return False

    def _more(self, size: int, data: bytes) -> int:
        size += len(data)
        if size > self._limits.max_mb * _MIB:
            raise Refused(
                413,
                "The archive is larger than the "
                f"{self._limits.max_mb} MiB that can be copied at once; "
                "copy less of it.",
            )
        return size


def _check(block: bytes) -> None:
    """The engine would unpack compressed ones too, to whatever size."""
    if not any(block):
        # an empty archive
        return
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as e:
        raise _no_archive() from e


def _no_archive() -> Refused:
    return Refused(400, "What was sent is no (uncompressed) tar archive.")


async def _never() -> Any:
    """Input that the other direction takes in."""
