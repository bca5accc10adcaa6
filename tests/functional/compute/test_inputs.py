"""What a request hands into the containers, and what becomes of it."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.compute.driver import ADMIN, Compute
from tests.functional.whole import until as until_

#: Sees all, and has key pairs.
OWNER = "u1:p1:admin"


def until(true: Callable[[], bool]) -> None:
    until_(true, lambda: "it is not told, or not written")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def shown(cloud: Compute, server: str) -> dict[str, bytes]:
    """What its containers find."""
    assert cloud.whole is not None
    found = cloud.whole.hosts["h1"].runtime.shown.get(server, {})
    return dict(found)


def placed(cloud: Compute, server: str) -> dict[str, dict[str, bytes]]:
    """Files written into its containers, by name of the container."""
    assert cloud.whole is not None
    runtime = cloud.whole.hosts["h1"].runtime
    return {
        there.labels["caas.name"]: runtime.placed.get(there.id, {})
        for there in runtime.list(server)
        if there.labels["caas.role"] != "infra"
    }


def meta_data(cloud: Compute, server: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown(cloud, server)["meta_data.json"])
    return found


def keypair(cloud: Compute, name: str) -> str:
    """:returns: the public key."""
    body = {"keypair": {"name": name}}
    made = cloud.ok("POST", "/os-keypairs", body, version="2.91")
    key: str = made["keypair"]["public_key"]
    return key


def test_containers_are_told(cloud: Compute) -> None:
    key = keypair(cloud, "mine")
    server = cloud.create(
        user_data=encoded("#cloud-config\n"),
        key_name="mine",
        metadata={"role": "web"},
    )
    item = cloud.wait(server, "ACTIVE")
    assert item["key_name"] == "mine"
    assert shown(cloud, server) == {
        "user_data": b"#cloud-config\n",
        "authorized_keys": f"{key.strip()}\n".encode(),
        "meta_data.json": shown(cloud, server)["meta_data.json"],
    }
    assert meta_data(cloud, server) == {
        "uuid": server,
        "name": "web",
        "hostname": "web",
        "availability_zone": "z1",
        "project_id": "p1",
        "launch_index": 0,
        "meta": {"role": "web"},
        "public_keys": {"mine": key.strip()},
        "keys": [{"name": "mine", "type": "ssh", "data": key.strip()}],
    }


def test_they_are_told_of_what_changes(cloud: Compute) -> None:
    """While they run, and without a new revision."""
    server = cloud.create(metadata={"a": "1", "b": "2"})
    cloud.wait(server, "ACTIVE")
    starts = cloud.service.request("GET", f"/v1/sets/{server}").json["set"]
    path = f"/servers/{server}/metadata"

    def meta_is(wanted: dict[str, str]) -> None:
        until(lambda: meta_data(cloud, server).get("meta", {}) == wanted)

    cloud.ok("POST", path, {"metadata": {"a": "3", "c": "4"}})
    meta_is({"a": "3", "b": "2", "c": "4"})
    cloud.ok("DELETE", f"{path}/b")
    meta_is({"a": "3", "c": "4"})
    cloud.ok("PUT", path, {"metadata": {}})
    meta_is({})
    cloud.ok("PUT", f"/servers/{server}", {"server": {"name": "other"}})
    until(lambda: meta_data(cloud, server)["name"] == "other")
    native = cloud.service.request(
        "PATCH", f"/v1/sets/{server}", {"set": {"metadata": {"n": "5"}}}
    )
    assert native.status_int == 200
    meta_is({"n": "5"})
    item = cloud.service.request("GET", f"/v1/sets/{server}").json["set"]
    assert item["status"] == "ACTIVE"
    for before, after in zip(
        starts["containers"], item["containers"], strict=True
    ):
        assert before["started_at"] == after["started_at"]


def test_they_are_told_though_the_hint_is_lost(cloud: Compute) -> None:
    """The sweep makes good for it."""
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    assert cloud.whole is not None
    cloud.whole.stop_conductor("c1")
    path = f"/servers/{server}/metadata"
    cloud.ok("POST", path, {"metadata": {"a": "1"}})
    cloud.whole.conductor("c1")
    until(lambda: meta_data(cloud, server).get("meta") == {"a": "1"})


def test_user_data_are_shown_to_operators(cloud: Compute) -> None:
    text = encoded("secret")
    server = cloud.create(user_data=text)
    plain = cloud.create()
    key = "OS-EXT-SRV-ATTR:user_data"
    assert cloud.get(server, token=ADMIN, version="2.3")[key] == text
    assert cloud.get(plain, token=ADMIN)[key] is None
    assert key not in cloud.get(server, token=ADMIN, version="2.2")
    assert key not in cloud.get(server)
    listed = cloud.ok(
        "GET", "/servers/detail?all_tenants=1", token=ADMIN, version="2.96"
    )["servers"]
    assert {each["id"]: each[key] for each in listed} == {
        server: text,
        plain: None,
    }
    events = cloud.service.request("GET", "/v1/events").text
    assert text not in events
    assert "secret" not in events


def test_files_are_in_every_container(cloud: Compute) -> None:
    side = {
        "uuid": cloud.service.image("side:1").id,
        "source_type": "image",
        "destination_type": "local",
        "boot_index": 1,
        "tag": "side",
    }
    server = cloud.create(
        version="2.56",
        personality=[
            {"path": "/etc/motd", "contents": encoded("hello")},
            {"path": "srv/empty", "contents": ""},
        ],
        networks=None,
        block_device_mapping_v2=[side],
    )
    cloud.wait(server, "ACTIVE")
    files = {"/etc/motd": b"hello", "/srv/empty": b""}
    assert placed(cloud, server) == {"main": files, "side": files}
    # and in those that come later
    image = cloud.service.image("late:1").id
    cloud.ok(
        "POST",
        f"/servers/{server}/os-volume_attachments",
        {"volumeAttachment": {"volumeId": image, "tag": "late"}},
    )
    until(lambda: placed(cloud, server).get("late") == files)


def test_a_rebuild_hands_in_anew(cloud: Compute) -> None:
    key = keypair(cloud, "later")
    server = cloud.create(
        user_data=encoded("one"),
        metadata={"caas_env_A": "1", "caas_env_B": "2"},
    )
    cloud.wait(server, "ACTIVE")
    first = placed(cloud, server)
    value = {
        "imageRef": cloud.image,
        "user_data": encoded("two"),
        "key_name": "later",
        "metadata": {"caas_env_A": "3"},
    }
    answer = cloud.act(server, "rebuild", value).json["server"]
    assert answer["user_data"] == encoded("two")
    assert answer["key_name"] == "later"
    cloud.wait(server, "ACTIVE")
    assert shown(cloud, server)["user_data"] == b"two"
    assert key.strip() in shown(cloud, server)["authorized_keys"].decode()
    native = cloud.service.request("GET", f"/v1/sets/{server}").json["set"]
    (main,) = (c for c in native["containers"] if c["name"] == "main")
    assert main["env"] == {"A": "3"}
    # what it does not name stays
    value = {"imageRef": cloud.image}
    answer = cloud.act(server, "rebuild", value).json["server"]
    assert answer["user_data"] == encoded("two")
    cloud.wait(server, "ACTIVE")
    # and goes if it is nothing
    value = {"imageRef": cloud.image, "user_data": None, "key_name": None}
    answer = cloud.act(server, "rebuild", value).json["server"]
    assert (answer["user_data"], answer["key_name"]) == (None, None)
    cloud.wait(server, "ACTIVE")
    assert set(shown(cloud, server)) == {"meta_data.json"}
    assert first.keys() == placed(cloud, server).keys()


def test_a_rebuild_from_the_same_image_is_one(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    assert cloud.whole is not None
    runtime = cloud.whole.hosts["h1"].runtime
    before = {c.id for c in runtime.list(server)}
    shown = cloud.do(server, "rebuild", {"imageRef": cloud.image})
    assert shown["status"] == "REBUILD"
    cloud.wait(server, "ACTIVE")
    after = {c.id for c in runtime.list(server)}
    # infra stays
    assert len(before & after) == 1
    assert len(after) == 2


def test_a_rebuild_writes_files(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    value = {
        "imageRef": cloud.image,
        "personality": [{"path": "/etc/motd", "contents": encoded("hi")}],
    }
    answer = cloud.act(server, "rebuild", value, version="2.56")
    assert answer.status_int == 202
    cloud.wait(server, "ACTIVE")
    assert placed(cloud, server) == {"main": {"/etc/motd": b"hi"}}
    assert cloud.act(server, "rebuild", value, version="2.57").status_int == (
        400
    )


@pytest.mark.parametrize(
    ("status", "files", "words"),
    [
        (403, [("/a", "")] * 6, "Personality file limit exceeded"),
        (403, [("/" + "a" * 255, "")], "file path exceeds maximum 255"),
        (403, [("/a", "x" * 65537)], "content exceeds maximum 65536"),
        (400, [("/a/../../b", "")], "not an absolute path of a file"),
        (400, [("/a\0b", "")], ""),
        (400, [("/a\nb", "")], "not an absolute path of a file"),
        (400, [("/", "")], "not an absolute path of a file"),
        (400, [("/a/", "")], "not an absolute path of a file"),
        (400, [("/proc/sys/kernel/core_pattern", "")], "/proc is not of"),
        (400, [("/run/caas/user_data", "")], "/run/caas is not of"),
        (400, [("/etc/hosts", "")], "all containers of the set share it"),
        (400, [("/a", ""), ("//a", "")], "given twice"),
    ],
    ids=lambda value: str(value)[:30].encode("unicode_escape").decode(),
)
def test_files_that_cannot_be(
    compute: Compute, status: int, files: list[tuple[str, str]], words: str
) -> None:
    before = compute.service.rows()
    body = compute.request(
        networks=None,
        personality=[
            {"path": path, "contents": encoded(text)} for path, text in files
        ],
    )
    said = compute.refused(status, "POST", "/servers", body, version="2.1")
    assert words in said
    assert compute.service.rows() == before


def test_bad_base64(compute: Compute) -> None:
    files = [{"path": "/a", "contents": "%"}]
    body = compute.request(networks=None, personality=files)
    said = compute.refused(400, "POST", "/servers", body, version="2.1")
    assert "not valid base64" in said
    # lines of it may be broken
    compute.create(user_data=encoded("x" * 100)[:70] + "\n" + "eA==")


def test_it_goes_with_its_set(cloud: Compute) -> None:
    server = cloud.create(user_data=encoded("secret"))
    cloud.wait(server, "ACTIVE")
    assert len(cloud.service.rows()["set_inputs"]) == 1
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "DELETED")
    assert cloud.service.rows()["set_inputs"] == []
    assert shown(cloud, server) == {}


def test_passwords(compute: Compute) -> None:
    """One is taken, as clients send it whatever they make, and kept nowhere;
    nobody is told that it was changed."""
    body = compute.request(adminPass="secret")
    made = compute.ask("POST", "/servers", body)
    assert made.status_int == 202
    assert "secret" not in made.text
    assert "secret" not in str(compute.service.rows())
    server = made.json["server"]["id"]
    value = {"adminPass": "secret"}
    answer = compute.act(server, "changePassword", value)
    assert answer.status_int == 409
    assert "containers have no password" in answer.text
    assert compute.act(server, "changePassword", {}).status_int == 400


def test_another_host_name(cloud: Compute) -> None:
    server = cloud.create(hostname="web.example.org")
    cloud.wait(server, "ACTIVE")
    assert cloud.get(server)["OS-EXT-SRV-ATTR:hostname"] == "web"
    assert meta_data(cloud, server)["hostname"] == "web"
    body = {"server": {"hostname": "other"}}
    shown = cloud.ok("PUT", f"/servers/{server}", body)["server"]
    assert shown["OS-EXT-SRV-ATTR:hostname"] == "other"
    until(lambda: meta_data(cloud, server)["hostname"] == "other")
    value = {"imageRef": cloud.image, "hostname": "third"}
    shown = cloud.act(server, "rebuild", value).json["server"]
    assert shown["OS-EXT-SRV-ATTR:hostname"] == "third"
    until(lambda: meta_data(cloud, server)["hostname"] == "third")


def test_no_network(cloud: Compute) -> None:
    server = cloud.create(networks="none")
    shown = cloud.wait(server, "ACTIVE")
    assert shown["addresses"] == {}
    assert "security_groups" not in shown
    assert cloud.whole is not None
    assert cloud.whole.hosts["h1"].network.list() == []
    path = f"/servers/{server}/os-interface"
    assert cloud.ok("GET", path) == {"interfaceAttachments": []}
    assert cloud.ok("GET", f"/servers/{server}/ips") == {"addresses": {}}
    for action in ("os-stop", "os-start"):
        cloud.do(server, action)
        cloud.wait(server, "SHUTOFF" if action == "os-stop" else "ACTIVE")
    other = cloud.create()
    assert cloud.wait(other, "ACTIVE")["addresses"]
    for item in (server, other):
        cloud.ok("DELETE", f"/servers/{item}")
        cloud.wait(item, "DELETED")


def test_variables_that_are_none(compute: Compute) -> None:
    server = compute.create(metadata={"caas_env_A": "1"})
    compute.service.place(server)
    path = f"/servers/{server}/metadata"
    wrong = {"caas_env_": "1"}
    action = {"rebuild": {"imageRef": compute.image, "metadata": wrong}}
    for method, where, body in (
        ("POST", path, {"metadata": wrong}),
        ("PUT", path, {"metadata": wrong}),
        ("PUT", f"{path}/caas_env_", {"meta": wrong}),
        ("POST", f"/servers/{server}/action", action),
    ):
        said = compute.refused(400, method, where, body)
        assert "the name of a variable after 'caas_env_'" in said
    assert compute.get(server)["metadata"] == {"caas_env_A": "1"}
