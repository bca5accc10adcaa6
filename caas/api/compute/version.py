"""Microversions, negotiated as Nova does."""

import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from microversion_parse import Version

from caas import exception
from caas.api import errors

SERVICE_TYPE = "compute"
MIN = Version(2, 1)
#: Nova's of 2024.1; what came later is of no use to containers.
MAX = Version(2, 96)

NEW = "OpenStack-API-Version"
OLD = "X-OpenStack-Nova-API-Version"

_ENVIRON = "caas.compute.version"
#: Without leading zeros, as Nova takes them.
_FORM = re.compile(r"([1-9]\d{0,8})\.([1-9]\d{0,8}|0)")


class NotSupported(errors.NotAcceptable):
    """:ivar asked: the version asked for, which the answer names."""

    def __init__(self, asked: Version) -> None:
        super().__init__(
            f"Version {asked} is not supported by the API. Minimum is {MIN} "
            f"and maximum is {MAX}."
        )
        self.asked = asked


class Negotiation:
    """WSGI middleware: settle the version, and say it in every answer.

    Below ``/v2`` there are no versions, as in Nova: it behaves as 2.1.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path != "/v2.1" and not path.startswith("/v2.1/"):
            return self._app(environ, start_response)
        shown = version = MIN
        problem: exception.CaasError | None = None
        try:
            shown = version = _requested(environ)
        except NotSupported as error:
            shown, problem = error.asked, error
        except exception.BadRequest as error:
            problem = error
        environ[_ENVIRON] = version
        # raised where errors become answers, which then have the headers
        environ["caas.compute.problem"] = problem

        def start(
            status: str, headers: list[tuple[str, str]], *args: Any
        ) -> Any:
            said = [
                (NEW, f"{SERVICE_TYPE} {shown}"),
                (OLD, str(shown)),
                ("Vary", NEW),
                ("Vary", OLD),
            ]
            return start_response(status, [*headers, *said], *args)

        return self._app(environ, start)


def check(environ: WSGIEnvironment) -> None:
    """:raises CaasError: the version asked for is of no use."""
    problem = environ.get("caas.compute.problem")
    if problem is not None:
        raise problem


def of(environ: WSGIEnvironment) -> Version:
    version: Version = environ.get(_ENVIRON, MIN)
    return version


def _requested(environ: WSGIEnvironment) -> Version:
    """Of several services in one header the last one of ours counts; the new
    header counts more than the old one."""
    for each in reversed(environ.get(_environ(NEW), "").split(",")):
        name, _, text = each.strip().partition(" ")
        if name == SERVICE_TYPE:
            return _parse(text.strip())
    return _parse(environ.get(_environ(OLD), "").strip() or str(MIN))


def _environ(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _parse(text: str) -> Version:
    if text == "latest":
        return MAX
    match = _FORM.fullmatch(text)
    if match is None:
        raise exception.BadRequest(
            f"API Version String {text[:50]} is of invalid format. Must be of "
            "format MajorNum.MinorNum."
        )
    version = Version(int(match[1]), int(match[2]))
    if not MIN <= version <= MAX:
        raise NotSupported(version)
    return version
