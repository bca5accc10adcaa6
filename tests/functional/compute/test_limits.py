"""Quotas, their classes, and what servers took over time."""

import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from caas.store.engine import utcnow
from caas.store.tables import sets
from tests.functional.compute.driver import ADMIN, Compute

HOW = {"token": ADMIN}
SET = "/os-quota-sets/p1"
CLASS = "/os-quota-class-sets/default"


def limits(compute: Compute, path: str = SET, **how: Any) -> dict[str, Any]:
    answer = compute.ok("GET", path, **HOW, **how)
    [(_key, shown)] = answer.items()
    found: dict[str, Any] = shown
    return found


def change(compute: Compute, path: str = SET, **values: Any) -> dict[str, Any]:
    key = "quota_set" if path == SET else "quota_class_set"
    answer = compute.ok("PUT", path, {key: values}, **HOW)
    shown: dict[str, Any] = answer[key]
    return shown


def test_quotas_of_a_project(compute: Compute) -> None:
    before = limits(compute)
    shown = change(compute, instances=2, cores="3", ram=-1)
    assert "id" not in shown
    after = {**before, "instances": 2, "cores": 3, "ram": -1}
    assert limits(compute) == after == {"id": "p1", **shown}
    assert limits(compute, f"{SET}/defaults") == before
    # and they hold
    compute.create(max_count=2)
    said = compute.refused(403, "POST", "/servers", compute.request())
    assert said == (
        "Quota exceeded for instances: Requested 1, but already used 2 of 2 "
        "instances"
    )
    detail = limits(compute, f"{SET}/detail")
    assert detail["instances"] == {"limit": 2, "in_use": 2, "reserved": 0}
    assert detail["cores"] == {"limit": 3, "in_use": 2, "reserved": 0}
    # below what is used only for those who mean it
    body = {"quota_set": {"instances": 1}}
    said = compute.refused(400, "PUT", SET, body, **HOW)
    assert "greater than or equal to already used and reserved 2" in said
    assert change(compute, instances=1, force=True)["instances"] == 1
    compute.ok("DELETE", SET, **HOW)
    assert limits(compute) == before


def test_quotas_that_are_refused(compute: Compute) -> None:
    before = limits(compute)
    for values in ({"key_pairs": 5}, {"nonsense": 1}, {"cores": -2}):
        body = {"quota_set": {"instances": 3, **values}}
        compute.refused(400, "PUT", SET, body, **HOW)
        body = {"quota_class_set": {"instances": 3, **values}}
        compute.refused(400, "PUT", CLASS, body, **HOW)
    for method, body in (
        ("GET", None),
        ("PUT", {"quota_set": {"instances": 3}}),
        ("DELETE", None),
    ):
        said = compute.refused(400, method, f"{SET}?user_id=u1", body, **HOW)
        assert "of users" in said
    body = {"quota_class_set": {"instances": 3}}
    said = compute.refused(
        400, "PUT", "/os-quota-class-sets/gold", body, **HOW
    )
    assert "other than 'default'" in said
    assert limits(compute) == before


def test_the_quota_class_is_of_all_projects(compute: Compute) -> None:
    before = limits(compute)
    assert limits(compute, CLASS)["instances"] == before["instances"]
    shown = change(compute, CLASS, instances=2, ram=4096)
    assert shown["instances"] == 2
    assert limits(compute, CLASS) == {"id": "default", **shown}
    assert limits(compute) == {**before, "instances": 2, "ram": 4096}
    defaults = limits(compute, f"{SET}/defaults")
    assert (defaults["instances"], defaults["ram"]) == (2, 4096)
    compute.create(max_count=2)
    compute.refused(403, "POST", "/servers", compute.request())
    native = compute.service.request("GET", "/v1/quotas/p7").json["quota"]
    assert native["resources"]["sets"]["limit"] == 2
    # what a project has of its own counts more
    change(compute, instances=3)
    assert limits(compute)["instances"] == 3
    compute.create()
    compute.ok("DELETE", SET, **HOW)
    assert limits(compute)["instances"] == 2


def test_quota_classes_of_old_versions(compute: Compute) -> None:
    for version, there in (("2.49", False), ("2.50", True)):
        shown = limits(compute, CLASS, version=version)
        assert ("server_groups" in shown) is there
        assert ("fixed_ips" in shown) is not there
        assert "injected_files" in shown
    assert "injected_files" not in limits(compute, CLASS)


def live(
    compute: Compute, server: str, start: float, end: float | None = None
) -> None:
    """It was launched so many hours ago, and deleted."""

    def ago(hours: float | None) -> datetime.datetime | None:
        if hours is None:
            return None
        return NOW - datetime.timedelta(hours=hours)

    with compute.service.store.writer() as conn:
        conn.execute(
            sa.update(sets)
            .where(sets.c.id == server)
            .values(launched_at=ago(start), deleted_at=ago(end))
        )


NOW = utcnow()
ALL = "/os-simple-tenant-usage"


def period(start: float, end: float = 0.0, **more: Any) -> str:
    """So many hours ago."""
    times = {
        name: (NOW - datetime.timedelta(hours=hours)).isoformat()
        for name, hours in (("start", start), ("end", end))
    }
    query = {**times, **more}
    return "?" + "&".join(f"{k}={v}" for k, v in query.items())


@pytest.fixture
def lives(compute: Compute) -> list[str]:
    """Servers: one of project p1 for 10 hours, one of it that was deleted 2
    hours after its launch, one of p2, and one never launched."""
    made = [
        compute.create(name="a", flavorRef="large"),
        compute.create(name="b"),
        compute.create(name="c", token="u2:p2:member"),
        compute.create(name="d"),
    ]
    live(compute, made[0], 10)
    live(compute, made[1], 8, 6)
    live(compute, made[2], 4)
    return made


def test_usage_of_a_project(compute: Compute, lives: list[str]) -> None:
    path = f"{ALL}/p1"
    found = compute.ok("GET", path + period(100))["tenant_usage"]
    assert found["tenant_id"] == "p1"
    assert found["total_hours"] == pytest.approx(12)
    assert found["total_vcpus_usage"] == pytest.approx(12)
    assert found["total_memory_mb_usage"] == pytest.approx(10 * 128 + 2 * 64)
    assert found["total_local_gb_usage"] == pytest.approx(12)
    servers = {each["name"]: each for each in found["server_usages"]}
    assert set(servers) == {"a", "b"}
    assert servers["b"]["state"] == "terminated"
    assert servers["b"]["uptime"] == 2 * 3600
    assert servers["a"]["ended_at"] is None
    assert servers["a"]["flavor"] == "large"
    # the part of a life that is within the period counts
    found = compute.ok("GET", path + period(7, 5))["tenant_usage"]
    hours = {e["name"]: e["hours"] for e in found["server_usages"]}
    assert hours["a"] == pytest.approx(2)
    assert hours["b"] == pytest.approx(1)
    found = compute.ok("GET", path + period(5, 1))["tenant_usage"]
    assert [each["name"] for each in found["server_usages"]] == ["a"]
    assert compute.ok("GET", path + period(200, 100)) == {"tenant_usage": {}}
    compute.refused(404, "GET", path, token="u2:p2:member")


def test_usage_of_all(compute: Compute, lives: list[str]) -> None:
    found = compute.ok("GET", ALL + period(100), **HOW)["tenant_usages"]
    assert [each["tenant_id"] for each in found] == ["p1", "p2"]
    assert "server_usages" not in found[0]
    assert found[1]["total_hours"] == pytest.approx(4)
    found = compute.ok("GET", ALL + period(100, detailed=1), **HOW)
    assert len(found["tenant_usages"][0]["server_usages"]) == 2
    compute.refused(403, "GET", ALL)


def test_usage_in_pages(compute: Compute, lives: list[str]) -> None:
    path, seen = ALL + period(100, limit=1, detailed=1), []
    while path:
        answer = compute.ok("GET", path, **HOW)
        [part] = answer["tenant_usages"]
        seen += [each["name"] for each in part["server_usages"]]
        links = answer.get("tenant_usages_links", [])
        path = links[0]["href"].partition("/v2.1")[2] if links else ""
    assert sorted(seen) == ["a", "b", "c"]
    asked = f"{ALL}/p1{period(100, limit=1)}"
    answer = compute.ok("GET", asked)
    assert len(answer["tenant_usage"]["server_usages"]) == 1
    assert "marker=" in answer["tenant_usage_links"][0]["href"]
    compute.refused(400, "GET", f"{ALL}/p1{period(100, marker='x')}")
    old = compute.ok("GET", asked, version="2.39")
    assert len(old["tenant_usage"]["server_usages"]) == 2
    assert "tenant_usage_links" not in old


@pytest.mark.parametrize(
    "query",
    ["?start=x", "?end=2026", period(1, 2), period(1, 1)],
    ids=["no time", "a year", "backwards", "empty"],
)
def test_periods_that_are_none(compute: Compute, query: str) -> None:
    compute.refused(400, "GET", f"{ALL}/p1{query}")


def test_external_events(compute: Compute) -> None:
    """Conductors look again at the sets they are about."""
    placed, waiting = compute.create(), compute.create()
    compute.service.place(placed)
    events: list[dict[str, Any]] = [
        {"name": "network-changed", "server_uuid": placed, "tag": "x"}
    ]
    path = "/os-server-external-events"
    answer = compute.ask("POST", path, {"events": events}, **HOW)
    assert answer.status_int == 200
    assert answer.json == {
        "events": [{**events[0], "status": "completed", "code": 200}]
    }
    events += [
        {"name": "network-vif-plugged", "server_uuid": waiting},
        {"name": "network-changed", "server_uuid": "0" * 32},
        {"name": "volume-extended", "server_uuid": placed, "tag": "y"},
    ]
    answer = compute.ask("POST", path, {"events": events}, **HOW)
    assert answer.status_int == 207
    codes = [each["code"] for each in answer.json["events"]]
    assert codes == [200, 422, 404, 400]
    old = compute.refused(
        400, "POST", path, {"events": events}, version="2.50", **HOW
    )
    assert "volume-extended" in old
    compute.refused(400, "POST", path, {"events": []}, **HOW)
    compute.ok("POST", path, {"events": events[:1]}, token="u1:p1:service")
