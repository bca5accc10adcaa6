"""Servers asked for, listed, changed: without a host."""

import datetime
import urllib.parse
from typing import Any

import pytest

from tests import fixtures
from tests.functional.compute.driver import ADMIN, Compute

NOWHERE = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"


def device(compute: Compute, **changes: Any) -> dict[str, Any]:
    made = {
        "uuid": compute.image,
        "source_type": "image",
        "destination_type": "local",
        "boot_index": 0,
        "delete_on_termination": True,
        **changes,
    }
    return {k: v for k, v in made.items() if v is not None}


def test_what_clients_send(compute: Compute) -> None:
    """Bodies with surprises that Nova takes."""
    both = device(compute)
    for changes in (
        {"user_data": ""},
        {"tags": []},
        {"config_drive": "True"},
        {"config_drive": True},
        {"min_count": 1, "max_count": 1},
        {"min_count": "1"},
        {"networks": None},
        {"networks": []},
        {"security_groups": [{"name": "default"}]},
        {"description": None},
        {"block_device_mapping_v2": [both]},
        {"block_device_mapping_v2": [{**both, "boot_index": "0"}]},
        {"block_device_mapping_v2": [both], "imageRef": ""},
        {"block_device_mapping_v2": [both], "imageRef": None},
        {"block_device_mapping_v2": [{**both, "volume_size": "1"}]},
    ):
        server = compute.create(**changes)
        shown = compute.get(server)
        assert shown["image"]["id"] == compute.image
        assert shown["status"] == "BUILD"
    body = compute.request()
    for hints in ("os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"):
        compute.ok("POST", "/servers", {**body, hints: {}})


def test_disks_are_containers(compute: Compute) -> None:
    """By index, named by tag or device."""
    other = compute.service.image("side:1").id
    devices = [
        device(compute),
        device(compute, uuid=other, boot_index=2, tag="Side"),
        device(compute, uuid=other, boot_index=-1, device_name="/dev/vdc"),
        {"source_type": "blank", "destination_type": "local"},
    ]
    server = compute.create(
        block_device_mapping_v2=devices, metadata={"caas_env_A": "1", "b": "2"}
    )
    native = compute.service.request("GET", f"/v1/sets/{server}").json["set"]
    found = [
        (each["name"], each["index"], each["env"])
        for each in native["containers"]
        if each["name"] != "infra"
    ]
    env = {"A": "1"}
    assert found == [("main", 0, env), ("side", 2, env), ("vdc", 3, env)]
    shown = compute.get(server)
    assert shown["metadata"] == {"caas_env_A": "1", "b": "2"}
    path = f"/servers/{server}/os-volume_attachments"
    attached = compute.ok("GET", path)["volumeAttachments"]
    assert [each["tag"] for each in attached] == ["main", "side", "vdc"]
    ids = [
        each["id"] for each in shown["os-extended-volumes:volumes_attached"]
    ]
    assert [each["volumeId"] for each in attached] == ids
    one = compute.ok("GET", f"{path}/{ids[1]}")["volumeAttachment"]
    assert one == attached[1]
    compute.refused(404, "GET", f"{path}/{NOWHERE}")
    page = compute.ok("GET", f"{path}?limit=1&offset=1")["volumeAttachments"]
    assert page == [one]


REFUSED = [
    ({"flavorRef": "nothing"}, "Flavor nothing could not be found."),
    ({"imageRef": NOWHERE}, "Can not find requested image"),
    ({"imageRef": "no-uuid"}, "Can not find requested image"),
    ({"imageRef": None}, "Invalid imageRef provided."),
    ({"key_name": "nothing"}, "Invalid key_name provided."),
    (
        {"availability_zone": "nothing"},
        "The requested availability zone is not available",
    ),
    (
        {"security_groups": [{"name": "x"}]},
        "Unable to find security_group with name or id 'x'",
    ),
    ({"block_device_mapping_v2": [{"source_type": "volume"}]}, "Block Device"),
    (
        {"block_device_mapping_v2": [{"source_type": "image"}]},
        "Block Device Mapping is Invalid",
    ),
    ({"block_device_mapping": [{}]}, "Block Device Mapping is Invalid"),
    ({"min_count": 3, "max_count": 2}, "min_count must be <= max_count"),
    ({"flavorRef": None}, "Invalid input for field/attribute server."),
    ({"name": ""}, "Invalid input for field/attribute server.name."),
    ({"name": " x"}, "Invalid input"),
    ({"name": "a\u200bb"}, "printable characters"),
    ({"name": "a\u2028b"}, "printable characters"),
    ({"name": "\U0001f40b"}, "printable characters"),
    ({"description": "a\nb"}, "printable characters"),
    ({"security_groups": [{"name": " default"}]}, "Invalid input"),
    ({"nonsense": 1}, "Invalid input for field/attribute server."),
    ({"networks": "some"}, "Invalid input for field/attribute networks."),
    ({"networks": [{"uuid": NOWHERE}]}, "networks"),
    ({"user_data": "-"}, "Invalid user_data"),
    ({"tags": ["a,b"]}, "Invalid input"),
    ({"tags": ["a", "a "]}, "Invalid input"),
    ({"tags": ["a\n"]}, "no control characters"),
    ({"tags": ["a"] * 51}, "Invalid input"),
    ({"trusted_image_certificates": [1]}, "must be a string"),
    ({"trusted_image_certificates": []}, "at least 1 item"),
    ({"trusted_image_certificates": ["a", "a"]}, "twice"),
    ({"metadata": {"a": 1}}, "Invalid input"),
    ({"metadata": {"a/b": "1"}}, "Invalid input"),
    ({"metadata": {"a\n": "1"}}, "Invalid input"),
    ({"metadata": {"caas_env_": "1"}}, "the name of a variable after"),
    ({"metadata": {"caas_env_1": "1"}}, "the name of a variable after"),
    ({"metadata": {"caas_env_A:B": "1"}}, "the name of a variable after"),
    ({"personality": []}, "Invalid input"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_what_is_refused_makes_nothing(
    compute: Compute, changes: dict[str, Any], words: str
) -> None:
    before = compute.service.rows()
    body = compute.request(**changes)
    assert words in compute.refused(400, "POST", "/servers", body)
    assert compute.service.rows() == before


def test_too_many(compute: Compute) -> None:
    compute.service.request("PUT", "/v1/quotas/p1", {"quota": {"sets": 2}})
    body = compute.request(min_count=3)
    said = compute.refused(403, "POST", "/servers", body)
    assert said == (
        "Quota exceeded for instances: Requested 3, but already used 0 of 2 "
        "instances"
    )
    body = compute.request(metadata={str(n): "" for n in range(129)})
    compute.refused(403, "POST", "/servers", body)
    body = compute.request(min_count=1, max_count=3)
    body["server"]["return_reservation_id"] = True
    made = compute.ok("POST", "/servers", body)
    path = f"/servers/detail?reservation_id={made['reservation_id']}"
    names = [each["name"] for each in compute.ok("GET", path)["servers"]]
    assert sorted(names) == ["web-1", "web-2"]


def names(compute: Compute, query: str, **how: Any) -> list[str]:
    found = [
        compute.ok("GET", f"/servers{detail}?{query}", **how)["servers"]
        for detail in ("", "/detail")
    ]
    both = [[each["name"] for each in one] for one in found]
    assert both[0] == both[1]
    return both[0]


FILTERS = [
    ("name=a", ["a2", "a1"]),
    ("name=^a1$", ["a1"]),
    ("name=^1", []),
    ("display_name=b", ["b1", "a2", "a1"]),
    ("flavor=large", ["b1"]),
    ("flavor=nothing", []),
    ("status=BUILD", ["b1", "a2", "a1"]),
    ("status=build", ["b1", "a2", "a1"]),
    ("status=ACTIVE", []),
    ("status=ACTIVE&status=BUILD", ["b1", "a2", "a1"]),
    ("status=RESCUE", []),
    ("status=SOFT_DELETED", []),
    ("deleted=False", ["b1", "a2", "a1"]),
    ("deleted=True", ["b1", "a2", "a1"]),
    ("host=nowhere", ["b1", "a2", "a1"]),
    ("all_tenants=0", ["b1", "a2", "a1"]),
    ("tags=one", ["a2", "a1"]),
    ("tags=one,two", ["a2"]),
    ("tags-any=two,three", ["a2"]),
    ("not-tags=one,two", ["b1", "a1"]),
    ("not-tags-any=one,two", ["b1"]),
    ("locked=true", ["b1"]),
    ("locked=False", ["a2", "a1"]),
    ("ip=10", []),
    ("sort_key=display_name&sort_dir=asc", ["a1", "a2", "b1"]),
    ("sort_key=created_at&sort_dir=asc", ["a1", "a2", "b1"]),
    ("limit=2", ["b1", "a2"]),
    ("limit=0", []),
    ("power_state=1", []),
    ("power_state=0", ["b1", "a2", "a1"]),
]


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_lists(compute: Compute, database: str) -> None:
    """Filters, in the words of Nova; what they mean is the store's."""
    one = compute.create(name="a1", tags=["one"])
    two = compute.create(name="a2", tags=["one", "two"])
    three = compute.create(name="b1", flavorRef="large")
    compute.do(three, "lock")
    for query, wanted in FILTERS:
        assert names(compute, query) == wanted, query
    path = f"/servers?uuid={one}&uuid={two}&sort_key=uuid&all_tenants=1"
    found = compute.ok("GET", path, token=ADMIN)["servers"]
    assert [each["id"] for each in found] == sorted((one, two), reverse=True)
    assert names(compute, f"image={compute.image}") == ["b1", "a2", "a1"]

    stranger = "u2:p2:member"
    assert names(compute, "", token=stranger) == []
    everybody = names(compute, "all_tenants=1", token=ADMIN)
    assert everybody == ["b1", "a2", "a1"]
    other = names(compute, "all_tenants=1&project_id=p2", token=ADMIN)
    assert other == []

    for pattern in ("(", "[", "*a", "a{2", "(?P<n>a)", "(?=a)", r"\d", "\\"):
        quoted = urllib.parse.quote(pattern)
        for key in ("name", "ip"):
            answer = compute.ask("GET", f"/servers?{key}={quoted}")
            assert answer.status_int in (200, 400), pattern


BAD = [
    ("limit=-1", "2.1"),
    ("limit=x", "2.1"),
    ("marker=nothing", "2.1"),
    (f"marker={NOWHERE}", "2.1"),
    ("sort_key=nothing", "2.1"),
    ("sort_dir=up", "2.1"),
    ("sort_dir=asc&sort_dir=desc", "2.1"),
    ("sort_key=name", "2.1"),
    ("sort_key=id", "2.75"),
    ("name=", "2.1"),
    ("key_name=(", "2.1"),
    ("status=", "2.38"),
    (
        "changes-since=2026-01-02T00:00:00Z&changes-before="
        "2026-01-01T00:00:00Z",
        "2.66",
    ),
    ("instance_name=x", "2.75"),
    ("status=nothing", "2.38"),
    ("changes-since=yesterday", "2.1"),
    ("changes-before=yesterday", "2.66"),
    ("all_tenants=maybe", "2.1"),
    ("locked=maybe", "2.73"),
    ("nothing=1", "2.75"),
]


@pytest.mark.parametrize(("query", "since"), BAD)
def test_bad_queries(compute: Compute, query: str, since: str) -> None:
    """Some of what is refused now was not looked at once."""
    compute.create()
    for path in ("/servers", "/servers/detail"):
        compute.refused(400, "GET", f"{path}?{query}")
        compute.refused(400, "GET", f"{path}?{query}", version=since)
        if since != "2.1":
            before = f"2.{int(since[2:]) - 1}"
            compute.ok("GET", f"{path}?{query}", version=before)


def test_pages(compute: Compute) -> None:
    """A link leads to the next one, with what was asked for."""
    made = [compute.create(name=f"s{n}") for n in range(5)]
    for path in ("/servers", "/servers/detail"):
        found = []
        link: str | None = f"{path}?limit=2&name=s"
        while link is not None:
            answer = compute.ok("GET", link)
            found += [each["id"] for each in answer["servers"]]
            [more] = answer.get("servers_links", [None])
            link = more and more["href"].rpartition("/v2.1")[2]
            assert link is None or "name=s" in link
        assert found == made[::-1]


def test_what_changed_since(compute: Compute) -> None:
    """Deleted ones, too."""
    server = compute.create()
    compute.ok("DELETE", f"/servers/{server}")
    now = datetime.datetime.now(datetime.UTC)
    for hours, hits in ((-1, 1), (1, 0)):
        time = (now + datetime.timedelta(hours=hours)).isoformat()
        query = f"changes-since={urllib.parse.quote(time)}"
        assert len(names(compute, query)) == hits
        query = f"changes-before={urllib.parse.quote(time)}"
        found = names(compute, f"{query}&changes-since=2020-01-01T00:00:00Z")
        assert len(found) == 1 - hits


def test_update(compute: Compute) -> None:
    server = compute.create()
    path = f"/servers/{server}"
    for version in ("2.1", "2.74", "2.75", "2.96"):
        body = {"server": {"name": f"at {version}"}}
        shown = compute.ok("PUT", path, body, version=version)["server"]
        assert shown["name"] == f"at {version}"
        assert ("key_name" in shown) == (version in ("2.75", "2.96"))
    body = {"server": {"description": "It works."}}
    compute.refused(400, "PUT", path, body, version="2.18")
    assert (
        compute.ok("PUT", path, body)["server"]["description"] == "It works."
    )
    body = {"server": {"description": None}}
    assert compute.ok("PUT", path, body)["server"]["description"] is None
    body = {"server": {"hostname": "other"}}
    compute.refused(400, "PUT", path, body, version="2.89")
    shown = compute.ok("PUT", path, body)["server"]
    assert shown["OS-EXT-SRV-ATTR:hostname"] == "other"


def test_metadata(compute: Compute) -> None:
    server = compute.create(metadata={"a": "1", "b": "2"})
    path = f"/servers/{server}/metadata"
    assert compute.ok("GET", path) == {"metadata": {"a": "1", "b": "2"}}
    added = compute.ok("POST", path, {"metadata": {"b": "3", "c": "4"}})
    assert added == {"metadata": {"a": "1", "b": "3", "c": "4"}}
    one = compute.ok("PUT", f"{path}/a", {"meta": {"a": "5"}})
    assert one == {"meta": {"a": "5"}}
    assert compute.ok("GET", f"{path}/a") == one
    compute.refused(400, "PUT", f"{path}/a", {"meta": {"b": "5"}})
    compute.refused(400, "PUT", f"{path}/a", {"meta": {}})
    compute.ok("DELETE", f"{path}/a")
    for method in ("GET", "DELETE"):
        said = compute.refused(404, method, f"{path}/a")
        assert said == "Metadata item was not found"
    replaced = compute.ok("PUT", path, {"metadata": {"d": "6"}})
    assert replaced == {"metadata": {"d": "6"}}
    many = {"metadata": {str(n): "" for n in range(128)}}
    compute.refused(403, "POST", path, many)
    assert compute.get(server)["metadata"] == {"d": "6"}


def test_tags(compute: Compute) -> None:
    server = compute.create()
    path = f"/servers/{server}/tags"
    answer = compute.ask("PUT", f"{path}/one")
    assert answer.status_int == 201
    assert answer.headers["Location"].endswith(f"{path}/one")
    assert compute.ask("PUT", f"{path}/one").status_int == 204
    assert compute.ask("GET", f"{path}/one").status_int == 204
    assert compute.ok("GET", path) == {"tags": ["one"]}
    tags = compute.ok("PUT", path, {"tags": ["b", "a", "b"]})
    assert tags == {"tags": ["a", "b"]}
    compute.ok("DELETE", f"{path}/a")
    for method in ("GET", "DELETE"):
        said = compute.refused(404, method, f"{path}/a")
        assert said == f"Server {server} has no tag 'a'"
    assert compute.get(server)["tags"] == ["b"]
    compute.ok("DELETE", path)
    assert compute.ok("GET", path) == {"tags": []}
    compute.refused(400, "PUT", f"{path}/{'x' * 61}")
    compute.refused(400, "PUT", f"{path}/a%0A")
    put = compute.ask("PUT", f"{path}/%E8%88%B9%201")
    assert put.headers["Location"].endswith("/tags/%E8%88%B9%201")
    assert compute.ok("GET", path) == {"tags": ["船 1"]}
    compute.ok("PUT", path, {"tags": [str(n) for n in range(50)]})
    compute.refused(400, "PUT", f"{path}/more")


def test_lock(compute: Compute) -> None:
    """It keeps all but operators from changing a server."""
    server = compute.create()
    other = {"server": {"name": "other"}}
    assert not compute.get(server)["locked"]
    shown = compute.do(server, "lock", {"locked_reason": "mine"})
    assert shown["locked"]
    assert shown["locked_reason"] == "mine"
    said = compute.refused(409, "DELETE", f"/servers/{server}")
    assert said == f"Instance {server} is locked"
    for action in ("os-stop", "os-start", "pause", "forceDelete"):
        answer = compute.act(server, action)
        assert answer.status_int == 409
        assert "is locked" in answer.text
    path = f"/servers/{server}/metadata"
    compute.refused(409, "POST", path, {"metadata": {"a": "1"}})
    compute.ok("PUT", f"/servers/{server}", other, token=ADMIN)
    native = compute.service.request(
        "DELETE", f"/v1/sets/{server}", token="u1:p1:member"
    )
    assert native.status_int == 409
    assert not compute.do(server, "unlock")["locked"]
    compute.refused(
        400, "POST", f"/servers/{server}/action", {"lock": {"reason": 1}}
    )


def test_what_operators_locked_only_they_unlock(compute: Compute) -> None:
    server = compute.create()
    path = f"/servers/{server}/action"
    compute.do(server, "lock", {"locked_reason": "mine"})
    reason = {"locked_reason": "under investigation"}
    compute.ok("POST", path, {"lock": reason}, token=ADMIN)
    compute.do(server, "lock", {"locked_reason": "mine"})
    shown = compute.get(server)
    assert shown["locked_reason"] == "under investigation"
    said = compute.refused(403, "POST", path, {"unlock": None})
    assert "locked by an operator" in said
    assert compute.get(server)["locked"]
    compute.ok("POST", path, {"unlock": None}, token=ADMIN)
    assert not compute.get(server)["locked"]
    compute.do(server, "lock", {"nothing": 1}, version="2.72")
    compute.ok("DELETE", f"/servers/{server}", token=ADMIN)


def test_looks_by_name(compute: Compute) -> None:
    """They find nothing, so that clients list."""
    compute.create()
    said = compute.refused(404, "GET", "/servers/web")
    assert said == "Instance web could not be found."
    assert compute.refused(404, "GET", "/flavors/small")


def test_addresses(compute: Compute) -> None:
    """There are none before it has a host."""
    server = compute.create()
    assert compute.ok("GET", f"/servers/{server}/ips") == {"addresses": {}}
    compute.refused(404, "GET", f"/servers/{server}/ips/caas")
    assert "security_groups" not in compute.get(server)


def test_access_addresses(compute: Compute) -> None:
    """They are words: shown again, and looked for."""
    server = compute.create(accessIPv6="2001:DB8:0::1")
    shown = compute.get(server)
    assert (shown["accessIPv4"], shown["accessIPv6"]) == ("", "2001:db8::1")
    path = f"/servers/{server}"
    changed = compute.ok("PUT", path, {"server": {"accessIPv4": "192.0.2.7"}})
    assert changed["server"]["accessIPv4"] == "192.0.2.7"
    shown = compute.get(server)
    assert (shown["accessIPv4"], shown["accessIPv6"]) == (
        *("192.0.2.7", "2001:db8::1"),
    )
    compute.create()
    for query, count in (
        ("access_ip_v4=192.0.2", 1),
        ("access_ip_v6=.", 1),
        ("access_ip_v4=10", 0),
    ):
        path = f"/servers?all_tenants=1&{query}"
        found = compute.ok("GET", path, token=ADMIN)["servers"]
        assert len(found) == count, query
    for key, value in (
        ("accessIPv4", "1.1.1.1.1.1"),
        ("accessIPv4", ""),
        ("accessIPv4", None),
        ("accessIPv6", "notvalid"),
        ("accessIPv6", "192.0.2.7"),
    ):
        body = {"server": {key: value}}
        compute.refused(400, "PUT", f"/servers/{server}", body)
