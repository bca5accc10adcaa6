"""Lets proxies in, and nobody else, and hands each stream to its verb."""

import asyncio
import concurrent.futures
import dataclasses
import json
import logging
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from caas.agent.streams.link import Link, Refused
from caas.drivers.network.base import NetworkError
from caas.drivers.runtime.base import Absent, Conflict, EngineError
from caas.model import streams

LOG = logging.getLogger(__name__)

#: Seconds a proxy has to say what it wants.
PATIENCE = 10.0
#: Seconds streams have to end when the agent does.
FAREWELL = 2.0
#: Seconds between pings.
PING = 10.0
#: Threads for calls that block; a call takes some tens of ms as a rule.
THREADS = 16

Serve = Callable[[Link], Awaitable[None]]


@dataclasses.dataclass(frozen=True)
class Settings:
    """See :mod:`caas.conf.streams`."""

    listen: str
    port: int
    tls: ssl.SSLContext
    proxy_name: str
    max_streams: int = 1000


def tls(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext:
    """Show the certificate of this host, and ask for one of a proxy.

    :raises OSError: a file cannot be read or is of no use (ssl.SSLError).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca_file)
    context.load_cert_chain(cert_file, key_file)
    # who comes again shows a certificate again
    context.num_tickets = 0
    return context


class StreamServer:
    """:param verbs: what serves a stream, by verb.

    :param first: done once, beside what is served.
    """

    def __init__(
        self,
        settings: Settings,
        verbs: Mapping[str, Serve],
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._settings = settings
        self._verbs = verbs
        self._first = first
        self._count = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started: concurrent.futures.Future[int] = (
            concurrent.futures.Future()
        )
        self._thread = threading.Thread(
            target=self._run, name="streams", daemon=True
        )

    def start(self) -> int:
        """:returns: the port it listens at.

        :raises OSError: it cannot listen there.
        """
        self._thread.start()
        return self._started.result()

    def stop(self) -> None:
        """End all streams; their clients are told that the host goes."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(2 * FAREWELL)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop.set_default_executor(
            concurrent.futures.ThreadPoolExecutor(THREADS, "streams")
        )
        settings = self._settings
        try:
            server = await serve(
                self._serve,
                settings.listen,
                settings.port,
                ssl=settings.tls,
                subprotocols=[streams.AGENT_PROTOCOL],  # type: ignore[list-item]
                compression=None,
                max_size=streams.LARGEST_TEXT,
                close_timeout=FAREWELL,
                # Who does not read does not answer either, and may be slow.
                # A ping that cannot be delivered tells who is gone.
                ping_interval=PING,
                ping_timeout=None,
                server_header=None,
            )
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._started.set_result(_port(server))
        beside = asyncio.create_task(self._begin())
        async with server:
            await self._stop.wait()
            beside.cancel()

    async def _begin(self) -> None:
        try:
            if self._first is not None:
                await self._first()
        except EngineError as error:
            LOG.warning(
                "What streams of an earlier agent left is not known: %s",
                error.message,
            )

    async def _serve(self, socket: ServerConnection) -> None:
        try:
            await self._let_in(socket)
        except ConnectionClosed:
            pass
        except Exception:
            LOG.exception("A stream failed unexpectedly")
            await _end(
                socket, 500, "The host failed unexpectedly; its log says why."
            )

    async def _let_in(self, socket: ServerConnection) -> None:
        if not _is_proxy(socket, self._settings.proxy_name):
            LOG.warning(
                "%s is no proxy: its certificate is not for %s",
                socket.remote_address,
                self._settings.proxy_name,
            )
            await socket.close(streams.POLICY, "not a proxy")
            return
        ask = await _asked(socket)
        if ask is None or ask.verb not in self._verbs:
            await _end(socket, 400, "The host does not know what is asked.")
            return
        if self._count >= self._settings.max_streams:
            await _end(
                socket,
                503,
                f"This host has {self._count} streams already; try again "
                "when one has ended.",
            )
            return
        self._count += 1
        LOG.info(
            "Set %s (%s): %s of %s begins, session %s",
            ask.set_id,
            ask.request_id,
            ask.verb,
            ask.container or "the set",
            ask.session_id or "-",
        )
        try:
            await self._verbs[ask.verb](Link(socket, ask))
        except Refused as error:
            await _end(socket, error.code, error.message)
        except EngineError as error:
            await _end(socket, _code(error), error.message)
        except NetworkError as error:
            await _end(socket, 503, error.args[0])
        else:
            await socket.close()
        finally:
            self._count -= 1


def _code(error: EngineError) -> int:
    """What the engine cannot do, as of HTTP."""
    if isinstance(error, Absent):
        return 404
    if isinstance(error, Conflict):
        return 409
    return 400 if error.permanent else 503


def _port(server: Server) -> int:
    address: tuple[Any, ...] = next(iter(server.sockets)).getsockname()
    return int(address[1])


def _is_proxy(socket: ServerConnection, name: str) -> bool:
    """Whether the certificate, which an authority of ours signed, says so."""
    found = socket.transport.get_extra_info("peercert") or {}
    return ("DNS", name) in found.get("subjectAltName", ())


async def _asked(socket: ServerConnection) -> streams.Ask | None:
    try:
        async with asyncio.timeout(PATIENCE):
            message = await socket.recv(decode=True)
        return streams.Ask.from_dict(json.loads(message))
    except (TimeoutError, ValueError, TypeError, AttributeError):
        return None


async def _end(socket: ServerConnection, code: int, message: str) -> None:
    """Say why it is over."""
    try:
        await socket.send(
            json.dumps({streams.ERROR: {"code": code, "message": message}})
        )
        await socket.close()
    except ConnectionClosed:
        pass
