"""A registry on this host's loopback, for its engine to pull and push.

Every engine trusts a registry at 127.0.0.1 without being configured.  Nobody
else is served: each image on its way has a password of its own, which only the
engine is told, and which is good for so long.
"""

import base64
import binascii
import contextlib
import errno
import http
import http.server
import logging
import pathlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any, cast

from caas.drivers.image.base import ImageError
from caas.drivers.image.outbound import Outbound
from caas.drivers.image.passage import Passage
from caas.drivers.image.receiving import Receiving, failure

LOG = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
USER = "caas"

_PATH = re.compile(
    r"/v2/[a-z0-9./]+/(?P<kind>manifests|blobs)/(?P<digest>sha256:[0-9a-f]{64})"
)
_RANGE = re.compile(r"bytes=(\d{1,18})-")
#: Seconds a connection may be idle.
_IDLE = 60
#: At once; an engine downloads three layers at a time unless told otherwise.
_CONNECTIONS = 128
_TLS_HANDSHAKE = 0x16


class Loopback:
    """Listens while there is something to serve.

    Always at the same port, as engines remember where content came from, and
    do not push back what they know to be there.
    """

    def __init__(self, port: int, kept: pathlib.Path | None = None) -> None:
        """:param port: 0 for one that is free.
        :param kept: file that remembers which that was.
        """
        self._kept = kept
        self._port = port or _read(kept)
        self._fixed = bool(port)
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._passages: dict[str, Passage | Outbound] = {}

    @contextlib.contextmanager
    def serving(self, passage: Passage | Outbound) -> Iterator[int]:
        """The port at which the engine gets or brings it, in the block.

        :raises ImageError: it cannot listen.
        """
        with self._lock:
            if self._server is None:
                self._server = self._listen()
            self._passages[passage.secret] = passage
            port = self._server.port
        try:
            yield port
        finally:
            passage.close()
            with self._lock:
                del self._passages[passage.secret]
                if not self._passages and self._server:
                    # beneath the lock: the next one wants the same port
                    self._server.close()
                    self._server = None

    def passage(self, secret: str) -> Passage | Outbound | None:
        return self._passages.get(secret)

    def _listen(self) -> "_Server":
        try:
            try:
                server = _Server(self, self._port)
            except OSError as e:
                if self._fixed or e.errno != errno.EADDRINUSE:
                    raise
                server = _Server(self, 0)
        except OSError as e:
            raise ImageError(
                f"No image can be pulled: port {self._port} of {ADDRESS} "
                f"([pull] port) cannot be listened on: {e.strerror}."
            ) from e
        if self._port != server.port and self._kept is not None:
            with contextlib.suppress(OSError):
                # then the next agent takes another one, and that is all
                self._kept.write_text(str(server.port))
        self._port = server.port
        return server


def _read(kept: pathlib.Path | None) -> int:
    """:returns: 0 if there is none."""
    try:
        port = int(kept.read_text()) if kept else 0
    except (OSError, ValueError):
        return 0
    return port if 0 < port < 65536 else 0


class _Server:
    """Takes connections from its making until it is closed."""

    def __init__(self, loopback: Loopback, port: int) -> None:
        """:raises OSError: the port cannot be had."""
        self.loopback = loopback
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = threading.Event()
        self._socket = socket.create_server((ADDRESS, port), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(
            target=self._accept, name="image-registry", daemon=True
        ).start()

    def close(self) -> None:
        """Listen no more, and end what is connected."""
        self._closed.set()
        with self._lock:
            left = [self._socket, *self._open]
            for one in left:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, peer = self._socket.accept()
            except OSError:
                # closed, or too many files are open
                self._closed.wait(0.1)
                continue
            if not self._free.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(
                target=self._serve,
                args=(connection, peer),
                name="image-registry",
                daemon=True,
            ).start()

    def _serve(self, connection: socket.socket, peer: Any) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            if not self._closed.is_set():
                _Handler(connection, peer, cast(Any, self))
        except OSError:
            # the engine has gone, or has been silent for too long
            LOG.debug("A connection to the registry broke", exc_info=True)
        finally:
            with self._lock:
                self._open.discard(connection)
                connection.close()
            self._free.release()


class _Handler(Receiving, http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    disable_nagle_algorithm = True
    server: _Server  # type: ignore[assignment]

    def handle(self) -> None:
        first = self.connection.recv(1, socket.MSG_PEEK)
        if first and first[0] == _TLS_HANDSHAKE:
            # engines try that first; this answer has them go on without
            self.connection.recv(1 << 16)
            self.connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            return
        super().handle()

    def do_GET(self) -> None:
        passage = self.server.loopback.passage(self._password())
        if isinstance(passage, Outbound):
            self.receive(passage)
            return
        if self.command not in ("GET", "HEAD"):
            # whatever comes as its body
            self.close_connection = True
        if passage is None:
            self.answer(
                http.HTTPStatus.UNAUTHORIZED,
                failure("UNAUTHORIZED", "This registry is the agent's own."),
                {"WWW-Authenticate": 'Basic realm="caas-agent"'},
            )
        elif self.command not in ("GET", "HEAD"):
            self._absent()
        elif self.path == "/v2/":
            self.answer(http.HTTPStatus.OK, b"{}")
        elif match := _PATH.fullmatch(self.path):
            try:
                if match["kind"] == "manifests":
                    self._manifest(passage, match["digest"])
                else:
                    self._blob(passage, match["digest"])
            except ImageError as e:
                self.answer(
                    http.HTTPStatus.FORBIDDEN, failure("DENIED", e.message)
                )
        else:
            self._absent()

    # as the library asks for them
    do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _manifest(self, passage: Passage, digest: str) -> None:
        found = passage.manifest(digest)
        if found is None:
            self._absent()
            return
        self.answer(
            http.HTTPStatus.OK,
            found.body,
            {
                "Content-Type": found.media_type,
                "Docker-Content-Digest": digest,
            },
        )

    def _blob(self, passage: Passage, digest: str) -> None:
        size = passage.size(digest)
        if size is None:
            self._absent()
            return
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        if start >= size:
            start = 0
        if self.command == "HEAD":
            self._head(digest, start, size)
            return
        with contextlib.closing(passage.blob(digest, start)) as chunks:
            # a fault that shows at once is answered with its reason
            data = next(chunks, b"")
            self._head(digest, start, size)
            try:
                while data:
                    self.wfile.write(data)
                    data = next(chunks, b"")
            except ImageError as e:
                LOG.info("A layer was cut off: %s", e.message)
                self.close_connection = True

    def _head(self, digest: str, start: int, size: int) -> None:
        self.send_response(
            http.HTTPStatus.PARTIAL_CONTENT if start else http.HTTPStatus.OK
        )
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{size - 1}/{size}"
            )
        self.send_header("Content-Length", str(size - start))
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()

    def _absent(self) -> None:
        self.answer(
            http.HTTPStatus.NOT_FOUND,
            failure("NOT_FOUND", "This is not of the image that is pulled."),
        )

    def _password(self) -> str:
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return ""
        try:
            told = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeError):
            return ""
        return told.partition(":")[2]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        LOG.debug(format, *args)
