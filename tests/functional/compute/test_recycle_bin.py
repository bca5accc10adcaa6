"""Deleted servers that are kept for a while."""

import pytest

from tests.functional.compute.driver import ADMIN, Compute
from tests.functional.whole import Whole, until


@pytest.fixture
def cloud(whole: Whole) -> Compute:
    whole.service.reconfigure(conductor={"reclaim_interval": "3600"})
    whole.service.flavor("large", memory_mb=128)
    whole.host()
    return Compute(whole.service, whole)


def _used(cloud: Compute) -> tuple[int, int, int]:
    limits = cloud.ok("GET", "/limits")["limits"]["absolute"]
    return (
        limits["totalInstancesUsed"],
        limits["totalCoresUsed"],
        limits["totalRAMUsed"],
    )


def _listed(cloud: Compute, query: str = "", token: str = ADMIN) -> list[str]:
    found = cloud.ok("GET", f"/servers{query}", token=token)["servers"]
    return [each["id"] for each in found]


def _binned(cloud: Compute, **how: str) -> str:
    server = cloud.create(**how)
    cloud.wait(server, "ACTIVE")
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "SOFT_DELETED")
    return server


def test_deleted_and_restored(cloud: Compute) -> None:
    server = cloud.create()
    before = cloud.wait(server, "ACTIVE")
    used = _used(cloud)
    for _ in range(2):
        cloud.ok("DELETE", f"/servers/{server}")
    shown = cloud.wait(server, "SOFT_DELETED")
    assert shown["OS-EXT-STS:vm_state"] == "soft-delete"
    assert _used(cloud) == (0, 0, 0)
    mine = "u1:p1:member"
    assert _listed(cloud, token=mine) == []
    assert _listed(cloud, "?name=web", token=mine) == []
    assert _listed(cloud, "?status=SOFT_DELETED", token=mine) == [server]
    assert _listed(cloud, "?deleted=1&all_tenants=1") == [server]
    native = cloud.service.request("GET", f"/v1/sets/{server}").json["set"]
    assert native["reclaim_at"] > native["updated_at"]
    cloud.do(server, "restore")
    after = cloud.wait(server, "ACTIVE")
    assert after["addresses"] == before["addresses"]
    assert _used(cloud) == used
    assert _listed(cloud, token=mine) == [server]
    said = cloud.refused(
        409, "POST", f"/servers/{server}/action", {"restore": None}
    )
    assert said.endswith("while it is in vm_state active")
    actions = cloud.ok("GET", f"/servers/{server}/os-instance-actions")
    assert [a["action"] for a in actions["instanceActions"]] == [
        *("restore", "delete", "create"),
    ]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("os-start", None),
        ("unshelve", None),
        ("pause", None),
        ("shelve", None),
        ("reboot", {"type": "SOFT"}),
        ("resize", {"flavorRef": "large"}),
        ("createImage", {"name": "x"}),
        ("os-resetState", {"state": "active"}),
    ],
)
def test_what_is_in_it_stays_as_it_is(
    cloud: Compute, action: str, value: object
) -> None:
    server = _binned(cloud)
    answer = cloud.act(server, action, value, token="u1:p1:admin")
    assert answer.status_int == 409, answer.text
    assert cloud.get(server)["status"] == "SOFT_DELETED"


def test_removed_for_good(cloud: Compute) -> None:
    server = _binned(cloud)
    cloud.do(server, "forceDelete")
    cloud.wait(server, "DELETED")
    assert _used(cloud) == (0, 0, 0)
    other = _binned(cloud)
    cloud.service.request("DELETE", f"/v1/sets/{other}?permanent=true")
    cloud.wait(other, "DELETED")
    assert _used(cloud) == (0, 0, 0)
    assert cloud.whole
    host = cloud.whole.hosts["h1"]
    until(lambda: host.empty, lambda: "something was left on the host")


def test_amid_a_resize_and_before_it_is_confirmed(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    used = _used(cloud)
    cloud.do(server, "resize", {"flavorRef": "large"})
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "SOFT_DELETED")
    assert _used(cloud) == (0, 0, 0)
    cloud.do(server, "restore")
    cloud.wait(server, "ACTIVE")
    # either the resize was done by then, or it was taken back
    assert _used(cloud) in (used, (1, used[1], 128))


def test_no_quota_to_restore_it(cloud: Compute) -> None:
    server = _binned(cloud)
    cloud.ok(
        "PUT",
        "/os-quota-sets/p1",
        {"quota_set": {"instances": 0}},
        token=ADMIN,
    )
    said = cloud.refused(
        403, "POST", f"/servers/{server}/action", {"restore": None}
    )
    assert "quota" in said.lower()
    assert cloud.get(server)["status"] == "SOFT_DELETED"


def test_one_that_never_ran_is_removed(whole: Whole) -> None:
    whole.service.reconfigure(conductor={"reclaim_interval": "3600"})
    cloud = Compute(whole.service, whole)
    server = cloud.create()
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "DELETED")


def test_after_the_interval_a_conductor_removes_it(
    whole: Whole,
) -> None:
    whole.service.reconfigure(conductor={"reclaim_interval": "1"})
    whole.stop_conductor("c1")
    whole.conductor("c2")
    whole.host()
    cloud = Compute(whole.service, whole)
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "DELETED")
    assert _used(cloud) == (0, 0, 0)
    events = cloud.service.request(
        "GET", f"/v1/events?object_id={server}&action=set.delete"
    ).json["events"]
    assert [e["result"] for e in events] == ["success", "accepted"]


def test_strangers_do_not_restore(cloud: Compute) -> None:
    server = _binned(cloud)
    body = {"restore": None}
    path = f"/servers/{server}/action"
    cloud.refused(404, "POST", path, body, token="u2:p2:member")
    cloud.refused(403, "POST", path, body, token="u1:p1:reader")
