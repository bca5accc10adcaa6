"""Errors of the libraries in the pipeline become ours."""

from collections.abc import Iterable
from typing import Any

import pytest
import webob
import webob.exc

from caas import exception
from caas.api import errors


def _answer(app: Any) -> webob.Response:
    request = webob.Request.blank("/v1/sets")
    request.environ["openstack.request_id"] = "req-1"
    return request.get_response(errors.JsonErrors(app))


@pytest.mark.parametrize("code", [400, 401, 404, 413, 503])
def test_a_page_of_html_is_translated(code: int) -> None:
    answer = _answer(webob.exc.status_map[code]("<b>secret</b>"))
    assert answer.status_int == code
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["request_id"] == "req-1"
    assert "secret" not in answer.text


def test_headers_of_an_error_stay() -> None:
    page = webob.exc.HTTPUnauthorized()
    page.headers["WWW-Authenticate"] = 'Keystone uri="http://keystone"'
    answer = _answer(page)
    assert answer.headers["WWW-Authenticate"].startswith("Keystone")
    assert answer.content_type == "application/json"


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (exception.Conflict("It is taken."), 409, True),
        (exception.Unavailable("Glance is away."), 503, True),
        (exception.CaasError("the password is 1"), 500, False),
        (KeyError("the password is 1"), 500, False),
    ],
)
def test_what_is_raised(error: Exception, code: int, told: bool) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise error

    answer = _answer(app)
    assert answer.status_int == code
    message = answer.json["error"]["message"]
    assert (message == str(error)) == told
    assert told or ("req-1" in message and "password" not in message)


def test_what_is_well_passes_as_a_stream() -> None:
    read = []

    def chunks() -> Iterable[bytes]:
        for chunk in (b"a", b"b"):
            read.append(chunk)
            yield chunk

    answer = _answer(webob.Response(app_iter=chunks(), status=200))
    assert read == []
    assert answer.body == b"ab"
