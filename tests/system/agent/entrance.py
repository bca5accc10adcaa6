"""The agent's door for proxies, without the rest of an agent, and a proxy."""

import contextlib
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

from caas.agent.keeper import Seen
from caas.agent.streams import inside
from caas.agent.streams.server import Settings, StreamServer, tls
from caas.drivers.runtime.base import LABEL_DEPLOYMENT
from caas.model import streams

SET = "the-set"
_REPO = pathlib.Path(__file__).resolve().parents[3]


class Sets:
    """One set, whose containers are those of a deployment, each by its
    engine id."""

    def __init__(self, api: docker.APIClient, deployment: str) -> None:
        self._api = api
        self._label = f"{LABEL_DEPLOYMENT}={deployment}"

    def seen(self, set_id: str, incarnation: int) -> list[Seen] | None:
        if (set_id, incarnation) != (SET, 1):
            return None
        return [
            Seen("c", there["Id"], there["Id"], there["State"], pid)
            for there in self._api.containers(
                all=True, filters={"label": self._label}
            )
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

    def __init__(
        self, api: docker.APIClient, deployment: str, path: pathlib.Path
    ) -> None:
        self.path = path
        certificates(path)
        self._server = StreamServer(
            Settings("127.0.0.1", 0, tls(*_files(path)), "caas-console"),
            inside.serve(Sets(api, deployment)),
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

    def ssh(self, container: str) -> str:
        """The path of a program that ``scp -S`` and ``sftp -S`` take for ssh,
        whatever the host they name."""
        program = self.path / f"ssh-{container[:12]}"
        program.write_text(
            f"#!{sys.executable}\n"
            "import sys\n"
            f"sys.path[:0] = {[str(_REPO)]}\n"
            "from tests.system.agent import entrance as door\n"
            f"sys.exit(door.relay({str(self.path)!r}, {self.port}, "
            f"{container!r}, sys.argv[-1]))\n"
        )
        program.chmod(0o755)
        return str(program)


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
        open_timeout=60,
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


def relay(path: str, port: int, container: str, command: str) -> int:
    """Join stdin and stdout to a stream.

    :param command: ``sftp`` or one of scp.
    """
    arguments = {} if command == "sftp" else {"scp": command}
    ask = streams.Ask("sftp", SET, 1, container, arguments)
    with opened(pathlib.Path(path), port, ask.to_dict()) as socket:

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
