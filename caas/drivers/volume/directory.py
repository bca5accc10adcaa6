"""Volumes that are plain folders of the host.

Below ``state_path``/volumes, which only root can enter::

    <set id>/data          the volume: the root of what containers see
    <set id>/binds/<hash>  its folder of a sub path, mounted here once more

Whoever can write to a volume can turn a folder of it into a symbolic link
whenever he likes, and the engine follows links when it starts a container.
So a sub path is opened without following any, and what was opened is mounted
at a place that no container can change.
"""

import contextlib
import ctypes
import errno
import hashlib
import itertools
import os
import pathlib
import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from caas.drivers.locks import Locks
from caas.drivers.volume import base

_MS_BIND = 4096
_MNT_DETACH = 2
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SET_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
#: Containers run as any user; folders are kept apart by the set they are of.
_MODE = 0o777
#: Entries of a folder removed between two looks at it.
_BATCH = 10_000


class DirectoryVolume(base.Volume):
    """:param conf: with the group ``agent``."""

    def __init__(self, conf: Any) -> None:
        self._root = pathlib.Path(conf.agent.state_path) / "volumes"
        self._locks = Locks()

    def create(
        self, set_id: str, size_gb: int, sub_paths: Sequence[str] = ()
    ) -> str:
        home = self._home(set_id)
        data = home / "data"
        with self._locks.held(set_id), _told("made"):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            (home / "binds").mkdir(parents=True, exist_ok=True, mode=0o700)
            home.chmod(0o700)
            if not data.is_dir():
                data.mkdir()
                data.chmod(_MODE)
            for sub_path in sub_paths:
                if sub_path:
                    with _opened(data, sub_path, make=True) as folder:
                        _bind(folder, home / "binds" / _hash(sub_path))
        return str(data)

    def source(self, set_id: str, sub_path: str) -> str:
        home = self._home(set_id)
        data = home / "data"
        if not sub_path:
            return str(data)
        bound = home / "binds" / _hash(sub_path)
        with _told("mounted"), _opened(data, sub_path) as folder:
            if not _is_bound(folder, bound):
                raise base.VolumeError(
                    f"The sub path {sub_path!r} is not ready to be mounted."
                )
        return str(bound)

    def delete(self, set_id: str) -> None:
        home = self._home(set_id)
        with self._locks.held(set_id), _told("removed"):
            if not home.is_dir():
                return
            binds = home / "binds"
            if binds.is_dir():
                for bound in binds.iterdir():
                    _unmount(bound)
            _remove(home)

    def list(self) -> Sequence[str]:
        if not self._root.is_dir():
            return ()
        return sorted(path.name for path in self._root.iterdir())

    def capacity_gb(self) -> int:
        with _told("measured"):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = os.statvfs(self._root)
        return (found.f_blocks * found.f_frsize) >> 30

    def _home(self, set_id: str) -> pathlib.Path:
        if not _SET_ID.fullmatch(set_id):
            raise base.VolumeError(f"{set_id!r} is no id of a set.")
        return self._root / set_id


def _hash(sub_path: str) -> str:
    return hashlib.sha256(sub_path.encode()).hexdigest()[:32]


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise base.VolumeError(
            f"The volume of the set cannot be {what}: {e.strerror}."
        ) from e


@contextlib.contextmanager
def _opened(
    root: pathlib.Path, sub_path: str, *, make: bool = False
) -> Iterator[int]:
    """A descriptor of a folder of the volume, reached through no link.

    :param make: make what is missing of it.
    """
    parts = pathlib.PurePosixPath(sub_path).parts
    if ".." in parts or sub_path.startswith("/") or not parts:
        raise base.VolumeError(f"The sub path {sub_path!r} leaves the volume.")
    folder = os.open(root, _FOLDER)
    try:
        for part in parts:
            inner = _enter(folder, part, sub_path, make=make)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _enter(folder: int, name: str, sub_path: str, *, make: bool) -> int:
    made = False
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
            made = True
    try:
        inner = os.open(name, _FOLDER, dir_fd=folder)
    except OSError as e:
        if e.errno in (errno.ELOOP, errno.ENOTDIR):
            raise base.VolumeError(
                f"The sub path {sub_path!r} is not a folder of the volume: "
                f"{name!r} is a link or a file."
            ) from e
        raise
    if made:
        os.fchmod(inner, _MODE)
    return inner


def _bind(folder: int, target: pathlib.Path) -> None:
    """Mount an open folder at ``target``, unless that is done."""
    if _is_bound(folder, target):
        return
    if target.exists():
        # the folder was removed and made anew since
        _unmount(target)
    target.mkdir(mode=0o700, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(
        f"/proc/self/fd/{folder}".encode(),
        os.fsencode(target),
        None,
        _MS_BIND,
        None,
    ):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _is_bound(folder: int, target: pathlib.Path) -> bool:
    try:
        there = target.stat()
    except FileNotFoundError:
        return False
    wanted = os.fstat(folder)
    return (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino)


def _unmount(target: pathlib.Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # EINVAL: it is no mount, or no more
    while libc.umount2(os.fsencode(target), _MNT_DETACH) == 0:
        pass
    if ctypes.get_errno() != errno.EINVAL:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _remove(home: pathlib.Path) -> None:
    """Remove a tree of any depth, following no link.

    Folders are moved to the top and emptied one by one: neither the stack nor
    the number of open files can run out.
    """
    top = os.open(home, _FOLDER)
    try:
        pending = os.listdir(top)
        while pending:
            name = pending.pop()
            folder = os.open(name, _FOLDER, dir_fd=top)
            try:
                pending += _empty(folder, top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    home.rmdir()


def _empty(folder: int, top: int) -> list[str]:
    """Remove the files of a folder, move its folders to ``top``.

    :returns: the names they have there.
    """
    moved: list[str] = []
    while True:
        with os.scandir(folder) as entries:
            batch = list(itertools.islice(entries, _BATCH))
        if not batch:
            return moved
        for entry in batch:
            if entry.is_dir(follow_symlinks=False):
                moved.append(uuid.uuid4().hex)
                os.rename(
                    entry.name, moved[-1], src_dir_fd=folder, dst_dir_fd=top
                )
            else:
                os.unlink(entry.name, dir_fd=folder)
