"""Errors as HTTP: every one is JSON of one form, whoever raised it.

::

    {"error": {"code": 404, "title": "Not Found",
               "message": "There is no set with the id ...",
               "request_id": "req-..."}}
"""

import functools
import http
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import webob
import webob.exc

from caas import exception

LOG = logging.getLogger(__name__)


class HttpError(exception.CaasError):
    """An error of HTTP itself; the use cases know nothing of these."""

    headers: Mapping[str, str] = {}


class Unauthorized(HttpError):
    code = 401


class MethodNotAllowed(HttpError):
    code = 405

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.headers = {"Allow": ", ".join(sorted(allowed))}


class NotAcceptable(HttpError):
    code = 406


class LengthRequired(HttpError):
    code = 411


class TooLarge(HttpError):
    code = 413


class UnsupportedMediaType(HttpError):
    code = 415


class Unsupported(HttpError):
    """What Nova has a word for and hosts of sets cannot do."""

    code = 501


class RangeNotSatisfiable(HttpError):
    code = 416

    def __init__(self, message: str, size: int) -> None:
        """:param size: bytes there are."""
        super().__init__(message)
        self.headers = {"Content-Range": f"bytes */{size}"}


def body_of(code: int, message: str, request_id: str) -> dict[str, Any]:
    """The JSON of an error."""
    return {
        "error": {
            "code": code,
            "title": http.HTTPStatus(code).phrase,
            "message": message,
            "request_id": request_id,
        }
    }


def response_of(
    environ: WSGIEnvironment,
    code: int,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> webob.Response:
    response = webob.Response(
        status=code,
        content_type="application/json",
        charset="UTF-8",
        body=json.dumps(
            body_of(code, message, environ.get("openstack.request_id", ""))
        ).encode(),
    )
    response.headers.update(headers or {})
    return response


class JsonErrors:
    """WSGI middleware: errors of everything behind it in our one form.

    Another form is a subclass with another :meth:`form`, and maybe
    :meth:`words`.

    :cvar not_text: said of a URL that is no text.
    :cvar unexpected: said of an error nobody thought of.
    :cvar messages: said of error pages of libraries, by status.
    :param any_path: what is behind it says itself what is wrong with a path
        that is no text.
    """

    not_text = "The URL is not valid percent-encoded UTF-8."
    unexpected = (
        "Something went wrong inside the service. Tell the operators of this "
        "cloud the request id {request_id}."
    )
    messages: Mapping[int, str] = {
        400: "The request is malformed; check that its URL is valid "
        "percent-encoded UTF-8.",
        401: "A valid token is needed: get one from Keystone and send it as "
        "X-Auth-Token.",
        413: "The body of the request is too large.",
        503: "A service that is needed for this does not answer; try again.",
    }

    def __init__(
        self, app: WSGIApplication, *, any_path: bool = False
    ) -> None:
        self._app = app
        self._any_path = any_path

    @classmethod
    def factory(cls, _global_conf: Any, **conf: str) -> Any:
        """For a ``paste.filter_factory``; ``any_path = true`` is known."""
        any_path = conf.get("any_path") == "true"
        return functools.partial(cls, any_path=any_path)

    def form(
        self,
        environ: WSGIEnvironment,
        code: int,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> webob.Response:
        """An error as users see it."""
        return response_of(environ, code, message, headers)

    def words(self, error: exception.CaasError) -> str:
        """What users are told of it."""
        return error.message

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        response = self.respond(environ)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def respond(self, environ: WSGIEnvironment) -> webob.Response:
        try:
            if not self._any_path:
                # before anything behind it tries, and writes a trace of it
                environ.get("PATH_INFO", "").encode("latin-1").decode()
            response = webob.Request(environ).get_response(self._app)
        except exception.CaasError as error:
            response = self._answer(environ, error)
        except UnicodeDecodeError:
            response = self.form(environ, 400, self.not_text)
        except Exception:
            LOG.exception(
                "%s %s failed",
                environ.get("REQUEST_METHOD"),
                environ.get("PATH_INFO"),
            )
            response = self._unexpected(environ)
        else:
            if (
                response.status_int >= 400
                and response.content_type != "application/json"
            ):
                response = self._translate(environ, response)
        return response

    def _answer(
        self, environ: WSGIEnvironment, error: exception.CaasError
    ) -> webob.Response:
        if error.code >= 500:
            LOG.error(
                "%s %s failed: %s",
                environ.get("REQUEST_METHOD"),
                environ.get("PATH_INFO"),
                error.message,
            )
        if error.code == 500:
            return self._unexpected(environ)
        headers = error.headers if isinstance(error, HttpError) else {}
        return self.form(environ, error.code, self.words(error), headers)

    def _unexpected(self, environ: WSGIEnvironment) -> webob.Response:
        """Say nothing of the cause: it may hold what is not for users."""
        request_id = environ.get("openstack.request_id")
        return self.form(
            environ, 500, self.unexpected.format(request_id=request_id)
        )

    def _translate(
        self, environ: WSGIEnvironment, response: webob.Response
    ) -> webob.Response:
        """An error page of a library in the pipeline, as ours."""
        code = response.status_int
        status = http.HTTPStatus(code)
        message = self.messages.get(code) or status.description
        kept = {
            name: value
            for name, value in response.headerlist
            if name.lower() not in ("content-type", "content-length")
        }
        return self.form(environ, code, message or status.phrase, kept)
