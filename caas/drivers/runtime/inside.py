"""Packs and unpacks tar archives in the file system of a container.

A program of its own, of the standard library alone: it is run with the mount
namespace of the container as descriptor, enters it, and from then on every
path and link is one of the container's.  So would be every module of Python
and every library: nothing is imported after that, and no user is looked up by
name, for which the C library loads what /etc/nsswitch.conf says.

    python -I inside.py DESCRIPTOR pack|unpack PATH

It writes a line of JSON when it begins, on stdout, and the archive after it
(``pack``), or reads that from stdin (``unpack``).  What goes wrong is a line
of JSON on stderr.
"""

import ctypes
import datetime
import errno
import json
import os
import stat
import sys
import tarfile
from collections.abc import Callable
from typing import BinaryIO

_CLONE_FS = 0x00000200
_CLONE_NEWNS = 0x00020000
#: Not files of the container; packed only if they are asked for themselves.
_KERNEL = ("/proc", "/sys", "/dev")
_CHUNK = 1 << 16
# How what failed is told.
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_UNFIT = (
    *(errno.EISDIR, errno.EEXIST, errno.EROFS, errno.ELOOP, errno.EPERM),
    *(errno.EACCES, errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTEMPTY),
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
)


class UnfitError(Exception):
    """The fault of who asked."""


def enter(descriptor: int) -> None:
    """:raises OSError: it cannot be entered."""
    sys.meta_path.clear()
    tarfile.pwd = tarfile.grp = None  # type: ignore[attr-defined]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_FS) or libc.setns(descriptor, _CLONE_NEWNS):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    os.close(descriptor)
    os.chdir("/")
    os.umask(0o022)


def describe(path: str) -> dict[str, object]:
    """See :class:`caas.drivers.runtime.base.PathStat`."""
    found = os.lstat(path)
    mode = found.st_mode
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}
    kinds[stat.S_IFLNK] = "link"
    return {
        "name": os.path.basename(os.path.normpath(path)) or "/",
        "kind": kinds.get(stat.S_IFMT(mode), "other"),
        "size": found.st_size,
        "mode": stat.S_IMODE(mode),
        "mtime": datetime.datetime.fromtimestamp(
            found.st_mtime, datetime.UTC
        ).isoformat(),
        "link_target": os.readlink(path) if stat.S_ISLNK(mode) else "",
    }


def pack(path: str, out: BinaryIO) -> None:
    """Write an archive of a file or folder, as large as it was when looked at.

    What goes away meanwhile is left out.
    """
    name = os.path.basename(os.path.normpath(path)) or "."
    with tarfile.open(
        fileobj=out, mode="w|", bufsize=_CHUNK, format=tarfile.PAX_FORMAT
    ) as tar:
        look: Callable[[str, str], tarfile.TarInfo | None] = tar.gettarinfo
        todo = [(path, name)]
        while todo:
            at, called = todo.pop()
            try:
                item = look(at, called)
            except FileNotFoundError:
                continue
            _forget(tar)
            if item is None:
                # a socket
                continue
            # numbers say it all, and names are the host's
            item.uname = item.gname = ""
            if item.isreg():
                _pack_file(tar, item, at)
                continue
            tar.addfile(item)
            if item.isdir() and (at == path or at not in _KERNEL):
                todo += _below(at, called)


def _forget(tar: tarfile.TarFile) -> None:
    """It keeps all members there were, for nobody."""
    tar.members.clear()  # type: ignore[attr-defined]


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


def unpack(path: str, source: BinaryIO) -> None:
    """:raises UnfitError: that is no archive to be unpacked there."""
    root = os.path.realpath(path)
    try:
        with tarfile.open(fileobj=source, mode="r|", bufsize=_CHUNK) as tar:
            while (item := tar.next()) is not None:
                _forget(tar)
                _place(tar, item, root)
    except tarfile.TarError as e:
        raise UnfitError(f"the archive is damaged: {e}") from e
    # what follows the end of an archive is of no matter
    while source.read(_CHUNK):
        pass


def _place(tar: tarfile.TarFile, item: tarfile.TarInfo, root: str) -> None:
    if item.isdev() and not item.isfifo():
        raise UnfitError(f"{item.name} is a device, which cannot be copied")
    # a name that leads elsewhere leads to somewhere in the container
    place = os.path.join(root, item.name.lstrip("/"))
    if not item.isdir() and os.path.lexists(place):
        if os.path.isdir(place) and not os.path.islink(place):
            raise UnfitError(f"{item.name} is a folder there, and no file")
        # made anew: programs that run it keep what they have
        os.unlink(place)
    # as it is: in there it can do no more than the container itself
    tar.extraction_filter = lambda each, _: each
    tar.extract(item, root, numeric_owner=True)


def main(descriptor: str, verb: str, path: str) -> int:
    try:
        enter(int(descriptor))
        if verb == "pack":
            _begin(describe(path))
            pack(path, sys.stdout.buffer)
        else:
            if not os.path.isdir(path):
                os.stat(path)
                raise UnfitError(f"{path} is not a folder")
            _begin({})
            unpack(path, sys.stdin.buffer)
    except UnfitError as e:
        return _fail("unfit", str(e))
    except OSError as e:
        where = f"{e.filename}: " if isinstance(e.filename, str) else ""
        kind = (
            "absent"
            if e.errno in _ABSENT
            else "unfit"
            if e.errno in _UNFIT
            else "failed"
        )
        return _fail(kind, f"{where}{e.strerror or e}")
    sys.stdout.flush()
    return 0


def _begin(value: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(value).encode() + b"\n")
    sys.stdout.buffer.flush()


def _fail(kind: str, message: str) -> int:
    text = json.dumps({"kind": kind, "message": message})
    sys.stderr.buffer.write(text.encode())
    sys.stderr.buffer.flush()
    return 1


if __name__ == "__main__":
    # names may be anything
    if sys.getfilesystemencoding() != "utf-8":
        sys.exit(_fail("failed", "file names are not UTF-8 here"))
    code = main(*sys.argv[1:])
    # nothing of an interpreter that ends: it would import
    os._exit(code)
