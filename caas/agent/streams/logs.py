"""The verb ``logs``: what the containers of a set wrote and write.

The engine's files are read past the engine, so they can be read while it
hangs, and no more than is sent: a slow reader costs nothing but its place.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import datetime
import errno
import functools
import logging
import pathlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from caas.agent.logs import FormerLogs, Kept
from caas.agent.streams.changes import Changes
from caas.agent.streams.lines import Entry, fixed
from caas.agent.streams.link import Link, Refused, Seen, Sets
from caas.agent.streams.logfiles import GAP, Reader, Wish
from caas.agent.streams.pulse import Pulse
from caas.drivers.runtime.base import Runtime
from caas.model import streams
from caas.model.streams import Channel

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: How long a set may be on its way to this host (s): who follows waits longer.
PATIENCE, SHORT_PATIENCE = 10.0, 2.0
#: Threads that read files, of all logs: reading is work, not waiting.
THREADS = 2
#: Read at once of all containers of a set, and of one at least (bytes).
CHUNK, LEAST = 1 << 16, 1 << 13


@dataclasses.dataclass(frozen=True)
class Asked:
    """The arguments of the verb."""

    follow: bool
    timestamps: bool
    wish: Wish

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Asked":
        """:raises Refused: they cannot be."""
        tail = arguments.get("tail")
        if tail is not None and (type(tail) is not int or tail < 0):
            raise Refused(400, "tail has to be a number of lines.")
        return cls(
            follow=bool(arguments.get("follow")),
            timestamps=bool(arguments.get("timestamps")),
            wish=Wish(
                tail, _time(arguments, "since"), _time(arguments, "until")
            ),
        )


def _time(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if value is None:
        return ""
    try:
        return fixed(value)
    except (ValueError, TypeError, OverflowError):
        raise Refused(
            400, f"{name} has to be a time such as 2026-01-31T12:00:00Z."
        ) from None


class Logs:
    """:param former: logs of containers that are gone."""

    def __init__(
        self, sets: Sets, runtime: Runtime, former: FormerLogs
    ) -> None:
        self.sets = sets
        self.runtime = runtime
        self.former = former
        # not those of the loop: calls of an engine that hangs may have them
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, "logs")
        self._changes: Changes | None = None
        self.pulse = Pulse(runtime.ping)

    @property
    def changes(self) -> Changes:
        if self._changes is None:
            self._changes = Changes()
        return self._changes

    async def __call__(self, link: Link) -> None:
        """Serve a stream."""
        asked = Asked.of(link.ask.arguments)
        stream = _Stream(self, link, asked)
        work = asyncio.create_task(stream.run())
        gone = asyncio.create_task(link.gone())
        try:
            await asyncio.wait(
                {work, gone}, return_when=asyncio.FIRST_COMPLETED
            )
            if work.done():
                await work
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
            stream.close()

    async def call(self, function: Callable[[], T]) -> T:
        """Do what reads files."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function)

    def later(self, function: Callable[[], None]) -> None:
        """Likewise, whenever that may be."""
        self._threads.submit(function)


class _Source:
    """One container of the set, whatever it was and is in the engine."""

    def __init__(
        self, order: int, name: str, reader: Reader, wake: Callable[[], None]
    ) -> None:
        self.order = order
        self.name = name
        self.reader = reader
        self.pending: deque[Entry] = deque()
        # there may be something to read
        self.ready = True
        # it is not of the set any more
        self.over = False
        self.folder: pathlib.Path | None = None
        self._wake = wake

    def changed(self) -> None:
        self.ready = True
        self._wake()


@dataclasses.dataclass(frozen=True)
class _Look:
    """What there is of a set: by id, in order of Index."""

    members: Mapping[str, str]
    seen: Mapping[str, Seen]
    #: Names of those of which only the log is left.
    former: Mapping[str, str]


class _Stream:
    def __init__(self, logs: Logs, link: Link, asked: Asked) -> None:
        self._logs = logs
        self._link = link
        self._ask = link.ask
        self._asked = asked
        self._follow = asked.follow
        self._sources: dict[str, _Source] = {}
        self._order = 0
        self._out = _Batch(link, asked.timestamps)
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        # something of the set may be different
        self._news = True
        self._said_silent = False

    async def run(self) -> None:
        sets, set_id = self._logs.sets, self._ask.set_id
        sets.watch(set_id, self._told)
        if self._follow:
            self._logs.pulse.add(self._wake.set)
        try:
            look = await self._first_look()
            await self._follow_up(look, first=True)
            await self._link.tell(streams.STARTED, {})
            await self._go_on()
        finally:
            sets.unwatch(set_id, self._told)
            if self._asked.follow:
                self._logs.pulse.remove(self._wake.set)
        await self._link.tell(streams.EXIT, {"exit_code": 0})

    def close(self) -> None:
        for source in self._sources.values():
            self._leave(source)
        self._sources.clear()

    def _told(self) -> None:
        """On any thread."""
        # the loop may have ended
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._has_news)

    def _has_news(self) -> None:
        self._news = True
        self._wake.set()

    async def _first_look(self) -> _Look:
        """:raises Refused: there is no such set or container here."""
        ask = self._ask
        deadline = self._loop.time() + (
            PATIENCE if self._follow else SHORT_PATIENCE
        )
        while True:
            self._news = False
            look = await self._logs.call(self._look)
            if look is not None and (
                not ask.container
                or ask.container in look.members
                or ask.container in look.seen
                or ask.container in look.former
            ):
                return look
            try:
                async with asyncio.timeout_at(deadline):
                    while not self._news:
                        await self._wake.wait()
                        self._wake.clear()
            except TimeoutError:
                break
        if look is None:
            raise Refused(404, "The set is not on this host (any more).")
        raise Refused(404, f"The set has no container {ask.container}.")

    def _look(self) -> _Look | None:
        logs, ask = self._logs, self._ask
        members = logs.sets.members(ask.set_id, ask.incarnation)
        if members is None:
            return None
        seen = logs.sets.seen(ask.set_id, ask.incarnation) or ()
        former = logs.former.of(ask.set_id)
        return _Look(
            members,
            {s.member: s for s in seen if s.member},
            {member: kept.name for member, kept in former.items()},
        )

    async def _go_on(self) -> None:
        """Send until there is nothing more to come."""
        until = self._asked.wish.until
        while True:
            if self._news and self._follow:
                self._news = False
                await self._follow_up(await self._logs.call(self._look))
            over = bool(until) and _now() > until
            if await self._send_some():
                continue
            if not self._follow or over:
                return
            self._drop_former()
            await self._speak()
            await self._wait()

    async def _wait(self) -> None:
        """Until there may be something to do."""
        deadline = None
        if until := self._asked.wish.until:
            left = datetime.datetime.fromisoformat(until).timestamp()
            # a little more, for what is on its way to the file
            deadline = self._loop.time() + left - time.time() + 0.2
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._wake.wait()
        self._wake.clear()

    # What there is to read.

    async def _follow_up(
        self, look: _Look | None, *, first: bool = False
    ) -> None:
        """Take in what a look at the set showed."""
        if look is None:
            # it is removed: what was written is still sent
            self._follow = False
            for source in self._sources.values():
                source.ready = True
            return
        names = {i: s.name for i, s in look.seen.items()} | dict(look.members)
        here = set(names)
        if first:
            names = dict(look.former) | names
        if wanted := self._ask.container:
            if wanted not in here:
                self._follow = False
            names = {i: n for i, n in names.items() if i == wanted}
        for member, name in names.items():
            if member not in self._sources:
                self._add(member, name, len(names), first)
            source = self._sources[member]
            source.name = name or member
            await self._aim(source, look.seen.get(member))
        for member, source in self._sources.items():
            source.over = member not in here
            if source.over:
                source.reader.live = None
                source.ready = True

    def _add(self, member: str, name: str, count: int, first: bool) -> None:
        wish = self._asked.wish
        if not first:
            # all of it is new
            wish = dataclasses.replace(wish, tail=None)
        reader = Reader(
            functools.partial(
                self._logs.former.of_member, self._ask.set_id, member
            ),
            wish,
            max(LEAST, CHUNK // count),
        )
        self._sources[member] = _Source(
            self._order, name, reader, self._wake.set
        )
        self._order += 1

    async def _aim(self, source: _Source, seen: Seen | None) -> None:
        """Have it read what the engine has of the container now."""
        before = source.reader.live
        if seen is None:
            # between two that it is, or before the first
            return
        if before is not None and before.runtime_id == seen.id:
            return
        path = await asyncio.to_thread(self._logs.runtime.log_file, seen.id)
        if path is None:
            raise Refused(
                409,
                f"The engine of this host keeps the log of container "
                f"{source.name} where it cannot be read.",
            )
        if self._follow:
            self._unwatch(source)
            self._watch(source, path.parent)
        source.reader.live = Kept(seen.id, path)
        source.ready = True

    def _watch(self, source: _Source, folder: pathlib.Path) -> None:
        try:
            self._logs.changes.add(folder, source.changed)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EMFILE):
                LOG.error("The kernel lets nobody watch more logs: %s", error)
                raise Refused(
                    503,
                    "This host cannot watch more logs; its operator can raise "
                    "fs.inotify.max_user_watches.",
                ) from error
            # it has just been removed, which we are told
            return
        source.folder = folder

    def _unwatch(self, source: _Source) -> None:
        if source.folder is not None:
            self._logs.changes.remove(source.folder, source.changed)
            source.folder = None

    def _leave(self, source: _Source) -> None:
        self._unwatch(source)
        # a thread may be reading it
        self._logs.later(source.reader.close)

    def _drop_former(self) -> None:
        """Of what is gone and read nothing more will come."""
        for member, source in list(self._sources.items()):
            if source.over and not (source.ready or source.pending):
                self._leave(source)
                del self._sources[member]

    # What is sent.

    async def _send_some(self) -> bool:
        """Send what can be read now, or some of it.

        :returns: whether there was anything.
        """
        sources = list(self._sources.values())
        for source in sources:
            if source.ready and not source.pending:
                source.ready = False
                entries, more = await self._logs.call(source.reader.read)
                source.pending.extend(entries)
                source.ready = source.ready or more
        if not any(s.pending or s.ready for s in sources):
            return False
        await self._merge(sources)
        return True

    async def _merge(self, sources: list[_Source]) -> None:
        """Send pending entries in order of time, until the next one may be
        one that has still to be read."""
        while not any(s.ready and not s.pending for s in sources):
            pending = [s for s in sources if s.pending]
            if not pending:
                break
            # parts of a line have its time, and stay together
            source = min(
                pending,
                key=lambda s: (
                    s.pending[0].at,
                    s is not self._out.last,
                    s.order,
                ),
            )
            await self._out.add(source, source.pending.popleft())
        await self._out.flush()

    async def _speak(self) -> None:
        """Say so when the engine does not answer, and when it does again."""
        silent = self._logs.pulse.silent
        if silent == self._said_silent:
            return
        self._said_silent = silent
        await self._link.tell(
            streams.NOTICE,
            "The container engine of the host does not answer; the log goes "
            "on when it does again."
            if silent
            else "The container engine of the host answers again.",
        )


class _Batch:
    """Gathers entries to few messages.

    :ivar last: whose data were sent or gathered last.
    """

    def __init__(self, link: Link, timestamps: bool) -> None:
        self.last: _Source | None = None
        self._name = ""
        self._link = link
        self._timestamps = timestamps
        self._channel = Channel.STDOUT
        self._data: list[bytes] = []
        self._size = 0

    async def add(self, source: _Source, entry: Entry) -> None:
        if entry is GAP:
            await self.flush()
            await self._link.tell(
                streams.NOTICE,
                f"Lines of container {source.name} may be missing: they were "
                "removed before they could be sent.",
            )
            return
        if source is not self.last or source.name != self._name:
            await self.flush()
            self.last, self._name = source, source.name
            await self._link.tell(streams.SOURCE, {"container": source.name})
        data = entry.data
        if self._timestamps and not entry.continued:
            data = entry.at.encode() + b" " + data
        if (
            entry.channel != self._channel
            or self._size + len(data) >= streams.LARGEST
        ):
            await self.flush()
            self._channel = entry.channel
        self._data.append(data)
        self._size += len(data)

    async def flush(self) -> None:
        if self._data:
            data = b"".join(self._data)
            self._data.clear()
            self._size = 0
            await self._link.send(self._channel, data)


def _now() -> str:
    now = datetime.datetime.now(datetime.UTC)
    return fixed(now.isoformat())
