"""Requests to the Docker Engine whose bodies are streams, for asyncio.

The SDK holds a thread for each, reads ahead into a buffer that its sockets do
not know of, and waits for the whole of a hung answer.
"""

import asyncio
import contextlib
import http.client
import io
import json
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from email.message import Message
from typing import Any

from caas.drivers.runtime.base import EngineError
from caas.drivers.runtime.engine import Engine, translate

#: Bytes read at once, and about what is kept while nobody takes them.
CHUNK = 1 << 16
#: Bytes of an answer that says what went wrong.
_LONGEST_ERROR = 1 << 16
#: Bytes of an answer that is taken in as a whole.
_LONGEST = 1 << 23

_FAILURES = (
    *(OSError, EOFError, ValueError, LookupError),
    *(http.client.HTTPException, asyncio.LimitOverrunError),
)


class Answer:
    """A connection that the head of an answer has come over.

    :ivar headers: of the answer.
    """

    def __init__(
        self,
        what: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._what = what
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers = Message()
        # of the body or its current chunk; None for all until the end
        self._left: int | None = None
        self._chunked = False

    async def head(self) -> None:
        """Take in the head.

        :raises EngineError: the engine refuses.
        """
        async with _translated(self._what):
            head = await self._reader.readuntil(b"\r\n\r\n")
            line, _, rest = head.partition(b"\r\n")
            self.status = int(line.split(b" ", 2)[1])
            self.headers = http.client.parse_headers(io.BytesIO(rest))
            self._chunked = (
                self.headers.get("Transfer-Encoding", "").lower() == "chunked"
            )
            length = self.headers.get("Content-Length")
            if self._chunked:
                self._left = 0
            elif length is not None:
                self._left = int(length)
            if self.status < 400:
                return
            text = await self.all(_LONGEST_ERROR)
        raise translate(self._what, self.status, _message(text))

    async def read(self) -> bytes:
        """The next piece of the body, empty at its end.

        :raises EngineError: the connection broke before that.
        """
        async with _translated(self._what):
            if self._chunked and not self._left:
                line = await self._reader.readuntil(b"\r\n")
                self._left = int(line.partition(b";")[0], 16)
                if not self._left:
                    self._chunked = False
            if self._left is None:
                return await self._reader.read(CHUNK)
            if not self._left:
                return b""
            data = await self._reader.read(min(self._left, CHUNK))
            if not data:
                raise EOFError("it broke off")
            self._left -= len(data)
            if self._chunked and not self._left:
                await self._reader.readexactly(2)
            return data

    async def all(self, most: int) -> bytes:
        """The body, or so much of it."""
        found = b""
        while len(found) < most and (data := await self.read()):
            found += data
        return found

    async def write(self, data: bytes) -> None:
        """:raises OSError: the other end wants nothing more."""
        self._writer.write(data)
        await self._writer.drain()

    def write_eof(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    def close(self) -> None:
        """At once; what was written and not taken is dropped."""
        self._writer.transport.abort()


class Streaming:
    """:param timeout: seconds to wait for the head of an answer."""

    def __init__(self, engine: Engine, url: str, timeout: float) -> None:
        self._engine = engine
        self._url = urllib.parse.urlsplit(url)
        self._timeout = timeout
        self._version = ""

    async def version(self) -> tuple[int, int]:
        """Of the API that is spoken."""
        if not self._version:
            self._version = await asyncio.to_thread(self._engine.version)
        major, _, minor = self._version.partition(".")
        return int(major), int(minor)

    async def ask(
        self,
        what: str,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        upgrade: bool = False,
    ) -> Answer:
        """Send a request and wait for the head of its answer.

        :param what: for messages, see :meth:`Engine.call`.
        :param body: as JSON.
        :param upgrade: the connection is a raw stream from then on.
        :raises EngineError: there is none, or it is a refusal.
        """
        headers = {"Content-Length": "0"}
        data = b""
        if body is not None:
            data = json.dumps(body).encode()
            headers = {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
            }
        if upgrade:
            headers |= {"Connection": "Upgrade", "Upgrade": "tcp"}
        answer = await self._send(what, method, path, query, headers)
        try:
            async with self.timely(what):
                with contextlib.suppress(OSError):
                    await answer.write(data)
                await answer.head()
        except BaseException:
            answer.close()
            raise
        return answer

    async def json(
        self,
        what: str,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Any:
        """Likewise, and return what the answer says."""
        answer = await self.ask(what, method, path, query, body)
        try:
            async with self.timely(what), _translated(what):
                said = await answer.all(_LONGEST)
                return json.loads(said) if said else None
        finally:
            answer.close()

    async def _send(
        self,
        what: str,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> Answer:
        """Send the head of a request.

        :returns: no head has come yet.
        """
        major, minor = await self.version()
        target = f"/v{major}.{minor}{path}"
        if query:
            target += f"?{urllib.parse.urlencode(query)}"
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: docker",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        async with self.timely(what), _translated(what):
            if self._url.scheme == "unix":
                reader, writer = await asyncio.open_unix_connection(
                    self._url.path, limit=CHUNK
                )
            else:
                reader, writer = await asyncio.open_connection(
                    self._url.hostname, self._url.port, limit=CHUNK
                )
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        return Answer(what, reader, writer)

    @contextlib.asynccontextmanager
    async def timely(self, what: str) -> AsyncIterator[None]:
        """What an engine that hangs does not get past."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except TimeoutError as e:
            raise EngineError(
                f"{what}: the Docker Engine did not answer within "
                f"{self._timeout:g} s."
            ) from e


@contextlib.asynccontextmanager
async def _translated(what: str) -> AsyncIterator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except _FAILURES as e:
        why = getattr(e, "strerror", None) or "the connection was lost"
        raise EngineError(
            f"{what}: the Docker Engine cannot be reached ({why})."
        ) from e


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace").strip() or "no reason given"
