"""As much of Glance's HTTP API as caas asks for, over real HTTP.

The real Glance stands in the system tests; here it is one whose sockets can
be made to close when they should not.
"""

import dataclasses
import hashlib
import http.server
import json
import threading
import urllib.parse
import uuid
from typing import Any


@dataclasses.dataclass
class Image:
    """:ivar owner: project that sees it; None: everybody does."""

    name: str
    data: bytes
    owner: str | None = None
    status: str = "active"
    container_format: str = "docker"
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "container_format": self.container_format,
            "size": len(self.data),
            "os_hash_algo": "sha512",
            "os_hash_value": hashlib.sha512(self.data).hexdigest(),
        }


class Glance:
    """A server on a port of its own.

    :ivar requests: path and query of each request, as they came.
    :ivar closing: how many of the next requests find their connection closed
        without an answer.
    :ivar failing: status every request gets instead of an answer.
    """

    def __init__(self) -> None:
        self.images: list[Image] = []
        self.requests: list[str] = []
        self.closing = 0
        self.failing: int | None = None
        glance = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # head and body in one packet, or the client waits 40 ms
            wbufsize = -1

            def do_GET(self) -> None:
                glance._serve(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, name: str, data: bytes = b"bytes", **how: Any) -> Image:
        image = Image(name, data, **how)
        self.images.append(image)
        return image

    def _serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.path)
        if self.closing:
            self.closing -= 1
            handler.close_connection = True
            return
        status, body = self._answer(handler)
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _answer(
        self, handler: http.server.BaseHTTPRequestHandler
    ) -> tuple[int, bytes]:
        if self.failing:
            return self.failing, b""
        url = urllib.parse.urlsplit(handler.path)
        parts = url.path.strip("/").split("/")
        seen = self._seen(handler.headers.get("X-Auth-Token"))
        if parts == ["v2", "images"]:
            want = dict(urllib.parse.parse_qsl(url.query))
            # As in Glance: what stands before a colon is an operator.
            operator, colon, name = want.get("name", "").partition(":")
            if colon:
                if operator != "eq":
                    return 400, b""
                want["name"] = name
            found = [
                image.view()
                for image in seen
                if all(image.view()[k] == v for k, v in want.items())
            ]
            return 200, json.dumps({"images": found}).encode()
        for image in seen:
            if parts == ["v2", "images", image.id]:
                return 200, json.dumps(image.view()).encode()
            if parts == ["v2", "images", image.id, "file"]:
                return 200, image.data
        return 404, b""

    def _seen(self, token: str | None) -> list[Image]:
        """Without a user's token it is the service user, who sees all."""
        project = token.split(":")[1] if token and ":" in token else None
        return [
            image
            for image in self.images
            if project is None or image.owner in (None, project)
        ]
