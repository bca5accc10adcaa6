"""Logs of containers that are gone, kept for as long as their set lives.

A container that is replaced, or taken out of a set that goes on, takes its log
with it: the engine removes the one with the other.  So the files are linked
to a folder of ours first::

    <set id>/<id of the container>/<number>-<engine id>/{log,log.1,...,name}

``log`` is the newest file, as the engine numbers them.  The higher the number
of a folder, the later its container was removed.  Where there is no linking,
as between file systems, they are copied, and ``copied`` says what each was.
"""

import contextlib
import dataclasses
import errno
import json
import logging
import os
import pathlib
import re
import shutil
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

LOG = logging.getLogger(__name__)

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")
_FOLDER = re.compile(r"(\d+)-([0-9A-Za-z][0-9A-Za-z_.-]*)")
_LOG = "log"
_NAME = "name"
_COPIED = "copied"
#: Times a log is linked anew that was rotated meanwhile.
_TRIES = 5


@dataclasses.dataclass(frozen=True)
class Kept:
    """The log of a container that is gone.

    :ivar runtime_id: what the engine called it.
    :ivar log: its newest file; see :func:`numbered` for the others.
    """

    runtime_id: str
    log: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Former:
    """Those that a container of a set once was, the oldest first.

    :ivar name: the last of them had within the set.
    """

    name: str
    kept: Sequence[Kept]


def numbered(log: pathlib.Path) -> dict[int, pathlib.Path]:
    """The files of a log by number: 0 is the newest, ``log`` itself."""
    found = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(log.parent):
            if name == log.name:
                found[0] = log
            elif name.startswith(log.name + "."):
                number = name[len(log.name) + 1 :]
                if number.isdecimal() and number[0] != "0":
                    found[int(number)] = log.parent / name
    return found


def origin(path: pathlib.Path) -> tuple[int, int] | None:
    """Device and inode of what a file is a copy of, if it is one."""
    try:
        text = (path.parent / _COPIED).read_text(encoding="ascii")
        device, inode = json.loads(text)[path.name]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return device, inode


class FormerLogs:
    """:param folder: holds a folder for each set.

    :param count: of former containers whose logs are kept, for each container
        of a set; 0 keeps none.
    :param limit_mb: MiB that all of a set may take.
    """

    def __init__(
        self, folder: pathlib.Path, count: int = 3, limit_mb: int = 100
    ) -> None:
        self._folder = folder
        self._count = count
        self._limit = limit_mb << 20
        self._pruning = threading.Lock()

    def keep(
        self,
        set_id: str,
        member: str,
        name: str,
        runtime_id: str,
        log: pathlib.Path,
    ) -> None:
        """Keep the log of a container that is about to be removed.

        Done again it replaces what was kept before, so a crash between this
        and the removal neither doubles a line nor loses one.

        :param member: id of the container of the set it is.
        :param name: within the set.
        :param log: the newest file of it.
        :raises OSError: it cannot be kept.
        """
        if not (self._count and _ID.fullmatch(member)):
            return
        home = self._of(set_id) / member
        new = home / f".new-{runtime_id}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        try:
            if not _link_all(log, new / _LOG):
                return
            (new / _NAME).write_text(name, encoding="utf-8")
            there = _folders(home)
            number = max((n for n, _, _ in there), default=0) + 1
            new.rename(home / f"{number:08d}-{runtime_id}")
        finally:
            shutil.rmtree(new, ignore_errors=True)
        for _, known, path in there:
            if known == runtime_id:
                shutil.rmtree(path, ignore_errors=True)
        with self._pruning:
            self._prune(set_id, home)

    def of(self, set_id: str) -> Mapping[str, Former]:
        """What is kept of a set, by id of the container."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for home in self._of(set_id).iterdir():
                if kept := self.of_member(set_id, home.name):
                    found[home.name] = Former(_name(kept[-1].log), kept)
        return found

    def of_member(self, set_id: str, member: str) -> list[Kept]:
        """Those that one container of a set once was, the oldest first."""
        # a later one of the same id has replaced an earlier one
        newest: dict[str, Kept] = {}
        for _, runtime_id, path in _folders(self._of(set_id) / member):
            newest.pop(runtime_id, None)
            newest[runtime_id] = Kept(runtime_id, path / _LOG)
        return list(newest.values())

    def remove(self, set_id: str) -> None:
        """Forget a set."""
        shutil.rmtree(self._of(set_id), ignore_errors=True)

    def list(self) -> Collection[str]:
        """Ids of sets of which something is kept."""
        try:
            return os.listdir(self._folder)
        except FileNotFoundError:
            return ()

    def _of(self, set_id: str) -> pathlib.Path:
        if not _ID.fullmatch(set_id):
            raise ValueError(f"{set_id!r} is no id of a set")
        return self._folder / set_id

    def _prune(self, set_id: str, home: pathlib.Path) -> None:
        """The oldest go, so that count and size are within the limits."""
        for _, _, path in _folders(home)[: -self._count]:
            shutil.rmtree(path, ignore_errors=True)
        all_of_set = [
            (path.stat().st_mtime_ns, path)
            for member in self._of(set_id).iterdir()
            for _, _, path in _folders(member)
        ]
        sizes = {path: _size(path) for _, path in all_of_set}
        total = sum(sizes.values())
        for _, path in sorted(all_of_set):
            if total <= self._limit:
                break
            LOG.info(
                "Set %s: the log of a former container is dropped, as all of "
                "them take %d MiB",
                set_id,
                total >> 20,
            )
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]


def of_host(conf: Any) -> FormerLogs:
    """As the options of this host say.

    :param conf: with the groups ``agent`` and ``docker``.
    """
    return FormerLogs(
        pathlib.Path(conf.agent.state_path) / "logs",
        conf.docker.log_former,
        conf.docker.log_former_mb,
    )


def _folders(home: pathlib.Path) -> list[tuple[int, str, pathlib.Path]]:
    """Number, engine id and path, in order."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(home):
            if match := _FOLDER.fullmatch(name):
                found.append((int(match[1]), match[2], home / name))
    return sorted(found)


def _name(log: pathlib.Path) -> str:
    try:
        return (log.parent / _NAME).read_text(encoding="utf-8")
    except OSError:
        return ""


def _size(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _link_all(log: pathlib.Path, target: pathlib.Path) -> bool:
    """:returns: whether there is anything in it."""
    for _ in range(_TRIES):
        before = _identities(log)
        size = 0
        copied: dict[str, tuple[int, int]] = {}
        for number, path in sorted(numbered(log).items()):
            name = target.name if number == 0 else f"{target.name}.{number}"
            to = target.with_name(name)
            # gone: rotated meanwhile
            with contextlib.suppress(FileNotFoundError):
                if not _link(path, to):
                    copied[name] = _identity(path)
                size += to.stat().st_size
        if before == _identities(log):
            if copied:
                target.with_name(_COPIED).write_text(
                    json.dumps(copied), encoding="ascii"
                )
            return size > 0
        for path in target.parent.iterdir():
            path.unlink()
    raise OSError(errno.EBUSY, "it is rotated all the time")


def _identities(log: pathlib.Path) -> dict[int, tuple[int, int]]:
    found = {}
    for number, path in numbered(log).items():
        with contextlib.suppress(FileNotFoundError):
            found[number] = _identity(path)
    return found


def _identity(path: pathlib.Path) -> tuple[int, int]:
    there = path.stat()
    return there.st_dev, there.st_ino


def _link(path: pathlib.Path, to: pathlib.Path) -> bool:
    """:returns: False: it had to be copied."""
    try:
        os.link(path, to)
    except OSError as error:
        # the first for mounts of one file system, too
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        # its time is that of what is in it
        shutil.copy2(path, to)
        return False
    return True
