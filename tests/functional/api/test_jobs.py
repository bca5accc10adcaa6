"""Commits and jobs, as clients see them."""

from typing import Any

import pytest

from tests.functional.service import Service

COMMIT = {"image": "web/app:2"}


def _ask(
    service: Service, set_id: str, token: str = "u1:p1:member", **body: Any
) -> Any:
    return service.request(
        "POST",
        f"/v1/sets/{set_id}/containers/app/commit",
        {"commit": COMMIT | body},
        token=token,
    )


@pytest.fixture
def placed(service: Service) -> str:
    service.namespace("web", "p1")
    set_id: str = service.create()[0]["id"]
    service.place(set_id)
    return set_id


def test_a_commit_is_a_job(service: Service, placed: str) -> None:
    answer = _ask(
        service, placed, message="why", author="me", changes=["ENV A=b"]
    )
    assert answer.status_int == 202, answer.text
    job = answer.json["job"]
    assert (job["status"], job["kind"]) == ("PENDING", "commit")
    assert job["arguments"]["repository"] == "web/app"
    assert job["arguments"]["tag"] == "2"
    assert job["arguments"]["changes"] == ["ENV A=b"]
    assert job["set_id"] == placed
    assert job["image_id"] is None
    path = f"/v1/jobs/{job['id']}"
    assert service.request("GET", path).json["job"] == job
    for query, found in (
        ("kind=commit", 1),
        ("kind=import", 0),
        ("status=PENDING", 1),
        ("status=DONE", 0),
        (f"set_id={placed}", 1),
        (f"container_id={job['container_id']}", 1),
        ("user_id=u2", 0),
        ("since=2001-01-01T00:00:00Z", 1),
    ):
        listed = service.request(
            "GET", f"/v1/jobs?{query}", token="u1:p1:reader"
        )
        assert len(listed.json["jobs"]) == found, query
    answer = service.request("DELETE", path)
    assert answer.json["job"]["status"] == "CANCELLED"
    answer = service.request("DELETE", path)
    assert answer.status_int == 409
    assert "has ended already" in answer.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"image": "app"}, "NAMESPACE/REPOSITORY"),
        ({"image": "web/app:"}, "is not a tag"),
        ({"image": "web/app:a b"}, "is not a tag"),
        ({"image": "web/app@sha256:1"}, "NAMESPACE/REPOSITORY"),
        ({"changes": ["RUN make"]}, "line of a Dockerfile"),
        ({"changes": ["ENV A=b\nUSER root"]}, "line of a Dockerfile"),
        ({"pause": "yes"}, "pause"),
        ({"force": True}, "force"),
    ],
)
def test_bad_requests_are_told_what_would_be_right(
    service: Service, placed: str, body: dict[str, Any], said: str
) -> None:
    answer = _ask(service, placed, **body)
    assert answer.status_int == 400
    assert said in answer.json["error"]["message"]


def test_who_may_not_push_there(service: Service, placed: str) -> None:
    answer = _ask(service, placed, image="theirs/app:1")
    assert answer.status_int == 404
    assert "openstack caas namespace create" in answer.text
    service.namespace("theirs", "p2")
    again = _ask(service, placed, image="theirs/app:1")
    assert again.status_int == 404
    assert again.json["error"]["message"] == answer.json["error"]["message"]


def test_the_infra_container_is_no_image(
    service: Service, placed: str
) -> None:
    answer = service.request(
        "POST",
        f"/v1/sets/{placed}/containers/infra/commit",
        {"commit": COMMIT},
    )
    assert answer.status_int == 403
