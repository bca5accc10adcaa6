"""A door to the streams of an agent, without the lock that proxies need."""

import asyncio
import dataclasses
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from caas.agent.streams.link import Link, Refused
from caas.agent.streams.server import Serve
from caas.model import streams, wire
from caas.model.streams import Channel


class Door:
    """:param serve: what serves every stream.

    :ivar streams: how many there are.
    :ivar failed: errors that no stream should end with.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self.port = 0
        self.streams = 0
        self.failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self.failed

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        async with serve(
            self._let_in,
            "127.0.0.1",
            0,
            compression=None,
            max_size=streams.LARGEST_TEXT,
            close_timeout=1,
            ping_interval=None,
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    async def _let_in(self, socket: ServerConnection) -> None:
        ask = streams.Ask.from_dict(json.loads(await socket.recv()))
        self.streams += 1
        try:
            await self._serve(Link(socket, ask))
        except Refused as error:
            said = {"code": error.code, "message": error.message}
            await socket.send(json.dumps({streams.ERROR: said}))
        except ConnectionClosed:
            pass
        except Exception as error:
            self.failed.append(error)
        finally:
            self.streams -= 1

    def open(
        self,
        verb: str,
        one: wire.Wanted,
        container: str = "",
        **arguments: Any,
    ) -> "Stream":
        socket = connect(
            f"ws://127.0.0.1:{self.port}",
            compression=None,
            max_size=None,
            close_timeout=1,
            proxy=None,
            # who does not read does not answer
            ping_interval=None,
            legacy=True,
        )
        ask = streams.Ask(
            verb, one.id, one.incarnation, container, arguments=arguments
        )
        socket.send(json.dumps(ask.to_dict()))
        return Stream(socket)


@dataclasses.dataclass
class Stream:
    """The client's end.

    :ivar got: data by container and channel, as they came.
    :ivar said: all else.
    """

    socket: ClientConnection
    got: list[tuple[str, Channel, bytes]] = dataclasses.field(
        default_factory=list
    )
    said: list[tuple[str, Any]] = dataclasses.field(default_factory=list)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def data(self, container: str = "", channel: int = 0) -> bytes:
        """All of it, or of one container or channel."""
        return b"".join(
            data
            for name, where, data in self.got
            if container in ("", name) and channel in (0, where)
        )

    def value(self, what: str) -> Any:
        """The last that was said by that name."""
        return next((v for k, v in reversed(self.said) if k == what), None)

    def until(
        self, condition: Callable[["Stream"], Any], timeout: float = 30
    ) -> "Stream":
        """Take in what comes until it holds."""
        end = time.monotonic() + timeout
        while not condition(self):
            self._take(self.socket.recv(max(0, end - time.monotonic())))
        return self

    def rest(self, timeout: float = 60) -> "Stream":
        """Until its end."""
        return self.until(
            lambda s: s.value(streams.EXIT) or s.value(streams.ERROR), timeout
        )

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            ((what, value),) = json.loads(message).items()
            self.said.append((what, value))
            return
        assert len(message) <= streams.LARGEST
        source = self.value(streams.SOURCE)["container"]
        self.got.append((source, Channel(message[0]), message[1:]))
