"""Agents of hosts, as proxies reach them: mutual TLS and a websocket.

The protocol is that of :mod:`caas.model.streams`.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import ssl
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from caas import exception
from caas.model import streams

LOG = logging.getLogger(__name__)

_BY_CODE: dict[int, type[exception.CaasError]] = {
    400: exception.BadRequest,
    403: exception.Forbidden,
    404: exception.NotFound,
    409: exception.Conflict,
}

#: Seconds between pings.  One that cannot be delivered tells that the other
#: side is gone; that none comes back may only mean that it is behind.
PING = 20.0

#: Said when there is no way to a host; the log has what went wrong.
NO_WAY = "The host of the set cannot be reached; try again later."


@dataclasses.dataclass(frozen=True)
class Settings:
    """See :mod:`caas.conf.proxy`.  Times in seconds."""

    ca_file: str
    cert_file: str
    key_file: str
    timeout: float = 5.0
    answer_timeout: float = 15.0


def from_conf(conf: Any) -> Settings | None:
    """:param conf: an oslo.config object with a ``[proxy]`` group.
    :returns: None where no certificate is set.
    """
    options = conf.proxy
    if not options.ca_file:
        return None
    return Settings(
        ca_file=options.ca_file,
        cert_file=options.cert_file,
        key_file=options.key_file,
        timeout=options.timeout,
        answer_timeout=options.answer_timeout,
    )


def tls(settings: Settings) -> ssl.SSLContext:
    """Show the certificate of a proxy, and want one of the host.

    :raises OSError: a file cannot be read or is of no use (ssl.SSLError).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(settings.ca_file)
    context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def opening(address: str) -> dict[str, Any]:
    """Arguments of ``connect`` that all connections to agents share.

    :param address: ``address:port``.
    """
    return {
        "uri": f"wss://{address}/",
        "subprotocols": [streams.AGENT_PROTOCOL],
        "compression": None,
        "max_size": streams.LARGEST_TEXT,
        # who is slow to read does not answer either; see PING
        "ping_interval": PING,
        "ping_timeout": None,
        # agents are reached directly, whatever the environment says
        "proxy": None,
        "user_agent_header": None,
    }


def error_of(message: Any) -> exception.CaasError | None:
    """What a text message of an agent complains of, if it does."""
    try:
        problem = json.loads(message)[streams.ERROR]
        return _BY_CODE.get(problem["code"], exception.Unavailable)(
            problem["message"]
        )
    except (KeyError, TypeError, ValueError):
        return None


class Agents:
    """Asks for what has a short answer; see :class:`caas.core.deps.Agents`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls = tls(settings)

    def look(self, host: str, address: str, ask: streams.Ask) -> Any:
        answer = self._run(self._answer, host, address, ask)
        problem = error_of(answer)
        if problem:
            raise problem
        return json.loads(answer)[streams.RESULT]

    def read(
        self, host: str, address: str, ask: streams.Ask, most: int
    ) -> bytes:
        data, last = self._run(self._data, host, address, ask, most)
        problem = error_of(last)
        if problem:
            raise problem
        return bytes(data)

    def _run(
        self, how: Any, host: str, address: str, ask: streams.Ask, *more: Any
    ) -> Any:
        try:
            # not the library's own client for threads: that reads and writes
            # on two at once, which TLS cannot do
            return asyncio.run(how(host, address, ask, *more))
        except (OSError, WebSocketException) as error:
            LOG.warning(
                "Set %s (%s): %s: no answer of host %s at %s: %s",
                ask.set_id,
                ask.request_id,
                ask.verb,
                host,
                address,
                str(error) or type(error).__name__,
            )
            raise exception.Unavailable(NO_WAY) from error

    async def _answer(self, host: str, address: str, ask: streams.Ask) -> str:
        async with self._asked(host, address, ask) as socket:
            async with asyncio.timeout(self._settings.answer_timeout):
                return await socket.recv(decode=True)

    async def _data(
        self, host: str, address: str, ask: streams.Ask, most: int
    ) -> tuple[bytearray, str]:
        """:returns: with the last thing that was said."""
        data, said = bytearray(), ""
        async with self._asked(host, address, ask) as socket:
            async with asyncio.timeout(self._settings.answer_timeout):
                async for message in socket:
                    if isinstance(message, str):
                        said = message
                        continue
                    # after the byte that names the channel
                    data += message[1:]
                    del data[:-most]
        return data, said

    @contextlib.asynccontextmanager
    async def _asked(
        self, host: str, address: str, ask: streams.Ask
    ) -> AsyncIterator[ClientConnection]:
        async with connect(
            **opening(address),
            ssl=self._tls,
            server_hostname=host,
            open_timeout=self._settings.timeout,
            close_timeout=1,
        ) as socket:
            await socket.send(json.dumps(ask.to_dict()))
            yield socket
