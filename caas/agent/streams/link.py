"""One stream, as the module of a verb sees it."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from caas.model import streams
from caas.model.streams import Channel


class Refused(Exception):
    """What was asked for cannot be.

    :param code: as of HTTP.
    :param message: a sentence for the user.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Seen(Protocol):
    """A business container of a set, as it is on this host now.

    :ivar member: id of the container of the set it is.
    :ivar id: of the container in the engine.
    :ivar state: see :class:`caas.drivers.runtime.base.RuntimeContainer`.
    :ivar pid: of its first process, 0 when it does not run.
    """

    @property
    def name(self) -> str: ...
    @property
    def member(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def pid(self) -> int: ...


class Sets(Protocol):
    """What streams need to know of the sets of this host."""

    def seen(self, set_id: str, incarnation: int) -> "Sequence[Seen] | None":
        """Its business containers, by Index; None if it is not here."""

    def infra_pid(self, set_id: str) -> int:
        """Of the first process of its infra container, 0 without."""

    def watch(self, set_id: str, tell: Callable[[], None]) -> None:
        """Have ``tell`` called, on any thread, when anything of the set may
        have changed; it must return at once."""

    def unwatch(self, set_id: str, tell: Callable[[], None]) -> None: ...


class Link:
    """The agent's end of one stream.

    :ivar ask: what is asked for.
    """

    def __init__(self, socket: ServerConnection, ask: streams.Ask) -> None:
        self._socket = socket
        self.ask = ask

    async def send(self, channel: Channel, data: bytes) -> None:
        """Send data; waits while the reader is behind.

        :raises ConnectionClosed: the proxy is gone.
        """
        step = streams.LARGEST - 1
        for start in range(0, len(data), step):
            await self._socket.send(
                bytes((channel,)) + data[start : start + step]
            )

    async def tell(self, what: str, value: Any = True) -> None:
        """Send a message such as ``{"started": {}}``."""
        await self._socket.send(json.dumps({what: value}))

    async def messages(self) -> AsyncIterator[tuple[str, Any] | bytes]:
        """What comes from the client: data for STDIN, or (name, value).

        Ends when the client is gone, however that came.
        """
        try:
            async for message in self._socket:
                if isinstance(message, bytes):
                    if message[:1] == bytes((Channel.STDIN,)):
                        yield message[1:]
                    continue
                try:
                    ((name, value),) = json.loads(message).items()
                except (ValueError, AttributeError):
                    # no client of ours; there is nobody to tell
                    continue
                yield name, value
        except ConnectionClosed:
            return

    async def closed(self) -> None:
        """Return when the client is gone; nothing it sends is taken in."""
        await self._socket.wait_closed()

    async def gone(self) -> None:
        """Return when the client is gone; what it sends is not looked at."""
        async for _ in self.messages():
            pass
