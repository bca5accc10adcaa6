"""The agent's door for proxies, and a proxy that goes through it."""

import contextlib
import json
import pathlib
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from caas.agent.logs import of_host
from caas.agent.streams import archives, server, verbs
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import streams, wire
from caas.model.streams import Channel
from tests.certificates import Authority
from tests.system.agent import client, process
from tests.system.agent.client import Client
from tests.system.agent.host import Host

TIMEOUT = 20.0


class Door:
    """:ivar authority: signs for the host and for proxies."""

    def __init__(
        self,
        host: Host,
        folder: pathlib.Path,
        limits: archives.Limits | None = None,
    ) -> None:
        self.authority = Authority(folder / "ca")
        self.proxy = self.authority.client("caas-console")
        conf = process.configuration(host.options)
        self.runtime = DockerRuntime(conf)
        assert host.agent is not None
        self.sets = host.agent.sets
        self.server = server.StreamServer(
            server.Settings(
                listen="127.0.0.1",
                port=0,
                tls=server.tls(
                    str(self.authority.file),
                    *map(str, self.authority.issue("host")),
                ),
                proxy_name="caas-console",
            ),
            verbs.verbs(self.sets, self.runtime, of_host(conf), limits),
            first=self.runtime.end_left,
        )
        self.port = self.server.start()
        self._left = contextlib.ExitStack()
        self._loop = self._left.enter_context(client.looping())

    def close(self) -> None:
        self.server.stop()
        self.runtime.close()
        self._left.close()

    @contextlib.contextmanager
    def connect(self, tls: ssl.SSLContext | None = None) -> Iterator[Client]:
        found = self._connected(tls or self.proxy)
        try:
            yield found
        finally:
            found.close()

    def _connected(self, tls: ssl.SSLContext) -> Client:
        opening = client.opened(self.port, tls)
        return Client(self._loop, client.run(self._loop, opening))

    def open(
        self, verb: str, one: wire.Wanted, member: str = "", **given: Any
    ) -> Client:
        """:param member: id of a container."""
        found = self._connected(self.proxy)
        ask = streams.Ask(
            verb=verb,
            set_id=one.id,
            incarnation=one.incarnation,
            container=member,
            arguments=given,
            session_id="session",
            request_id="req",
        )
        found.send(json.dumps(ask.to_dict()))
        return found

    @contextlib.contextmanager
    def ask(
        self, verb: str, one: wire.Wanted, container: str = "", **given: Any
    ) -> "Iterator[Stream]":
        """:param container: its name."""
        member = f"id-{container}" if container else ""
        found = self.open(verb, one, member, **given)
        try:
            yield Stream(found)
        finally:
            found.close()

    def look(
        self, look: str, one: wire.Wanted, container: str = "", **given: Any
    ) -> Any:
        with self.ask(look, one, container, **given) as stream:
            return stream.next("result")


class Ended(Exception):
    """The agent says that it failed."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Stream:
    """:ivar out: what came on stdout, not taken yet; ``err`` likewise."""

    def __init__(self, socket: Client) -> None:
        self.socket = socket
        self.out = b""
        self.err = b""

    def step(self) -> tuple[str, Any] | None:
        """Take in a message; return what it says if it is no data."""
        message = self.socket.recv(TIMEOUT)
        if isinstance(message, str):
            ((name, value),) = json.loads(message).items()
            if name == "error":
                raise Ended(**value)
            return name, value
        if message[0] == Channel.STDOUT:
            self.out += message[1:]
        else:
            assert message[0] == Channel.STDERR
            self.err += message[1:]
        return None

    def next(self, what: str) -> Any:
        """What is said next of that name; data before it is kept."""
        while True:
            said = self.step()
            if said is not None:
                assert said[0] == what, said
                return said[1]

    def until(self, text: bytes) -> bytes:
        """What comes on stdout up to and with a text."""
        while text not in self.out:
            said = self.step()
            assert said is None, (said, self.out)
        before, _, self.out = self.out.partition(text)
        return before + text

    def exit_code(self) -> int:
        code = self.next("exit")["exit_code"]
        with pytest.raises(ConnectionClosed) as closed:
            self.socket.recv(TIMEOUT)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == streams.NORMAL
        return int(code)

    def send(self, data: bytes) -> None:
        step = streams.LARGEST - 1
        for start in range(0, len(data), step):
            part = data[start : start + step]
            self.socket.send(bytes((Channel.STDIN,)) + part)

    def tell(self, what: str, value: Any = True) -> None:
        self.socket.send(json.dumps({what: value}))

    def vanish(self) -> None:
        """As a proxy that is killed."""
        self.socket.vanish()
