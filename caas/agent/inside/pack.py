"""A file or folder of the container as a tar archive."""

import datetime
import os
import stat
import tarfile
from collections.abc import Callable
from typing import Any, BinaryIO

from caas.agent.inside import copying, outside
from caas.agent.inside.copying import CHUNK, Allowance

#: Not files of the container; packed only if they are asked for themselves.
_KERNEL = ("/proc", "/sys", "/dev")
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


def prepare(arguments: dict[str, Any]) -> Callable[[], None]:
    path = str(arguments["path"])
    out = Out(Allowance(arguments["most"]))
    copying.no_names()

    def work() -> None:
        try:
            outside.say("started", describe(path))
            pack(path, out)
        except OSError as e:
            raise copying.trouble("The files cannot be copied", e) from e
        outside.say("exit", {"exit_code": 0})

    return work


class Out:
    """The client, for ``tarfile``."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    def write(self, data: bytes) -> None:
        """:raises Problem: it is too much."""
        self._allowance.take(len(data))
        outside.write(outside.STDOUT, data)


def describe(path: str) -> dict[str, object]:
    """See :class:`caas.model.streams.Verb`; ``mtime`` is "" when there is no
    such year."""
    found = os.lstat(path)
    mode = found.st_mode
    try:
        mtime = datetime.datetime.fromtimestamp(
            found.st_mtime, datetime.UTC
        ).isoformat()
    except (ValueError, OverflowError):
        # whoever owns a file can give it any time
        mtime = ""
    return {
        "name": os.path.basename(os.path.normpath(path)) or "/",
        "kind": _KINDS.get(stat.S_IFMT(mode), "other"),
        "size": found.st_size,
        "mode": stat.S_IMODE(mode),
        "mtime": mtime,
        "link_target": os.readlink(path) if stat.S_ISLNK(mode) else "",
    }


def pack(path: str, out: Out | BinaryIO) -> None:
    """Write an archive of a file or folder, as large as it was when looked at.

    What goes away meanwhile is left out.

    :raises OSError: something cannot be read.
    """
    name = os.path.basename(os.path.normpath(path)) or "."
    kernel = _kernel()
    with tarfile.open(
        fileobj=out,  # type: ignore[call-overload]
        mode="w|",
        bufsize=CHUNK,
        format=tarfile.PAX_FORMAT,
    ) as tar:
        todo = [(path, name)]
        while todo:
            at, called = todo.pop()
            try:
                found = os.lstat(at)
                item = _look(tar, at, called, found)
            except FileNotFoundError:
                continue
            if item is None:
                # a socket
                continue
            if item.isreg():
                _pack_file(tar, item, at)
                continue
            tar.addfile(item)
            place = (found.st_dev, found.st_ino)
            if item.isdir() and (at == path or place not in kernel):
                todo += _below(at, called)


def _kernel() -> set[tuple[int, int]]:
    places = set()
    for path in _KERNEL:
        try:
            found = os.stat(path)
        except OSError:
            continue
        places.add((found.st_dev, found.st_ino))
    return places


def _look(
    tar: tarfile.TarFile, path: str, called: str, found: os.stat_result
) -> tarfile.TarInfo | None:
    item: tarfile.TarInfo | None = tar.gettarinfo(path, called)
    copying.forget(tar)
    if item is None:
        return None
    if found.st_nlink == 1:
        # it keeps all for which there might be a second name
        tar.inodes.pop(  # type: ignore[attr-defined]
            (found.st_ino, found.st_dev), None
        )
    # numbers say it all, and names are the host's
    item.uname = item.gname = ""
    return item


def _below(path: str, called: str) -> list[tuple[str, str]]:
    try:
        names = sorted(os.listdir(path), reverse=True)
    except FileNotFoundError:
        return []
    return [(os.path.join(path, n), f"{called}/{n}") for n in names]


def _pack_file(tar: tarfile.TarFile, item: tarfile.TarInfo, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return
    with open(descriptor, "rb") as file:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            tar.addfile(item, _Exactly(file, item.size))  # type: ignore[arg-type]


class _Exactly:
    """A file that may have got shorter: zeros follow, as with GNU tar."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        data = self._file.read(size)
        self._left -= size
        return data.ljust(size, b"\0")
