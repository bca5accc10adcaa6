"""The log of a container, from the files of the engine's driver json-file.

Read without the engine, so that it works while that hangs.
"""

import collections
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from inotify_simple import INotify, flags

from caas.host.errors import HostError

#: Seconds between two looks whether the container runs yet.
LOOK = 1.0
_CHANGES = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM

#: A piece of a log: the name of its stream, what was written, and when.
Piece = tuple[str, bytes, str]


def _parse(line: bytes) -> Piece | None:
    try:
        entry = json.loads(line)
        text = str(entry["log"]).encode("utf-8", "surrogateescape")
        return str(entry.get("stream", "stdout")), text, str(entry["time"])
    except (ValueError, KeyError, TypeError, UnicodeError):
        # half written, or cut by a full disk
        return None


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    """All files of a log, the oldest first."""
    rotated = []
    for there in path.parent.glob(f"{path.name}.*"):
        number = there.name.removeprefix(f"{path.name}.")
        if number.isdecimal():
            rotated.append((-int(number), there))
    return [there for _, there in sorted(rotated)] + [path]


def read(
    log: str,
    *,
    tail: int | None,
    follow: bool,
    runs: Callable[[], bool],
) -> Iterator[Piece]:
    """What is in a log, and what is written to it until the container ends.

    :param tail: lines, None for all.
    :param runs: whether the container does.
    :raises HostError: it cannot be read.
    """
    if not log:
        raise HostError("The container has no log that can be read.")
    path = pathlib.Path(log)
    kept: collections.deque[Piece] = collections.deque(maxlen=tail)
    with INotify() as watch:
        try:
            watch.add_watch(path.parent, _CHANGES)
            *older, newest = _files(path)
            for file in older:
                with file.open("rb") as there:
                    kept.extend(filter(None, map(_parse, there)))
            follower = _Follower(newest)
        except PermissionError as error:
            raise HostError(
                f"{path} cannot be read; run it as root."
            ) from error
        except OSError as error:
            raise HostError(
                f"{path} cannot be read: {error.strerror}."
            ) from error
        with follower:
            kept.extend(follower.pieces())
            yield from kept
            while follow:
                # first asked, then read: what was written before the end
                # is not missed
                goes_on = runs()
                yield from follower.pieces()
                if not goes_on:
                    return
                watch.read(timeout=int(LOOK * 1000))


class _Follower:
    """Reads on in a file, and in the one that takes its place."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("rb")
        self._rest = b""

    def __enter__(self) -> "_Follower":
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()

    def pieces(self) -> Iterator[Piece]:
        while True:
            # looked at first: once it was moved nothing is added to it
            moved = self._moved()
            for line in self._lines():
                if piece := _parse(line):
                    yield piece
            if not moved:
                return
            self._file.close()
            self._file, self._rest = self._path.open("rb"), b""

    def _moved(self) -> bool:
        mine = os.fstat(self._file.fileno())
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino)

    def _lines(self) -> Iterator[bytes]:
        for part in self._file:
            self._rest += part
            if self._rest.endswith(b"\n"):
                line, self._rest = self._rest, b""
                yield line
