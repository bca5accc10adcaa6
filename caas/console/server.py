"""``caas-console``: websockets of clients, each for one session.

A client connects to ``/v1/sessions/{id}`` and offers two subprotocols:
``caas-stream-v1``, and ``caas-token.`` with the token of the session after
it; a browser can set no header.  What passes then is told in
:mod:`caas.model.streams`.  Who is not let in gets an answer of HTTP, in JSON.

At ``/terminal`` is a page that does this in a browser, see :mod:`page`.
"""

import asyncio
import dataclasses
import http
import json
import logging
import re
import ssl
from collections.abc import Sequence
from typing import Any, Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from caas import exception
from caas.clients import agents
from caas.console import page
from caas.console.relay import Relay
from caas.core import sessions
from caas.core.deps import Deps
from caas.model import streams
from caas.model.hosts import Host
from caas.model.sessions import Session

LOG = logging.getLogger(__name__)

_OURS = ("text/html; charset=utf-8", "application/json")
_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]+")
_PATH = re.compile(r"/v1/sessions/([0-9a-f-]{36})")
_TOKEN = "caas-token."  # noqa: S105 - what stands before one
#: Seconds from leave to come in to the first message.
HANDSHAKE = 5.0
#: Seconds sessions have to end when the proxy does.
FAREWELL = 3.0


class Users(Protocol):
    def user_of(self, token: str) -> str | None:
        """The id of the user a token of Keystone is of.

        :returns: None: the token is not valid (any more).
        :raises Unavailable: Keystone does not answer.
        """


@dataclasses.dataclass(frozen=True)
class Settings:
    """See :mod:`caas.conf.console`.

    :ivar name: of this process among the proxies of the cloud.
    :ivar tls: None where something in front of it does TLS.
    """

    name: str
    listen: str
    port: int
    tls: ssl.SSLContext | None = None
    origins: Sequence[str] = ()
    max_sessions: int = 1000


class Console:
    """:param users: None: who comes is not asked for a token of Keystone."""

    def __init__(
        self, settings: Settings, deps: Deps, users: Users | None, relay: Relay
    ) -> None:
        self._settings = settings
        self._deps = deps
        self._users = users
        self._relay = relay
        self._ending: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._let_in: dict[ServerConnection, tuple[Session, Host]] = {}

    async def run(
        self, stop: asyncio.Event, started: asyncio.Future[int] | None = None
    ) -> None:
        """Serve until ``stop`` is set.

        :param started: gets the port it listens at.
        :raises OSError: it cannot listen there.
        """
        settings = self._settings
        await asyncio.to_thread(sessions.abandon, self._deps, settings.name)
        server = await serve(
            self._serve,
            settings.listen,
            settings.port,
            ssl=settings.tls,
            process_request=self._process_request,
            process_response=self._process_response,
            subprotocols=[Subprotocol(streams.CLIENT_PROTOCOL)],
            compression=None,
            max_size=streams.LARGEST_TEXT,
            close_timeout=1,
            ping_interval=agents.PING,
            ping_timeout=None,
            server_header=None,
        )
        if started is not None:
            started.set_result(_port(server))
        LOG.info(
            "Console %s listens at %s:%d",
            settings.name,
            settings.listen,
            _port(server),
        )
        await stop.wait()
        # sessions first, so that they can say why they end
        server.close(close_connections=False)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL)
        server.close()
        await server.wait_closed()

    def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        """Show the page, and keep out those of others."""
        path = request.path.partition("?")[0]
        host = request.headers.get("Host", "")
        if path == page.PATH:
            if not _HOST.fullmatch(host):
                return _refusal(400, "The header Host names no host.")
            headers = Headers(page.headers(host, self._settings.origins))
            return Response(200, "OK", headers, page.BODY)
        origin = request.headers.get("Origin")
        if origin is None or origin in self._settings.origins:
            return None
        if origin in (f"http://{host}", f"https://{host}"):
            # of our own page
            return None
        return _refusal(403, "Pages of this origin may open no session.")

    async def _process_response(
        self,
        connection: ServerConnection,
        request: Request,
        response: Response,
    ) -> Response | None:
        """Let in who asks in the right form and has leave, or say why not."""
        if response.headers.get("Content-Type") in _OURS:
            # the page, or why not
            return None
        if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            return _refusal(
                response.status_code, "Open the URL of a session as websocket."
            )
        try:
            found = await self._redeemed(connection, request)
        except exception.CaasError as error:
            return _refusal(error.code, error.message)
        except Exception:
            LOG.exception("A client could not be let in")
            return _refusal(500, "The console failed; its log says why.")
        self._let_in[connection] = found
        asyncio.get_running_loop().call_later(
            HANDSHAKE, self._forget, connection
        )
        return None

    def _forget(self, connection: ServerConnection) -> None:
        """End the session of a client that was let in and went at once."""
        found = self._let_in.pop(connection, None)
        if found is not None:
            self._ending = asyncio.ensure_future(self._relay.abandon(found[0]))

    async def _redeemed(
        self, connection: ServerConnection, request: Request
    ) -> tuple[Session, Host]:
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise exception.NotFound(
                "Nothing is at this path; open the URL of a session."
            )
        if len(self._tasks) + len(self._let_in) >= self._settings.max_sessions:
            raise exception.Unavailable(
                f"This console has {self._settings.max_sessions} sessions "
                "already; try again when one has ended."
            )
        client = str(connection.remote_address[0])
        user_id = None
        token = _token(request.headers)
        if self._users is not None and not (
            "X-Auth-Token" not in request.headers
            and await asyncio.to_thread(
                sessions.stands_alone, self._deps, match[1], token
            )
        ):
            user_id = await asyncio.to_thread(
                self._users.user_of, request.headers.get("X-Auth-Token", "")
            )
            if user_id is None:
                raise _Unauthorized(
                    "A valid token is needed: send that of Keystone, of the "
                    "user who asked for the session, as X-Auth-Token."
                )
        return await asyncio.to_thread(
            lambda: sessions.redeem(
                self._deps,
                match[1],
                token,
                user_id=user_id,
                proxy=self._settings.name,
                client=client,
            )
        )

    async def _serve(self, connection: ServerConnection) -> None:
        found = self._let_in.pop(connection, None)
        if found is None:
            # it took too long and was given up
            return
        session, host = found
        serving = asyncio.ensure_future(
            self._relay.serve(session, host, connection)
        )
        self._tasks.add(serving)
        try:
            await asyncio.wait([serving])
        finally:
            self._tasks.discard(serving)


class _Unauthorized(exception.CaasError):
    code = 401


def _token(headers: Headers) -> str:
    for line in headers.get_all("Sec-WebSocket-Protocol"):
        for offer in line.split(","):
            if offer.strip().startswith(_TOKEN):
                return offer.strip().removeprefix(_TOKEN)
    return ""


def _refusal(code: int, message: str) -> Response:
    status = http.HTTPStatus(code)
    body = json.dumps(
        {"error": {"code": code, "title": status.phrase, "message": message}}
    ).encode()
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    return Response(code, status.phrase, headers, body)


def _port(server: Server) -> int:
    address: tuple[Any, ...] = next(iter(server.sockets)).getsockname()
    return int(address[1])
