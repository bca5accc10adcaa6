"""Streams: what is seen and done inside containers, while it happens."""

import contextlib
import dataclasses
import json
import ssl
import threading
from collections.abc import Iterator
from typing import Any, Self

from openstack import exceptions
from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

STDIN, STDOUT, STDERR = 0, 1, 2

_PROTOCOL = "caas-stream-v1"
_TOKEN = "caas-token."  # noqa: S105 - what stands before one
#: Bytes of one message; the service takes up to 1 MiB.
_PIECE = 1 << 16
#: Seconds to connect, and to take leave.
_PATIENCE = 30.0


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


class Stream:
    """One session: a context manager, to be read to its end.

    Reading and writing may go on in two threads.

    :ivar session_id: of the session it is.
    :ivar exit_code: of a command that has ended; None before.
    """

    def __init__(
        self,
        session_id: str,
        socket: ClientConnection,
        held: contextlib.ExitStack,
    ) -> None:
        """:param held: closes the socket."""
        self.session_id = session_id
        self.exit_code: int | None = None
        self.ended = False
        self._socket = socket
        self._held = held
        self._left = False
        self._sending = threading.Lock()

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
        held = contextlib.ExitStack()
        try:
            socket = held.enter_context(
                connect(
                    url,
                    ssl=tls if url.startswith("wss:") else None,
                    subprotocols=[
                        Subprotocol(_PROTOCOL),
                        Subprotocol(_TOKEN + session["token"]),
                    ],
                    additional_headers=(
                        {"X-Auth-Token": token} if token else None
                    ),
                    compression=None,
                    open_timeout=_PATIENCE,
                    close_timeout=2,
                    # no answer to a ping may mean that this side is behind
                    ping_timeout=None,
                    max_size=1 << 21,
                )
            )
        except InvalidStatus as error:
            raise _refused(error) from error
        except (OSError, WebSocketException) as error:
            raise StreamError(
                f"No connection to {url.split('/v1/')[0]}: {error}"
            ) from error
        stream = cls(session["id"], socket, held)
        stream._begin()
        return stream

    def _begin(self) -> None:
        # the first message says whether it has begun
        try:
            self._heard(self._socket.recv(timeout=_PATIENCE))
        except (TimeoutError, ConnectionClosed) as error:
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
                message = self._socket.recv()
            except ConnectionClosed as error:
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
        with contextlib.suppress(ConnectionClosed), self._sending:
            self._socket.send(message)

    def leave(self) -> None:
        """Have who reads it come to the end now."""
        self._left = True
        self.close()

    def close(self) -> None:
        self._held.close()


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
