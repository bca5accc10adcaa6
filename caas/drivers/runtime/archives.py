"""Tar archives out of and into containers of Docker."""

import asyncio
import base64
import contextlib
import json
import re

from caas.drivers.runtime.base import (
    Absent,
    Download,
    EngineError,
    PathStat,
    Upload,
)
from caas.drivers.runtime.streaming import Answer, Streaming

_OUT = "The files cannot be copied"
_IN = "The files cannot be put into the container"
_STAT = "X-Docker-Container-Path-Stat"
#: A tar archive ends with two blocks of zeros (POSIX, pax, "ustar").
_END = bytes(1024)
# Kinds of files as Go counts them (io/fs, FileMode).
_KINDS = {1 << 31: "folder", 1 << 27: "link"}
_SPECIAL = 0x8F280000
#: Faults of the archive, which the engine answers as if they were its own.
_BAD_ARCHIVE = re.compile(
    r"unexpected EOF|archive/tar|not a directory|is a directory"
    r"|breakout|invalid symlink|invalid hardlink|marked read-only"
)


class _Download(Download):
    def __init__(self, answer: Answer, stat: PathStat) -> None:
        self.stat = stat
        self._answer = answer
        self._tail = b""

    async def read(self) -> bytes:
        data = await self._answer.read()
        if data:
            self._tail = (self._tail + data[-len(_END) :])[-len(_END) :]
        elif self._tail != _END:
            # the engine gives up in the middle without another word
            raise EngineError(
                f"{_OUT}: the Docker Engine did not send all of them."
            )
        return data

    def close(self) -> None:
        self._answer.close()


class _Upload(Upload):
    def __init__(self, streaming: Streaming, answer: Answer) -> None:
        self._streaming = streaming
        self._answer = answer
        # a refusal may come at any time
        self._head = asyncio.create_task(answer.head())

    async def write(self, data: bytes) -> None:
        if not data:
            return
        await self._send(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        await self._send(b"0\r\n\r\n")
        async with self._streaming.timely(_IN):
            await self._ended()

    def close(self) -> None:
        self._answer.close()
        self._head.cancel()
        # nobody asks for its outcome any more
        self._head.add_done_callback(
            lambda head: head.cancelled() or head.exception()
        )

    async def _send(self, data: bytes) -> None:
        write = asyncio.create_task(self._answer.write(data))
        try:
            await asyncio.wait(
                {write, self._head}, return_when=asyncio.FIRST_COMPLETED
            )
            if write.done() and not write.exception():
                return
            # it was refused, or the connection broke: which, the head says
            async with self._streaming.timely(_IN):
                await self._ended()
            raise EngineError(f"{_IN}: the Docker Engine ended it too early.")
        finally:
            write.cancel()
            await asyncio.gather(write, return_exceptions=True)

    async def _ended(self) -> None:
        try:
            await asyncio.shield(self._head)
        except EngineError as e:
            if _BAD_ARCHIVE.search(e.message):
                raise EngineError(e.message, permanent=True) from e
            raise


async def download(
    streaming: Streaming, runtime_id: str, path: str
) -> Download:
    """See :meth:`caas.drivers.runtime.base.Runtime.download`."""
    answer = await streaming.ask(
        _OUT, "GET", f"/containers/{runtime_id}/archive", {"path": path}
    )
    try:
        return _Download(answer, _stat(answer))
    except BaseException:
        answer.close()
        raise


async def upload(streaming: Streaming, runtime_id: str, path: str) -> Upload:
    """See :meth:`caas.drivers.runtime.base.Runtime.upload`."""
    query = {"path": path}
    url = f"/containers/{runtime_id}/archive"
    with contextlib.closing(await _folder(streaming, url, path)):
        pass
    answer = await streaming.send(
        _IN,
        "PUT",
        url,
        query,
        {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"},
    )
    return _Upload(streaming, answer)


async def _folder(streaming: Streaming, url: str, path: str) -> Answer:
    """Make sure that there is one, or a link, which the engine follows."""
    try:
        answer = await streaming.ask(_IN, "HEAD", url, {"path": path})
    except Absent as e:
        raise Absent(f"{_IN}: there is no folder {path}.") from e
    kind = _stat(answer).kind
    if kind not in ("folder", "link"):
        answer.close()
        raise EngineError(f"{_IN}: {path} is not a folder.", permanent=True)
    return answer


def _stat(answer: Answer) -> PathStat:
    try:
        found = json.loads(base64.b64decode(answer.headers[_STAT]))
        mode = int(found["mode"])
        return PathStat(
            name=str(found["name"]),
            kind=next(
                (kind for bit, kind in _KINDS.items() if mode & bit),
                "other" if mode & _SPECIAL else "file",
            ),
            size=int(found["size"]),
            mode=mode & 0o777,
            mtime=str(found["mtime"]),
            link_target=str(found.get("linkTarget") or ""),
        )
    except (ValueError, KeyError, TypeError) as e:
        raise EngineError(
            f"{_OUT}: the Docker Engine does not say what is there."
        ) from e
