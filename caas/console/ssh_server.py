"""``caas-ssh``: containers by ssh, scp and sftp, with no sshd in the image.

Whoever comes signs in with a key pair of theirs and names the set by the
user name: ``ssh set@gateway``, ``ssh container.set@gateway``.
"""

import asyncio
import collections
import dataclasses
import functools
import logging
from collections.abc import Coroutine
from typing import Any

import asyncssh

from caas import exception
from caas.console.relay import Relay
from caas.console.ssh_access import Access, Place
from caas.console.ssh_channels import End, Forward, Session, refusal
from caas.core import sessions
from caas.core.deps import Deps
from caas.model.keypairs import Keypair
from caas.model.streams import Verb

LOG = logging.getLogger(__name__)

#: What is told of this server, which is nothing.
VERSION = "caas"
#: Keys a client may offer; an agent of ssh holds some.
OFFERS = 20
#: Bytes of one channel that a client may send before it has to wait.
WINDOW = 1 << 20
#: Questions a client may leave without an answer.
KEEPALIVES = 3
#: Seconds sessions have to end when the gateway does.
FAREWELL = 3.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """See :mod:`caas.conf.ssh`.  Times in seconds.

    :ivar name: of this process among the proxies of the cloud.
    :ivar idle: how long a connection may be without a channel.
    :ivar total: how long it may last.
    """

    name: str
    listen: str
    port: int
    host_key: asyncssh.SSHKey
    idle: float
    total: float
    max_connections: int = 1000
    max_startups: int = 100
    max_startups_per_address: int = 20
    max_sessions: int = 10
    max_forwards: int = 100
    login_time: float = 30.0
    keepalive: float = 15.0


class Gateway:
    def __init__(
        self, settings: Settings, deps: Deps, access: Access, relay: Relay
    ) -> None:
        self.settings = settings
        self.access = access
        self.relay = relay
        self._deps = deps
        self._connections: set[_Connection] = set()
        self._startups: collections.Counter[str] = collections.Counter()
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(
        self, stop: asyncio.Event, started: asyncio.Future[int] | None = None
    ) -> None:
        """Serve until ``stop`` is set.

        :param started: gets the port it listens at.
        :raises OSError: it cannot listen there.
        """
        # it would log commands, which are nobody's business
        asyncssh.set_log_level(logging.WARNING)
        settings = self.settings
        await asyncio.to_thread(sessions.abandon, self._deps, settings.name)
        server = await asyncssh.create_server(
            functools.partial(_Connection, self),
            settings.listen,
            settings.port,
            server_host_keys=[settings.host_key],
            server_version=VERSION,
            gss_host=None,
            public_key_auth=True,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            allow_scp=False,
            x11_forwarding=False,
            agent_forwarding=False,
            line_editor=False,
            encoding=None,
            window=WINDOW,
            compression_algs=["none"],
            login_timeout=settings.login_time,
            keepalive_interval=settings.keepalive,
            keepalive_count_max=KEEPALIVES,
        )
        port = server.get_port()
        if started is not None:
            started.set_result(port)
        LOG.info(
            "Gateway %s listens at %s:%d",
            settings.name,
            settings.listen,
            port,
        )
        await stop.wait()
        server.close()
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=FAREWELL)
        for connection in list(self._connections):
            connection.close("The gateway goes.")
        await server.wait_closed()

    # What connections tell.

    def came(self, connection: "_Connection") -> bool:
        """:returns: False: there are too many."""
        settings, address = self.settings, connection.address
        if (
            len(self._connections) >= settings.max_connections
            or self._startups.total() >= settings.max_startups
            or self._startups[address] >= settings.max_startups_per_address
        ):
            LOG.warning("A connection from %s is one too many", address)
            return False
        self._connections.add(connection)
        self._startups[address] += 1
        return True

    def settled(self, address: str) -> None:
        """It is known who came, or nobody did."""
        self._startups[address] -= 1
        if not self._startups[address]:
            del self._startups[address]

    def left(self, connection: "_Connection") -> None:
        self._connections.discard(connection)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class _Connection(asyncssh.SSHServer):
    """One connection of a client, with all its channels."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._settings = gateway.settings
        self._access = gateway.access
        self._conn: asyncssh.SSHServerConnection | None = None
        self.address = ""
        self._counted = False
        self._starting = False
        self._wanted = ""
        self._offered: dict[str, list[Keypair]] = {}
        self._owners: list[Keypair] = []
        self._signed_in = False
        self._reason = ""
        self._channels: set[End] = set()
        self._running = 0
        self._timers: list[asyncio.TimerHandle] = []
        self._quiet: asyncio.TimerHandle | None = None
        self._drained = asyncio.Event()
        self._drained.set()

    # What comes from the network.

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        peer = conn.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        # asyncssh does nothing when its transport is full, so that a client
        # that reads nothing would have us keep all
        conn.pause_writing = self._drained.clear  # type: ignore[method-assign]
        conn.resume_writing = self._drained.set  # type: ignore[method-assign]
        self._counted = self._starting = self._gateway.came(self)
        if not self._counted:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._drained.set()
        self._settle()
        for channel in list(self._channels):
            # one that was being opened is not told by asyncssh
            channel.connection_lost(exc)
        if self._counted:
            self._gateway.left(self)
        for timer in (*self._timers, self._quiet):
            if timer is not None:
                timer.cancel()
        if self._counted and not self._signed_in and self._offered:
            offered = list(self._offered)
            self._gateway.spawn(
                self._thread(self._access.note_stranger, self.address, offered)
            )
        self._conn = None
        LOG.debug("Connection from %s ends: %s", self.address, exc)

    def _settle(self) -> None:
        if self._starting:
            self._starting = False
            self._gateway.settled(self.address)

    # Signing in.

    def begin_auth(self, username: str) -> bool:
        """The set is looked for later: who has no key learns nothing."""
        self._wanted = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(
        self, username: str, key: asyncssh.SSHKey
    ) -> bool:
        """Also asked about keys that are only offered."""
        fingerprint = key.get_fingerprint("sha256")
        if fingerprint not in self._offered:
            if len(self._offered) >= OFFERS:
                self.close("Too many keys were offered.")
                return False
            # whatever comes of the look-up, it was offered
            self._offered[fingerprint] = []
            try:
                self._offered[fingerprint] = await asyncio.to_thread(
                    self._access.keypairs, fingerprint
                )
            except Exception:
                LOG.exception("Keys of users cannot be looked up")
                return False
        self._owners = self._offered[fingerprint]
        return bool(self._owners)

    def auth_completed(self) -> None:
        self._signed_in = True
        self._settle()
        loop = asyncio.get_running_loop()
        self._timers.append(
            loop.call_later(
                self._settings.total,
                self.close,
                f"A connection lasts {self._settings.total:g} s at most.",
            )
        )
        self._watch()
        LOG.info(
            "User %s has come from %s with key %s for %r",
            self._owners[0].user_id,
            self.address,
            self._owners[0].sha256,
            self._wanted[:80],
        )

    def _watch(self) -> None:
        """Close what does nothing; each session has a watch of its own."""
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        if not self._running and self._conn is not None:
            self._quiet = asyncio.get_running_loop().call_later(
                self._settings.idle, self.close, "Nothing is done here."
            )

    def close(self, why: str) -> None:
        if self._conn is not None:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, why)

    # Channels.

    def session_requested(self) -> Session:
        self._limit(Session, self._settings.max_sessions, "sessions")
        session = Session(self)
        self._channels.add(session)
        return session

    def connection_requested(
        self, dest_host: str, dest_port: int, _orig_host: str, _orig_port: int
    ) -> Any:
        self._limit(
            Forward, self._settings.max_forwards, "forwarded connections"
        )
        assert self._conn is not None
        forward = Forward(self)
        self._channels.add(forward)
        return (
            self._conn.create_tcp_channel(window=WINDOW),
            self._forward(forward, dest_host, dest_port),
        )

    def _limit(self, kind: type[End], most: int, what: str) -> None:
        if sum(isinstance(each, kind) for each in self._channels) >= most:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE,
                f"This connection has {most} {what} already.",
            )

    async def _forward(
        self, forward: Forward, host: str, port: int
    ) -> Forward:
        try:
            place = await self._place()
            _check_end(place, host, port)
            await forward.open(place, port)
        except exception.CaasError as error:
            self.closed(forward)
            raise refusal(error) from None
        return forward

    async def _place(self) -> Place:
        """Where the user is and may be, looked at each time: what is taken
        away ends no session, but there are no new ones."""
        owners, wanted = self._owners, self._wanted
        try:
            place: Place = await self._call(self._access.find, owners, wanted)
        except (exception.NotFound, exception.Conflict) as error:
            await self._call(
                self._access.note_denial,
                owners,
                wanted,
                self.address,
                error.message,
            )
            raise
        return place

    async def serve(
        self,
        place: Place | None,
        verb: Verb,
        arguments: dict[str, Any],
        client: End,
        reason: str,
    ) -> None:
        if place is None:
            place = await self._place()
        self._reason = reason or self._reason
        session, host = await self._call(
            functools.partial(
                self._access.begin,
                place,
                verb,
                arguments,
                client=self.address,
                reason=self._reason,
            )
        )
        await self._gateway.relay.serve(session, host, client)

    async def drained(self) -> None:
        await self._drained.wait()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self._running += 1
        self._watch()
        self._gateway.spawn(work).add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._running -= 1
        self._watch()

    def closed(self, channel: End) -> None:
        self._channels.discard(channel)

    async def _call(self, function: Any, *args: Any) -> Any:
        """On a thread.

        :raises CaasError: also for what went wrong unexpectedly.
        """
        try:
            return await asyncio.to_thread(function, *args)
        except exception.CaasError:
            raise
        except Exception:
            LOG.exception("A request from %s failed", self.address)
            raise exception.Unavailable(
                "The gateway failed unexpectedly; its log says why."
            ) from None

    async def _thread(self, function: Any, *args: Any) -> None:
        try:
            await self._call(function, *args)
        except exception.CaasError as error:
            LOG.debug("%s", error.message)


def _check_end(place: Place, host: str, port: int) -> None:
    """Only the set itself: the gateway is no way into the cloud."""
    if host.lower() not in {name.lower() for name in place.hosts}:
        raise exception.Forbidden(
            "Only ports of the set itself can be forwarded; name it localhost."
        )
    if not 0 < port < 1 << 16:
        raise exception.BadRequest("A port is a number from 1 to 65535.")
