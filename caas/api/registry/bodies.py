"""Bodies of requests, read as they come."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.types import WSGIEnvironment

from caas import exception
from caas.api import errors

#: Bytes handed on at a time, but for the last.
CHUNK = 1 << 18

#: A body that is not wanted is read and thrown away up to here: a client is
#: told what was wrong only if it could send all of it.
_DRAINED = 1 << 30

#: Seconds a client may take for the next byte, in either direction.
_SILENCE = 120.0

_RANGE = re.compile(
    r"(?:bytes[ =])?(?P<first>\d{1,18})-(?P<last>\d{1,18})(/.*)?"
)


class Broken(exception.BadRequest):
    """The body ended before it was complete: nobody is there to be told."""


class Body:
    """:ivar length: bytes, as announced; None: not known before the end.
    :ivar read: bytes that have come.
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ
        self.read = 0
        _limit_waiting(environ)
        self._ended = False
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        text = environ.get("CONTENT_LENGTH") or ""
        self.length: int | None = None
        if chunked:
            self._more = _chunked(environ)
        elif text:
            if not text.isascii() or not text.isdigit() or len(text) > 18:
                raise exception.BadRequest("Content-Length is no number.")
            self.length = int(text)
            self._more = self._of_length
        else:
            self.length = 0
            self._more = self._of_length

    def chunks(self) -> Iterator[bytes]:
        """All of it, in pieces of :data:`CHUNK`.

        :raises Broken: it breaks off.
        """
        gathered = bytearray()
        while data := self._next():
            if not gathered and len(data) == CHUNK:
                yield data
                continue
            gathered += data
            while len(gathered) >= CHUNK:
                yield bytes(gathered[:CHUNK])
                del gathered[:CHUNK]
        if gathered:
            yield bytes(gathered)

    def whole(self, limit: int, what: str) -> bytes:
        """:raises TooLarge: it is longer than ``limit``.
        :raises Broken: it breaks off.
        """
        gathered = bytearray()
        while data := self._next():
            gathered += data
            if len(gathered) > limit:
                raise errors.TooLarge(
                    f"{what} may have {limit} bytes at most."
                )
        return bytes(gathered)

    def drain(self) -> None:
        """Throw away what has not been read."""
        try:
            while self.read < _DRAINED and self._next():
                pass
        except Broken:
            pass

    def range(self) -> tuple[int, int] | None:
        """First and last byte of ``Content-Range`` of a chunk.

        :raises BadRequest: it is malformed.
        :raises SizeInvalid: the body has another length.
        """
        text = self._environ.get("HTTP_CONTENT_RANGE")
        if not text:
            return None
        match = _RANGE.fullmatch(text.strip())
        if match is None:
            raise exception.BadRequest(
                f"Content-Range is {text[:100]!r}; it has to be FIRST-LAST, "
                "both of them numbers of bytes."
            )
        first, last = int(match["first"]), int(match["last"])
        if last < first:
            raise exception.BadRequest(
                f"Content-Range {text[:100]!r} ends before it begins."
            )
        if self.length is not None and self.length != last - first + 1:
            raise exception.SizeInvalid(
                f"The body has {self.length} bytes, but Content-Range "
                f"{text[:100]!r} speaks of {last - first + 1}."
            )
        return first, last

    def _next(self) -> bytes:
        if self._ended:
            return b""
        try:
            data = self._more()
        except exception.CaasError:
            raise
        except Exception as error:  # servers have errors of their own for it
            self._ended = True
            raise Broken("The body broke off.") from error
        self.read += len(data)
        self._ended = not data
        return data

    def _of_length(self) -> bytes:
        assert self.length is not None
        left = self.length - self.read
        if not left:
            return b""
        data: bytes = self._environ["wsgi.input"].read(min(left, CHUNK))
        if not data:
            self._ended = True
            raise Broken(
                f"The body ended after {self.read} of {self.length} bytes."
            )
        return data


def _limit_waiting(environ: WSGIEnvironment) -> None:
    """A client that vanished does not keep a thread for ever."""
    socket = environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(_SILENCE)


def _chunked(environ: WSGIEnvironment) -> Callable[[], bytes]:
    """:raises LengthRequired: the server that we run under (uWSGI) does not
    read bodies of unknown length as others do.
    """
    if not environ.get("wsgi.input_terminated"):
        raise errors.LengthRequired(
            "This server takes a body only with a Content-Length."
        )
    stream: Any = environ["wsgi.input"]
    return lambda: bytes(stream.read(CHUNK))
