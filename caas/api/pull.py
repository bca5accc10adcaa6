"""Images for hosts: ``GET /pull/v1/images/{id}`` with a pull token.

Apart from the operations of the API: hosts have no account in Keystone, and
the answer is a stream.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from caas import exception
from caas.api import errors
from caas.pull import Tokens

_PATH = re.compile(
    r"/pull/v1/images/(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)


class Content(Protocol):
    """The bytes of an image; ``size`` is None if not known."""

    @property
    def size(self) -> int | None: ...

    @property
    def chunks(self) -> Iterator[bytes]: ...


class Source(Protocol):
    """Where images come from; see :class:`caas.clients.glance.Images`."""

    def open(self, image_id: str) -> Content: ...


class Pull:
    """WSGI middleware that serves images and leaves the rest to ``app``."""

    def __init__(
        self, app: WSGIApplication, tokens: Tokens, source: Source
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._source = source

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/pull/"):
            return self._app(environ, start_response)
        match = _PATH.fullmatch(path)
        if match is None:
            raise exception.NotFound("There is no image at this path.")
        if environ["REQUEST_METHOD"] != "GET":
            raise errors.MethodNotAllowed(
                "An image can only be asked for with GET.", ["GET"]
            )
        self._tokens.check(
            environ.get("HTTP_X_CAAS_PULL_TOKEN", ""), match["id"]
        )
        content = self._source.open(match["id"])
        headers = [("Content-Type", "application/octet-stream")]
        if content.size is not None:
            headers.append(("Content-Length", str(content.size)))
        start_response("200 OK", headers)
        return content.chunks
