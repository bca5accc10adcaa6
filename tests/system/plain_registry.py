"""A real registry, with a gate before it that knows tokens and counts bytes.

What stands for caas-registry where images are pulled by hosts: Debian's
docker-registry knows no tokens of ours.
"""

import contextlib
import dataclasses
import gzip
import hashlib
import http.client
import http.server
import io
import json
import os
import pathlib
import socket
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import requests

from caas.model import spec, wire

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_CONFIG = "application/vnd.docker.container.image.v1+json"
TOKEN = "good"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(size: int = 100_000) -> bytes:
    """The tar of a layer that nobody has; does not compress."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(f"data-{uuid.uuid4().hex}")
        info.size = size
        tar.addfile(info, io.BytesIO(os.urandom(size)))
    return out.getvalue()


@dataclasses.dataclass
class Fault:
    """What becomes of requests for one digest.

    :ivar status: answered instead of what is asked for.
    :ivar cut_after: bytes after which the connection breaks.
    :ivar corrupt: the last byte is another one.
    :ivar longer: there is one more byte than there should be.
    :ivar gate: waited for when half of it has gone out.
    :ivar times: so often, then all is well.
    """

    status: int = 200
    cut_after: int | None = None
    corrupt: bool = False
    longer: bool = False
    gate: threading.Event | None = None
    times: int = 1_000_000


class Registry:
    """:ivar moved: bytes of bodies that went out, by digest.
    :ivar asked: digests, one entry for each request with leave.
    :ivar away: connections are cut without an answer.
    :ivar came: bytes of bodies that came in.
    :ivar refused: status and sentence that answer everything that is to be
        written.
    """

    def __init__(self, path: pathlib.Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        settings = path / "registry.yml"
        settings.write_text(
            json.dumps(
                {
                    "version": "0.1",
                    "log": {"level": "warn", "accesslog": {"disabled": True}},
                    "storage": {
                        "filesystem": {"rootdirectory": str(path / "data")},
                    },
                    "http": {"addr": f"127.0.0.1:{self._port}"},
                }
            )
        )
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._real = f"http://127.0.0.1:{self._port}"
        self._await()
        self.moved: dict[str, int] = {}
        self.asked: list[str] = []
        self.faults: dict[str, Fault] = {}
        self.away = False
        self.came = 0
        self.refused: tuple[int, str] | None = None
        self.connections = 0
        self._server = _Gate(self, self._port)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, daemon=True
        ).start()

    def _await(self) -> None:
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{self._real}/v2/", timeout=10)
                return
            assert time.monotonic() < end, "docker-registry does not answer"
            time.sleep(0.02)

    def reset(self) -> None:
        """As if nothing had been asked for."""
        self.moved.clear()
        self.asked.clear()
        self.faults.clear()
        self.away = False
        self.came = 0
        self.refused = None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._process.terminate()
        self._process.wait(30)

    # What is in it.

    def blob(self, repository: str, data: bytes) -> str:
        """Put it there; return its digest."""
        begun = requests.post(
            f"{self._real}/v2/{repository}/blobs/uploads/", timeout=30
        )
        done = requests.put(
            begun.headers["Location"],
            params={"digest": digest_of(data)},
            data=data,
            timeout=60,
        )
        assert done.status_code == 201, done.text
        return digest_of(data)

    def manifest(self, repository: str, body: dict[str, Any]) -> str:
        data = json.dumps(body).encode()
        done = requests.put(
            f"{self._real}/v2/{repository}/manifests/{digest_of(data)}",
            data=data,
            headers={"Content-Type": body["mediaType"]},
            timeout=30,
        )
        assert done.status_code == 201, done.text
        return digest_of(data)

    def push(
        self,
        layers: Sequence[bytes],
        repository: str = "web/app",
        *,
        config: dict[str, Any] | None = None,
        change: Callable[[dict[str, Any]], None] | None = None,
        **more: Any,
    ) -> "Pushed":
        """An image of these tars.

        :param config: of containers: Cmd, Labels ...
        :param change: of the manifest before it is put there.
        :param more: in the configuration file, such as ``architecture``.
        """
        about = {
            "architecture": _ARCHITECTURE,
            "os": "linux",
            "config": config or {"Cmd": ["sleep", "1000"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [digest_of(one) for one in layers],
            },
            "history": [{"created_by": "test"} for _ in layers],
            **more,
        }
        data = json.dumps(about).encode()
        packed = [gzip.compress(one, 1, mtime=0) for one in layers]
        body = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": _CONFIG,
                "size": len(data),
                "digest": self.blob(repository, data),
            },
            "layers": [
                {
                    "mediaType": _LAYER,
                    "size": len(one),
                    "digest": self.blob(repository, one),
                }
                for one in packed
            ],
        }
        if change:
            change(body)
        return Pushed(
            repository,
            self.manifest(repository, body),
            [one["digest"] for one in body["layers"]],
            [len(one) for one in packed],
        )

    def get(self, repository: str, reference: str) -> dict[str, Any]:
        """A manifest, or a blob that is JSON."""
        kind = "blobs" if reference.startswith("sha256:") else "manifests"
        got = requests.get(
            f"{self._real}/v2/{repository}/{kind}/{reference}",
            headers={"Accept": MANIFEST},
            timeout=30,
        )
        assert got.status_code == 200, got.text
        found: dict[str, Any] = got.json()
        return found

    def index(self, parts: Sequence[tuple["Pushed", str]]) -> "Pushed":
        """:param parts: images, and for which architecture each is."""
        body = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {
                    "mediaType": MANIFEST,
                    "digest": part.digest,
                    "size": 1,
                    "platform": {"os": "linux", "architecture": architecture},
                }
                for part, architecture in parts
            ],
        }
        for one in body["manifests"]:
            got = requests.get(
                f"{self._real}/v2/web/app/manifests/{one['digest']}",
                headers={"Accept": MANIFEST},
                timeout=30,
            )
            one["size"] = len(got.content)
        return Pushed("web/app", self.manifest("web/app", body), [], [])


@dataclasses.dataclass(frozen=True)
class Pushed:
    """An image in the registry; ``sizes`` of its layers as stored."""

    repository: str
    digest: str
    layers: list[str]
    sizes: list[int]

    @property
    def ref(self) -> spec.ImageRef:
        return spec.ImageRef(
            ref="web:1",
            id=str(uuid.uuid4()),
            digest=self.digest,
            name="web/app:1",
            size=sum(self.sizes),
            repository=self.repository,
        )

    def pull(self, token: str = TOKEN) -> wire.Pull:
        return wire.Pull(token, self.repository, self.digest)


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


_ARCHITECTURE = _architecture()


class _Gate(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, registry: Registry, port: int) -> None:
        self.registry = registry
        self.real = port
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Gate

    def setup(self) -> None:
        super().setup()
        self.server.registry.connections += 1

    def do_GET(self) -> None:
        registry = self.server.registry
        digest = self.path.rpartition("/")[2]
        if registry.away:
            self.close_connection = True
            return
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._nothing(403)
            return
        registry.asked.append(digest)
        fault = registry.faults.get(digest, Fault())
        fault.times -= 1
        if fault.times < 0:
            fault = Fault()
        if fault.status != 200:
            self._nothing(fault.status)
            return
        real = http.client.HTTPConnection(
            "127.0.0.1", self.server.real, timeout=30
        )
        wanted = {
            name: self.headers[name]
            for name in ("Accept", "Range")
            if name in self.headers
        }
        with contextlib.closing(real):
            real.request("GET", self.path, headers=wanted)
            answer = real.getresponse()
            self._relay(digest, fault, answer, answer.read())

    def do_POST(self) -> None:
        """Whatever writes, and looks whether it has to."""
        registry = self.server.registry
        body = b"".join(self._body())
        if registry.away:
            self.close_connection = True
            return
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._nothing(401)
            return
        if registry.refused:
            status, message = registry.refused
            self._nothing(
                status, json.dumps({"errors": [{"message": message}]}).encode()
            )
            return
        real = http.client.HTTPConnection(
            "127.0.0.1", self.server.real, timeout=30
        )
        wanted = {
            name: self.headers[name]
            for name in ("Accept", "Content-Type")
            if name in self.headers
        }
        with contextlib.closing(real):
            real.request(self.command, self.path, body, wanted)
            answer = real.getresponse()
            data = answer.read()
        registry.came += len(body)
        self.send_response(answer.status)
        for name in ("Location", "Content-Type", "Docker-Content-Digest"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        size = str(len(data))
        if self.command == "HEAD":
            size = answer.headers.get("Content-Length", "0")
        self.send_header("Content-Length", size)
        self.end_headers()
        self.wfile.write(data)

    # as the library asks for them
    do_HEAD = do_PATCH = do_PUT = do_DELETE = do_POST  # noqa: N815

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _nothing(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _relay(
        self,
        digest: str,
        fault: Fault,
        answer: http.client.HTTPResponse,
        data: bytes,
    ) -> None:
        if fault.corrupt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault.longer:
            data += b"x"
        self.send_response(answer.status)
        for name in ("Content-Type", "Content-Range"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            if fault.gate:
                half = len(data) // 2
                self._write(digest, data[:half])
                assert fault.gate.wait(60)
                data = data[half:]
            if fault.cut_after is not None:
                data = data[: fault.cut_after]
                self.close_connection = True
            self._write(digest, data)

    def _write(self, digest: str, data: bytes) -> None:
        """Send it, or what of it goes out before the registry goes away."""
        registry = self.server.registry
        for at in range(0, len(data), 1 << 16):
            if registry.away:
                self.close_connection = True
                raise BrokenPipeError
            part = data[at : at + (1 << 16)]
            self.wfile.write(part)
            registry.moved[digest] = registry.moved.get(digest, 0) + len(part)

    def log_message(self, *args: object) -> None:
        pass
