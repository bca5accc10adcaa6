"""Hosts get images with a token for each, and nothing without."""

import webob

from caas.pull import Tokens
from tests.functional.service import Service

NOBODY = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"


def _pull(service: Service, image_id: str, token: str) -> webob.Response:
    return service.request(
        "GET",
        f"/pull/v1/images/{image_id}",
        token=None,
        headers={"X-Caas-Pull-Token": token},
    )


def _token(service: Service, image_id: str, ttl: int = 60) -> str:
    return Tokens(service.conf.pull["keys"], ttl).issue(image_id)


def test_an_image_is_streamed(service: Service) -> None:
    data = bytes(range(256)) * 20_000
    image = service.glance.add("theirs:1", data, owner="p2")
    answer = _pull(service, image.id, _token(service, image.id))
    assert answer.status_int == 200
    assert answer.content_type == "application/octet-stream"
    assert answer.content_length == len(data)
    assert len(list(answer.app_iter)) > 1
    again = _pull(service, image.id, _token(service, image.id))
    assert again.body == data


def test_a_token_is_good_for_one_image(service: Service) -> None:
    one, two = service.glance.add("one:1"), service.glance.add("two:1")
    answer = _pull(service, two.id, _token(service, one.id))
    assert answer.status_int == 403
    assert "for another image" in answer.json["error"]["message"]
    assert not any(two.id in path for path in service.glance.requests)


def test_an_image_that_is_gone(service: Service) -> None:
    answer = _pull(service, NOBODY, _token(service, NOBODY))
    assert answer.status_int == 404


def test_glance_is_away(service: Service) -> None:
    service.glance.failing = 503
    answer = _pull(service, NOBODY, _token(service, NOBODY))
    assert answer.status_int == 503
    assert "Glance" in answer.json["error"]["message"]


def test_a_token_of_keystone_is_no_pull_token(service: Service) -> None:
    image = service.glance.add("one:1")
    answer = service.request("GET", f"/pull/v1/images/{image.id}")
    assert answer.status_int == 403
