"""The way from a proxy to the agent of a host, for one stream."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from caas import exception
from caas.clients import agents
from caas.model import streams
from caas.model.streams import Ask

LOG = logging.getLogger(__name__)

#: Said when the way to a host is lost midway.
LOST = "The connection to the host of the set was lost."


class Links:
    """Opens links; one for a process."""

    def __init__(self, settings: agents.Settings) -> None:
        """:raises OSError: a file of the certificate is of no use."""
        self._settings = settings
        self._tls: ssl.SSLContext = agents.tls(settings)

    async def open(self, host: str, address: str, ask: Ask) -> "Link":
        """Ask the agent of a host, and wait until it has begun.

        :param host: its name, which its certificate has to bear.
        :param address: ``address:port``.
        :raises CaasError: what the agent says, or that it does not answer.
        """
        settings = self._settings
        socket: ClientConnection | None = None
        try:
            socket = await connect(
                **agents.opening(address),
                ssl=self._tls,
                server_hostname=host,
                open_timeout=settings.timeout,
                close_timeout=1,
            )
            await socket.send(json.dumps(ask.to_dict()))
            async with asyncio.timeout(settings.answer_timeout):
                first = await socket.recv(decode=True)
        except (OSError, WebSocketException) as error:
            LOG.warning(
                "Set %s (%s), session %s: no answer of host %s at %s: %s",
                ask.set_id,
                ask.request_id,
                ask.session_id,
                host,
                address,
                str(error) or type(error).__name__,
            )
            if socket is not None:
                await socket.close()
            raise exception.Unavailable(agents.NO_WAY) from error
        except asyncio.CancelledError:
            if socket is not None:
                await socket.close()
            raise
        problem = agents.error_of(first)
        if problem:
            await socket.close()
            raise problem
        return Link(socket, first)


class Link:
    """:ivar first: the first message of the agent, as it came."""

    def __init__(self, socket: ClientConnection, first: str) -> None:
        self._socket = socket
        self.first = first

    async def send(self, message: str | bytes) -> None:
        """Pass a message on; waits while the agent is behind.

        :raises ConnectionClosed: the agent is gone.
        """
        await self._socket.send(message)

    async def messages(self) -> AsyncIterator[str | bytes]:
        """What the agent sends, as it is, to the last one.

        :raises Unavailable: the agent went without a last word.
        """
        try:
            async for message in self._socket:
                yield message
        except ConnectionClosed as error:
            raise exception.Unavailable(LOST) from error

    async def close(self) -> None:
        await self._socket.close()


def read(message: str) -> tuple[str, Any]:
    """A text message as its name and value; ("", None) if it is none."""
    try:
        ((name, value),) = json.loads(message).items()
    except (ValueError, AttributeError):
        return "", None
    return name, value


def said(name: str, value: Any) -> str:
    """A text message; the inverse of :func:`read`."""
    return json.dumps({name: value})


def problem(error: exception.CaasError) -> str:
    """The last message of a stream that failed."""
    return said(streams.ERROR, {"code": error.code, "message": error.message})
