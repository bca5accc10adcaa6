"""The agent's door for proxies, without the rest of an agent, and a proxy."""

import asyncio
import contextlib
import datetime
import ipaddress
import json
import os
import pathlib
import ssl
import sys
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
)
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from caas.agent.keeper import Seen
from caas.agent.streams import inside
from caas.agent.streams.archives import Archives, Limits
from caas.agent.streams.server import Serve, Settings, StreamServer, tls
from caas.model import streams
from tests.system.agent import client
from tests.system.agent.client import Client

SET = "the-set"

_REPO = pathlib.Path(__file__).resolve().parents[3]


class Sets:
    """One set, whose containers go by their engine id.

    Nothing is asked of the engine, as in an agent.

    :ivar pids: of their first processes.
    :ivar paused: those that are.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.pids = pids
        self.paused: set[str] = set()

    def seen(self, set_id: str, incarnation: int) -> list[Seen] | None:
        if (set_id, incarnation) != (SET, 1):
            return None
        return [
            Seen("c", it, it, "paused" if it in self.paused else state, pid)
            for it, pid in self.pids.items()
            if (
                state := "running"
                if pathlib.Path(f"/proc/{pid}").exists()
                else "exited"
            )
        ]

    def infra_pid(self, set_id: str) -> int:
        return 0

    def watch(self, set_id: str, tell: Callable[[], None]) -> None: ...

    def unwatch(self, set_id: str, tell: Callable[[], None]) -> None: ...


class Door:
    """:param path: for certificates."""

    def __init__(self, pids: Mapping[str, int], path: pathlib.Path) -> None:
        self.path = path
        self.sets = Sets(pids)
        certificates(path)
        self._server = StreamServer(
            Settings("127.0.0.1", 0, tls(*_files(path)), "caas-console"),
            _verbs(self.sets),
        )
        self.port = self._server.start()

    def stop(self) -> None:
        self._server.stop()

    @contextlib.contextmanager
    def ask(
        self, verb: str, container: str, incarnation: int = 1, **arguments: Any
    ) -> Iterator[Client]:
        ask = streams.Ask(verb, SET, incarnation, container, arguments)
        with client.looping() as loop:
            stream = opened(self.path, self.port, ask.to_dict())
            socket = client.run(loop, stream.__aenter__())
            try:
                yield Client(loop, socket)
            finally:
                client.run(loop, stream.__aexit__(None, None, None))

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


def _verbs(sets: Sets) -> Mapping[str, Serve]:
    visits = inside.Inside(sets)
    copies = Archives(visits, Limits())
    return {
        **inside.serve(visits),
        streams.Verb.DOWNLOAD: copies.download,
        streams.Verb.UPLOAD: copies.upload,
    }


def _files(path: pathlib.Path) -> tuple[str, str, str]:
    return (
        str(path / "ca.pem"),
        str(path / "cert.pem"),
        str(path / "key.pem"),
    )


@contextlib.asynccontextmanager
async def opened(
    path: pathlib.Path, port: int, ask: dict[str, Any]
) -> AsyncIterator[ClientConnection]:
    """A stream, as a proxy opens it."""
    ca, cert, key = _files(path)
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    async with await client.opened(port, context) as socket:
        await socket.send(json.dumps(ask))
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
    return asyncio.run(_relay(pathlib.Path(path), port, ask.to_dict()))


async def _relay(path: pathlib.Path, port: int, ask: dict[str, Any]) -> int:
    async with opened(path, port, ask) as socket:
        feeding = asyncio.create_task(_feed(socket))
        async for message in socket:
            if isinstance(message, bytes):
                sys.stdout.buffer.write(message[1:])
                sys.stdout.buffer.flush()
            elif streams.ERROR in (said := json.loads(message)):
                print(said[streams.ERROR]["message"], file=sys.stderr)
                os._exit(1)
        feeding.cancel()
    # a thread may still wait for stdin
    os._exit(0)


async def _feed(socket: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        while data := await asyncio.to_thread(os.read, 0, streams.LARGEST - 1):
            await socket.send(bytes((streams.Channel.STDIN,)) + data)
        await socket.send(json.dumps({streams.EOF: True}))
