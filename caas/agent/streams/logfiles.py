"""Reads the log of one container: of all that it has been, file by file.

The engine writes to one file, and when that is full renames it and begins
another one; which file is which, only its inode tells.  Whoever replaces a
container has its files linked to :class:`caas.agent.logs.FormerLogs` before
they go.

Everything here blocks, for a few milliseconds at most but for a search for
the last lines, and takes no more memory however long the log is.
"""

import dataclasses
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from caas.agent.logs import Kept, numbered, origin
from caas.agent.streams.lines import Entry, Joiner, Tail, parse
from caas.model.streams import Channel

#: Longest line of a file (bytes): 16 KiB in which each byte is escaped, and
#: the labels that an operator may have added.  Longer ones are no entries.
LONGEST = 1 << 20
#: Read at once from the end of a file (bytes).
_BLOCK = 1 << 16
#: Read by one call at most while nothing is found that is asked for (bytes).
_ENOUGH = 1 << 22
#: The times of files lag behind the clock (ns).
_COARSE = 10**9
#: Looks at the files of a log that is rotated at that very moment.
_TRIES = 200

#: Stands for lines that were removed before they could be read.
GAP = Entry("", Channel.STDIN, b"")


@dataclasses.dataclass(frozen=True)
class Wish:
    """Which lines are asked for.

    :ivar tail: the last ones; None for all.
    :ivar since: and ``until``: see :class:`caas.agent.streams.lines.Joiner`.
    """

    tail: int | None = None
    since: str = ""
    until: str = ""


@dataclasses.dataclass
class _Open:
    """A file that is read.

    :ivar next: the one that was begun after it, None while there is none
        known.
    :ivar lost: between it and the one before, some may be missing.
    """

    fd: int
    offset: int = 0
    next: "_Open | None" = None
    lost: bool = False

    def close(self) -> None:
        os.close(self.fd)
        if self.next is not None:
            self.next.close()


class Reader:
    """:param kept: tells what is kept of the container, the oldest first.

    :param chunk: read at once (bytes).
    :ivar live: what the engine has of it now.  May be set at any time.
    """

    def __init__(
        self,
        kept: Callable[[], Sequence[Kept]],
        wish: Wish,
        chunk: int = _BLOCK,
    ) -> None:
        self.live: Kept | None = None
        self._kept = kept
        self._wish = wish
        self._chunk = chunk
        self._joiner = Joiner(wish.since, wish.until)
        self._lock = threading.Lock()
        self._begun = False
        self._closed = False
        self._run: Kept | None = None
        self._file: _Open | None = None
        # the beginning of what is live, while what was before is read
        self._ahead: tuple[Kept, _Open] | None = None
        self._over = False
        self._done: set[str] = set()

    def read(self) -> tuple[list[Entry], bool]:
        """Some of what comes next; and whether there may be more now."""
        with self._lock:
            if self._closed:
                return [], False
            if not self._begun:
                self._begun = True
                if self._wish.tail is not None:
                    self._seek(self._wish.tail)
            self._look_ahead()
            return self._read()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._leave()
            self._forget_ahead()

    def _read(self) -> tuple[list[Entry], bool]:
        looked = 0
        while looked < _ENOUGH:
            file = self._file
            if file is None:
                if not self._enter():
                    return [], False
                if ends := self._joiner.begin():
                    return ends, True
                continue
            # asked before reading: what is written later is to be read
            ended = self._over or file.next is not None
            raw = self._lines(file)
            if raw:
                looked += len(raw)
                entries = parse(raw)
                taken = self._joiner.take(entries)
                if taken:
                    return taken, True
                if self._is_late(entries):
                    return [], False
                continue
            if not ended:
                if not self._look_on(file):
                    return [], False
            elif file.next is not None:
                if gap := self._switch(file):
                    return [gap], True
            else:
                self._leave()
        return [], True

    def _is_late(self, entries: list[Entry]) -> bool:
        """Nothing that is asked for comes any more."""
        until = self._wish.until
        return bool(until and entries) and all(e.at > until for e in entries)

    def _lines(self, file: _Open) -> bytes:
        """Whole lines that come next in a file; b"" when there are none."""
        size = self._chunk
        while True:
            raw = os.pread(file.fd, size, file.offset)
            whole = raw.rfind(b"\n") + 1
            if whole:
                file.offset += whole
                return raw[:whole]
            if len(raw) < size:
                if not raw and os.fstat(file.fd).st_size < file.offset:
                    # emptied by hand
                    file.offset = 0
                    continue
                return b""
            if size > LONGEST:
                file.offset += size
                size = self._chunk
            size *= 2

    # From file to file.

    def _look_on(self, file: _Open) -> bool:
        """At the end of what there is: whether there is more elsewhere."""
        run, live = self._run, self.live
        assert run is not None
        if live == run and _is(run.log, file.fd):
            return False
        newer = any(r.runtime_id not in self._done for r in self._runs())
        file.next = self._after(run, file.fd)
        # a newer one is made after the older one was removed for good
        self._over = file.next is None and newer
        return self._over or file.next is not None

    def _switch(self, file: _Open) -> Entry | None:
        """Go on with the next file.

        :returns: what is to be said of it.
        """
        self._file, file.next = file.next, None
        file.close()
        assert self._file is not None
        assert self._run is not None
        self._ready(self._run, self._file)
        return GAP if self._file.lost else None

    def _enter(self) -> bool:
        """Begin with the next of those that the container has been."""
        for run in self._runs():
            if run.runtime_id in self._done:
                continue
            file = self._begin_of(run)
            if file is None:
                if run == self.live:
                    # it has written nothing yet
                    return False
                self._done.add(run.runtime_id)
                continue
            self._take(run, file)
            return True
        return False

    def _look_ahead(self) -> None:
        """Hold the beginning of what is live, that it may not be rotated
        away before it is its turn."""
        live = self.live
        if self._ahead is not None and self._ahead[0] != live:
            self._forget_ahead()
        if (
            live is None
            or self._ahead is not None
            or live.runtime_id in self._done
        ):
            return
        file = self._oldest(live)
        if file is not None:
            self._ahead = live, file

    def _forget_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead[1].close()
            self._ahead = None

    def _begin_of(self, run: Kept) -> _Open | None:
        if self._ahead is not None and self._ahead[0] == run:
            (_, file), self._ahead = self._ahead, None
            return file
        return self._oldest(run)

    def _take(self, run: Kept, file: _Open) -> None:
        self._run, self._file, self._over = run, file, False
        self._done.add(run.runtime_id)
        self._ready(run, file)

    def _ready(self, run: Kept, file: _Open) -> None:
        """Hold the one after it, so that no rotation takes that away."""
        if file.next is None:
            file.next = self._after(run, file.fd)
        since = self._wish.since
        if since and not file.offset:
            there = os.fstat(file.fd)
            if _time(there.st_mtime_ns + _COARSE) < since:
                # nothing in it is as young
                file.offset = there.st_size

    def _leave(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._run = None

    def _runs(self) -> list[Kept]:
        """All that the container has been, the oldest first."""
        live = self.live
        runs = [
            run
            for run in self._kept()
            if live is None or run.runtime_id != live.runtime_id
        ]
        if live is not None:
            runs.append(live)
        # of those that are not any more nothing has to be remembered
        here = {run.runtime_id for run in (self._run, *runs) if run}
        self._done &= here
        return runs

    def _places(self, run: Kept) -> list[pathlib.Path]:
        """Where its files may be.

        What is kept does not change any more, the engine's may be on their
        way out.
        """
        same = [k for k in self._kept() if k.runtime_id == run.runtime_id]
        return [run.log, *(k.log for k in same if k != run)][::-1]

    def _after(self, run: Kept, fd: int) -> _Open | None:
        """The file that was begun after another one."""
        places: list[pathlib.Path] = []
        # it may be kept and removed at that very moment
        while places != (places := self._places(run)):
            there = False
            for log in places:
                own, found = _after(log, fd)
                if found:
                    return found
                there = there or own
            if there:
                return None
        # it was removed: the oldest there is may be the next one or not
        found = self._oldest(run)
        if found:
            found.lost = True
        return found

    def _oldest(self, run: Kept) -> _Open | None:
        return _end_of(self._places(run), max)

    def _newest(self, run: Kept) -> _Open | None:
        return _end_of(self._places(run)[::-1], min)

    def _before(self, run: Kept, fd: int) -> _Open | None:
        """The file that was full when another one was begun."""
        for log in self._places(run):
            for _ in range(_TRIES):
                files, own = _find(log, fd)
                higher = [n for n in files if own is not None and n > own]
                if not higher:
                    break
                found = _open(files[min(higher)])
                if found and _find(log, fd) == (files, own):
                    return found
                if found:
                    found.close()
        return None

    # The last lines.

    def _seek(self, lines: int) -> None:
        """Go where the last lines begin."""
        tail = Tail(lines, self._wish.since, self._wish.until)
        runs = self._runs()
        start: tuple[Kept, _Open] | None = None
        for index in reversed(range(len(runs))):
            file = self._newest(runs[index])
            while file is not None:
                took, go_on = _search(file, tail)
                before = self._before(runs[index], file.fd) if go_on else None
                if took or start is None:
                    if start is not None:
                        start[1].close()
                    start = runs[index], file
                else:
                    file.close()
                file = before
                if not go_on:
                    break
            else:
                continue
            break
        if start is None:
            return
        run, file = start
        self._done = {r.runtime_id for r in runs[: runs.index(run)]}
        self._joiner = Joiner(self._wish.since, self._wish.until, tail.skip)
        self._take(run, file)


def _after(log: pathlib.Path, fd: int) -> tuple[bool, _Open | None]:
    """Whether a file is there, and the one that was begun after it."""
    for _ in range(_TRIES):
        files, own = _find(log, fd)
        lower = [n for n in files if own is not None and n < own]
        if not lower:
            return own is not None, None
        found = _open(files[max(lower)])
        # unless it is rotated just now
        if found and _find(log, fd) == (files, own):
            return True, found
        if found:
            found.close()
    return True, None


def _end_of(
    places: Sequence[pathlib.Path], which: Callable[[Sequence[int]], int]
) -> _Open | None:
    for log in places:
        for _ in range(_TRIES):
            files = numbered(log)
            if not files:
                break
            path = files[which(list(files))]
            found = _open(path)
            # unless it is rotated just now
            if found and _is(path, found.fd) and numbered(log) == files:
                return found
            if found:
                found.close()
    return None


def _search(file: _Open, tail: Tail) -> tuple[bool, bool]:
    """Look for lines in a file, and set it to where the first one begins.

    :returns: whether there are any, and whether there may be some before.
    """
    end = _end(file.fd)
    file.offset = end
    took = False
    for offset, raw in _backwards(file.fd, end):
        for entry in parse(raw):
            match tail.show(entry):
                case None:
                    return took, False
                case True:
                    file.offset = offset
                    took = True
    return took, True


def _end(fd: int) -> int:
    """Where the last whole line of a file ends."""
    size = position = os.fstat(fd).st_size
    while position > max(0, size - LONGEST):
        step = min(_BLOCK, position)
        position -= step
        newline = os.pread(fd, step, position).rfind(b"\n")
        if newline >= 0:
            return position + newline + 1
    return position


def _backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file from the last one back, and where they begin."""
    rest = b""
    while end > 0:
        step = min(_BLOCK, end)
        end -= step
        first, *lines = (os.pread(fd, step, end) + rest).split(b"\n")
        offset = end + len(first) + 1
        found = []
        for line in lines:
            found.append((offset, line))
            offset += len(line) + 1
        yield from reversed(found)
        rest = first if len(first) <= LONGEST else b""
    if rest:
        yield 0, rest


def _find(
    log: pathlib.Path, fd: int
) -> tuple[dict[int, pathlib.Path], int | None]:
    """The files of a log, and the number of an open one; None: it is gone."""
    while True:
        files = numbered(log)
        # rotated meanwhile it has a higher one, so those are looked at later
        for number in sorted(files):
            if _is(files[number], fd):
                return files, number
        if numbered(log) == files:
            return files, None


def _is(path: pathlib.Path, fd: int) -> bool:
    """Whether it is this file, or the copy of it that was kept."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(fd)
    identity = own.st_dev, own.st_ino
    return identity in ((there.st_dev, there.st_ino), origin(path))


def _open(path: pathlib.Path) -> _Open | None:
    try:
        return _Open(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        return None


def _time(nanoseconds: int) -> str:
    """As :func:`caas.agent.streams.lines.fixed` has it."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{moment}.{fraction:09d}Z"
