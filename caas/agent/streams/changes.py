"""Tells of changes in folders, as the kernel does: nothing is polled."""

import asyncio
import contextlib
import pathlib
from collections.abc import Callable

import inotify_simple
from inotify_simple import flags

#: Shortest time between two looks at what the kernel tells (s).  A container
#: that writes line by line would have each of them looked at by itself.
GATHER = 0.01

#: What happens in a folder when a file in it is written to, made, renamed or
#: removed.
WRITTEN = (
    flags.MODIFY
    | flags.CREATE
    | flags.MOVED_TO
    | flags.MOVED_FROM
    | flags.DELETE
    | flags.ONLYDIR
)

Tell = Callable[[], None]


class Changes:
    """Of folders that somebody is interested in; belongs to one event loop.

    The kernel allows a user few instances, so one does for all.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._notify: inotify_simple.INotify | None = None
        self._folders: dict[pathlib.Path, int] = {}
        self._tells: dict[int, list[Tell]] = {}
        self._pause: asyncio.TimerHandle | None = None

    def add(self, folder: pathlib.Path, tell: Tell) -> None:
        """Have ``tell`` called when a file in it was written to, made,
        renamed or removed.

        :raises OSError: it is not there, or the kernel allows no more.
        """
        notify = self._notify
        if notify is None:
            notify = inotify_simple.INotify(nonblocking=True)
            self._notify = notify
            self._loop.add_reader(notify.fd, self._read)
        try:
            watch = notify.add_watch(folder, WRITTEN)
        except OSError:
            self._rest()
            raise
        self._folders[folder] = watch
        self._tells.setdefault(watch, []).append(tell)

    def remove(self, folder: pathlib.Path, tell: Tell) -> None:
        watch = self._folders[folder]
        left = self._tells.get(watch, [])
        if tell in left:
            left.remove(tell)
        if not left:
            self._tells.pop(watch, None)
            del self._folders[folder]
            if self._notify is not None:
                # the folder may be gone, and its watch with it
                with contextlib.suppress(OSError):
                    self._notify.rm_watch(watch)
        self._rest()

    def _rest(self) -> None:
        """Without a folder there is nothing to be open for."""
        if self._notify is None or self._folders:
            return
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        else:
            self._loop.remove_reader(self._notify.fd)
        self._notify.close()
        self._notify = None

    def _read(self) -> None:
        assert self._notify is not None
        self._loop.remove_reader(self._notify.fd)
        self._pause = self._loop.call_later(GATHER, self._go_on)
        told: dict[Tell, None] = {}
        for event in self._notify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                for tells in self._tells.values():
                    told |= dict.fromkeys(tells)
            told |= dict.fromkeys(self._tells.get(event.wd, ()))
        for tell in told:
            tell()

    def _go_on(self) -> None:
        self._pause = None
        if self._notify is not None:
            self._loop.add_reader(self._notify.fd, self._read)
