"""Microversions: ``OpenStack-API-Version: caas 1.0``."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import microversion_parse
from microversion_parse import Version

from caas import exception
from caas.api import errors

SERVICE_TYPE = "caas"

#: Every version there is, the oldest first, with what it brought; shown in
#: the API guide.
HISTORY = {"1.0": "The first version."}

MIN = microversion_parse.parse_version_string(next(iter(HISTORY)))
MAX = microversion_parse.parse_version_string(list(HISTORY)[-1])

_ENVIRON = "caas.microversion"
_HEADER = "OpenStack-API-Version"


class Microversion:
    """WSGI middleware: settle the version, and say it in every answer.

    Only what lies below ``/v1/`` has versions; the documents one chooses
    by do not.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith("/v1/"):
            return self._app(environ, start_response)
        version = _requested(environ)
        environ[_ENVIRON] = version

        def start(
            status: str, headers: list[tuple[str, str]], *args: Any
        ) -> Any:
            said = [(_HEADER, f"{SERVICE_TYPE} {version}"), ("Vary", _HEADER)]
            return start_response(status, [*headers, *said], *args)

        return self._app(environ, start)


def _requested(environ: WSGIEnvironment) -> Version:
    headers = microversion_parse.headers_from_wsgi_environ(environ)
    try:
        return microversion_parse.extract_version(
            headers, SERVICE_TYPE, list(HISTORY)
        )
    except ValueError:
        raise errors.NotAcceptable(
            f"This version of the API is not supported; {_HEADER} may ask "
            f"for {SERVICE_TYPE} {MIN} to {MAX}."
        ) from None
    except TypeError:
        raise exception.BadRequest(
            f"{_HEADER} must be {SERVICE_TYPE!r} and a version such as {MAX}."
        ) from None


def of(environ: WSGIEnvironment) -> Version:
    """The version of a request."""
    version: Version = environ.get(_ENVIRON, MAX)
    return version
