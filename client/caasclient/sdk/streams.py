"""Streams: what is seen and done inside containers, while it happens."""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Self, TypeVar

from openstack import exceptions
from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)
from websockets.typing import Subprotocol

STDIN, STDOUT, STDERR = 0, 1, 2

_PROTOCOL = "caas-stream-v1"
_TOKEN = "caas-token."  # noqa: S105 - what stands before one
#: Bytes of one message; the service takes up to 1 MiB.
_PIECE = 1 << 16
#: Seconds to connect, and to take leave.
_PATIENCE, _FAREWELL = 30.0, 3.0

T = TypeVar("T")


class StreamError(exceptions.SDKException):
    """A stream could not be opened, or ended before it was done.

    :ivar code: as of HTTP; None when the connection was lost.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Data:
    """What was written.

    :ivar channel: ``STDOUT`` or ``STDERR``.
    """

    channel: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class Notice:
    """A sentence of the service, while it goes on."""

    text: str


@dataclasses.dataclass(frozen=True)
class Source:
    """Data after it is of this container."""

    container: str


class _Line:
    """A websocket, with a thread for its event loop.

    Not the library's own client for threads: that reads and writes on two at
    once, which TLS cannot do.
    """

    def __init__(self, url: str, **options: Any) -> None:
        """:raises WebSocketException: it cannot be opened; or an OSError."""
        self._opened: concurrent.futures.Future[None] = (
            concurrent.futures.Future()
        )
        self._loop = asyncio.new_event_loop()
        self._gone = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(url, options), daemon=True, name="stream"
        )
        self._thread.start()
        self._opened.result()

    def _run(self, url: str, options: dict[str, Any]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(url, options))

    async def _serve(self, url: str, options: dict[str, Any]) -> None:
        try:
            self._socket = await connect(url, **options)
        except BaseException as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        await self._gone.wait()
        await self._socket.close()

    def recv(self, timeout: float | None = None) -> str | bytes:
        """The next message.

        :raises TimeoutError: nothing comes.
        :raises ConnectionError: it is closed.
        """
        return self._done(lambda: self._socket.recv(), timeout)

    def send(self, message: str | bytes) -> None:
        """Waits while the other side is behind.

        :raises ConnectionError: it is closed.
        """
        self._done(lambda: self._socket.send(message))

    def _done(
        self, call: Callable[[], Awaitable[T]], timeout: float | None = None
    ) -> T:
        async def work() -> T:
            return await call()

        if self._gone.is_set():
            raise ConnectionError
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise
        except (ConnectionClosed, concurrent.futures.CancelledError) as error:
            raise ConnectionError from error

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._gone.set)
            self._thread.join(_FAREWELL)


class Stream:
    """One session: a context manager, to be read to its end.

    Reading and writing may go on in two threads.

    :ivar session_id: of the session it is.
    :ivar exit_code: of a command that has ended; None before.
    """

    def __init__(self, session_id: str, line: _Line) -> None:
        self.session_id = session_id
        self.exit_code: int | None = None
        self.ended = False
        self._line = line
        self._left = False

    @classmethod
    def open(
        cls,
        session: dict[str, Any],
        token: str | None,
        tls: ssl.SSLContext | None,
    ) -> "Stream":
        """:param session: as the service answered.
        :param token: of Keystone, of the same user.
        :raises StreamError: the service does not let it begin.
        """
        url: str = session["url"]
        try:
            line = _Line(
                url,
                ssl=tls if url.startswith("wss:") else None,
                subprotocols=[
                    Subprotocol(_PROTOCOL),
                    Subprotocol(_TOKEN + session["token"]),
                ],
                additional_headers={"X-Auth-Token": token} if token else None,
                compression=None,
                open_timeout=_PATIENCE,
                close_timeout=1,
                # no answer to a ping may mean that this side is behind
                ping_timeout=None,
                max_size=1 << 21,
            )
        except InvalidStatus as error:
            raise _refused(error) from error
        except (OSError, WebSocketException) as error:
            raise StreamError(
                f"No connection to {url.split('/v1/')[0]}: {error}"
            ) from error
        stream = cls(session["id"], line)
        stream._begin()
        return stream

    def _begin(self) -> None:
        # the first message says whether it has begun
        try:
            self._heard(self._line.recv(_PATIENCE))
        except (TimeoutError, ConnectionError) as error:
            self.close()
            raise _lost(error) from error
        except StreamError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Data | Notice | Source]:
        """What comes, to the end.

        :raises StreamError: it ends before it is done.
        """
        while not self.ended:
            try:
                message = self._line.recv()
            except ConnectionError as error:
                if self._left:
                    return
                raise _lost(error) from error
            if isinstance(message, bytes):
                yield Data(message[0], message[1:])
                continue
            heard = self._heard(message)
            if heard is not None:
                yield heard

    def _heard(self, message: str | bytes) -> Notice | Source | None:
        ((name, value),) = json.loads(message).items()
        if name == "error":
            self.ended = True
            raise StreamError(value["message"], value["code"])
        if name == "exit":
            self.ended = True
            self.exit_code = value.get("exit_code")
        if name == "notice":
            return Notice(value)
        if name == "source":
            return Source(value["container"])
        return None

    def read(self) -> bytes:
        """All of STDOUT, to the end."""
        return b"".join(
            each.data
            for each in self
            if isinstance(each, Data) and each.channel == STDOUT
        )

    def send(self, data: bytes) -> None:
        """To STDIN; waits while nobody reads it."""
        for start in range(0, len(data), _PIECE):
            self._send(bytes((STDIN,)) + data[start : start + _PIECE])

    def end_input(self) -> None:
        """Nothing more comes on STDIN."""
        self._tell("eof", True)

    def resize(self, width: int, height: int) -> None:
        """Tell the size of the terminal."""
        self._tell("resize", {"width": width, "height": height})

    def signal(self, name: str) -> None:
        """Send a signal to the command.

        :param name: ``SIGINT`` or ``INT``.
        """
        self._tell("signal", name.upper().removeprefix("SIG"))

    def _tell(self, name: str, value: Any) -> None:
        self._send(json.dumps({name: value}))

    def _send(self, message: str | bytes) -> None:
        # who reads learns why it does not go on
        with contextlib.suppress(ConnectionError):
            self._line.send(message)

    def leave(self) -> None:
        """Have who reads it come to the end now."""
        self._left = True
        self.close()

    def close(self) -> None:
        self._line.close()


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """:param verify: as of a session of keystoneauth."""
    context = ssl.create_default_context(
        cafile=verify if isinstance(verify, str) else None
    )
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refused(error: InvalidStatus) -> StreamError:
    answer = error.response
    try:
        message = json.loads(answer.body or b"")["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"The stream is refused (HTTP {answer.status_code})."
    return StreamError(message, answer.status_code)


def _lost(error: Exception) -> StreamError:
    if isinstance(error, TimeoutError):
        return StreamError("The service does not begin; try again later.")
    return StreamError("The connection was lost before the end.")
