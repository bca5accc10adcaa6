"""The agent's door for proxies, without the rest of an agent, and a proxy.

Run as a program it joins stdin and stdout to a stream, for clients that want
to start their server.
"""

import contextlib
import dataclasses
import datetime
import ipaddress
import json
import pathlib
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import docker
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from caas.agent.streams.server import Settings, StreamServer, tls
from caas.agent.streams.verbs import verbs
from caas.model import streams

SET = "the-set"


@dataclasses.dataclass(frozen=True)
class Seen:
    """See :class:`caas.agent.streams.link.Seen`."""

    name: str
    member: str
    id: str
    state: str
    pid: int


class Sets:
    """One set, whose containers are those of the engine that are asked for,
    each by its engine id."""

    def __init__(self, api: docker.APIClient) -> None:
        self._api = api

    def seen(self, set_id: str, incarnation: int) -> list[Seen] | None:
        if (set_id, incarnation) != (SET, 1):
            return None
        return [
            Seen("c", there["Id"], there["Id"], there["State"], pid)
            for there in self._api.containers(all=True)
            if (pid := self._pid(there["Id"])) is not None
        ]

    def _pid(self, runtime_id: str) -> int | None:
        try:
            found = self._api.inspect_container(runtime_id)
        except docker.errors.NotFound:
            return None
        return int(found["State"]["Pid"])

    def infra_pid(self, set_id: str) -> int:
        return 0

    def watch(self, set_id: str, tell: Callable[[], None]) -> None: ...

    def unwatch(self, set_id: str, tell: Callable[[], None]) -> None: ...


class Door:
    """:param path: for certificates."""

    def __init__(self, api: docker.APIClient, path: pathlib.Path) -> None:
        self.path = path
        certificates(path)
        self._server = StreamServer(
            Settings("127.0.0.1", 0, tls(*_files(path)), "caas-console"),
            verbs(Sets(api), None),  # type: ignore[arg-type]
        )
        self.port = self._server.start()

    def stop(self) -> None:
        self._server.stop()

    @contextlib.contextmanager
    def ask(
        self, verb: str, container: str, incarnation: int = 1, **arguments: Any
    ) -> Iterator[ClientConnection]:
        ask = streams.Ask(verb, SET, incarnation, container, arguments)
        with opened(self.path, self.port, ask.to_dict()) as socket:
            yield socket

    def relay(self, verb: str, container: str, **arguments: Any) -> list[str]:
        """The command that joins stdin and stdout to a stream."""
        ask = streams.Ask(verb, SET, 1, container, arguments)
        return [
            *(sys.executable, "-m", "tests.system.agent.door"),
            *(str(self.path), str(self.port)),
            json.dumps(ask.to_dict()).encode().hex(),
        ]


def _files(path: pathlib.Path) -> tuple[str, str, str]:
    return (
        str(path / "ca.pem"),
        str(path / "cert.pem"),
        str(path / "key.pem"),
    )


@contextlib.contextmanager
def opened(
    path: pathlib.Path, port: int, ask: dict[str, Any]
) -> Iterator[ClientConnection]:
    ca, cert, key = _files(path)
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    with connect(
        f"wss://127.0.0.1:{port}/",
        ssl=context,
        subprotocols=[streams.AGENT_PROTOCOL],  # type: ignore[list-item]
        compression=None,
        max_size=streams.LARGEST_TEXT,
    ) as socket:
        socket.send(json.dumps(ask))
        yield socket


def certificates(path: pathlib.Path) -> None:
    """One that signs itself, for the host and the proxy alike."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("caas-console"),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                ]
            ),
            critical=False,
        )
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (path / "ca.pem").write_bytes(pem)
    (path / "cert.pem").write_bytes(pem)
    (path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _relay(path: str, port: str, ask: str) -> int:
    with opened(
        pathlib.Path(path), int(port), json.loads(bytes.fromhex(ask))
    ) as socket:

        def feed() -> None:
            with contextlib.suppress(ConnectionClosed):
                while data := sys.stdin.buffer.raw.read(streams.LARGEST - 1):
                    socket.send(bytes((streams.Channel.STDIN,)) + data)
                socket.send(json.dumps({streams.EOF: True}))

        threading.Thread(target=feed, daemon=True).start()
        for message in socket:
            if isinstance(message, bytes):
                sys.stdout.buffer.write(message[1:])
                sys.stdout.buffer.flush()
            elif streams.ERROR in (said := json.loads(message)):
                print(said[streams.ERROR]["message"], file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(_relay(*sys.argv[1:]))
