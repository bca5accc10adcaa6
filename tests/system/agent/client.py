"""A client of streams, for threads.

By asyncio: what websockets has for threads reads and writes at once, and the
ssl module of Python 3.11 loses what is written then.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect

from caas.model import streams

T = TypeVar("T")

#: Seconds for one message.
TIMEOUT = 60.0


class Client:
    """One stream.

    :param loop: that it lives on.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, socket: ClientConnection
    ) -> None:
        self._loop = loop
        self._socket = socket

    def recv(self, timeout: float = TIMEOUT) -> str | bytes:
        """:raises ConnectionClosed: there is no more."""
        return run(self._loop, self._socket.recv(), timeout)

    def send(self, message: str | bytes) -> None:
        # who does not read may keep one waiting for long
        run(self._loop, self._socket.send(message), None)

    def close(self) -> None:
        run(self._loop, self._socket.close())

    def vanish(self) -> None:
        """Close it without a word."""
        self._loop.call_soon_threadsafe(self._socket.transport.abort)


@contextlib.contextmanager
def looping() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T],
    timeout: float | None = TIMEOUT,
) -> T:
    """Have it done on a loop that runs elsewhere."""
    return asyncio.run_coroutine_threadsafe(
        asyncio.wait_for(work, timeout), loop
    ).result()


async def opened(port: int, tls: ssl.SSLContext) -> ClientConnection:
    """As a proxy opens it."""
    return await connect(
        f"wss://127.0.0.1:{port}/",
        ssl=tls,
        subprotocols=[streams.AGENT_PROTOCOL],  # type: ignore[list-item]
        compression=None,
        max_size=streams.LARGEST_TEXT,
        # it is read when the test gets to it
        ping_interval=None,
        open_timeout=60,
        close_timeout=2,
        proxy=None,
    )
