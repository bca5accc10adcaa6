"""Sets on a real engine: up, down, restarted, gone."""

import os
import signal
import time
import urllib.request

import pytest

from caas.model import spec
from caas.model.states import Desired, Phase
from tests.system.agent.host import Host, until
from tests.system.drivers.namespaces import host_reaches

DATA = (spec.Mount("/data"),)


@pytest.fixture(autouse=True)
def _started(host: Host) -> None:
    host.start()


def _started_at(there):
    return there["State"]["StartedAt"]


def _page(address):
    """Fetched from the host, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}/page", timeout=10) as page:
        return page.read().decode()


def test_a_set_is_one_machine_to_its_containers(host):
    page = 'echo -n "from $(hostname)" > /data/page; exec sleep 1000'
    one = host.create(
        host.container("files", 0, command=("sh", "-c", page), mounts=DATA),
        host.container(
            "web", 1, command=("httpd", "-f", "-h", "/data"), mounts=DATA
        ),
        host.container("idle", 1, mounts=DATA),
    )
    there = host.containers(one)
    assert sorted(there) == ["files", "idle", "infra", "web"]
    order = sorted(there, key=lambda n: _started_at(there[n]))
    assert order[:2] == ["infra", "files"]
    # one network, one address, one volume, one IPC namespace
    page = host.run(one, "idle", "wget", "-qO-", "http://127.0.0.1/page")
    assert page == f"from {one.hostname}"
    assert _page(one.nic.address) == page
    spaces = {
        os.readlink(f"/proc/{c['State']['Pid']}/ns/{kind}")
        for c in there.values()
        for kind in ("net", "ipc")
    }
    assert len(spaces) == 2
    parents = {c["HostConfig"]["CgroupParent"] for c in there.values()}
    assert len(parents) == 1
    # a slice's name is without the dashes of the id
    assert one.id.replace("-", "") in parents.pop().replace("-", "")
    seen = host.conductor.seen(one)
    assert {c["status"] for c in seen["containers"]} == {"running"}
    assert seen["ready_at"] >= seen["received_at"]


def test_a_crash_is_answered_within_two_seconds(host):
    one = host.create(host.container("web", policy="on-failure"))
    pid = host.containers(one)["web"]["State"]["Pid"]
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    until(
        lambda: host.containers(one)["web"]["State"]["Pid"] not in (0, pid), 5
    )
    assert time.monotonic() - began < 2
    host.conductor.wait_for(
        lambda: host.conductor.container(one, "web").get("restarts") == 1
    )
    assert host_reaches(one.nic.address)
    assert len(host.conductor.happened("container.exited")) == 1
    assert len(host.conductor.happened("container.restarted")) == 1


def test_restart_keeps_address_volume_and_infra(host):
    write = "date +%s%N >> /data/starts; exec sleep 1000"
    one = host.create(
        host.container("a", 0, command=("sh", "-c", write), mounts=DATA),
        host.container("b", 1, command=("sh", "-c", write), mounts=DATA),
    )
    before = host.containers(one)
    one = host.change(one, restart_epoch=1)
    host.conductor.wait(one, phase=Phase.RUNNING)
    after = host.containers(one)
    assert after["infra"]["State"] == before["infra"]["State"]
    for name in ("a", "b"):
        assert after[name]["Id"] == before[name]["Id"]
        assert _started_at(after[name]) > _started_at(before[name])
    assert _started_at(after["b"]) > _started_at(after["a"])
    starts = host.run(one, "a", "cat", "/data/starts").splitlines()
    assert len(starts) == 4
    assert host_reaches(one.nic.address)


def test_stop_in_reverse_with_grace_and_start(host):
    bye = "trap 'echo {} >> /data/bye; exit 0' TERM; sleep 1000 & wait"
    deaf = "trap '' TERM; echo up >> /data/deaf; sleep 1000 & wait; wait"
    one = host.create(
        host.container(
            "first", 0, command=("sh", "-c", bye.format(1)), mounts=DATA
        ),
        host.container("deaf", 1, command=("sh", "-c", deaf), mounts=DATA),
        host.container(
            "last", 2, command=("sh", "-c", bye.format(3)), mounts=DATA
        ),
    )
    # the traps have to be set before anybody is asked to go
    until(lambda: host.run(one, "first", "cat", "/data/deaf") == "up")
    began = time.monotonic()
    one = host.change(one, desired=Desired.STOPPED, grace_period=2)
    host.conductor.wait(one, phase=Phase.STOPPED)
    took = time.monotonic() - began
    assert 2 <= took < 6
    there = host.containers(one)
    ended = sorted(there, key=lambda n: there[n]["State"]["FinishedAt"])
    assert ended == ["last", "deaf", "first", "infra"]
    codes = {n: c["State"]["ExitCode"] for n, c in there.items()}
    assert codes == {"last": 0, "deaf": 137, "first": 0, "infra": 137}
    assert not host_reaches(one.nic.address)
    one = host.change(one, desired=Desired.RUNNING)
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert host.run(one, "first", "cat", "/data/bye").split() == ["3", "1"]
    assert host_reaches(one.nic.address)


def test_delete_leaves_nothing(host):
    one = host.create(
        host.container("web", mounts=(spec.Mount("/data", "a/b"),))
    )
    assert host.left()
    began = time.monotonic()
    host.delete_all()
    assert time.monotonic() - began < 5
    until(lambda: not host.left())
    assert host.conductor.seen(one)["phase"] == "gone"


def test_infra_killed_by_hand(host):
    one = host.create(host.container("a", 0), host.container("b", 1))
    before = host.containers(one)
    host.api.kill(before["infra"]["Id"])
    host.conductor.wait_for(lambda: host.conductor.happened("set.restarted"))
    until(lambda: host.running(one) == ["a", "b", "infra"])
    until(lambda: host_reaches(one.nic.address))
    after = host.containers(one)
    order = sorted(after, key=lambda n: _started_at(after[n]))
    assert order == ["infra", "a", "b"]
    spaces = {
        os.readlink(f"/proc/{c['State']['Pid']}/ns/net")
        for c in after.values()
    }
    assert len(spaces) == 1


def test_infra_removed_by_hand(host):
    one = host.create(host.container("a", 0), host.container("b", 1))
    host.api.remove_container(host.containers(one)["infra"]["Id"], force=True)
    until(lambda: host.running(one) == ["a", "b", "infra"])
    until(lambda: host_reaches(one.nic.address))


def test_a_command_that_is_not_there(host):
    one = host.wanted(
        host.container("good"),
        host.container("bad", 1, policy="always", command=("no-such-thing",)),
    )
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.FAILED)
    reason = host.conductor.seen(one)["reason"]
    assert reason.startswith("container bad: ")
    assert "no-such-thing" in reason
    assert host.running(one) == ["good", "infra"]
    count = len(host.conductor.syncs)
    host.conductor.wait_for(lambda: len(host.conductor.syncs) > count + 2)
    assert host.conductor.happened("container.restarted") == []


def test_out_of_memory(host):
    one = host.wanted(host.container("hog", command=("tail", "/dev/zero")))
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.FINISHED)
    there = host.conductor.container(one, "hog")
    assert there["oom_killed"]
    assert there["exit_code"] == 137


def test_twenty_sets_at_once(host):
    many = [host.wanted() for _ in range(20)]
    began = time.monotonic()
    host.conductor.want(*many)
    host.conductor.wait(*many, phase=Phase.RUNNING, timeout=100)
    took = time.monotonic() - began
    print(f"20 sets of 2 containers: {took:.1f} s")
    assert len(host.containers()) == 40
    assert all(host_reaches(one.nic.address) for one in many)
