"""Tar archives out of and into running containers.

Not by the engine: Docker locks a container while an archive goes in or comes
out, so that whoever copies slowly would keep it from being stopped, looked at
or changed.  See :mod:`caas.drivers.runtime.inside` for what does it.
"""

import asyncio
import contextlib
import json
import logging
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from caas.drivers.runtime.base import (
    Absent,
    Conflict,
    Download,
    EngineError,
    PathStat,
    Upload,
)
from caas.drivers.runtime.sessions import ended
from caas.model import spec

LOG = logging.getLogger(__name__)

_OUT = "The files cannot be copied"
_IN = "The files cannot be put into the container"
# It is run by its path, so that nothing but itself is imported.
_PROGRAM = pathlib.Path(__file__).with_name("inside.py")
_CHUNK = 1 << 16
#: Bytes of what it says when it fails.
_LONGEST_REASON = 1 << 14
#: Seconds it may take to begin.
_TIMEOUT = 20.0
#: Seconds it may take to end when it has been killed.
_LAST = 1.0


class _Copy:
    """The program at work.

    :param way: to its stdin and from its stdout.
    :param errors: a file with what it says on stderr.
    """

    def __init__(
        self,
        what: str,
        process: "subprocess.Popen[bytes]",
        way: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        errors: int,
    ) -> None:
        self._what = what
        self._process = process
        self.out, self.into = way
        self._errors = errors

    async def begun(self) -> Mapping[str, Any]:
        """What it says when it begins.

        :raises EngineError: it does not, and why.
        """
        try:
            async with asyncio.timeout(_TIMEOUT):
                line = await self.out.readline()
                if not line.endswith(b"\n"):
                    await self.ended()
                found: Mapping[str, Any] = json.loads(line)
                return found
        except (OSError, ValueError) as e:
            # TimeoutError is one
            raise EngineError(f"{self._what}: it does not begin.") from e

    async def ended(self) -> None:
        """Wait for its end.

        :raises EngineError: it has failed, and why.
        """
        if await ended(self._process) == 0:
            return
        said = os.pread(self._errors, _LONGEST_REASON, 0)
        try:
            found = json.loads(said)
        except ValueError:
            if said:
                LOG.error(
                    "Copying failed unexpectedly: %s",
                    said.decode(errors="replace"),
                )
            found = {"kind": "failed", "message": "it was broken off"}
        message = f"{self._what}: {found['message']}."
        if found["kind"] == "absent":
            raise Absent(message)
        raise EngineError(message, permanent=found["kind"] == "unfit")

    async def close(self) -> None:
        self.into.transport.abort()
        self._process.kill()
        os.close(self._errors)
        # what waits for a disk cannot be killed, nor waited for
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST):
                await ended(self._process)


class _Download(Download):
    def __init__(self, copy: _Copy, stat: PathStat) -> None:
        self.stat = stat
        self._copy = copy

    async def read(self) -> bytes:
        data = await self._copy.out.read(_CHUNK)
        if not data:
            await self._copy.ended()
        return data

    async def close(self) -> None:
        await self._copy.close()


class _Upload(Upload):
    def __init__(self, copy: _Copy) -> None:
        self._copy = copy

    async def write(self, data: bytes) -> None:
        try:
            self._copy.into.write(data)
            await self._copy.into.drain()
        except OSError as e:
            await self._copy.ended()
            raise EngineError(f"{_IN}: it was broken off.") from e

    async def finish(self) -> None:
        with contextlib.suppress(OSError):
            self._copy.into.write_eof()
        await self._copy.ended()

    async def close(self) -> None:
        await self._copy.close()


async def download(pid: int, path: str) -> Download:
    """:param pid: of the first process of the container."""
    copy = await _begin(_OUT, pid, "pack", path)
    try:
        return _Download(copy, spec.pick(PathStat, dict(await copy.begun())))
    except BaseException:
        await copy.close()
        raise


async def upload(pid: int, path: str) -> Upload:
    """:param pid: of the first process of the container."""
    copy = await _begin(_IN, pid, "unpack", path)
    try:
        await copy.begun()
    except BaseException:
        await copy.close()
        raise
    return _Upload(copy)


async def _begin(what: str, pid: int, verb: str, path: str) -> _Copy:
    own, its = socket.socketpair()
    errors = os.memfd_create("errors", os.MFD_CLOEXEC)
    try:
        with its:
            process = await asyncio.to_thread(
                _run, what, pid, (verb, path), its, errors
            )
        way = await asyncio.open_connection(sock=own, limit=_CHUNK)
    except BaseException:
        own.close()
        os.close(errors)
        raise
    return _Copy(what, process, way, errors)


def _run(
    what: str,
    pid: int,
    words: tuple[str, str],
    way: socket.socket,
    errors: int,
) -> "subprocess.Popen[bytes]":
    try:
        namespace = os.open(
            f"/proc/{pid or 'none'}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC
        )
    except OSError as e:
        raise Conflict(f"{what}: the container does not run.") from e
    try:
        if os.fstat(namespace).st_ino == os.stat("/proc/self/ns/mnt").st_ino:
            raise EngineError(f"{what}: it has no files of its own.")
        return subprocess.Popen(  # noqa: S603 - the path is an argument
            (
                *(sys.executable, "-I", "-X", "utf8"),
                *(str(_PROGRAM), str(namespace), *words),
            ),
            stdin=way.fileno(),
            stdout=way.fileno(),
            stderr=errors,
            pass_fds=(namespace,),
            cwd="/",
            env={},
        )
    except OSError as e:
        raise EngineError(f"{what}: {e.strerror}.") from e
    finally:
        os.close(namespace)
