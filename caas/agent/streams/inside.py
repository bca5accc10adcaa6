"""Files of a running container: ``files``, ``tail``, ``sftp`` and copies.

Each by a process of its own, which enters the container (see
:mod:`caas.agent.inside`) and ends with its client, its container or this one.
"""

import asyncio
import collections
import contextlib
import json
import logging
import os
import pathlib
import select
import signal
import sys
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
)
from typing import Any

import caas
from caas.agent.inside import __main__ as program
from caas.agent.inside import outside
from caas.agent.streams import target
from caas.agent.streams.link import Link, Refused, Seen, Sets
from caas.model import streams
from caas.model.streams import Channel, Verb

LOG = logging.getLogger(__name__)

#: Processes at once in one container, and on this host.  One takes 10 to
#: 40 MB of the host's memory, of what it imports before it enters.
PER_CONTAINER = 10
PER_HOST = 100

#: Seconds to enter a container, and to list a folder.
PATIENCE = 30.0
#: Seconds for what was killed to end; one that is frozen ends when thawed.
FAREWELL = 1.0

#: Lines of the end of a file when none are asked for, and most of them.
LINES, MOST_LINES = 10, 1_000_000
#: Clients swap the arguments of SYMLINK, or not; what OpenSSH does, most do.
CLIENT = "OpenSSH"
#: Bytes of a path, as in the kernel.
_LONGEST = 4096
_CHUNK = streams.LARGEST - 1
#: Characters of what it says unasked that are logged.
_KEPT = 2000


class Inside:
    """What serves the verbs; one for all streams of a host."""

    def __init__(self, sets: Sets) -> None:
        self._sets = sets
        self._count: collections.Counter[str] = collections.Counter()

    async def files(self, link: Link) -> None:
        """Say what is in a folder."""
        arguments = {"path": _path(link.ask.arguments)}
        async with self.visit(link, "files", arguments) as visit:
            first = asyncio.create_task(visit.first(streams.RESULT))
            if await _unless_gone(link.gone(), first):
                await link.tell(streams.RESULT, first.result())

    async def tail(self, link: Link) -> None:
        """Send the end of a file, and what is added to it."""
        asked = link.ask.arguments
        arguments = {
            "path": _path(asked),
            "lines": _lines(asked.get("lines", LINES)),
            "follow": asked.get("follow") is True,
        }
        async with self.visit(link, Verb.TAIL, arguments) as visit:
            await visit.serve(link, link.gone())

    async def sftp(self, link: Link) -> None:
        """Speak SFTP or, of ``scp``, the older protocol of scp."""
        asked = link.ask.arguments
        arguments = {"client": str(asked.get("client", CLIENT))}
        if "scp" in asked:
            arguments["scp"] = str(asked["scp"])
        async with self.visit(link, Verb.SFTP, arguments) as visit:
            await visit.serve(link, visit.feed(link))

    @contextlib.asynccontextmanager
    async def visit(
        self, link: Link, verb: str, arguments: dict[str, Any]
    ) -> AsyncIterator["Visit"]:
        """Have a process in the container.

        :param verb: one of :data:`caas.agent.inside.run.MODULES`.
        :raises Refused: the container does not run, or has too many.
        """
        seen = target.running(self._sets, link.ask)
        with self._counted(seen), _pidfd(seen) as pidfd:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", "-X", "utf8", "-W", "ignore"),
                program.__file__,
                _search_path(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(pidfd,),
                start_new_session=True,
                # nothing in there decides how it works; no time zone or
                # language has to be looked up
                env={"TZ": "UTC0", "LC_ALL": "C"},
                limit=(
                    streams.LARGEST_TEXT
                    if verb == "files"
                    else streams.LARGEST
                ),
            )
            visit = Visit(process, pidfd, str(link.ask.set_id))
            try:
                visit.order(
                    {
                        "verb": verb,
                        "arguments": arguments,
                        "pid": seen.pid,
                        "pidfd": pidfd,
                        "runtime_id": seen.id,
                    }
                )
                yield visit
            finally:
                await visit.end()

    @contextlib.contextmanager
    def _counted(self, seen: Seen) -> Iterator[None]:
        for count, most, what in (
            (self._count[seen.id], PER_CONTAINER, "of this container"),
            (self._count.total(), PER_HOST, "on this host"),
        ):
            if count >= most:
                raise Refused(
                    503,
                    f"{count} streams read or write files {what} already; "
                    "try again when one has ended.",
                )
        self._count[seen.id] += 1
        try:
            yield
        finally:
            self._count[seen.id] -= 1
            if not self._count[seen.id]:
                del self._count[seen.id]


class Visit:
    """A process in a container, and its pipes."""

    def __init__(
        self, process: asyncio.subprocess.Process, pidfd: int, set_id: str
    ) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._stderr = process.stderr
        self._pidfd = pidfd
        # its own kill() may reap it before asyncio can, which would not
        # learn how it ended
        self._own_pidfd = os.pidfd_open(process.pid)
        self._set_id = set_id
        self._said = ""
        asyncio.get_running_loop().add_reader(pidfd, self._container_ended)

    def _container_ended(self) -> None:
        # at once, as the container's cgroup cannot be removed before; by
        # itself it would be late if it were about to read from a slow disk
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._own_pidfd, signal.SIGKILL)

    def order(self, order: dict[str, Any]) -> None:
        data = json.dumps(order).encode()
        self._stdin.write(outside.HEAD.pack(len(data)) + data)

    async def first(self, what: str) -> Any:
        """What it says of ``what`` before all else.

        :raises Refused: something else.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                async for said, value in self._hear():
                    if said == what:
                        return value
                raise await self._why()
        except TimeoutError:
            raise Refused(
                503,
                f"The host did not get to it within {PATIENCE:g} s; try again"
                " later.",
            ) from None

    async def serve(self, link: Link, client: Awaitable[None]) -> None:
        """Pass on what comes out until it ends.

        :param client: done when there is no client any more.
        :raises Refused: it did not end well.
        """

        work = asyncio.create_task(self._pass_on(link))
        if await _unless_gone(_either(client, link.closed()), work):
            work.result()

    async def _pass_on(self, link: Link) -> None:
        await link.tell(streams.STARTED, await self.first(streams.STARTED))
        data = asyncio.create_task(self._data(link))
        try:
            async for what, value in self._hear():
                if what == streams.NOTICE:
                    await link.tell(what, value)
                elif what == streams.EXIT:
                    await data
                    await link.tell(what, value)
                    return
        finally:
            data.cancel()
            await asyncio.gather(data, return_exceptions=True)
        raise await self._why()

    async def _data(self, link: Link) -> None:
        while data := await self._stdout.read(_CHUNK):
            await link.send(Channel.STDOUT, data)

    async def feed(self, link: Link) -> None:
        """Pass in what the client sends; ends when it is gone."""
        async for message in link.messages():
            # one that has ended wants no more
            with contextlib.suppress(ConnectionError):
                if isinstance(message, bytes):
                    self._stdin.write(message)
                    await self._stdin.drain()
                elif message[0] == streams.EOF:
                    self._stdin.close()

    async def _hear(self) -> AsyncIterator[tuple[str, Any]]:
        """What it says.

        :raises Refused: that it failed.
        """
        while line := await self._stderr.readline():
            try:
                ((what, value),) = json.loads(line).items()
            except (ValueError, AttributeError):
                self._said += line.decode(errors="replace")
                self._said = self._said[-_KEPT:]
                continue
            if what == streams.ERROR:
                raise Refused(int(value["code"]), str(value["message"]))
            yield what, value

    async def _why(self) -> Refused:
        """Why it has ended without a word."""
        code = await self._process.wait()
        if _readable(self._pidfd):
            return Refused(409, "The container has ended.")
        if code == -signal.SIGKILL:
            return Refused(
                503,
                "The stream was ended by the kernel: the memory of the "
                "container is used up.",
            )
        LOG.error(
            "Set %s: work on the files of a container failed (%s): %s",
            self._set_id,
            code,
            self._said.strip() or "it said nothing",
        )
        return Refused(
            500,
            "The host failed to look into the container; its log says why.",
        )

    async def end(self) -> None:
        """Have it gone."""
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._kill()
        os.close(self._own_pidfd)
        self._stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                # as long as something is left to read it has not ended
                await self._stdout.read()
                await self._stderr.read()
                await self._process.wait()


async def _either(
    client: Awaitable[None], closed: Coroutine[Any, Any, None]
) -> None:
    """Wait for one of them: while what a client sends is stuck nothing is
    read that would tell that it is gone."""
    tasks = [asyncio.ensure_future(client), asyncio.create_task(closed)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _unless_gone(
    client: Awaitable[None], work: "asyncio.Task[Any]"
) -> bool:
    """Wait for the work; False when the client is gone before."""
    gone = asyncio.ensure_future(client)
    try:
        await asyncio.wait((gone, work), return_when=asyncio.FIRST_COMPLETED)
        return work.done()
    finally:
        for task in (gone, work):
            if not task.done():
                task.cancel()
        await asyncio.gather(gone, work, return_exceptions=True)


def _search_path() -> str:
    """Where this process finds what it imports."""
    own = str(pathlib.Path(caas.__file__).parents[1])
    return ":".join([own, *(p for p in sys.path if os.path.isabs(p))])


@contextlib.contextmanager
def _pidfd(seen: Seen) -> Iterator[int]:
    """Of the first process of a container."""
    try:
        # 0 is no process, but not refused by all kernels in the same way
        pidfd = os.pidfd_open(seen.pid or -1)
    except OSError as e:
        raise Refused(409, f"Container {seen.name} does not run.") from e
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def _readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _path(arguments: dict[str, Any]) -> str:
    path = arguments.get("path")
    if not isinstance(path, str) or not path.startswith("/"):
        raise Refused(400, "The path has to be an absolute one: /var/log.")
    if "\0" in path:
        raise Refused(400, "A path has no zero byte in it.")
    if len(path.encode(errors="surrogatepass")) >= _LONGEST:
        raise Refused(400, f"A path has fewer than {_LONGEST} bytes.")
    return path


def _lines(lines: Any) -> int | None:
    """None stands for all."""
    if lines is None:
        return None
    if type(lines) is not int or not 0 <= lines <= MOST_LINES:
        raise Refused(
            400, f"The number of lines is between 0 and {MOST_LINES}."
        )
    return lines


def serve(inside: Inside) -> dict[str, Callable[[Link], Awaitable[None]]]:
    """What serves each verb of this module."""
    return {
        streams.Look.FILES: inside.files,
        Verb.TAIL: inside.tail,
        Verb.SFTP: inside.sftp,
    }
