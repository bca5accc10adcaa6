"""What stands around servers: interfaces, groups, states, old names."""

from typing import Any

import pytest
import sqlalchemy as sa

from caas.store.tables import sets
from tests.functional.compute.driver import ADMIN, Compute

NOWHERE = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"


@pytest.fixture
def server(compute: Compute) -> str:
    """One that runs, with an address."""
    ident = compute.create()
    compute.service.place(ident)
    with compute.service.store.writer() as conn:
        conn.execute(
            sa.update(sets)
            .where(sets.c.id == ident)
            .values(address="192.0.2.33")
        )
    return ident


def test_interfaces(compute: Compute, server: str) -> None:
    path = f"/servers/{server}/os-interface"
    [port] = compute.ok("GET", path)["interfaceAttachments"]
    assert port["port_state"] == "ACTIVE"
    assert port["fixed_ips"][0]["ip_address"] == "192.0.2.33"
    [shown] = compute.get(server)["addresses"]["caas"]
    assert port["mac_addr"] == shown["OS-EXT-IPS-MAC:mac_addr"]
    assert port["tag"] is None
    one = f"{path}/{port['port_id']}"
    assert compute.ok("GET", one)["interfaceAttachment"] == port
    old = compute.ok("GET", path, version="2.69")["interfaceAttachments"]
    assert "tag" not in old[0]
    networks = compute.ok("GET", "/os-networks", version="2.35")["networks"]
    assert [each["id"] for each in networks] == [port["net_id"]]
    # a set has the one it has
    asked: dict[str, Any] = {"net_id": port["net_id"]}
    for body, words in (
        ({}, "not supported for container sets"),
        ({"interfaceAttachment": asked}, "not supported for container sets"),
        (
            {"interfaceAttachment": {**asked, "port_id": NOWHERE}},
            "Must not input both",
        ),
        (
            {"interfaceAttachment": {"fixed_ips": [{"ip_address": "::1"}]}},
            "Must input network_id",
        ),
    ):
        assert words in compute.refused(400, "POST", path, body)
    compute.refused(400, "DELETE", one)
    for method in ("GET", "DELETE"):
        said = compute.refused(404, method, f"{path}/{NOWHERE}")
        assert "does not have a port" in said
    waiting = compute.create()
    answer = compute.ok("GET", f"/servers/{waiting}/os-interface")
    assert answer == {"interfaceAttachments": []}


def test_security_groups(compute: Compute, server: str) -> None:
    path = f"/servers/{server}/os-security-groups"
    assert compute.ok("GET", path) == {"security_groups": []}
    how = {"version": "2.35"}
    [group] = compute.ok("GET", "/os-security-groups", **how)[
        "security_groups"
    ]
    assert (group["name"], group["tenant_id"]) == ("default", "p1")
    for name in ("default", group["id"]):
        answer = compute.act(server, "addSecurityGroup", {"name": name})
        assert answer.status_int == 202
        answer = compute.act(server, "removeSecurityGroup", {"name": name})
        assert answer.status_int == 400
    for action in ("addSecurityGroup", "removeSecurityGroup"):
        answer = compute.act(server, action, {"name": "other"})
        assert answer.status_int == 404
        assert compute.act(server, action, {}).status_int == 400
    one = f"/os-security-groups/{group['id']}"
    assert compute.ok("GET", one, **how) == {"security_group": group}
    compute.refused(404, "GET", "/os-security-groups/1", **how)
    compute.refused(400, "POST", "/os-security-groups", {}, **how)
    compute.refused(400, "DELETE", one, **how)
    compute.refused(404, "DELETE", "/os-security-groups/1", **how)


def test_networks_of_old_clients(compute: Compute) -> None:
    how = {"version": "2.35"}
    for noun in ("os-networks", "os-tenant-networks"):
        [found] = compute.ok("GET", f"/{noun}", **how)["networks"]
        assert found["label"] == "caas"
        answer = compute.ok("GET", f"/{noun}/{found['id']}", **how)
        assert answer == {"network": found}
        compute.refused(404, "GET", f"/{noun}/{NOWHERE}", **how)
        compute.refused(404, "GET", f"/{noun}", version="2.36")
    assert compute.ok("GET", "/os-floating-ips", **how) == {"floating_ips": []}
    answer = compute.ok("GET", "/os-floating-ip-pools", **how)
    assert answer == {"floating_ip_pools": []}
    said = compute.refused(404, "POST", "/os-floating-ips", {}, **how)
    assert said == "No floating IP pools available."


def test_states_are_reset(compute: Compute, server: str) -> None:
    """By operators: it shows as broken until something is wanted of it."""

    def reset(state: str) -> int:
        body = {"state": state}
        answer = compute.act(server, "os-resetState", body, token=ADMIN)
        status: int = answer.status_int
        return status

    before = compute.get(server)
    assert before["status"] == "ACTIVE"
    assert reset("error") == 202
    shown = compute.get(server)
    assert (shown["status"], shown["OS-EXT-STS:vm_state"]) == (
        "ERROR",
        "error",
    )
    assert shown["fault"]["message"] == "An operator says that it is broken."
    native = compute.service.request("GET", f"/v1/sets/{server}").json["set"]
    assert native["status"] == "ERROR"
    found = compute.ok("GET", "/servers?status=ERROR")["servers"]
    assert [each["id"] for each in found] == [server]
    assert reset("active") == 202
    shown = compute.get(server)
    assert (shown["status"], "fault" in shown) == ("ACTIVE", False)
    # what is wanted of it is an end of that, too
    assert reset("error") == 202
    assert compute.do(server, "os-stop")["status"] != "ERROR"
    assert reset("nothing") == 400
    body = {"state": "error"}
    assert compute.act(server, "os-resetState", body).status_int == 403


def test_what_failed_is_tried_again(compute: Compute, server: str) -> None:
    with compute.service.store.writer() as conn:
        conn.execute(
            sa.update(sets)
            .where(sets.c.id == server)
            .values(phase="failed", phase_reason="no")
        )
    assert compute.get(server)["status"] == "ERROR"
    body = {"state": "active"}
    compute.act(server, "os-resetState", body, token=ADMIN)
    assert compute.get(server)["status"] != "ERROR"


def test_small_parts(compute: Compute, server: str) -> None:
    path = f"/servers/{server}"
    assert compute.ok("GET", f"{path}/os-server-password") == {"password": ""}
    compute.ok("DELETE", f"{path}/os-server-password")
    assert compute.ok("GET", f"{path}/topology") == {
        "nodes": [],
        "pagesize_kb": None,
    }
    compute.refused(404, "GET", f"{path}/topology", version="2.77")


@pytest.mark.parametrize(
    ("action", "body", "status", "version"),
    [
        ("addFixedIp", {"networkId": 1}, 400, "2.43"),
        ("removeFixedIp", {"address": "192.0.2.1"}, 400, "2.43"),
        ("addFloatingIp", {"address": "192.0.2.1"}, 404, "2.43"),
        ("removeFloatingIp", {"address": "192.0.2.1"}, 404, "2.43"),
        ("trigger_crash_dump", None, 400, "2.96"),
        ("unrescue", None, 409, "2.96"),
        ("restore", None, 409, "2.96"),
        ("resetNetwork", None, 410, "2.96"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_actions_that_are_refused(
    compute: Compute,
    server: str,
    action: str,
    body: Any,
    status: int,
    version: str,
) -> None:
    before = compute.get(server)
    answer = compute.act(server, action, body, version=version)
    assert answer.status_int == status, answer.text
    assert compute.get(server) == before


def test_the_other_name_of_servers(compute: Compute, server: str) -> None:
    path = "/os-volumes_boot"
    made = compute.ok("POST", path, compute.request())["server"]
    found = compute.ok("GET", f"{path}/detail")["servers"]
    assert {each["id"] for each in found} == {server, made["id"]}
    shown = compute.ok("GET", f"{path}/{server}")["server"]
    assert shown == compute.get(server)
    answer = compute.ask("POST", f"{path}/{server}/action", {"os-stop": None})
    assert answer.status_int == 202
    compute.ok("DELETE", f"{path}/{made['id']}")
    compute.refused(404, "GET", f"{path}/{server}/tags")


@pytest.mark.parametrize(
    "path",
    [
        "/servers/{server}/os-volume_attachments?offset=%C2%B2",
        "/flavors?minRam=%C2%B2",
        "/servers?ip=(((",
        "/servers?name=(%3F%3Da)",
        "/servers/{server}/os-instance-actions?limit=1&marker=x",
        "/servers/{server}/os-instance-actions?changes-since=x",
    ],
)
def test_what_is_no_number_pattern_or_marker(
    compute: Compute, path: str
) -> None:
    server = compute.create()
    compute.refused(400, "GET", path.format(server=server))


def test_no_pattern_takes_long(compute: Compute) -> None:
    """With back-tracking this one would take years."""
    compute.create(name="a" * 40 + "!")
    found = compute.ok("GET", "/servers?name=%5E(a%2B)%2B%24")
    assert found["servers"] == []
    for hard in ("a%7B99999999999%7D", "(" * 900 + "b" + ")" * 900):
        # whether it is one or not, to the database at hand
        answer = compute.ask("GET", f"/servers?name={hard}")
        assert answer.status_int in (200, 400)


@pytest.mark.parametrize("count", ["0", "-5", "1001", 0])
def test_counts_as_strings_have_bounds_too(
    compute: Compute, count: str | int
) -> None:
    body = compute.request(min_count=count)
    said = compute.refused(400, "POST", "/servers", body)
    assert "m of 1" in said


def test_usage_in_pages_of_nothing(compute: Compute) -> None:
    path = "/os-simple-tenant-usage/p1?limit=0"
    assert compute.ok("GET", path) == {"tenant_usage": {}}


def test_actions_in_pages(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.do(server, "os-stop")
    cloud.wait(server, "SHUTOFF")
    path: str | None = f"/servers/{server}/os-instance-actions?limit=1"
    seen = []
    while path:
        page = cloud.ok("GET", path)
        seen += [each["action"] for each in page["instanceActions"]]
        assert len(seen) < 9
        [href] = [each["href"] for each in page.get("links", ())] or [""]
        path = href and href[href.index("/servers/") :]
    assert seen == ["stop", "create"]
