"""What is in a log: lines of JSON, as the engine's json-file driver has them.

A line of the log is what the container wrote up to a newline; the engine cuts
long ones, so that an entry is a line or a part of one.  Pure.
"""

import collections
import datetime
import json
import re
from collections.abc import Collection
from typing import Any, NamedTuple

from caas.model.streams import Channel

_CHANNELS = {"stdout": Channel.STDOUT, "stderr": Channel.STDERR}
#: Length of a time with nine digits of a second, as ``docker logs`` shows it.
_FIXED = len("2024-01-01T00:00:00.000000000Z")
_FRACTION = re.compile(r"[.,](\d+)")
#: What comes of reading something else.
_NO_ENTRY = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
#: Entries in which the beginning of a line is looked for among those of the
#: other channel.
_LOOK_BACK = 100


class Entry(NamedTuple):
    """:ivar at: time of the line (of its first part), see :func:`fixed`.

    :ivar channel: STDIN stands for lines that are missing.
    :ivar continued: it is no beginning of a line.
    """

    at: str
    channel: Channel
    data: bytes
    continued: bool = False


def fixed(time: str) -> str:
    """ISO 8601 as UTC with nine digits, which can be compared as a string.

    What names no zone is UTC.

    :raises ValueError: it is no time.
    """
    moment = datetime.datetime.fromisoformat(time)
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    fraction = _FRACTION.search(time)
    digits = fraction[1][:9] if fraction else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{digits:0<9}Z"


def parse(raw: bytes) -> list[Entry]:
    """The entries of whole lines of a file.

    What is no entry is left out: a power cut may leave anything.
    """
    lines = [line for line in raw.split(b"\n") if line]
    try:
        # many times as fast as one by one
        found = json.loads(b"[" + b",".join(lines) + b"]")
        if len(found) == len(lines):
            return [_entry(each) for each in found]
    except _NO_ENTRY:
        pass
    entries = []
    for line in lines:
        # an entry that was cut off has no newline before the next one
        line = line[max(0, line.rfind(b'{"log":"')) :]
        try:
            entries.append(_entry(json.loads(line)))
        except _NO_ENTRY:
            continue
    return entries


def _entry(found: dict[str, Any]) -> Entry:
    time: str = found["time"]
    if time[19:20] != "." or time[-1] != "Z":
        time = fixed(time)
    elif len(time) < _FIXED:
        # as the engine writes them, without zeros at the end
        time = f"{time[:-1]:0<{_FIXED - 1}}Z"
    return Entry(
        time,
        _CHANNELS[found["stream"]],
        # a surrogate by itself is no character
        found["log"].encode("utf-8", "replace"),
    )


class Joiner:
    """Says of entries which line they belong to, and drops those of lines
    that are not asked for.

    :param since: and ``until``: both are times of lines that are; "" for all.
    :param skip: so many entries of a channel are dropped at first.
    """

    def __init__(
        self,
        since: str = "",
        until: str = "",
        skip: collections.Counter[Channel] | None = None,
    ) -> None:
        self._since = since
        self._until = until
        self._skip = skip or collections.Counter()
        self._open: dict[Channel, str] = {}

    def begin(self) -> list[Entry]:
        """What comes is of another container.

        :returns: ends of the lines that the last one did not end.
        """
        left, self._open = self._open, {}
        return [
            Entry(began, channel, b"\n", True)
            for channel, began in left.items()
            if self._is_asked_for(began)
        ]

    def take(self, entries: Collection[Entry]) -> list[Entry]:
        taken = []
        for entry in entries:
            at, channel, data, _ = entry
            if self._skip and self._skip[channel]:
                self._skip[channel] -= 1
                continue
            # most lines are whole
            first = self._open.pop(channel, None) if self._open else None
            began = first or at
            if not data.endswith(b"\n"):
                self._open[channel] = began
            if self._is_asked_for(began):
                taken.append(
                    Entry(began, channel, data, True) if first else entry
                )
        return taken

    def _is_asked_for(self, began: str) -> bool:
        return self._since <= began and not (
            self._until and began > self._until
        )


class Tail:
    """Finds where the last lines begin: shown entries from the last one back.

    :param lines: how many are wanted.
    :param since: and ``until``: lines outside are not counted; "" for all.
    :ivar skip: entries by channel, from the last one taken on, that are not
        part of these lines.
    """

    def __init__(self, lines: int, since: str = "", until: str = "") -> None:
        self._left = lines
        self._since = since
        self._until = until
        # whether the first line taken of a channel may have begun before
        self._open: dict[Channel, bool] = {}
        self._skipped: collections.Counter[Channel] = collections.Counter()
        self._looked = 0
        self.skip: collections.Counter[Channel] = collections.Counter()

    def show(self, entry: Entry) -> bool | None:
        """:returns: whether it is taken; None: look no further."""
        at, channel, data, _ = entry
        if self._until and at > self._until:
            return False
        if at < self._since:
            return None
        if channel not in self._open or data.endswith(b"\n"):
            self._open[channel] = bool(self._left)
            self._left -= bool(self._left)
        if self._open[channel]:
            self.skip += self._skipped
            self._skipped.clear()
            return True
        self._skipped[channel] += 1
        self._looked += 1
        if not any(self._open.values()) or self._looked > _LOOK_BACK:
            return None
        return False
