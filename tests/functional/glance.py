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
    """:ivar owner: project that sees it; None: everybody does.
    :ivar hidden: it is in no list.
    :ivar kind: what it is to caas; "" for an archive.
    :ivar properties: whatever else is said of it.
    """

    name: str
    data: bytes
    owner: str | None = None
    status: str = "active"
    container_format: str = "docker"
    hidden: bool = False
    kind: str = ""
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    properties: dict[str, str] = dataclasses.field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "owner": self.owner,
            "created_at": "2026-11-28T12:00:00Z",
            "container_format": self.container_format,
            "size": len(self.data),
            "os_hash_algo": "sha512",
            "os_hash_value": hashlib.sha512(self.data).hexdigest(),
            **({"caas_kind": self.kind} if self.kind else {}),
            **self.properties,
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

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

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
        if handler.command != "GET":
            token = handler.headers.get("X-Auth-Token") or ""
            if ":" in token:
                return self._write_as(token.split(":")[1], handler, parts)
            return self._write(handler, parts)
        seen = self._seen(handler.headers.get("X-Auth-Token"))
        if parts == ["v2", "images"]:
            want = dict(urllib.parse.parse_qsl(url.query))
            # As in Glance: what stands before a colon is an operator.
            operator, colon, name = want.get("name", "").partition(":")
            if colon:
                if operator != "eq":
                    return 400, b""
                want["name"] = name
            since = want.pop("updated_at", "gte:").removeprefix("gte:")
            limit = int(want.pop("limit", "1000"))
            marker = want.pop("marker", None)
            found = [
                image.view()
                for image in seen
                if not image.hidden
                and _matches(image.view(), want)
                and image.view()["created_at"] >= since
            ]
            if marker is not None:
                ids = [image["id"] for image in found]
                if marker not in ids:
                    return 400, b""
                found = found[ids.index(marker) + 1 :]
            found = found[:limit]
            return 200, json.dumps({"images": found}).encode()
        for image in seen:
            if parts == ["v2", "images", image.id]:
                return 200, json.dumps(image.view()).encode()
            if parts == ["v2", "images", image.id, "file"]:
                return 200, image.data
        return 404, b""

    def _write(
        self, handler: http.server.BaseHTTPRequestHandler, parts: list[str]
    ) -> tuple[int, bytes]:
        """By the service user: records come, get their bytes, go."""
        body = _body(handler)
        if handler.command == "POST":
            record = json.loads(body)
            self.add(
                record["name"],
                b"",
                id=record["id"],
                owner=record["owner"],
                hidden=record["os_hidden"],
            )
            return 201, b"{}"
        for image in self.images:
            if image.id != parts[2]:
                continue
            if handler.command == "PUT":
                image.data = body
                return 204, b""
            if handler.command == "DELETE":
                self.images.remove(image)
                return 204, b""
            for change in json.loads(body):
                if change["path"] == "/os_hidden":
                    image.hidden = change["value"]
            return 200, json.dumps(image.view()).encode()
        return 404, b""

    def _write_as(
        self,
        project: str,
        handler: http.server.BaseHTTPRequestHandler,
        parts: list[str],
    ) -> tuple[int, bytes]:
        """By a user, who may do it to images of the own project."""
        body = _body(handler) if handler.command == "PATCH" else b""
        for image in self.images:
            if image.id != parts[2] or image.owner not in (None, project):
                continue
            if image.owner is None:
                return 403, b""
            if handler.command == "DELETE":
                self.images.remove(image)
                return 204, b""
            for change in json.loads(body):
                key = change["path"].removeprefix("/")
                if (change["op"] == "add") is (key in image.properties):
                    return 409, b""
                image.properties.pop(key, None)
                if change["op"] != "remove":
                    image.properties[key] = change["value"]
            return 200, json.dumps(image.view()).encode()
        return 404, b""

    def _seen(self, token: str | None) -> list[Image]:
        """Without a user's token it is the service user, who sees all."""
        project = token.split(":")[1] if token and ":" in token else None
        return [
            image
            for image in self.images
            if project is None or image.owner in (None, project)
        ]


def _matches(view: dict[str, Any], want: dict[str, str]) -> bool:
    if "id" in want:
        return view["id"] in want["id"].removeprefix("in:").split(",")
    # None of these is public.
    if want.get("visibility") == "public":
        return False
    return all(view.get(key) == value for key, value in want.items())


def _body(handler: http.server.BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers["Content-Length"] or 0))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body
