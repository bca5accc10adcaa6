"""Servers in rescue."""

from typing import Any

import pytest

from caas.drivers.image.base import ImageError
from tests.functional.compute.driver import Compute


def _spec(cloud: Compute, server: str) -> dict[str, Any]:
    """Of its first container."""
    shown = cloud.service.request("GET", f"/v1/sets/{server}").json["set"]
    [found] = [c for c in shown["containers"] if c["name"] == "main"]
    spec: dict[str, Any] = found
    return spec


@pytest.mark.parametrize("before", ["ACTIVE", "SHUTOFF"])
@pytest.mark.parametrize("other", [False, True])
def test_rescue(cloud: Compute, before: str, other: bool) -> None:
    """It is what it was, whatever stood in for it."""
    server = cloud.create()
    active = cloud.wait(server, "ACTIVE")
    spec = _spec(cloud, server)
    if before == "SHUTOFF":
        cloud.do(server, "os-stop")
        cloud.wait(server, "SHUTOFF")
    value = None
    if other:
        value = {"rescue_image_ref": cloud.service.image("rescue:1").id}
    answer = cloud.act(server, "rescue", value)
    assert (answer.status_int, answer.json) == (200, {})
    rescued = cloud.wait(server, "RESCUE")
    assert rescued["OS-EXT-STS:vm_state"] == "rescued"
    assert rescued["image"] == active["image"]
    assert rescued["addresses"] == active["addresses"]
    stands_in = _spec(cloud, server)
    assert stands_in["id"] == spec["id"]
    assert stands_in["entrypoint"][0] == "/bin/sh"
    assert (stands_in["image"] != spec["image"]) is other
    # nothing else is done to it meanwhile
    for action in ("rescue", "os-stop", "shelve", "pause"):
        assert cloud.act(server, action).status_int == 409, action
    said = cloud.service.request(
        "POST", f"/v1/sets/{server}/resize", {"resize": {"flavor": "large"}}
    )
    assert said.status_int == 409
    assert "in rescue" in said.text
    cloud.do(server, "unrescue")
    again = cloud.wait(server, "ACTIVE")
    assert again["image"] == active["image"]
    now = _spec(cloud, server)
    for key in ("image", "entrypoint", "command", "mounts", "env"):
        assert now[key] == spec[key], key
    assert cloud.act(server, "unrescue").status_int == 409


def test_refused(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    for value, status, said in (
        ({"rescue_image_ref": "x"}, 400, "UUID"),
        (
            {"rescue_image_ref": "6f70656e-7374-6163-6b20-342065766572"},
            400,
            "Can not find requested image",
        ),
    ):
        answer = cloud.act(server, "rescue", value)
        assert answer.status_int == status
        assert said in answer.text
    assert cloud.get(server)["status"] == "ACTIVE"


def test_stopped_in_rescue(cloud: Compute) -> None:
    """By the other API, or at the same moment: there is a way out."""
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    assert cloud.act(server, "rescue").status_int == 200
    cloud.wait(server, "RESCUE")
    cloud.service.request("POST", f"/v1/sets/{server}/stop", {})
    cloud.wait(server, "SHUTOFF")
    assert cloud.act(server, "rescue").status_int == 409
    cloud.do(server, "os-start")
    cloud.wait(server, "RESCUE")
    cloud.service.request("POST", f"/v1/sets/{server}/stop", {})
    cloud.wait(server, "SHUTOFF")
    cloud.do(server, "unrescue")
    cloud.wait(server, "SHUTOFF")
    assert cloud.act(server, "unrescue").status_int == 409
    cloud.do(server, "os-start")
    cloud.wait(server, "ACTIVE")
    assert _spec(cloud, server)["entrypoint"] is None


def test_rescue_is_one_action(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "os-stop")
    cloud.wait(server, "SHUTOFF")
    assert cloud.act(server, "rescue").status_int == 200
    cloud.wait(server, "RESCUE")
    actions = cloud.ok("GET", f"/servers/{server}/os-instance-actions")
    assert [a["action"] for a in actions["instanceActions"]] == [
        *("rescue", "stop", "create"),
    ]


@pytest.mark.parametrize("meanwhile", [False, True])
def test_what_was_stopped_is_stopped_where_there_is_no_shell(
    cloud: Compute, meanwhile: bool
) -> None:
    """Unless somebody has started it meanwhile."""
    assert cloud.whole is not None
    host = cloud.whole.hosts["h1"]
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "os-stop")
    cloud.wait(server, "SHUTOFF")
    spec = _spec(cloud, server)
    if meanwhile:
        # nobody tells the host of the rescue alone
        host.stop()
    host.faults.fail("image.ensure", ImageError("It broke.", permanent=True))
    other = {"rescue_image_ref": cloud.service.image("rescue:1").id}
    assert cloud.act(server, "rescue", other).status_int == 200
    if meanwhile:
        cloud.service.request("POST", f"/v1/sets/{server}/start", {})
        host.start()
    cloud.wait(server, "ACTIVE" if meanwhile else "SHUTOFF")
    shown = cloud.service.request("GET", f"/v1/sets/{server}").json["set"]
    assert "It broke" in shown["failure"]["reason"]
    assert _spec(cloud, server)["image"] == spec["image"]
    assert bool(host.running) is meanwhile
