"""The end of a file of the container, and what is added to it."""

import contextlib
import os
import select
from collections.abc import Callable
from typing import Any

from caas.agent.inside import notify, outside
from caas.agent.inside.files import open_regular
from caas.agent.inside.outside import Problem

_BLOCK = 1 << 16
#: Seconds between two looks where nothing tells of a change: a file system
#: of a network, or too many inotify instances on the host.
PAUSE = 1.0


def prepare(arguments: dict[str, Any]) -> Callable[[], None]:
    tail = Tail(str(arguments["path"]), arguments["lines"])

    def work() -> None:
        tail.begin()
        outside.say("started", {})
        tail.show()
        if arguments["follow"]:
            tail.follow()
        outside.say("exit", {"exit_code": 0})

    return work


class Tail:
    """Of a file by its name: it may be replaced meanwhile, as by rotation.

    :param lines: how many of those that are there to begin with, None for
        all.
    """

    def __init__(self, path: str, lines: int | None) -> None:
        self._path = path
        self._lines = lines
        self._fd = -1
        self._offset = 0
        self._size = 0
        self._told: str | None = None

    def begin(self) -> None:
        """:raises Problem: the file cannot be read."""
        try:
            self._open()
            self._size = os.fstat(self._fd).st_size
            if self._lines is not None:
                self._offset = start(self._fd, self._size, self._lines)
        except OSError as e:
            raise outside.trouble(self._path, e) from e

    def show(self) -> None:
        """Send what is there."""
        # what is added all the time has no end
        self._pump(self._size or None)

    def follow(self) -> None:
        """Send what is added, until nobody wants it any more."""
        watch = Watch(self._path)
        while True:
            self._look(watch)
            watch.wait(PAUSE)

    def _look(self, watch: "Watch") -> None:
        size = os.fstat(self._fd).st_size
        if size < self._size:
            outside.say("notice", "The file was truncated.")
            self._offset = 0
        self._size = size
        self._pump()
        try:
            found = os.stat(self._path)
            here = os.fstat(self._fd)
            if (found.st_dev, found.st_ino) == (here.st_dev, here.st_ino):
                self._tell(None)
                return
            # what was written to it before it was replaced
            self._pump()
            self._open()
        except Problem as e:
            self._tell(e.message)
        except OSError as e:
            self._tell(outside.trouble(self._path, e).message)
        else:
            self._told = None
            outside.say("notice", "The file was replaced by another one.")
            watch.renew()
            self._size = os.fstat(self._fd).st_size
            self._pump()

    def _tell(self, trouble: str | None) -> None:
        """Say once why it cannot be had now."""
        if trouble not in (None, self._told):
            outside.say("notice", f"{trouble} It is waited for.")
        self._told = trouble

    def _open(self) -> None:
        fd = open_regular(self._path, os.O_RDONLY)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._offset = fd, 0

    def _pump(self, end: int | None = None) -> None:
        while end is None or self._offset < end:
            most = _BLOCK if end is None else min(_BLOCK, end - self._offset)
            data = os.pread(self._fd, most, self._offset)
            if not data:
                return
            outside.write(outside.STDOUT, data)
            self._offset += len(data)


def start(fd: int, size: int, lines: int) -> int:
    """Where the last lines of a file begin.

    A last line without an end counts as one.
    """
    if lines == 0:
        return size
    end = size
    while end > 0:
        begin = max(0, end - _BLOCK)
        block = os.pread(fd, end - begin, begin)
        at = len(block)
        if end == size and block.endswith(b"\n"):
            # it ends the last line and begins none
            at -= 1
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            lines -= 1
            if lines == 0:
                return begin + at + 1
        end = begin
    return 0


class Watch:
    """Tells when a file, or what its name stands for, may have changed."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._inotify = notify.instance()
        except OSError:
            # the host has no more to give; there is the pause
            self._inotify = -1
            return
        self._add(os.path.dirname(path), notify.FOLDER)
        self.renew()

    def renew(self) -> None:
        """Watch the file that has the name now."""
        self._add(self._path, notify.FILE)

    def _add(self, path: str, mask: int) -> None:
        if self._inotify >= 0:
            # likewise, or it is gone again, which is seen at the next look
            with contextlib.suppress(OSError):
                notify.add(self._inotify, path, mask)

    def wait(self, timeout: float) -> None:
        """Until there is a reason to look, ``timeout`` s at most."""
        outside.wait(self._inotify, select.POLLIN, timeout)
        if self._inotify >= 0:
            with contextlib.suppress(BlockingIOError):
                while os.read(self._inotify, _BLOCK):
                    pass
