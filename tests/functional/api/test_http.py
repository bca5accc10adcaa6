"""What HTTP itself asks of the API: errors, headers, versions, sizes."""

import io
import json
import logging
import re
from urllib.parse import quote

import pytest
import webob

from caas.api.v1 import versions
from caas.core import sets
from tests import fixtures
from tests.functional.service import SET, Service

VERSION = "OpenStack-API-Version"
REQUEST_ID = re.compile(r"req-[0-9a-f-]{36}")

#: method, path, how, status, part of the sentence
ERRORS = [
    ("GET", "/v2", {}, 404, "Nothing is at this path"),
    ("GET", "/v1/nothing", {}, 404, "Nothing is at this path"),
    ("GET", "/v1/sets/a/b/c/d", {}, 404, "Nothing is at this path"),
    ("PUT", "/v1/sets", {}, 405, "try GET, HEAD, POST"),
    ("GET", "/v1/sets", {"token": None}, 401, "A valid token is needed"),
    ("GET", "/v1/sets", {"token": "junk"}, 401, "A valid token is needed"),
    ("GET", "/v1/sets", {"token": "u1:p1:stranger"}, 403, "policy"),
    ("GET", "/v1/sets", {"token": "u1::admin"}, 403, "scoped to a project"),
    ("GET", "/v1/sets?name=%ff", {}, 400, "percent-encoded UTF-8"),
    ("GET", "/v1/sets/%ff", {}, 400, "percent-encoded UTF-8"),
    ("GET", "/v1/sets?name=%00", {}, 400, "The URL holds a NUL"),
    ("GET", "/v1/sets/%00", {}, 400, "The URL holds a NUL"),
    ("GET", "/v1/sets?a=1", {}, 400, "In the URL: "),
    ("GET", "/v1/sets?limit=1&limit=2", {}, 400, "given twice"),
    ("GET", "/v1/sets", {"body": {}}, 400, "takes no body"),
    ("POST", "/v1/sets", {}, 400, "needs a body"),
    ("POST", "/v1/sets", {"body": b"{"}, 400, "not valid JSON"),
    ("POST", "/v1/sets", {"body": b"\xff"}, 400, "not valid UTF-8"),
    ("POST", "/v1/sets", {"body": []}, 400, "must be an object"),
    ("POST", "/v1/sets", {"body": b" " * (1 << 21)}, 413, "too large"),
    (
        "POST",
        "/v1/sets",
        {"body": b"a=b", "headers": {"Content-Type": "text/plain"}},
        415,
        "application/json",
    ),
    (
        "POST",
        "/v1/sets",
        {
            "body": b"a=b",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        415,
        "application/json",
    ),
    (
        "POST",
        "/v1/sets",
        {"headers": {"Transfer-Encoding": "chunked"}},
        411,
        "only with a Content-Length",
    ),
    ("GET", "/v1/sets", {"headers": {VERSION: "caas 9.9"}}, 406, "1.0"),
    ("GET", "/v1/sets", {"headers": {VERSION: "caas x"}}, 400, "1.0"),
]


@pytest.mark.parametrize(
    ("method", "path", "how", "status", "words"),
    ERRORS,
    ids=[f"{row[3]}-{row[0]} {row[1]}-{row[4]}" for row in ERRORS],
)
def test_every_error_is_json_with_a_sentence(
    service: Service,
    method: str,
    path: str,
    how: dict,
    status: int,
    words: str,
) -> None:
    answer = service.request(method, path, **how)
    assert answer.status_int == status, answer.text
    assert answer.content_type == "application/json"
    error = answer.json["error"]
    assert answer.json.keys() == {"error"}
    assert error.keys() == {"code", "title", "message", "request_id"}
    assert error["code"] == status
    assert words in error["message"]
    assert error["message"].endswith(".")
    assert REQUEST_ID.fullmatch(error["request_id"])
    assert answer.headers["x-openstack-request-id"] == error["request_id"]


def test_allow_names_the_methods(service: Service) -> None:
    answer = service.request("DELETE", "/v1/sets/detail")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_unexpected_errors_tell_users_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kw: object) -> None:
        raise RuntimeError("the password is secret")

    monkeypatch.setattr(sets, "list_", fail)
    answer = service.request("GET", "/v1/sets")
    assert answer.status_int == 500
    assert "secret" not in answer.text
    assert (
        answer.json["error"]["request_id"] in (answer.json["error"]["message"])
    )
    assert answer.headers[VERSION] == "caas 1.0"


@pytest.mark.parametrize(
    "asked", [None, "caas 1.0", "caas latest", "nova 2.1"]
)
def test_the_version_is_said_in_every_answer(
    service: Service, asked: str | None
) -> None:
    headers = {VERSION: asked} if asked else {}
    for path in ("/v1/sets", "/v1/sets/unknown"):
        answer = service.request("GET", path, headers=headers)
        assert answer.headers[VERSION] == "caas 1.0"
        assert VERSION in answer.headers.getall("Vary")


def test_head_answers_like_get_without_a_body(service: Service) -> None:
    got = service.request("GET", "/v1/flavors")
    head = service.request("HEAD", "/v1/flavors")
    assert head.status_int == 200
    assert head.body == b""
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


def test_healthcheck_needs_no_token(service: Service) -> None:
    answer = service.request("GET", "/healthcheck", token=None)
    assert answer.status_int == 200
    assert REQUEST_ID.fullmatch(answer.headers["x-openstack-request-id"])


def test_what_a_client_says_about_itself_is_not_believed(
    service: Service,
) -> None:
    answer = service.request(
        "GET",
        "/v1/hosts",
        token="u1:p1:reader",
        headers={"X-Roles": "admin", "X-Identity-Status": "Confirmed"},
    )
    assert answer.status_int == 403


def test_a_slash_at_the_end_makes_no_difference(service: Service) -> None:
    for path in ("/v1/", "/v1/flavors/"):
        assert service.request("GET", path).status_int == 200


def test_links_follow_the_url_of_the_request(service: Service) -> None:
    answer = service.request(
        "GET", "/", headers={"Host": "caas.example:9517"}, token=None
    )
    [document] = answer.json["versions"]
    assert document["links"][0]["href"] == "http://caas.example:9517/v1/"


def test_a_chunked_body_is_read_up_to_the_limit(service: Service) -> None:
    def post(size: int) -> webob.Response:
        text = json.dumps({"set": SET, "x": "y" * size})
        request = webob.Request.blank("/v1/sets", method="POST")
        request.headers["X-Auth-Token"] = "u1:p1:member"
        request.content_type = "application/json"
        request.environ["wsgi.input"] = io.BytesIO(text.encode())
        request.environ["wsgi.input_terminated"] = True
        request.environ.pop("CONTENT_LENGTH", None)
        return request.get_response(service.app)

    assert "unknown x" in post(10).json["error"]["message"]
    assert post(1 << 20).status_int == 413


def test_what_fails_in_the_database_is_logged_without_secrets(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with service.store.writer() as conn:
        conn.exec_driver_sql("DROP TABLE sets")
    answer = service.request(
        "POST", "/v1/sets", {"set": {**SET, "metadata": {"KEY": "s3cret"}}}
    )
    assert answer.status_int == 500
    assert "no such table" in caplog.text
    assert "s3cret" not in caplog.text + answer.text
    assert "no such table" not in answer.text


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_names_are_compared_alike_on_all_databases(
    service: Service, database: str
) -> None:
    service.flavor("Small")
    service.flavor("größe \U0001f600")
    for name in ("small", "Small", "größe \U0001f600"):
        answer = service.request("GET", f"/v1/flavors/{quote(name)}")
        assert answer.json["flavor"]["name"] == name
    assert service.request("GET", "/v1/flavors/SMALL").status_int == 404


def test_a_token_for_the_whole_system_is_for_no_project(
    service: Service,
) -> None:
    """Rules are about projects: an operator's token is scoped to one too."""
    headers = {"OpenStack-System-Scope": "all"}
    answer = service.request("GET", "/v1/hosts", headers=headers)
    assert answer.status_int == 403


@pytest.mark.parametrize(
    ("how", "status", "logged"),
    [("off", 200, False), ("log", 200, True), ("raise", 500, True)],
)
def test_answers_are_checked_as_configured(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    how: str,
    status: int,
    logged: bool,
) -> None:
    service.reconfigure(api={"response_validation": how})
    # its start took away the handlers there were
    logging.getLogger().addHandler(caplog.handler)
    monkeypatch.setattr(versions, "_document", lambda call: {"id": "v1"})
    answer = service.request("GET", "/")
    assert answer.status_int == status
    problem = "Answer of versions.list: versions[0]: status, version"
    assert (problem in caplog.text) == logged


def test_a_path_that_is_no_utf8_leaves_no_trace(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert service.request("GET", "/v1/sets/%ff%fe").status_int == 400
    assert not caplog.records
