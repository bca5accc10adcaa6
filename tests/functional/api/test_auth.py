"""The real keystonemiddleware, before a Keystone that is not there."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import webob
from oslo_config import cfg

from caas.api.errors import JsonErrors
from caas.wsgi.auth import Auth


@pytest.fixture
def app() -> Iterator[Any]:
    """Says what was made of the token."""

    def said(environ: Any, start_response: Any) -> Any:
        status = environ.get("HTTP_X_IDENTITY_STATUS", "none")
        return webob.Response(status)(environ, start_response)

    with socket.socket() as taken:
        # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v3"
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        made = Auth.factory(
            {},
            oslo_config_config=conf,
            auth_type="password",
            auth_url=url,
            www_authenticate_uri=url,
            username="caas",
            password="secret",
            user_domain_id="default",
            project_name="service",
            project_domain_id="default",
            http_request_max_retries="0",
        )
        yield JsonErrors(made(said))


def test_a_token_nobody_can_check_is_no_invalid_one(app: Any) -> None:
    request = webob.Request.blank("/v1/sets")
    request.headers["X-Auth-Token"] = "gAAAA"
    answer = request.get_response(app)
    assert answer.status_int == 503
    assert "try again" in answer.json["error"]["message"]


def test_a_request_without_a_token_goes_on(app: Any) -> None:
    answer = webob.Request.blank("/").get_response(app)
    assert (answer.status_int, answer.text) == (200, "Invalid")
