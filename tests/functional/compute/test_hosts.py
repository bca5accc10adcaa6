"""Hosts as hypervisors, services and in aggregates."""

import time
import urllib.parse
from typing import Any

import pytest
import sqlalchemy as sa

from caas.store import claims, services
from caas.store.engine import utcnow
from caas.store.tables import hosts
from tests.functional.compute.driver import ADMIN, Compute

HOW = {"token": ADMIN}


@pytest.fixture
def host(compute: Compute) -> str:
    """:returns: its id; its name is h1, and it reports."""
    ident = compute.service.host("h1")
    change(compute, zone="z1", last_seen=utcnow())
    return ident


def change(compute: Compute, **values: Any) -> None:
    with compute.service.store.writer() as conn:
        conn.execute(hosts.update().values(**values))


def make(compute: Compute, name: str = "a", zone: str | None = None) -> str:
    """:returns: the path of a new aggregate."""
    body = {"aggregate": {"name": name, "availability_zone": zone}}
    made = compute.ok("POST", "/os-aggregates", body, **HOW)["aggregate"]
    assert made["availability_zone"] == zone
    assert "hosts" not in made
    return f"/os-aggregates/{made['id']}"


def act(compute: Compute, path: str, name: str, **body: Any) -> Any:
    return compute.ask("POST", f"{path}/action", {name: body}, **HOW)


def zone(compute: Compute) -> str:
    """Of the host, as all who ask see it."""
    with compute.service.store.reader() as conn:
        [seen] = claims.hosts_view(conn)
    native = compute.service.request("GET", "/v1/hosts/h1").json["host"]
    assert native["availability_zone"] == seen.zone
    [found] = compute.ok("GET", "/os-availability-zone")[
        "availabilityZoneInfo"
    ]
    assert found["zoneName"] == seen.zone
    text: str = seen.zone
    return text


def test_aggregates_are_zones(compute: Compute, host: str) -> None:
    path = make(compute, zone="rack")
    assert zone(compute) == "z1"
    shown = act(compute, path, "add_host", host="h1").json["aggregate"]
    assert shown["hosts"] == ["h1"]
    assert shown["metadata"] == {"availability_zone": "rack"}
    assert zone(compute) == "rack"
    body = {"aggregate": {"availability_zone": "row", "name": "b"}}
    shown = compute.ok("PUT", path, body, **HOW)["aggregate"]
    assert (shown["name"], shown["availability_zone"]) == ("b", "row")
    assert shown["updated_at"]
    assert zone(compute) == "row"
    # and servers are made there
    compute.create(availability_zone="row")
    said = compute.refused(
        400, "POST", "/servers", compute.request(availability_zone="z1")
    )
    assert said == "The requested availability zone is not available"
    # what an agent reports does not change that
    change(compute, zone="z2")
    assert zone(compute) == "row"
    shown = act(compute, path, "remove_host", host="h1").json["aggregate"]
    assert shown["hosts"] == []
    assert zone(compute) == "z2"
    assert compute.ok("DELETE", path, **HOW) is None
    assert compute.ok("GET", "/os-aggregates", **HOW) == {"aggregates": []}
    compute.refused(404, "GET", path, **HOW)
    # numbers are not given twice
    assert make(compute) != path


def test_metadata_of_aggregates(compute: Compute, host: str) -> None:
    path = make(compute)
    act(compute, path, "add_host", host="h1")
    for pairs, after in (
        ({"a": "b", "c": "d"}, {"a": "b", "c": "d"}),
        ({"a": None, "e": "f"}, {"c": "d", "e": "f"}),
    ):
        answer = act(compute, path, "set_metadata", metadata=pairs)
        assert answer.json["aggregate"]["metadata"] == after
    assert zone(compute) == "z1"
    pairs = {"availability_zone": "rack"}
    shown = act(compute, path, "set_metadata", metadata=pairs).json
    assert shown["aggregate"]["availability_zone"] == "rack"
    assert zone(compute) == "rack"
    for wrong in (None, ""):
        pairs = {"availability_zone": wrong}
        assert act(compute, path, "set_metadata", metadata=pairs).status == (
            "400 Bad Request"
        )
    assert zone(compute) == "rack"


def test_hosts_with_servers_stay_in_their_zone(
    compute: Compute, host: str
) -> None:
    server = compute.create()
    compute.service.place(server)
    path = make(compute, zone="rack")
    answer = act(compute, path, "add_host", host="h1")
    assert answer.status_int == 409
    assert "would change from 'z1' to 'rack'" in answer.text
    # but into the zone it is in, and into one without
    assert act(compute, make(compute, "b"), "add_host", host="h1").json
    same = make(compute, "c", "z1")
    assert act(compute, same, "add_host", host="h1").status_int == 200
    body = {"aggregate": {"availability_zone": "row"}}
    said = compute.refused(400, "PUT", same, body, **HOW)
    assert said.endswith("contain instances in this zone.")
    change(compute, zone="z2")
    answer = act(compute, same, "remove_host", host="h1")
    assert answer.status_int == 409
    assert compute.ok("GET", same, **HOW)["aggregate"]["hosts"] == ["h1"]
    assert zone(compute) == "z1"


def test_a_host_is_in_one_zone(compute: Compute, host: str) -> None:
    one, other = make(compute, "a", "z"), make(compute, "b", "y")
    assert act(compute, one, "add_host", host="h1").status_int == 200
    assert act(compute, one, "add_host", host="h1").status_int == 409
    answer = act(compute, other, "add_host", host="h1")
    assert answer.status_int == 409
    assert "already in availability zone(s) ['z']" in answer.text
    third = make(compute, "c")
    assert act(compute, third, "add_host", host="h1").status_int == 200
    pairs = {"availability_zone": "y"}
    answer = act(compute, third, "set_metadata", metadata=pairs)
    assert answer.status_int == 400
    assert zone(compute) == "z"


def test_aggregates_that_are_refused(compute: Compute, host: str) -> None:
    path = make(compute)
    body: dict[str, Any] = {"aggregate": {"name": "a"}}
    said = compute.refused(409, "POST", "/os-aggregates", body, **HOW)
    assert said == "Aggregate a already exists."
    make(compute, "b")
    body = {"aggregate": {"name": "b"}}
    compute.refused(409, "PUT", path, body, **HOW)
    for wrong in (
        {},
        {"name": " "},
        {"name": " a"},
        {"availability_zone": "a:b"},
    ):
        compute.refused(400, "PUT", path, {"aggregate": wrong}, **HOW)
    body = {"aggregate": {"availability_zone": None}}
    compute.refused(400, "PUT", path, body, **HOW)
    for ident, status in (("x", 400), ("99", 404)):
        there = f"/os-aggregates/{ident}"
        compute.refused(status, "GET", there, **HOW)
        compute.refused(status, "DELETE", there, **HOW)
        answer = act(compute, there, "add_host", host="h1")
        assert answer.status_int == status
    assert act(compute, path, "add_host", host="h9").status_int == 404
    answer = act(compute, path, "remove_host", host="h1")
    assert answer.status_int == 404
    act(compute, path, "add_host", host="h1")
    said = compute.refused(400, "DELETE", path, **HOW)
    assert "not empty" in said
    body = {"cache": [{"id": compute.image}]}
    said = compute.refused(400, "POST", f"{path}/images", body, **HOW)
    assert "not supported for container sets" in said
    assert act(compute, path, "nothing").status_int == 400


def service_of(compute: Compute, **how: Any) -> dict[str, Any]:
    path = "/os-services?binary=nova-compute"
    [found] = compute.ok("GET", path, **HOW, **how)["services"]
    shown: dict[str, Any] = found
    return shown


def test_services(compute: Compute, host: str) -> None:
    path = f"/os-services/{host}"
    body: dict[str, Any] = {"status": "disabled", "disabled_reason": "disk"}
    shown = compute.ok("PUT", path, body, **HOW)["service"]
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "disk")
    assert shown == service_of(compute)
    body = {"status": "enabled"}
    shown = compute.ok("PUT", path, body, **HOW)["service"]
    assert (shown["status"], shown["disabled_reason"]) == ("enabled", None)
    for wrong in ({}, {"status": "enabled", "disabled_reason": "x"}):
        compute.refused(400, "PUT", path, wrong, **HOW)
    compute.refused(400, "PUT", "/os-services/x", body, **HOW)
    nowhere = "/os-services/1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"
    compute.refused(404, "PUT", nowhere, body, **HOW)
    compute.refused(404, "DELETE", nowhere, **HOW)


def test_forced_down(compute: Compute, host: str) -> None:
    """It counts as down at once, for all who ask."""
    server = compute.create()
    compute.service.place(server)
    path = f"/os-services/{host}"
    assert service_of(compute)["state"] == "up"
    shown = compute.ok("PUT", path, {"forced_down": True}, **HOW)["service"]
    assert (shown["forced_down"], shown["state"]) == (True, "down")
    assert "forced_down" not in service_of(compute, version="2.10")
    assert compute.get(server, **HOW)["host_status"] == "DOWN"
    native = compute.service.request("GET", "/v1/hosts/h1").json["host"]
    assert (native["status"], native["forced_down"]) == ("down", True)
    looked = compute.service.request("GET", f"/v1/sets/{server}/stats")
    assert looked.status_int == 503
    assert "out of service" in looked.text
    [seen] = compute.ok("GET", "/os-hypervisors", **HOW)["hypervisors"]
    assert seen["state"] == "down"
    with compute.service.store.writer() as conn:
        assert not claims.take(
            conn, host, [], claims.Ratios(), utcnow().replace(year=2000)
        )
    shown = compute.ok("PUT", path, {"forced_down": "false"}, **HOW)["service"]
    assert (shown["forced_down"], shown["state"]) == (False, "up")
    compute.ok("PUT", path, {"status": "disabled"}, **HOW)
    assert compute.get(server, **HOW)["host_status"] == "MAINTENANCE"


def test_services_by_name(compute: Compute, host: str) -> None:
    """Before 2.53 the path says what to do."""
    who = {"host": "h1", "binary": "nova-compute"}

    def put(what: str, **body: Any) -> Any:
        answer = compute.ask(
            "PUT",
            f"/os-services/{what}",
            {**who, **body},
            version="2.52",
            **HOW,
        )
        return answer.json.get("service", answer.status_int)

    assert put("disable") == {**who, "status": "disabled"}
    assert put("enable") == {**who, "status": "enabled"}
    assert put("disable-log-reason") == 400
    said = put("disable-log-reason", disabled_reason="disk")
    assert said == {**who, "status": "disabled", "disabled_reason": "disk"}
    assert service_of(compute)["disabled_reason"] == "disk"
    assert put("force-down") == 400
    assert put("force-down", forced_down=True)["forced_down"] is True
    assert service_of(compute)["forced_down"] is True
    assert put("nothing") == 404
    assert put("enable", binary="nova-conductor") == 400
    assert put("enable", host="h9") == 404


def test_services_that_are_gone(compute: Compute, host: str) -> None:
    aggregate = make(compute)
    act(compute, aggregate, "add_host", host="h1")
    server = compute.create()
    compute.service.place(server)
    path = f"/os-services/{host}"
    said = compute.refused(409, "DELETE", path, **HOW)
    assert said.startswith("Unable to delete compute service that is hosting")
    with compute.service.store.writer() as conn:
        conn.execute(sa.text("UPDATE sets SET host_id = NULL"))
    assert "still reports" in compute.refused(409, "DELETE", path, **HOW)
    change(compute, last_seen=None)
    compute.ok("DELETE", path, **HOW)
    assert compute.ok("GET", "/os-hypervisors", **HOW)["hypervisors"] == []
    shown = compute.ok("GET", aggregate, **HOW)["aggregate"]
    assert shown["hosts"] == []


def test_conductors_that_are_gone(compute: Compute) -> None:
    with compute.service.store.writer() as conn:
        services.beat(conn, "caas-conductor", "c1", "1", utcnow())
    [found] = compute.ok("GET", "/os-services", **HOW)["services"]
    path = f"/os-services/{found['id']}"
    said = compute.refused(400, "PUT", path, {"status": "disabled"}, **HOW)
    assert said.startswith("Updating a nova-conductor service is not")
    assert "still reports" in compute.refused(409, "DELETE", path, **HOW)
    with compute.service.store.writer() as conn:
        long_ago = utcnow().replace(year=2020)
        services.beat(conn, "caas-conductor", "c1", "1", long_ago)
    compute.ok("DELETE", path, **HOW)
    assert compute.ok("GET", "/os-services", **HOW)["services"] == []


def test_hypervisors(compute: Compute, host: str) -> None:
    server = compute.create(name="web")
    compute.service.place(server)
    on_it = [{"uuid": server, "name": "web"}]
    path = "/os-hypervisors"
    asked = f"{path}?with_servers=true&hypervisor_hostname_pattern=H1"
    [found] = compute.ok("GET", asked, **HOW)["hypervisors"]
    assert found["servers"] == on_it
    [found] = compute.ok("GET", f"{path}/detail", **HOW)["hypervisors"]
    assert "servers" not in found
    one = f"{path}/{host}"
    shown = compute.ok("GET", f"{one}?with_servers=1", **HOW)["hypervisor"]
    assert shown == {**found, "servers": on_it}
    for wrong, status in (
        ("?hypervisor_hostname_pattern=x", 404),
        ("?hypervisor_hostname_pattern=h&limit=1", 400),
        ("?with_servers=maybe", 400),
        ("?marker=x", 400),
        ("/x", 400),
        ("/1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43", 404),
    ):
        compute.refused(status, "GET", path + wrong, **HOW)
    old = {**HOW, "version": "2.52"}
    [found] = compute.ok("GET", path, **old)["hypervisors"]
    assert isinstance(found["id"], int)
    for what, more in (("search", {}), ("servers", {"servers": on_it})):
        answer = compute.ok("GET", f"{path}/h/{what}", **old)
        assert answer == {"hypervisors": [{**found, **more}]}
        compute.refused(404, "GET", f"{path}/x/{what}", **old)
    compute.refused(404, "GET", f"{path}/x", **old)


def test_uptime(compute: Compute, host: str) -> None:
    """As long as the agent says when it began, and the host is up."""
    path = f"/os-hypervisors/{host}"
    assert compute.ok("GET", path, **HOW)["hypervisor"]["uptime"] is None
    compute.refused(400, "GET", f"{path}/uptime", version="2.87", **HOW)
    began = int(time.time()) - 2 * 86400 - 3 * 3600 - 4 * 60
    change(compute, facts={"booted_at": began})
    text = compute.ok("GET", path, **HOW)["hypervisor"]["uptime"]
    assert text.endswith("up 2 days,  3:04")
    answer = compute.ok("GET", f"{path}/uptime", version="2.87", **HOW)
    assert answer["hypervisor"]["uptime"].endswith("up 2 days,  3:04")
    change(compute, last_seen=None)
    assert compute.ok("GET", path, **HOW)["hypervisor"]["uptime"] is None


def test_hosts_as_old_clients_ask(compute: Compute, host: str) -> None:
    how = {**HOW, "version": "2.42"}
    server = compute.create()
    compute.service.place(server)
    [found] = compute.ok("GET", "/os-hosts", **how)["hosts"]
    assert found == {"host_name": "h1", "service": "compute", "zone": "z1"}
    assert compute.ok("GET", "/os-hosts?zone=x", **how) == {"hosts": []}
    rows = [
        row["resource"]
        for row in compute.ok("GET", "/os-hosts/h1", **how)["host"]
    ]
    assert [row["project"] for row in rows] == [
        "(total)",
        "(used_now)",
        "(used_max)",
        "p1",
    ]
    assert rows[3] == {
        "host": "h1",
        "project": "p1",
        "cpu": 1,
        "memory_mb": 64,
        "disk_gb": 1,
    }
    for word, enabled in (("disable", False), ("enable", True)):
        body = {"status": word}
        answer = compute.ok("PUT", "/os-hosts/h1", body, **how)
        assert answer == {"host": "h1", "status": f"{word}d"}
        native = compute.service.request("GET", "/v1/hosts/h1").json["host"]
        assert native["enabled"] is enabled
    body = {"maintenance_mode": "enable"}
    compute.refused(501, "PUT", "/os-hosts/h1", body, **how)
    for what in ("startup", "shutdown", "reboot"):
        compute.refused(501, "GET", f"/os-hosts/h1/{what}", **how)
    compute.refused(404, "GET", "/os-hosts/h9", **how)
    compute.refused(404, "GET", "/os-hosts", **HOW)


def test_audit_log(compute: Compute, host: str) -> None:
    path = "/os-instance_usage_audit_log"
    found = compute.ok("GET", path, **HOW)["instance_usage_audit_logs"]
    assert found["hosts_not_run"] == ["h1"]
    when = urllib.parse.quote("2026-03-05 01:02:03")
    found = compute.ok("GET", f"{path}/{when}", **HOW)
    period = found["instance_usage_audit_log"]
    assert period["period_beginning"] == "2026-02-01 00:00:00"
    assert period["period_ending"] == "2026-03-01 00:00:00"
    compute.refused(400, "GET", f"{path}/x", **HOW)


def test_extensions(compute: Compute) -> None:
    found = compute.ok("GET", "/extensions")["extensions"]
    for each in found:
        answer = compute.ok("GET", f"/extensions/{each['alias']}")
        assert answer == {"extension": each}
    compute.refused(404, "GET", "/extensions/os-nothing")
