"""Containers as the volumes of a server, and what was done to it."""

from typing import Any

from tests.functional.compute.driver import ADMIN, Compute
from tests.functional.whole import until


def volumes(cloud: Compute, server: str, **how: Any) -> dict[str, Any]:
    """By device."""
    path = f"/servers/{server}/os-volume_attachments"
    listed = cloud.ok("GET", path, **how)["volumeAttachments"]
    return {each["device"]: each for each in listed}


def attach(cloud: Compute, server: str, **body: Any) -> Any:
    return cloud.ask(
        "POST",
        f"/servers/{server}/os-volume_attachments",
        {"volumeAttachment": body},
    )


def test_a_container_comes_and_goes(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    other = cloud.service.image("server:2").id
    answer = attach(cloud, server, volumeId=other, device=None, tag="Side Car")
    assert answer.status_int == 200, answer.text
    made = answer.json["volumeAttachment"]
    assert made["serverId"] == server
    idle(cloud, server)
    there = volumes(cloud, server)
    assert set(there) == {"/containers/main", "/containers/side-car"}
    assert there["/containers/side-car"]["volumeId"] == made["volumeId"]
    assert [
        each["id"]
        for each in cloud.get(server)["os-extended-volumes:volumes_attached"]
    ] == [each["volumeId"] for each in there.values()]

    path = f"/servers/{server}/os-volume_attachments/{made['volumeId']}"
    assert cloud.ok("GET", path)["volumeAttachment"]["tag"] == "side-car"
    swapped = cloud.ask(
        "PUT", path, {"volumeAttachment": {"volumeId": cloud.image}}
    )
    assert swapped.status_int == 202, swapped.text
    idle(cloud, server)
    assert cloud.ask("DELETE", path).status_int == 202
    idle(cloud, server)
    assert set(volumes(cloud, server)) == {"/containers/main"}
    assert cloud.ask("GET", path).status_int == 404


def idle(cloud: Compute, server: str) -> None:
    """No change of it is under way."""
    path = f"/v1/sets/{server}"

    def done() -> bool:
        answer = cloud.service.request("GET", path, token=ADMIN)
        return answer.json["set"]["change"] is None

    until(done, lambda: f"{server} is still being changed")


def test_what_no_volume_is(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    [first] = volumes(cloud, server).values()
    path = f"/servers/{server}/os-volume_attachments"
    message = cloud.refused(409, "DELETE", f"{path}/{first['volumeId']}")
    assert message.startswith("Can't detach root device volume")
    nothing = "6f70656e-7374-6163-6b20-342065766572"
    assert attach(cloud, server, volumeId=nothing).status_int == 400
    for method in ("GET", "DELETE"):
        assert "is not attached" in cloud.refused(
            404, method, f"{path}/{nothing}"
        )


def test_names_of_containers_are_unique(cloud: Compute) -> None:
    server = cloud.create()
    for _ in range(2):
        cloud.wait(server, "ACTIVE")
        idle(cloud, server)
        answer = attach(cloud, server, volumeId=cloud.image, device="/dev/vdb")
        assert answer.status_int == 200, answer.text
    assert set(volumes(cloud, server)) == {
        "/containers/main",
        "/containers/vdb",
        "/containers/vdb-1",
    }


def test_actions_of_a_server(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "os-stop")
    cloud.wait(server, "SHUTOFF")
    path = f"/servers/{server}/os-instance-actions"
    listed = cloud.ok("GET", path)["instanceActions"]
    assert [each["action"] for each in listed] == ["stop", "create"]
    assert not listed[0]["start_time"].endswith("Z")
    shown = cloud.ok("GET", f"{path}/{listed[0]['request_id']}")
    shown = shown["instanceAction"]
    assert shown["action"] == "stop"
    assert all(each["result"] == "Success" for each in shown["events"])
    assert cloud.ask("GET", f"{path}/req-none").status_int == 404
    page = cloud.ok("GET", f"{path}?limit=1", version="2.58")
    assert len(page["instanceActions"]) == 1
    assert page["links"][0]["rel"] == "next"


def test_a_key_pair_of_the_user(cloud: Compute) -> None:
    key = {"keypair": {"name": "laptop"}}
    cloud.ok("POST", "/os-keypairs", key, version="2.91")
    server = cloud.create(key_name="laptop")
    assert cloud.get(server)["key_name"] == "laptop"
    # those of others are not there
    other = cloud.request(key_name="laptop")
    message = cloud.refused(
        400, "POST", "/servers", other, token="u2:p1:member"
    )
    assert message == "Invalid key_name provided."
