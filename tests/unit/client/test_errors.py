"""Errors are one sentence, with the request id where there is one."""

import json

import pytest
import requests
from caasclient.osc import base
from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions
from osc_lib import exceptions as osc_exceptions


def answer(code, body, kind="application/json"):
    response = requests.Response()
    response.status_code = code
    response.reason = "Reason"
    response._content = body.encode()
    response.headers["Content-Type"] = kind
    response.headers["x-openstack-request-id"] = "req-1"
    response.request = requests.Request("GET", "http://x/v1/sets").prepare()
    with pytest.raises(exceptions.HttpException) as caught:
        exceptions.raise_from_response(response)
    return caught.value


def test_the_servers_own_words():
    body = {"error": {"code": 409, "message": "Set a is stopped."}}
    assert (
        base.sentence(answer(409, json.dumps(body)))
        == "Set a is stopped. (HTTP 409, req-1)"
    )


def test_a_page_of_a_proxy():
    page = "<html>\n<h1>502 Bad Gateway</h1>\n</html>"
    assert base.sentence(answer(502, page, "text/html")) == (
        "502 Bad Gateway (HTTP 502, req-1)"
    )


def test_nothing_found():
    error = exceptions.NotFoundException("There is no set named 'a'.")
    assert base.sentence(error) == "There is no set named 'a'."


def test_no_connection():
    error = ksa_exceptions.ConnectFailure(
        "Unable to establish connection to http://x:1/v1: HTTPConnectionPool("
        "host='x', port=1): Max retries exceeded"
    )
    assert base.sentence(error) == (
        "Unable to establish connection to http://x:1/v1."
    )


def test_all_are_tried():
    def act(name):
        if name != "b":
            raise exceptions.SDKException(f"No {name}.")
        return name

    done, errors = base.attempt(["a", "b", "c"], act)
    assert done == ["b"]
    with pytest.raises(osc_exceptions.CommandError) as caught:
        base.complain(errors, 3, "sets could not be deleted")
    assert str(caught.value) == (
        "No a.\nNo c.\n2 of 3 sets could not be deleted."
    )
    with pytest.raises(osc_exceptions.CommandError) as caught:
        base.complain(["No a."], 1, "sets could not be deleted")
    assert str(caught.value) == "No a."
    base.complain([], 3, "sets could not be deleted")
