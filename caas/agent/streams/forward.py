"""``forward``: a TCP connection to a port within a set."""

import asyncio
import contextlib
import socket

from caas.agent.streams import pumps, target
from caas.agent.streams.arguments import Arguments
from caas.agent.streams.link import Link, Refused, Sets
from caas.drivers.network import namespaces
from caas.drivers.network.base import NetworkError
from caas.model import streams
from caas.model.streams import Channel

LOOPBACK = "127.0.0.1"
#: Seconds for a connection to be made.
TIMEOUT = 10.0
_CHUNK = streams.LARGEST - 1


class Forward:
    def __init__(self, sets: Sets) -> None:
        self._sets = sets

    async def forward(self, link: Link) -> None:
        port = Arguments(link.ask).number("port", 1, 65535, 0)
        if not port:
            raise Refused(400, "'port' is missing.")
        target.containers(self._sets, link.ask)
        pid = self._sets.infra_pid(link.ask.set_id)
        try:
            way, host = await _connect(pid, port)
        except NetworkError as e:
            raise Refused(409, "The set does not run.") from e
        with way:
            await link.tell(streams.STARTED, {"address": host, "port": port})
            done = await pumps.until_gone(
                link, _output(link, way), _input(link, way)
            )
            if done:
                await link.tell(streams.EXIT, {"exit_code": 0})


async def _connect(pid: int, port: int) -> tuple[socket.socket, str]:
    """To the loopback address or, if nothing listens there, to that of the
    set.

    :raises Refused: nothing listens.
    """
    ways = await asyncio.to_thread(namespaces.tcp_sockets, pid, 2)
    chosen = None
    try:
        hosts = [LOOPBACK, namespaces.address_of(ways[1])]
        for way, host in zip(ways, hosts, strict=True):
            if host and await _try(way, host, port):
                chosen = way
                return way, host
    finally:
        for way in ways:
            if way is not chosen:
                way.close()
    raise Refused(409, f"Nothing in the set listens on port {port}.")


async def _try(way: socket.socket, host: str, port: int) -> bool:
    way.setblocking(False)
    try:
        async with asyncio.timeout(TIMEOUT):
            await asyncio.get_running_loop().sock_connect(way, (host, port))
    except OSError:
        # TimeoutError is one
        return False
    return not namespaces.is_own_end(way)


async def _output(link: Link, way: socket.socket) -> bool:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):
        while data := await loop.sock_recv(way, _CHUNK):
            await link.send(Channel.STDOUT, data)
    return True


async def _input(link: Link, way: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    # what it does not want any more is dropped; its end ends the stream
    with contextlib.suppress(OSError):
        async for message in link.messages():
            if isinstance(message, bytes):
                await loop.sock_sendall(way, message)
            elif message[0] == streams.EOF:
                way.shutdown(socket.SHUT_WR)
