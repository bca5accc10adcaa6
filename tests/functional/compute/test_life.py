"""A server's life on a host, in every microversion clients ask for."""

import re

import pytest
from microversion_parse import parse_version_string

from caas.api.compute.operation import REGISTRY, Route
from tests.functional.compute.driver import ADMIN, MEMBER, Compute

#: Where answers change, or what clients are known to ask for.
VERSIONS = (
    *("2.1", "2.3", "2.10", "2.19", "2.26", "2.35", "2.47", "2.53", "2.60"),
    *("2.63", "2.71", "2.73", "2.74", "2.75", "2.79", "2.89", "2.96"),
)

#: What Nova lets be done in a status that is reached here.
ALLOWED = {
    "ACTIVE": {"os-stop", "pause", "suspend", "reboot", "resize", "shelve"},
    "SHUTOFF": {"os-start", "resize", "shelve"},
    "PAUSED": {"unpause", "shelve"},
    "SUSPENDED": {"resume", "shelve"},
    "SHELVED_OFFLOADED": {"unshelve"},
    "VERIFY_RESIZE": {"confirmResize", "revertResize"},
}
#: Sees all, and has key pairs.
OWNER = "u1:p1:admin"
VALUES = {
    "reboot": {"type": "SOFT"},
    "resize": {"flavorRef": "large"},
}


#: Of which other tests have some: hosts, images, what there is in Neutron.
_ELSEWHERE = re.compile(
    r"\{(hypervisor|host|image_id|port|network|group|console_token|before)\}"
)


def _reads(cloud: Compute, server: str) -> list[tuple[Route, str]]:
    """Routes that read, each with a path."""
    server_paths = {
        "server_id": server,
        "key": "a",
        "tag": "one",
        "label": "caas",
        "volume_id": cloud.get(server)["os-extended-volumes:volumes_attached"][
            0
        ]["id"],
        "quota_project": "p1",
        "quota_class": "default",
        "group_id": _group(cloud),
        "aggregate": _aggregate(cloud),
        "spec": "a",
        "keypair": "mine",
        "flavor_id": cloud.ok("GET", "/flavors")["flavors"][0]["id"],
        "alias": "nothing",
        "request_id": cloud.ok(
            "GET", f"/servers/{server}/os-instance-actions"
        )["instanceActions"][0]["request_id"],
    }
    return [
        (route, route.path.format_map(server_paths))
        for route in REGISTRY.operations
        if isinstance(route, Route)
        and route.method == "GET"
        and route.policy is not None
        and not route.refuses
        and not _ELSEWHERE.search(route.path)
        # the hosts of these tests let nobody look inside
        and not route.path.endswith("/diagnostics")
    ]


def test_everything_is_read_in_all_versions(cloud: Compute) -> None:
    """No answer is an error but those Nova has for it."""
    server = cloud.create(metadata={"a": "b"}, tags=["one"])
    cloud.wait(server, "ACTIVE")
    key = {"keypair": {"name": "mine"}}
    cloud.ok("POST", "/os-keypairs", key, version="2.91", token=OWNER)
    cloud.ok(
        "POST",
        f"{_flavor(cloud)}/os-extra_specs",
        {"extra_specs": {"a": 1}},
        token=OWNER,
    )
    none = {
        "/extensions/nothing",
        f"{_flavor(cloud)}/os-flavor-access",
    }
    reads = _reads(cloud, server)
    for version in VERSIONS:
        for route, path in reads:
            answer = cloud.ask("GET", path, version=version, token=OWNER)
            there = route.serves(parse_version_string(version))
            wanted = {200, 204} if there and path not in none else {404}
            assert answer.status_int in wanted, (version, path, answer.text)


def _aggregate(cloud: Compute) -> int:
    body = {"aggregate": {"name": "some", "availability_zone": None}}
    made = cloud.ok("POST", "/os-aggregates", body, token=ADMIN)
    ident: int = made["aggregate"]["id"]
    return ident


def _group(cloud: Compute) -> str:
    """A project may not have one for each version."""
    found = cloud.ok("GET", "/os-server-groups")["server_groups"]
    if not found:
        body = {"server_group": {"name": "near", "policy": "affinity"}}
        made = cloud.ok("POST", "/os-server-groups", body)
        found = [made["server_group"]]
    ident: str = found[0]["id"]
    return ident


def _flavor(cloud: Compute) -> str:
    ident = cloud.ok("GET", "/flavors")["flavors"][0]["id"]
    return f"/flavors/{ident}"


def test_hypervisors_and_services(cloud: Compute) -> None:
    """Ids were numbers once."""
    for version in VERSIONS:
        how = {"version": version, "token": ADMIN}
        new = int(version[2:]) >= 53
        [one] = cloud.ok("GET", "/os-hypervisors/detail", **how)["hypervisors"]
        assert isinstance(one["id"], str if new else int)
        path = f"/os-hypervisors/{one['id']}"
        shown = cloud.ok("GET", path, **how)["hypervisor"]
        assert shown["hypervisor_hostname"] == one["hypervisor_hostname"]
        if int(version[2:]) > 87:
            cloud.refused(404, "GET", f"{path}/uptime", **how)
        else:
            up = cloud.ok("GET", f"{path}/uptime", **how)["hypervisor"]
            assert " up " in up["uptime"]
        cloud.refused(
            400 if new else 404, "GET", "/os-hypervisors/nothing", **how
        )
        agents = cloud.ok("GET", "/os-services?binary=nova-compute", **how)
        [agent] = agents["services"]
        path = f"/os-services/{agent['id']}"
        for status in ("disabled", "enabled"):
            if not new:
                # they are named in the body until then
                cloud.refused(400, "PUT", path, {"status": status}, **how)
                continue
            made = cloud.ok("PUT", path, {"status": status}, **how)
            assert made["service"]["status"] == status


def test_power(cloud: Compute) -> None:
    server = cloud.create()
    assert cloud.get(server)["status"] == "BUILD"
    active = cloud.wait(server, "ACTIVE")
    assert active["OS-EXT-STS:power_state"] == 1
    assert active["progress"] == 100
    [address] = active["addresses"]["caas"]
    assert address["OS-EXT-IPS:type"] == "fixed"

    shown = cloud.do(server, "os-stop")
    assert shown["status"] in ("ACTIVE", "SHUTOFF")
    stopped = cloud.wait(server, "SHUTOFF")
    assert stopped["OS-EXT-STS:vm_state"] == "stopped"
    assert "progress" not in stopped
    shown = cloud.do(server, "os-start")
    assert shown["status"] in ("SHUTOFF", "ACTIVE")
    cloud.wait(server, "ACTIVE")

    for kind in ("SOFT", "HARD"):
        cloud.do(server, "reboot", {"type": kind})
        cloud.wait(server, "ACTIVE")


@pytest.mark.parametrize(
    ("there", "status", "back"),
    [("pause", "PAUSED", "unpause"), ("suspend", "SUSPENDED", "resume")],
)
def test_freezing(cloud: Compute, there: str, status: str, back: str) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    shown = cloud.do(server, there)
    assert shown["status"] in ("ACTIVE", status)
    cloud.wait(server, status)
    other = "resume" if back == "unpause" else "unpause"
    said = cloud.act(server, other)
    assert said.status_int == 409
    assert f"Cannot '{other}' instance {server}" in said.text
    shown = cloud.do(server, back)
    assert shown["status"] in (status, "ACTIVE")
    cloud.wait(server, "ACTIVE")


def test_resize(cloud: Compute) -> None:
    """It waits to be confirmed or reverted, and shows so from the start."""
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    assert cloud.act(server, "confirmResize").status_int == 409
    same = cloud.act(server, "resize", {"flavorRef": "small"})
    assert same.status_int == 400
    assert "must change flavor" in same.text
    nothing = cloud.act(server, "resize", {"flavorRef": "nothing"})
    assert nothing.status_int == 400
    assert "Flavor nothing could not be found." in nothing.text

    for wanted, action, after in (
        ("large", "revertResize", 64),
        ("large", "confirmResize", 128),
    ):
        shown = cloud.do(server, "resize", {"flavorRef": wanted})
        assert shown["status"] in ("RESIZE", "VERIFY_RESIZE")
        waiting = cloud.wait(server, "VERIFY_RESIZE")
        assert waiting["OS-EXT-STS:vm_state"] == "resized"
        assert waiting["flavor"]["ram"] == 128
        assert cloud.act(server, "os-stop").status_int == 409
        cloud.do(server, action)
        assert cloud.wait(server, "ACTIVE")["flavor"]["ram"] == after
        assert cloud.act(server, action).status_int == 409


def test_resize_while_it_is_stopped(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "os-stop")
    cloud.wait(server, "SHUTOFF")
    cloud.do(server, "resize", {"flavorRef": "large"})
    cloud.wait(server, "VERIFY_RESIZE")
    cloud.do(server, "confirmResize")
    assert cloud.wait(server, "SHUTOFF")["flavor"]["ram"] == 128


@pytest.mark.parametrize("token", [MEMBER, OWNER])
def test_rebuild(cloud: Compute, token: str) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    other = cloud.service.image("server:2").id
    for version in ("2.1", "2.19", "2.54", "2.63", "2.75", "2.96"):
        value = {"imageRef": other, "metadata": {"v": version}}
        answer = cloud.act(
            server, "rebuild", value, version=version, token=token
        )
        assert answer.status_int == 202, answer.text
        shown = answer.json["server"]
        assert shown["id"] == server
        assert ("user_data" in shown) == (int(version[2:]) >= 57)
        assert "OS-EXT-SRV-ATTR:user_data" not in shown
        assert answer.headers["Location"].endswith(f"/servers/{server}")
        done = cloud.wait(server, "ACTIVE")
        assert done["image"]["id"] == other
        assert done["metadata"] == {"v": version}
        other, cloud.image = cloud.image, other
    nothing = {"imageRef": "6f70656e-7374-6163-6b20-342065766572"}
    answer = cloud.act(server, "rebuild", nothing)
    assert answer.status_int == 400
    value = {"imageRef": other, "adminPass": "secret"}
    answer = cloud.act(server, "rebuild", value)
    assert answer.status_int == 202
    assert "secret" not in answer.text


def test_delete(cloud: Compute) -> None:
    for action in ("", "forceDelete"):
        server = cloud.create()
        cloud.wait(server, "ACTIVE")
        if action:
            answer = cloud.act(server, action)
        else:
            answer = cloud.ask("DELETE", f"/servers/{server}")
        assert (answer.status_int, answer.body) == (
            202 if action else 204,
            b"",
        )
        shown = cloud.ask("GET", f"/servers/{server}")
        if shown.status_int == 200:
            assert shown.json["server"]["status"] == "ACTIVE"
            task = shown.json["server"]["OS-EXT-STS:task_state"]
            assert task == "deleting"
        cloud.wait(server, "DELETED")
        deleted = cloud.ok(
            "GET",
            "/servers/detail?deleted=True&all_tenants=1",
            token=ADMIN,
        )["servers"]
        assert server in {each["id"] for each in deleted}
        assert {each["status"] for each in deleted} == {"DELETED"}


def test_what_a_status_does_not_allow_is_409(cloud: Compute) -> None:
    """In Nova's words; and it changes nothing."""
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    steps = [
        ("ACTIVE", "pause"),
        ("PAUSED", "unpause"),
        ("ACTIVE", "suspend"),
        ("SUSPENDED", "resume"),
        ("ACTIVE", "os-stop"),
        ("SHUTOFF", "os-start"),
        ("ACTIVE", "resize"),
        ("VERIFY_RESIZE", "confirmResize"),
        ("ACTIVE", "shelve"),
        ("SHELVED_OFFLOADED", "unshelve"),
    ]
    actions = set().union(*ALLOWED.values())
    for status, step in steps:
        cloud.wait(server, status)
        for action in sorted(actions - ALLOWED[status]):
            answer = cloud.act(server, action, VALUES.get(action))
            assert answer.status_int == 409, (status, action, answer.text)
            said = answer.json["conflictingRequest"]["message"]
            assert f"instance {server} while it is in vm_state" in said
        cloud.do(server, step, VALUES.get(step))


def _used(cloud: Compute) -> tuple[int, int, int]:
    """CPUs, memory and disk of the one host."""
    [host] = cloud.ok(
        "GET", "/os-hypervisors/detail", version="2.87", token=ADMIN
    )["hypervisors"]
    return host["vcpus_used"], host["memory_mb_used"], host["local_gb_used"]


@pytest.mark.parametrize("before", ["ACTIVE", "SHUTOFF", "PAUSED"])
def test_shelve(cloud: Compute, before: str) -> None:
    """CPUs and memory are free for others until it returns."""
    server = cloud.create()
    active = cloud.wait(server, "ACTIVE")
    used = _used(cloud)
    verb = {"SHUTOFF": "os-stop", "PAUSED": "pause"}.get(before)
    if verb:
        cloud.do(server, verb)
        cloud.wait(server, before)
    cloud.do(server, "shelve")
    away = cloud.wait(server, "SHELVED_OFFLOADED")
    assert away["OS-EXT-STS:vm_state"] == "shelved_offloaded"
    assert away["OS-EXT-SRV-ATTR:host"] is None
    assert away["hostId"] == ""
    assert away["addresses"] == active["addresses"]
    assert _used(cloud) == (0, 0, used[2])
    # whatever is asked by the other API
    for path, said in (
        ("start", "is shelved; unshelve it"),
        ("stop", "is shelved; unshelve it"),
        ("restart", "is stopped"),
    ):
        answer = cloud.service.request("POST", f"/v1/sets/{server}/{path}")
        assert answer.status_int == 409, path
        assert said in answer.text
    shown = cloud.do(server, "unshelve")
    assert shown["status"] in ("SHELVED_OFFLOADED", "ACTIVE")
    again = cloud.wait(server, "ACTIVE")
    assert again["addresses"] == active["addresses"]
    assert _used(cloud) == used
    assert cloud.act(server, "unshelve").status_int == 409


def test_no_room_to_unshelve(cloud: Compute) -> None:
    """It stays what it was, with the reason, until there is room."""
    whole = cloud.whole
    assert whole is not None
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "shelve")
    cloud.wait(server, "SHELVED_OFFLOADED")
    [host] = cloud.ok(
        "GET", "/os-hypervisors/detail", version="2.87", token=ADMIN
    )["hypervisors"]
    cloud.service.flavor("all", memory_mb=host["free_ram_mb"])
    other = cloud.create(flavorRef="all")
    cloud.wait(other, "ACTIVE")
    cloud.do(server, "unshelve")
    cloud.wait(server, "SHELVED_OFFLOADED")
    [failed] = [
        event
        for event in cloud.service.request(
            "GET", f"/v1/events?object_id={server}"
        ).json["events"]
        if (event["action"], event["result"]) == ("set.unshelve", "error")
    ]
    assert "too little left" in failed["reason"]
    assert _used(cloud)[1] == host["free_ram_mb"]
    cloud.ok("DELETE", f"/servers/{other}")
    cloud.wait(other, "DELETED")
    cloud.do(server, "unshelve")
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "shelve")
    cloud.wait(server, "SHELVED_OFFLOADED")
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "DELETED")
    assert _used(cloud) == (0, 0, 0)


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [
        ("2.76", {"availability_zone": "z9"}, 202),
        ("2.77", {"availability_zone": "z1"}, 202),
        ("2.77", {"availability_zone": "z9"}, 400),
        ("2.77", {}, 400),
        ("2.91", {"host": "nothing"}, 400),
        ("2.91", {"availability_zone": None}, 202),
    ],
)
def test_unshelve_to(
    cloud: Compute, version: str, body: dict[str, str], status: int
) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "shelve")
    cloud.wait(server, "SHELVED_OFFLOADED")
    answer = cloud.act(server, "unshelve", body, version=version)
    assert answer.status_int == status, answer.text


def test_zones(cloud: Compute) -> None:
    server = cloud.create(availability_zone="z1")
    active = cloud.wait(server, "ACTIVE")
    assert active["OS-EXT-AZ:availability_zone"] == "z1"
    assert active["pinned_availability_zone"] == "z1"
    path = "/servers?availability_zone="
    assert len(cloud.ok("GET", f"{path}z1")["servers"]) == 1
    assert cloud.ok("GET", f"{path}z2")["servers"] == []


def test_no_host_for_it(cloud: Compute) -> None:
    """It waits, as a set does, and can be deleted."""
    cloud.service.flavor("huge", memory_mb=10**5)
    server = cloud.create(flavorRef="huge")
    assert cloud.get(server)["status"] in ("BUILD", "ERROR")
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "DELETED")


def test_a_change_of_the_native_api_shows(cloud: Compute) -> None:
    """What Nova has no word for shows as ACTIVE."""
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    whole = cloud.whole
    assert whole is not None
    body = {"container": {"name": "two", "image": "app:1"}}
    path = f"/v1/sets/{server}/containers"
    assert cloud.service.request("POST", path, body).status_int == 202
    assert cloud.get(server)["status"] == "ACTIVE"
    whole.wait({"id": server, "name": server}, "ACTIVE")
    volumes = cloud.ok("GET", f"/servers/{server}/os-volume_attachments")
    assert len(volumes["volumeAttachments"]) == 2
