"""Servers that go to other hosts."""

import datetime
from typing import Any

import pytest

from caas.store import hosts, tables
from caas.store.engine import utcnow
from tests.functional.compute.driver import ADMIN, Compute
from tests.functional.whole import Host, until

_HOST = "OS-EXT-SRV-ATTR:host"


def _other(cloud: Compute) -> Host:
    """One more."""
    assert cloud.whole is not None
    return cloud.whole.host("h2")


def _on(cloud: Compute, server: str) -> str:
    found: str = cloud.get(server, token=ADMIN)[_HOST]
    return found


def _used(cloud: Compute, host: str) -> tuple[int, int, int]:
    listed = cloud.ok(
        "GET", "/os-hypervisors/detail", version="2.87", token=ADMIN
    )["hypervisors"]
    [one] = [h for h in listed if h["hypervisor_hostname"] == host]
    return one["vcpus_used"], one["memory_mb_used"], one["local_gb_used"]


def _act(
    cloud: Compute, server: str, action: str, value: Any = None, **how: Any
) -> Any:
    answer = cloud.act(server, action, value, token=ADMIN, **how)
    assert answer.status_int in (200, 202, 204), answer.text
    return answer


def _forgets(cloud: Compute, lost: Host) -> None:
    """A host that is back removes what it has; nothing is claimed there."""
    lost.start()
    until(lambda: lost.empty, lambda: "the host still has it")
    until(
        lambda: _used(cloud, "h1") == (0, 0, 0),
        lambda: "it is claimed on the host it left",
    )


@pytest.mark.parametrize("before", ["ACTIVE", "SHUTOFF"])
@pytest.mark.parametrize("end", ["confirmResize", "revertResize"])
def test_migrate(cloud: Compute, before: str, end: str) -> None:
    assert cloud.whole is not None
    there = {"h1": cloud.whole.hosts["h1"]}
    server = cloud.create()
    active = cloud.wait(server, "ACTIVE")
    there["h2"] = _other(cloud)
    if before == "SHUTOFF":
        cloud.do(server, "os-stop")
        cloud.wait(server, "SHUTOFF")
    used = _used(cloud, "h1")
    _act(cloud, server, "migrate")
    assert cloud.get(server)["status"] in ("RESIZE", "VERIFY_RESIZE")
    moved = cloud.wait(server, "VERIFY_RESIZE")
    assert moved["OS-EXT-STS:vm_state"] == "resized"
    assert moved["addresses"] == active["addresses"]
    assert _on(cloud, server) == "h2"
    until(lambda: there["h1"].empty, lambda: "it is on the host it left")
    until(
        lambda: _used(cloud, "h1") == (0, 0, 0),
        lambda: "it is claimed on the host it left",
    )
    assert _used(cloud, "h2") == used
    assert bool(there["h2"].running) == (before == "ACTIVE")
    _act(cloud, server, end)
    cloud.wait(server, before)
    where = "h2" if end == "confirmResize" else "h1"
    assert _on(cloud, server) == where
    assert bool(there[where].running) == (before == "ACTIVE")
    if before == "SHUTOFF":
        cloud.do(server, "os-start")
        cloud.wait(server, "ACTIVE")
        assert there[where].running
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "DELETED")
    until(
        lambda: all(host.empty for host in there.values()),
        lambda: "something is left",
    )


def test_nowhere_to_go(cloud: Compute) -> None:
    """It goes on where it was."""
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    _act(cloud, server, "migrate", version="2.1")
    cloud.wait(server, "ACTIVE")
    assert _on(cloud, server) == "h1"
    [failed] = [
        event
        for event in cloud.service.request(
            "GET", f"/v1/events?object_id={server}"
        ).json["events"]
        if (event["action"], event["result"]) == ("set.migrate", "error")
    ]
    assert "is the one it is to leave" in failed["reason"]
    cloud.do(server, "os-stop")
    cloud.wait(server, "SHUTOFF")


def test_refused(cloud: Compute) -> None:
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    for action, value, status, said in (
        ("migrate", {"host": "h1"}, 400, "can't be the same one"),
        ("migrate", {"host": "h9"}, 404, "Compute host h9 could not be"),
        ("evacuate", {"host": "h1"}, 400, "can't be the same one"),
        ("evacuate", {}, 400, "Compute service of h1 is still in use."),
        (
            "os-migrateLive",
            {"host": None, "block_migration": "auto"},
            400,
            "Live migration is not supported for container sets",
        ),
    ):
        answer = cloud.act(server, action, value, token=ADMIN)
        assert answer.status_int == status, (action, answer.text)
        assert said in answer.text
        assert cloud.act(server, action, value).status_int == 403
    assert cloud.get(server)["status"] == "ACTIVE"


def test_whose_volume_is_in_use(cloud: Compute) -> None:
    assert cloud.whole is not None
    made = cloud.service.create(
        containers=[
            {"name": "app", "image": "app:1", "mounts": [{"path": "/data"}]}
        ]
    )
    server = made[0]["id"]
    cloud.wait(server, "ACTIVE")
    _other(cloud)
    answer = cloud.act(server, "migrate", None, token=ADMIN)
    assert answer.status_int == 400
    assert "the volume stays on its host" in answer.text


@pytest.mark.parametrize("version", ["2.1", "2.94", "2.96"])
def test_evacuate(cloud: Compute, version: str) -> None:
    """And when its host is back, that removes what it has of it."""
    assert cloud.whole is not None
    lost = cloud.whole.hosts["h1"]
    server = cloud.create()
    active = cloud.wait(server, "ACTIVE")
    other = _other(cloud)
    lost.stop()
    cloud.force_down("h1")
    old = {"onSharedStorage": False} if version == "2.1" else {}
    answer = _act(cloud, server, "evacuate", old, version=version)
    assert bool(answer.body) == (version == "2.1")
    status = "SHUTOFF" if version == "2.96" else "ACTIVE"
    moved = cloud.wait(server, status)
    assert moved["addresses"] == active["addresses"]
    assert _on(cloud, server) == "h2"
    assert bool(other.running) == (status == "ACTIVE")
    assert lost.running
    assert _used(cloud, "h1") != (0, 0, 0)
    _forgets(cloud, lost)
    assert cloud.get(server)["status"] == status
    if status == "SHUTOFF":
        cloud.do(server, "os-start")
        cloud.wait(server, "ACTIVE")
        assert other.running


@pytest.mark.parametrize("how", ["DELETE", "forceDelete", "twice"])
def test_delete_while_its_host_is_down(cloud: Compute, how: str) -> None:
    """It is gone at once; its host removes what it has when it is back."""
    assert cloud.whole is not None
    lost = cloud.whole.hosts["h1"]
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    lost.stop()
    path = f"/servers/{server}"
    if how == "twice":
        cloud.ok("DELETE", path)
        # it waits for a host that seems to be there
        assert cloud.get(server)["OS-EXT-STS:task_state"] == "deleting"
    cloud.force_down("h1")
    if how == "forceDelete":
        assert cloud.act(server, how).status_int == 202
    else:
        cloud.ok("DELETE", path)
    cloud.refused(404, "GET", path)
    assert cloud.ok("GET", "/limits")["limits"]["absolute"][
        "totalInstancesUsed"
    ] == (0)
    events = cloud.service.request(
        "GET", f"/v1/events?object_id={server}", token="u1:p1:member"
    ).json["events"]
    done = [
        e
        for e in events
        if e["action"] == "set.delete" and e["result"] == "success"
    ]
    assert "Its host is down" in done[0]["reason"]
    assert len(done) == 1
    assert lost.running
    lost.start()
    until(lambda: lost.empty, lambda: "the host still has it")


def test_delete_after_evacuation(cloud: Compute) -> None:
    """What the lost host still has of it keeps nobody."""
    assert cloud.whole is not None
    lost = cloud.whole.hosts["h1"]
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    other = _other(cloud)
    lost.stop()
    cloud.force_down("h1")
    _act(cloud, server, "evacuate", {}, version="2.94")
    cloud.wait(server, "ACTIVE")
    cloud.ok("DELETE", f"/servers/{server}")
    until(
        lambda: cloud.ask("GET", f"/servers/{server}").status_int == 404,
        lambda: "it waits for the host that is lost",
    )
    assert other.empty
    assert _used(cloud, "h1") != (0, 0, 0)
    _forgets(cloud, lost)


def test_who_has_heard_of_no_host_takes_none_for_lost(cloud: Compute) -> None:
    """When conductors were away all seem down: they stop what is deleted."""
    assert cloud.whole is not None
    host = cloud.whole.hosts["h1"]
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    host.stop()
    long_ago = utcnow() - datetime.timedelta(hours=1)
    with cloud.service.store.writer() as conn:
        conn.execute(tables.hosts.update().values(last_seen=long_ago))
    cloud.ok("DELETE", f"/servers/{server}")
    assert cloud.get(server)["OS-EXT-STS:task_state"] == "deleting"
    _other(cloud)
    until(
        lambda: _hears(cloud, long_ago),
        lambda: "no other host has reported",
    )
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.refused(404, "GET", f"/servers/{server}")
    host.start()
    until(lambda: host.empty, lambda: "the host still has it")


def _hears(cloud: Compute, after: datetime.datetime) -> bool:
    with cloud.service.store.reader() as conn:
        return hosts.heard(conn, after + datetime.timedelta(minutes=30))
