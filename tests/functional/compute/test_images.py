"""Images, for clients that ask the compute service for them."""

from typing import Any

import pytest

from tests.functional.compute.driver import Compute

HOW = {"version": "2.35"}
OTHER = "u2:p2:member"
SERVER = "5e3ff2ab-bd02-4c71-9a7f-7cf47b1d1e84"
OTHER_SERVER = "0a0e1e3b-8f2f-4f0c-9a0e-4a54c0b3ab11"


@pytest.fixture
def image(compute: Compute) -> str:
    """:returns: the id of one that project p1 owns."""
    made = compute.service.image("mine:1", owner="p1")
    made.properties = {
        "os": "linux",
        "instance_uuid": SERVER,
        "image_type": "snapshot",
    }
    return made.id


def metadata(compute: Compute, image: str) -> dict[str, str]:
    answer = compute.ok("GET", f"/images/{image}/metadata", **HOW)
    found: dict[str, str] = answer["metadata"]
    return found


def test_images_as_the_user_sees_them(compute: Compute, image: str) -> None:
    found = compute.ok("GET", "/images", **HOW)["images"]
    assert {each["id"] for each in found} == {image, compute.image}
    assert set(found[0]) == {"id", "name", "links"}
    found = compute.ok("GET", "/images", token=OTHER, **HOW)["images"]
    assert {each["id"] for each in found} == {compute.image}
    shown = compute.ok("GET", f"/images/{image}", **HOW)["image"]
    assert shown["name"] == "mine:1"
    assert (shown["status"], shown["progress"]) == ("ACTIVE", 100)
    assert shown["metadata"]["os"] == "linux"
    assert shown["server"]["id"] == SERVER
    assert shown["created"] == "2026-11-28T12:00:00Z"
    [found] = compute.ok("GET", "/images/detail?name=mine:1", **HOW)["images"]
    assert found == shown
    for path in (f"/images/{image}", f"/images/{image}/metadata"):
        said = compute.refused(404, "GET", path, token=OTHER, **HOW)
        assert said == "Image not found."
    compute.refused(404, "GET", "/images/server:1", **HOW)
    compute.refused(404, "GET", "/images", version="2.36")
    compute.refused(404, "GET", f"/images/{image}/metadata", version="2.39")


def test_lists_of_images(compute: Compute, image: str) -> None:
    first = compute.ok("GET", "/images?limit=1", **HOW)
    [link] = first["images_links"]
    path = link["href"].partition("/v2.1")[2]
    second = compute.ok("GET", path, **HOW)
    ids = {each["id"] for part in (first, second) for each in part["images"]}
    assert ids == {image, compute.image}
    for query, count in (
        ("?status=ACTIVE", 2),
        ("?status=saving", 0),
        ("?property-os=linux", 1),
        (f"?server={SERVER}", 1),
        (f"?server=http://cloud/compute/v2.1/servers/{SERVER}", 1),
        (f"?server={OTHER_SERVER}", 0),
        ("?type=snapshot", 1),
        ("?type=base", 0),
        ("?changes-since=2026-11-28T12:00:00Z", 2),
        ("?changes-since=2026-11-28T12:00:01Z", 0),
        ("?name=nothing", 0),
    ):
        found = compute.ok("GET", f"/images{query}", **HOW)["images"]
        assert len(found) == count, query
    compute.refused(400, "GET", "/images?marker=x", **HOW)
    compute.refused(400, "GET", "/images?limit=x", **HOW)


def test_metadata_of_images(compute: Compute, image: str) -> None:
    path = f"/images/{image}/metadata"
    before = metadata(compute, image)
    pair: dict[str, Any] = {"metadata": {"a": "b"}}
    answer = compute.ok("POST", path, pair, **HOW)
    assert answer == {"metadata": {**before, "a": "b"}}
    assert metadata(compute, image) == answer["metadata"]
    one = {"meta": {"a": "c"}}
    assert compute.ok("PUT", f"{path}/a", one, **HOW) == one
    assert compute.ok("GET", f"{path}/a", **HOW) == one
    compute.refused(400, "PUT", f"{path}/x", one, **HOW)
    compute.ok("DELETE", f"{path}/a", **HOW)
    compute.refused(404, "DELETE", f"{path}/a", **HOW)
    compute.refused(404, "GET", f"{path}/a", **HOW)
    kept = {"metadata": {**before, "os": "other"}}
    assert compute.ok("PUT", path, kept, **HOW) == kept
    assert metadata(compute, image) == kept["metadata"]
    wrong = {"metadata": {"owner": "p2"}}
    compute.refused(400, "POST", path, wrong, **HOW)
    compute.refused(404, "POST", path, pair, token=OTHER, **HOW)
    others = f"/images/{compute.image}/metadata"
    compute.refused(403, "POST", others, pair, **HOW)


def test_images_are_deleted_by_their_owners(
    compute: Compute, image: str
) -> None:
    compute.refused(404, "DELETE", f"/images/{image}", token=OTHER, **HOW)
    path = f"/images/{compute.image}"
    said = compute.refused(403, "DELETE", path, **HOW)
    assert said == "You are not allowed to delete the image."
    compute.ok("DELETE", f"/images/{image}", **HOW)
    compute.refused(404, "GET", f"/images/{image}", **HOW)
