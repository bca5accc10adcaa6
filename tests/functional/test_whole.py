"""The whole service in one process, over messages that get lost."""

from typing import Any

import pytest
import sqlalchemy as sa

from caas.drivers.image.base import ImageError
from caas.drivers.runtime.base import EngineError
from caas.store import tables
from tests.functional.whole import Whole, until

TWO = [
    {"name": "app", "image": "app:1", "index": 1, "env": {"A": "b"}},
    {"name": "side", "image": "app:1", "mounts": [{"path": "/data"}]},
]


def _events(whole: Whole, set_id: str) -> list[str]:
    found = whole.get(f"/v1/sets/{set_id}/events?sort_dir=asc")
    return [f"{e['action']} {e['result']}" for e in found["events"]]


def _nothing_left(whole: Whole) -> None:
    """No claim, no address, no quota, nothing on any host."""
    until(
        lambda: all(host.empty for host in whole.hosts.values()),
        lambda: "a host is not empty",
    )
    with whole.service.store.reader() as conn:
        for table in (tables.claims, tables.addresses):
            assert conn.execute(sa.select(table)).all() == []
    for host in whole.get("/v1/hosts")["hosts"]:
        assert not any(host["used"].values()), host
    quota = whole.get("/v1/quotas/p1")["quota"]["resources"]
    assert not any(usage["used"] for usage in quota.values())


def test_the_life_of_a_set(whole: Whole) -> None:
    host = whole.host()
    [item] = whole.service.create(containers=TWO)
    item = whole.wait(item, "ACTIVE")
    assert item["reason"] == ""
    assert item["host"] == "h1"
    assert item["host_status"] == "up"
    assert item["availability_zone"] == "z1"
    [address] = item["addresses"]
    assert [c["status"] for c in item["containers"]] == ["running"] * 3
    assert all(c["runtime_id"] for c in item["containers"])
    assert host.running == ["app", "infra", "side"]
    starts = [
        host.runtime.configs[c.subject].name.rsplit("-", 1)[-1]
        for c in host.faults.calls
        if c.method == "runtime.start"
    ]
    assert starts == ["infra", "side", "app"]
    assert len(host.image.downloads) == 1

    whole.act(item, "stop", {"grace_period": 0})
    item = whole.wait(item, "SHUTOFF")
    assert "app" not in host.running
    assert item["addresses"] == [address]

    whole.act(item, "start")
    item = whole.wait(item, "ACTIVE")
    assert host.running == ["app", "infra", "side"]

    before = {c["name"]: c["started_at"] for c in item["containers"]}
    whole.act(item, "restart")

    def restarted() -> bool:
        found = whole.get(f"/v1/sets/{item['id']}")["set"]
        return found["status"] == "ACTIVE" and all(
            c["started_at"] != before[c["name"]]
            for c in found["containers"]
            if c["role"] == "business"
        )

    until(restarted, lambda: "it was not restarted")

    whole.act(item, "delete")
    whole.wait(item, "GONE")
    _nothing_left(whole)
    [gone] = whole.get("/v1/sets?changes_since=2000-01-01&status=DELETED")[
        "sets"
    ]
    assert gone["id"] == item["id"]


def test_events_tell_the_story(whole: Whole) -> None:
    whole.host()
    [item] = whole.service.create()
    whole.wait(item, "ACTIVE")
    whole.act(item, "stop")
    whole.wait(item, "SHUTOFF")
    events = _events(whole, item["id"])
    told = [
        "set.create accepted",
        "set.create success",
        "set.stop accepted",
        "set.stop success",
    ]
    assert [e for e in events if e in told] == told


def test_no_host_fits_until_one_comes(whole: Whole) -> None:
    whole.host("small", memory_mb=16)
    whole.host("off")
    whole.service.request("POST", "/v1/hosts/off/disable", {"reason": "new"})
    [item] = whole.service.create()
    item = whole.wait(item, "ERROR")
    assert "2 hosts" in item["reason"]
    assert "memory" in item["reason"].lower()
    assert "disabled" in item["reason"]
    assert item["host"] is None
    whole.service.request("POST", "/v1/hosts/off/enable")
    whole.act(item, "start")
    assert whole.wait(item, "ACTIVE")["host"] == "off"


def test_all_or_nothing(whole: Whole) -> None:
    """The second of two fits nowhere, so the first is not made either."""
    host = whole.host(memory_mb=100)
    items = whole.service.create(min_count=2)
    for item in items:
        assert "2" in whole.wait(item, "ERROR")["reason"]
    assert host.empty
    few = whole.service.create(name="few", min_count=1, max_count=2)
    until(
        lambda: (
            sorted(
                whole.get(f"/v1/sets/{item['id']}")["set"]["status"]
                for item in few
            )
            == ["ACTIVE", "ERROR"]
        ),
        lambda: "not just one of them became active",
    )


def test_what_cannot_start_says_why(whole: Whole) -> None:
    whole.host()
    broken = [{"name": "app", "image": "app:1", "command": ["no-such"]}]
    [item] = whole.service.create(containers=broken)
    item = whole.wait(item, "ERROR")
    assert "no-such" in item["reason"]
    [app] = [c for c in item["containers"] if c["name"] == "app"]
    assert app["status"] == "failed"
    whole.act(item, "delete")
    whole.wait(item, "GONE")
    _nothing_left(whole)


def test_what_ends_is_started_again_and_counted(whole: Whole) -> None:
    host = whole.host()
    [item] = whole.service.create()
    whole.wait(item, "ACTIVE")
    name = next(c.name for c in host.runtime.list() if "-app" in c.name)
    host.runtime.kill(host.runtime.named(name).id, 1)

    def counted() -> bool:
        path = f"/v1/sets/{item['id']}/containers/app"
        app = whole.get(path)["container"]
        return app["restarts"] == 1 and app["status"] == "running"

    until(counted, lambda: "it was not started again")


def test_what_ended_badly_is_the_reason(whole: Whole) -> None:
    whole.host()
    policy = {"restart_policy": {"name": "no"}}
    [bad, good] = (
        whole.service.create(
            name=name,
            containers=[
                {"name": "job", "image": "app:1", "command": command, **policy}
            ],
        )[0]
        for name, command in (
            ("bad", ["sh", "-c", "exit 3"]),
            ("good", ["true"]),
        )
    )
    found = whole.wait(bad, "SHUTOFF")
    assert found["reason"] == "container job ended with exit code 3"
    assert _events(whole, bad["id"])[-1] == "set.finish error"
    assert whole.wait(good, "SHUTOFF")["reason"] == ""
    assert _events(whole, good["id"])[-1] == "set.finish success"


def test_trouble_that_passes(whole: Whole) -> None:
    host = whole.host()
    host.faults.fail("runtime.start", EngineError("busy"), times=2)
    host.faults.fail("image.ensure", ImageError("no answer"), times=1)
    [item] = whole.service.create(containers=TWO)
    whole.wait(item, "ACTIVE")


def test_an_agent_that_comes_back_touches_nothing(whole: Whole) -> None:
    host = whole.host()
    [item] = whole.service.create(containers=TWO)
    whole.wait(item, "ACTIVE")
    before = dict(host.runtime.containers)
    host.stop()
    host.start()
    whole.service.create(name="other")
    until(lambda: len(host.running) == 5, lambda: f"{host.running} run")
    assert before.items() <= host.runtime.containers.items()


def test_a_verb_while_the_host_is_away(whole: Whole) -> None:
    host = whole.host()
    [item] = whole.service.create()
    whole.wait(item, "ACTIVE")
    host.stop()
    whole.act(item, "stop", {"grace_period": 0})
    host.start()
    whole.wait(item, "SHUTOFF")


def test_force_delete_of_what_is_on_a_dead_host(whole: Whole) -> None:
    host = whole.host()
    [item] = whole.service.create()
    whole.wait(item, "ACTIVE")
    host.stop()
    assert whole.act(item, "force-delete")["status"] == "DELETED"
    whole.wait(item, "GONE")
    quota = whole.get("/v1/quotas/p1")["quota"]["resources"]
    assert quota["sets"]["used"] == 0
    [shown] = whole.get("/v1/hosts")["hosts"]
    assert shown["used"]["sets"] == 1
    answer = whole.service.request("DELETE", "/v1/hosts/h1")
    assert answer.status_int == 409
    host.start()
    until(lambda: host.empty, lambda: "the host kept it")
    until(
        lambda: not whole.get("/v1/hosts")["hosts"][0]["used"]["sets"],
        lambda: "the claim was kept",
    )
    _nothing_left(whole)


def _claimed(whole: Whole) -> tuple[float, int]:
    """CPUs and memory that are taken of the first host."""
    [host, *_] = whole.get("/v1/hosts")["hosts"]
    return host["used"]["vcpus"], host["used"]["memory_mb"]


def _quota(whole: Whole) -> tuple[float, int]:
    used = whole.get("/v1/quotas/p1")["quota"]["resources"]
    return used["vcpus"]["used"], used["memory_mb"]["used"]


def test_a_set_is_resized_while_it_runs(whole: Whole) -> None:
    host = whole.host()
    whole.service.flavor("large", vcpus=2, memory_mb=512)
    roomy = whole.service.flavor("roomy", disk_gb=2)
    [item] = whole.service.create(containers=TWO)
    whole.wait(item, "ACTIVE")
    before = dict(host.runtime.containers)
    small = _claimed(whole)
    for name, size in (("large", (2, 512)), ("small", small)):
        found = whole.act(item, "resize", {"resize": {"flavor": name}})
        assert found["status"] == "RESIZE"
        assert found["flavor"]["name"] == name
        found = whole.wait(item, "ACTIVE")
        assert found["failure"] is None
        assert (_claimed(whole), _quota(whole)) == (size, size)
        [group] = host.runtime.groups.values()
        assert (group.millicpus / 1000, group.memory_mb) == size
        assert host.runtime.containers.keys() == before.keys()
        assert {c.limits.memory_bytes >> 20 for c in _business(host)} == {
            size[1]
        }
    assert (
        _events(whole, item["id"])[-4:]
        == [
            "set.resize accepted",
            "set.resize success",
        ]
        * 2
    )
    answer = whole.service.request(
        "POST",
        f"/v1/sets/{item['id']}/resize",
        {"resize": {"flavor": roomy["id"]}},
    )
    assert answer.status_int == 202
    whole.wait(item, "ACTIVE")
    answer = whole.service.request(
        "POST",
        f"/v1/sets/{item['id']}/resize",
        {"resize": {"flavor": "small"}},
    )
    assert answer.status_int == 400
    assert "cannot shrink" in answer.json["error"]["message"]
    whole.act(item, "delete")
    whole.wait(item, "GONE")
    _nothing_left(whole)


def _business(host: Any) -> list[Any]:
    return [
        c
        for c in host.runtime.containers.values()
        if c.labels["caas.role"] == "business"
    ]


def test_a_host_that_is_too_full_for_a_resize_says_so(whole: Whole) -> None:
    whole.host(vcpus=2, memory_mb=1024)
    whole.service.flavor("huge", vcpus=2, memory_mb=2048, disk_gb=1)
    [item] = whole.service.create()
    whole.wait(item, "ACTIVE")
    before = _claimed(whole), _quota(whole)
    whole.act(item, "resize", {"resize": {"flavor": "huge"}})
    found = whole.wait(item, "ACTIVE")
    assert found["flavor"]["name"] == "small"
    assert found["failure"]["action"] == "resize"
    assert "memory" in found["failure"]["reason"]
    assert "free" in found["failure"]["reason"]
    assert (_claimed(whole), _quota(whole)) == before
    assert _events(whole, item["id"])[-2:] == [
        "set.resize accepted",
        "set.resize error",
    ]
    # the next one that is asked for is another matter
    whole.service.flavor("larger", vcpus=1, memory_mb=512, disk_gb=1)
    whole.act(item, "resize", {"resize": {"flavor": "larger"}})
    assert whole.wait(item, "ACTIVE")["failure"] is None


def test_memory_in_use_is_not_taken_away(whole: Whole) -> None:
    host = whole.host()
    whole.service.flavor("tiny", vcpus=1, memory_mb=16, disk_gb=1)
    [item] = whole.service.create()
    whole.wait(item, "ACTIVE")
    before = _claimed(whole), _quota(whole)
    host.runtime.used_mb[item["id"]] = 40
    whole.act(item, "resize", {"resize": {"flavor": "tiny"}})

    def refused() -> bool:
        found = whole.get(f"/v1/sets/{item['id']}")["set"]
        return bool(found["status"] == "ACTIVE" and found["failure"])

    until(refused, lambda: "it was not refused")
    found = whole.get(f"/v1/sets/{item['id']}")["set"]
    assert found["failure"]["reason"].startswith("40 MiB of memory are in use")
    assert found["flavor"]["name"] == "small"
    assert (_claimed(whole), _quota(whole)) == before


def test_what_fits_nowhere_is_resized_and_fits(whole: Whole) -> None:
    whole.host(vcpus=1, memory_mb=128)
    whole.service.flavor("huge", vcpus=2, memory_mb=2048, disk_gb=1)
    [item] = whole.service.create(flavor="huge")
    whole.wait(item, "ERROR")
    whole.act(item, "resize", {"resize": {"flavor": "small"}})
    found = whole.wait(item, "ACTIVE")
    assert found["flavor"]["name"] == "small"
    assert _claimed(whole) == _quota(whole)


def test_zones_are_kept(whole: Whole) -> None:
    whole.host("one", zone="z1")
    whole.host("two", zone="z2")
    [item] = whole.service.create(availability_zone="z2")
    assert whole.wait(item, "ACTIVE")["host"] == "two"
    [item] = whole.service.create(availability_zone="z3")
    assert "z3" in whole.wait(item, "ERROR")["reason"]


def test_conductors_come_and_go(whole: Whole) -> None:
    whole.host()
    whole.stop_conductor("c1")
    [item] = whole.service.create()
    whole.conductor("c2")
    whole.conductor("c3")
    whole.wait(item, "ACTIVE")
    services = whole.get("/v1/services")["services"]
    assert {"caas-agent h1 up", "caas-conductor c2 up"} <= {
        f"{s['binary']} {s['host']} {s['status']}" for s in services
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_when_messages_are(whole: Whole, seed: int) -> None:
    """A quarter is lost, some come twice or late; agents and conductors
    come and go meanwhile; in the end all is as it was asked for."""
    whole.network.seed(seed)
    whole.conductor("c2")
    hosts = [whole.host(f"h{n}", memory_mb=1024) for n in range(3)]
    whole.network.calm = False
    items = whole.service.create(max_count=24, containers=TWO)
    hosts[0].stop()
    whole.stop_conductor("c1")
    for item in items[::4]:
        whole.act(item, "delete")
    for item in items[1::4]:
        whole.act(item, "stop", {"grace_period": 0})
    hosts[0].start()
    whole.conductor("c1")
    for number, item in enumerate(items):
        want = ("GONE", "SHUTOFF", "ACTIVE", "ACTIVE")[number % 4]
        found = whole.wait(item, want, 60)
        assert found.get("reason", "") == ""
    for item in items:
        if items.index(item) % 4:
            whole.act(item, "delete")
    for item in items:
        whole.wait(item, "GONE", 60)
    _nothing_left(whole)
    counts = whole.network.counts
    assert all(counts.values()), counts
