"""What an engine asks of a registry when it pushes, as HTTP."""

import http
import http.server
import json
import re
from collections.abc import Iterator

from caas.drivers.image import stripping
from caas.drivers.image.base import ImageError
from caas.drivers.image.outbound import Outbound
from caas.model import manifests

_NAME = "/v2/[a-z0-9./]+"
_BLOB = re.compile(rf"{_NAME}/blobs/(?P<digest>sha256:[0-9a-f]{{64}})")
_UPLOADS = re.compile(rf"(?P<blobs>{_NAME}/blobs)/uploads/")
_UPLOAD = re.compile(
    rf"(?P<blobs>{_NAME}/blobs)/uploads/(?P<id>[0-9a-f]{{32}})"
)
_MANIFEST = re.compile(
    rf"{_NAME}/manifests/(?P<reference>[A-Za-z0-9_.:-]{{1,140}})"
)
_DIGEST = re.compile(r"(^|&)digest=(?P<digest>sha256(:|%3A)[0-9a-f]{64})(&|$)")
_CHUNK = 256 << 10
#: Of the line with the length of a chunk, bytes.
_LINE = 1024


class Receiving(http.server.BaseHTTPRequestHandler):
    """The part of a handler that takes what an engine pushes."""

    def receive(self, outbound: Outbound) -> None:
        """Answer a request."""
        path, _, query = self.path.partition("?")
        body = self._body()
        try:
            if path == "/v2/" and self.command in ("GET", "HEAD"):
                self.answer(http.HTTPStatus.OK, b"{}")
            elif not self._blobs(outbound, path, query, body):
                self._other(outbound, path, body)
        except ImageError as error:
            # what is still to come is of no use
            self.close_connection = True
            self.answer(
                http.HTTPStatus.FORBIDDEN, failure("DENIED", error.message)
            )
        for _ in body:
            # or it would be taken for the next request
            pass

    def _blobs(
        self, outbound: Outbound, path: str, query: str, body: Iterator[bytes]
    ) -> bool:
        """:returns: whether it was about blobs."""
        if match := _BLOB.fullmatch(path):
            size = None
            if self.command == "HEAD":
                size = outbound.stat(match["digest"])
            if size is None:
                self._unknown("BLOB_UNKNOWN")
            else:
                self._there(match["digest"], size)
        elif (match := _UPLOADS.fullmatch(path)) and self.command == "POST":
            self._begin(outbound, match["blobs"], query)
        elif match := _UPLOAD.fullmatch(path):
            self._upload(outbound, match, query, body)
        else:
            return False
        return True

    def _begin(self, outbound: Outbound, blobs: str, query: str) -> None:
        found = re.search(r"(^|&)mount=(sha256(:|%3A)[0-9a-f]{64})", query)
        if found:
            # from wherever the engine has it: here is known better where
            digest = found[2].replace("%3A", ":")
            if outbound.stat(digest) is not None:
                self._stored(blobs, digest)
                return
        self._under_way(blobs, outbound.begin(), 0)

    def _upload(
        self,
        outbound: Outbound,
        match: re.Match[str],
        query: str,
        body: Iterator[bytes],
    ) -> None:
        upload_id = match["id"]
        if self.command == "DELETE":
            self.answer(http.HTTPStatus.NO_CONTENT, b"")
            return
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for data in body:
                size += len(data)
                yield data

        told = _DIGEST.search(query)
        if self.command not in ("PATCH", "PUT") or (
            self.command == "PUT" and told is None
        ):
            self._unknown("BLOB_UPLOAD_INVALID")
        elif not outbound.append(upload_id, counted()):
            self._unknown("BLOB_UPLOAD_UNKNOWN")
        elif self.command == "PATCH" or told is None:
            self._under_way(match["blobs"], upload_id, size)
        else:
            digest = told["digest"].replace("%3A", ":")
            if outbound.finish(upload_id, digest):
                self._stored(match["blobs"], digest)
            else:
                self._unknown("DIGEST_INVALID")

    def _other(
        self, outbound: Outbound, path: str, body: Iterator[bytes]
    ) -> None:
        match = _MANIFEST.fullmatch(path)
        if match is None or self.command != "PUT":
            # there is never one before it is pushed
            self._unknown("MANIFEST_UNKNOWN")
            return
        data = b""
        for part in body:
            data += part
            if len(data) > manifests.MAX_BODY:
                raise ImageError(
                    "The image cannot be pushed: its manifest is too long.",
                    permanent=True,
                )
        outbound.manifest(
            match["reference"], self.headers.get("Content-Type", ""), data
        )
        self.answer(
            http.HTTPStatus.CREATED,
            b"",
            {
                "Location": path,
                # as the engine sent it, and checks
                "Docker-Content-Digest": stripping.digest(data),
            },
        )

    def _there(self, digest: str, size: int) -> None:
        self.send_response(http.HTTPStatus.OK)
        for name, value in {
            "Content-Length": str(size),
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def _under_way(self, blobs: str, upload_id: str, size: int) -> None:
        self.answer(
            http.HTTPStatus.ACCEPTED,
            b"",
            {
                "Location": f"{blobs}/uploads/{upload_id}",
                "Docker-Upload-UUID": upload_id,
                "Range": f"0-{max(0, size - 1)}",
            },
        )

    def _stored(self, blobs: str, digest: str) -> None:
        self.answer(
            http.HTTPStatus.CREATED,
            b"",
            {
                "Location": f"{blobs}/{digest}",
                "Docker-Content-Digest": digest,
            },
        )

    def _unknown(self, code: str) -> None:
        self.answer(
            http.HTTPStatus.BAD_REQUEST
            if code.endswith("INVALID")
            else http.HTTPStatus.NOT_FOUND,
            failure(code, "There is no such thing."),
        )

    def answer(
        self,
        status: http.HTTPStatus,
        body: bytes,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Docker-Distribution-Api-Version": "registry/2.0",
            **(headers or {}),
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> Iterator[bytes]:
        """The body of the request, as it comes.

        :raises ConnectionError: it breaks off.
        """
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := self._length():
                yield from self._read(size)
                self.rfile.readline(_LINE)
            while self.rfile.readline(_LINE).strip():
                # trailers
                pass
        else:
            yield from self._read(int(self.headers.get("Content-Length", 0)))

    def _length(self) -> int:
        """Of the next chunk."""
        line = self.rfile.readline(_LINE).partition(b";")[0].strip()
        try:
            return int(line, 16)
        except ValueError:
            raise ConnectionError("the engine has gone") from None

    def _read(self, size: int) -> Iterator[bytes]:
        while size:
            data = self.rfile.read1(min(size, _CHUNK))
            if not data:
                raise ConnectionError("the engine has gone")
            size -= len(data)
            yield data


def failure(code: str, message: str) -> bytes:
    return json.dumps(
        {"errors": [{"code": code, "message": message}]}
    ).encode()
