"""A tar archive into a folder of the container."""

import contextlib
import os
import select
import stat
import tarfile
from collections.abc import Callable
from typing import Any, BinaryIO

from caas.agent.inside import copying, outside
from caas.agent.inside.copying import CHUNK, Allowance
from caas.agent.inside.outside import Problem

_WHAT = "The files cannot be put into the container"
#: What tarfile, and the kernel's calls, make of what is in an archive.
_DAMAGES = (tarfile.TarError, ValueError, OverflowError, RecursionError)


def prepare(arguments: dict[str, Any]) -> Callable[[], None]:
    path = str(arguments["path"])
    source = Source(Allowance(arguments["most"]))
    copying.no_names()

    def work() -> None:
        try:
            if not stat.S_ISDIR(os.stat(path).st_mode):
                raise _unfit(f"{path} is not a folder")
            outside.say("started", {})
            unpack(path, source)
        except OSError as e:
            raise copying.trouble(_WHAT, e) from e
        outside.say("exit", {"exit_code": 0})

    return work


class Source:
    """The client, for ``tarfile``."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    def read(self, size: int) -> bytes:
        """Some bytes, none at the end.

        :raises Problem: it is too much.
        """
        outside.wait(outside.STDIN, select.POLLIN)
        data = os.read(outside.STDIN, size)
        self._allowance.take(len(data))
        return data


def unpack(path: str, source: Source | BinaryIO) -> None:
    """:raises Problem: that is no archive to be unpacked there.
    :raises OSError: something cannot be written.
    """
    root = os.path.realpath(path)
    try:
        # not compressed, or it could become of whatever size
        tar = tarfile.open(  # noqa: SIM115 - it is closed below
            fileobj=source,  # type: ignore[call-overload]
            mode="r|",
            bufsize=CHUNK,
        )
    except _DAMAGES as e:
        raise Problem(
            400, "What was sent is no (uncompressed) tar archive."
        ) from e
    folders = _Folders()
    try:
        with tar:
            while (item := tar.next()) is not None:
                copying.forget(tar)
                _place(tar, item, root, folders)
    except _DAMAGES as e:
        raise _unfit(f"the archive is damaged: {e}") from e
    finally:
        folders.leave("")
    # what follows the end of an archive is of no matter
    while source.read(CHUNK):
        pass


class _Folders:
    """Those that are being filled; they get what the archive says of them
    after that, as it may be that nobody writes to them."""

    def __init__(self) -> None:
        self._open: list[tuple[str, tarfile.TarInfo]] = []

    def enter(self, place: str, item: tarfile.TarInfo) -> None:
        self._open.append((os.path.normpath(place), item))

    def leave(self, place: str) -> None:
        """Those that a path is not in."""
        below = os.path.normpath(place) + "/"
        while self._open:
            folder, item = self._open[-1]
            if below.startswith(folder.rstrip("/") + "/"):
                return
            self._open.pop()
            _dress(item, folder)


def _place(
    tar: tarfile.TarFile, item: tarfile.TarInfo, root: str, folders: _Folders
) -> None:
    if item.isdev() and not item.isfifo():
        raise _unfit(f"{item.name} is a device, which cannot be copied")
    # a name that leads elsewhere leads to somewhere in the container
    place = os.path.join(root, item.name.strip("/"))
    folders.leave(place)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if item.isdir():
        try:
            os.mkdir(place, 0o700)
        except FileExistsError:
            if not os.path.isdir(place):
                raise _unfit(f"{item.name} is no folder there") from None
        folders.enter(place, item)
        return
    if os.path.lexists(place):
        if os.path.isdir(place) and not os.path.islink(place):
            raise _unfit(f"{item.name} is a folder there, and no file")
        if item.islnk() and _same(place, _linked(item, root)):
            return
        # made anew: programs that run it keep what they have
        os.unlink(place)
    if item.issym():
        os.symlink(item.linkname, place)
    elif item.islnk():
        try:
            os.link(_linked(item, root), place, follow_symlinks=False)
        except FileNotFoundError as e:
            raise _unfit(
                f"{item.name} is a link to {item.linkname}, which is not there"
            ) from e
        # it is one file with what was placed before
        return
    elif item.isfifo():
        os.mkfifo(place, 0o600)
    else:
        tar.makefile(item, place)
    _dress(item, place)


def _linked(item: tarfile.TarInfo, root: str) -> str:
    return os.path.join(root, item.linkname.strip("/"))


def _same(one: str, other: str) -> bool:
    a, b = os.lstat(one), os.lstat(other)
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)


def _dress(item: tarfile.TarInfo, place: str) -> None:
    """Give it what the archive says, as far as it is permitted.

    What is not root in the container, or lacks the capability, or lives in a
    user namespace without that user, owns what it makes.
    """
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            os.chown(place, item.uid, item.gid, follow_symlinks=False)
    mode = item.mode
    with contextlib.suppress(OSError):
        found = os.lstat(place)
        if stat.S_ISLNK(found.st_mode) and not item.isdir():
            return
        owned = (found.st_uid, found.st_gid) == (item.uid, item.gid)
        if not owned and not item.isdir():
            # it would run as another one than was meant
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
        os.chmod(place, stat.S_IMODE(mode))
        os.utime(place, (item.mtime, item.mtime))


def _unfit(reason: str) -> Problem:
    return Problem(400, f"{_WHAT}: {reason}.")
