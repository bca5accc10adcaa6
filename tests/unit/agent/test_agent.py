"""The whole agent, threads and all, on fakes and a scripted conductor."""

import dataclasses
import json
import stat
import threading
import time

import pytest

from caas.agent import main, state
from caas.agent.fitness.finding import Verdict
from caas.agent.hands import Drivers
from caas.agent.logs import FormerLogs
from caas.agent.plan import Rules
from caas.drivers.faults import Faults
from caas.drivers.image.base import ImageError
from caas.drivers.image.fake import FakeImage
from caas.drivers.network.fake import FakeNetwork
from caas.drivers.runtime.base import EngineError, Limits, Share
from caas.drivers.runtime.fake import FakeRuntime
from caas.drivers.volume.base import VolumeError
from caas.drivers.volume.fake import FakeVolume
from caas.model import spec
from caas.model.states import Desired, Phase
from tests.scripted import Conductor, deleted
from tests.unit.agent.sets import container, wanted

THREE = (container("a", 0), container("b", 0), container("c", 1))


class Host:
    """A machine whose agent can be killed and started again."""

    def __init__(self, path, *, init=True):
        self.path = path
        self.faults = Faults()
        images = set()
        self.runtime = FakeRuntime(
            faults=self.faults, images=images, init=init, logs=path / "engine"
        )
        self.former = FormerLogs(path / "logs")
        self.network = FakeNetwork(faults=self.faults)
        self.volume = FakeVolume(faults=self.faults)
        self.image = FakeImage(faults=self.faults, images=images)
        self.conductor = Conductor()
        self.agent = None
        self.state = None
        self.verdict = Verdict()
        self.looks = []
        self.settings = main.Settings(
            host="host", zone="zone", heartbeat=0.2, reserved_memory_mb=536
        )

    def start(self):
        before = set(threading.enumerate())
        self.state = state.State(self.path)
        self.agent = main.Agent(
            self.settings,
            Drivers(self.runtime, self.network, self.volume, self.image),
            self.state,
            self.conductor.sync,
            netns=lambda pid: None,
            look=self.look,
            former=self.former,
        )
        self.conductor.agent = self.agent
        self.agent.start()
        self.threads = set(threading.enumerate()) - before

    def look(self, thorough):
        self.looks.append(thorough)
        return self.verdict

    def kill(self):
        """As SIGKILL does: what is in the engine's hands goes on."""
        self.conductor.agent = None
        self.agent.stop()
        self.state.close()

    def calls(self, *methods):
        """What was called, of what, by the names used within sets."""
        names = {
            c.id: c.labels["caas.name"]
            for c in self.runtime.containers.values()
        }
        return [
            (c.method, names.get(c.subject, c.subject.rpartition("-")[2]))
            for c in list(self.faults.calls)
            if c.method in methods
        ]

    def running(self):
        return sorted(
            c.labels["caas.name"]
            for c in list(self.runtime.containers.values())
            if c.state == "running"
        )

    def left(self):
        return [
            *self.runtime.containers,
            *self.runtime.groups,
            *self.volume.volumes,
            *self.network.list(),
            *self.path.glob("sets/*"),
            *self.former.list(),
        ]

    def id_of(self, name):
        for there in self.runtime.containers.values():
            if there.labels["caas.name"] == name:
                return there.id
        raise KeyError(name)


def until(condition, timeout=10.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.005)


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path / "agent")
    host.start()
    yield host
    host.faults.clear()
    host.kill()


def create(host, *containers, **fields):
    one = wanted(*containers, **fields)
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.RUNNING)
    return one


def settle(host, one):
    """Until all of its limits are given and the agent knows it: the one on CPU
    time comes after it runs, and would put back what is changed by hand."""
    keeper = host.agent._worker._keepers[one.id]
    until(lambda: keeper.found.capped and not keeper.found.busy)


def change(host, one, **fields):
    """:returns: what is wanted now, already sent."""
    fields.setdefault("revision", one.revision + 1)
    one = dataclasses.replace(one, **fields)
    host.conductor.want(one)
    return one


def test_the_first_report_tells_what_the_host_is(host):
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    first = host.conductor.syncs[0]
    assert (first["version"], first["zone"], first["seq"]) == (-1, "zone", 1)
    facts = host.conductor.facts
    assert facts["capacity"] == {
        "millicpus": 16000,
        "memory_mb": 65000,
        "disk_gb": 1000,
    }
    assert facts["engine"] == "fake"


def test_a_set_comes_up_with_the_least_of_calls(host):
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    before = len(host.faults.calls)
    one = create(host, *THREE)
    until(lambda: not host.runtime.boosted)
    calls = [c.method for c in host.faults.calls[before:]]
    counts = {m: calls.count(m) for m in calls}
    # where a bind comes from is asked of memory, once for each mount
    counts.pop("volume.source")
    assert counts == {
        "volume.create": 1,
        # before the first container and after the last
        "runtime.group": 2,
        "runtime.show": 1,
        "network.prepare": 1,
        "image.present": 1,
        "image.ensure": 1,
        "runtime.create": 4,
        "runtime.start": 4,
        "network.plug": 1,
    }
    assert calls.index("network.plug") > calls.index("runtime.start")
    starts = [n for _, n in host.calls("runtime.start")]
    assert starts[0] == "infra"
    assert set(starts[1:3]) == {"a", "b"}
    assert starts[3] == "c"
    seen = host.conductor.seen(one)
    assert seen["received_at"] <= seen["ready_at"]
    assert [c["status"] for c in seen["containers"]] == ["running"] * 4
    assert [c["role"] for c in seen["containers"]] == ["infra"] + [
        "business"
    ] * 3
    assert host.conductor.container(one, "a")["id"] == "id-a"


def test_equal_index_starts_in_parallel(host):
    host.conductor.want(wanted(*THREE))
    with host.faults.hold(
        "runtime.start", match=lambda i: host.id_of("infra") != i
    ) as gate:
        gate.wait_for_callers(2)
        assert host.running() == ["infra"]
    until(lambda: host.running() == ["a", "b", "c", "infra"])


def test_only_what_settled_is_told_at_once(host, monkeypatch):
    # however slow this machine is
    monkeypatch.setattr("caas.agent.report.LINGER", 30.0)
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    create(host)
    phases = [
        s["phase"] for sync in host.conductor.syncs for s in sync["sets"]
    ]
    assert phases == ["running"]


def test_a_slow_image_is_told_of(host):
    one = wanted(*THREE)
    with host.faults.hold("image.ensure"):
        host.conductor.want(one)
        host.conductor.wait(one, phase=Phase.PREPARING)
        reason = host.conductor.seen(one)["reason"]
        assert reason.startswith("image busybox:1: ")
        until(lambda: host.running() == ["infra"])
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert host.conductor.seen(one)["reason"] == ""


def test_one_download_for_many_sets_and_none_for_the_next(host):
    many = [wanted(set_id=f"set-{n}") for n in range(20)]
    host.conductor.want(*many)
    host.conductor.wait(*many, phase=Phase.RUNNING)
    assert len(host.image.downloads) == 1
    before = len(host.calls("image.present", "image.ensure"))
    create(host, set_id="another")
    assert len(host.calls("image.present", "image.ensure")) == before


def test_each_download_is_told_of_once(host):
    many = [wanted(set_id=f"set-{n}") for n in range(5)]
    host.conductor.want(*many)
    host.conductor.wait(*many, phase=Phase.RUNNING)
    host.conductor.wait_for(lambda: host.conductor.happened("image.pull"))
    create(host, set_id="another")
    (pulled,) = host.conductor.happened("image.pull")
    image = many[0].containers[0].spec.image
    assert (pulled["result"], pulled["object_id"]) == ("success", image.id)
    details = pulled["details"]
    assert details["set_id"] == pulled["set_id"]
    assert details["set_id"] in {one.id for one in many}
    assert (details["digest"], details["size"]) == (image.digest, image.size)
    assert 0 <= details["seconds"] < 60


def test_an_image_that_is_refused_is_told_of_and_other_faults_are_not(host):
    host.faults.fail("image.ensure", ImageError("Not now."))
    create(host)
    host.faults.fail("image.ensure", ImageError("No image.", permanent=True))
    other = wanted(container("x", digest="sha256:" + "1" * 64), set_id="other")
    host.conductor.want(other)
    host.conductor.wait(other, phase=Phase.FAILED)
    host.conductor.wait_for(
        lambda: len(host.conductor.happened("image.pull")) == 2
    )
    good, bad = host.conductor.happened("image.pull")
    assert (good["result"], good["reason"]) == ("success", "")
    assert (bad["result"], bad["reason"]) == ("error", "No image.")


def test_an_image_removed_behind_the_agents_back_is_fetched_again(host):
    one = create(host)
    host.conductor.want(deleted(one))
    host.conductor.wait_for(lambda: not host.conductor.sets)
    host.image.images.clear()
    create(host, set_id="another")
    assert len(host.image.downloads) == 2


def test_a_lost_message_is_made_good(host):
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    one, two = wanted(set_id="one"), wanted(set_id="two")
    host.conductor.want(one, send=False)
    host.conductor.want(two)
    host.conductor.wait(one, two, phase=Phase.RUNNING)


def test_a_lost_message_is_made_good_by_the_heartbeat_alone(host):
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    one = wanted()
    host.conductor.want(one, send=False)
    host.conductor.wait(one, phase=Phase.RUNNING)


def test_lost_answers_change_nothing_in_the_end(host):
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    host.conductor.deaf = True
    one = wanted(*THREE)
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.RUNNING)
    host.runtime.kill(host.id_of("a"), 3)
    host.conductor.wait_for(
        lambda: host.conductor.happened("container.exited")
    )
    host.conductor.deaf = False
    until(lambda: not host.conductor.syncs[-1]["sets"])
    assert len(host.conductor.happened("container.exited")) == 1
    host.conductor.want(deleted(one))
    host.conductor.wait_for(lambda: not host.conductor.sets)


def test_a_crash_is_answered_counted_and_told(host):
    one = create(host, container("web", policy="on-failure"))
    host.runtime.kill(host.id_of("web"), 3)
    host.conductor.wait_for(
        lambda: host.conductor.container(one, "web").get("restarts") == 1
    )
    assert host.running() == ["infra", "web"]
    (ended,) = host.conductor.happened("container.exited")
    assert (ended["container"], ended["result"], ended["reason"]) == (
        "web",
        "error",
        "ended with exit code 3",
    )
    (restarted,) = host.conductor.happened("container.restarted")
    assert restarted["reason"] == "restart 1"
    # the second one waits
    host.runtime.kill(host.id_of("web"), 3)
    host.conductor.wait_for(
        lambda: host.conductor.container(one, "web").get("status") == "backoff"
    )
    assert "starts again at" in host.conductor.seen(one)["reason"]
    host.conductor.wait_for(
        lambda: host.conductor.container(one, "web").get("restarts") == 2
    )


def test_out_of_memory_is_told(host):
    one = create(host)
    host.runtime.kill(host.id_of("web"), 137, oom=True)
    host.conductor.wait(one, phase=Phase.FINISHED)
    there = host.conductor.container(one, "web")
    assert (there["oom_killed"], there["exit_code"]) == (True, 137)
    (ended,) = host.conductor.happened("container.exited")
    assert ended["reason"] == "ended with exit code 137: out of memory"


def test_a_job_finishes(host):
    one = wanted(container("job", command=("sh", "-c", "exit 0")))
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.FINISHED)
    there = host.conductor.container(one, "job")
    assert (there["status"], there["exit_code"]) == ("exited", 0)


@pytest.mark.parametrize("init", [True, False])
def test_a_command_that_is_not_there_fails_once(tmp_path, init):
    host = Host(tmp_path / "agent", init=init)
    host.start()
    try:
        bad = container("bad", 1, policy="always", command=("no-such",))
        one = wanted(container("good"), bad)
        host.conductor.want(one)
        host.conductor.wait(one, phase=Phase.FAILED)
        seen = host.conductor.seen(one)
        assert "container bad: " in seen["reason"]
        assert "executable file not found" in seen["reason"]
        assert host.conductor.container(one, "bad")["status"] == "failed"
        assert host.conductor.container(one, "good")["status"] == "running"
        starts = host.calls("runtime.start")
        seen = len(host.conductor.syncs)
        host.conductor.wait_for(lambda: len(host.conductor.syncs) > seen + 3)
        assert host.calls("runtime.start") == starts
        again = change(host, one)
        host.conductor.wait(again, phase=Phase.FAILED)
        assert len(host.calls("runtime.start")) == len(starts) + 1
    finally:
        host.kill()


def test_a_fault_that_passes_is_overcome(host):
    host.faults.fail("volume.create", VolumeError("The disk is full."))
    one = wanted()
    host.conductor.want(one)
    host.conductor.wait_for(
        lambda: (
            host.conductor.seen(one).get("reason")
            == "The disk is full; trying again in 1 s"
        )
    )
    host.conductor.wait(one, phase=Phase.RUNNING)


def test_a_wrong_image_fails_the_set(host):
    host.faults.fail(
        "image.ensure",
        ImageError("The image is not what it should be.", permanent=True),
        times=None,
    )
    one = wanted()
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.FAILED)
    assert (
        host.conductor.seen(one)["reason"]
        == "The image is not what it should be"
    )
    assert host.conductor.container(one, "web")["status"] == "failed"


def test_an_expired_leave_to_pull_is_asked_for_anew(host):
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    host.faults.fail("image.ensure", ImageError("Too late.", expired=True))
    one = wanted()
    count = len(host.conductor.syncs)
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.RUNNING)
    asked = [s["version"] for s in host.conductor.syncs[count:]]
    assert -1 in asked
    assert asked[-1] == host.conductor.version


def test_stop_in_reverse_with_grace_then_start(host):
    one = create(host, *THREE)
    ids = set(host.runtime.containers)
    one = change(host, one, desired=Desired.STOPPED, grace_period=5)
    host.conductor.wait(one, phase=Phase.STOPPED)
    stops = [n for _, n in host.calls("runtime.stop")]
    assert stops[0] == "c"
    assert set(stops[1:3]) == {"a", "b"}
    assert stops[3] == "infra"
    assert host.running() == []
    assert host.conductor.happened("container.exited") == []
    one = change(host, one, desired=Desired.RUNNING)
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert set(host.runtime.containers) == ids
    assert [n for _, n in host.calls("runtime.start")][4] == "infra"


def test_restart_keeps_infra(host):
    one = create(host, *THREE)
    infra = host.runtime.containers[host.id_of("infra")]
    one = change(host, one, restart_epoch=1)
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert host.conductor.seen(one)["restart_epoch"] == 1
    assert host.runtime.containers[host.id_of("infra")] == infra
    assert len(host.calls("runtime.start")) == 7
    # once more, in case somebody pulled it out
    assert len(host.calls("network.plug")) == 2


def test_long_grace_periods_hold_up_nobody_else(host):
    many = [
        wanted(set_id=f"set-{n}") for n in range(host.settings.workers + 4)
    ]
    host.conductor.want(*many)
    host.conductor.wait(*many, phase=Phase.RUNNING)
    with host.faults.hold("runtime.stop") as gate:
        stopped = [change(host, one, desired=Desired.STOPPED) for one in many]
        gate.wait_for_callers(len(many))
        create(host, set_id="another")
    host.conductor.wait(*stopped, phase=Phase.STOPPED)


def test_delete_leaves_nothing(host):
    one = create(host, *THREE)
    assert host.left()
    host.conductor.want(deleted(one))
    host.conductor.wait_for(lambda: not host.conductor.sets)
    until(lambda: not host.left())
    assert host.conductor.seen(one)["phase"] == "gone"


def test_delete_of_what_never_was_is_gone_at_once(host):
    one = wanted(desired=Desired.DELETED)
    host.conductor.want(one)
    host.conductor.wait_for(lambda: not host.conductor.sets)
    until(lambda: not host.left())


def test_forced_delete_removes_what_is_not_listed(host):
    one = create(host)
    host.conductor.forget(one.id)
    until(lambda: not host.left())


def test_infra_killed_brings_all_back_in_order(host):
    one = create(host, *THREE)
    host.runtime.kill(host.id_of("infra"))
    host.conductor.wait_for(lambda: host.conductor.happened("set.restarted"))
    until(lambda: len(host.calls("runtime.start")) == 8)
    starts = [n for _, n in host.calls("runtime.start")][4:]
    assert starts[0] == "infra"
    assert starts[3] == "c"
    assert len(host.calls("network.plug")) == 2
    host.conductor.wait(one, phase=Phase.RUNNING)


def test_a_container_removed_by_hand_comes_back(host):
    create(host, *THREE)
    old = host.id_of("b")
    host.runtime.remove(old)
    until(lambda: host.running() == ["a", "b", "c", "infra"])
    assert host.id_of("b") != old


def test_another_incarnation_takes_the_place_of_the_first(host):
    one = create(host)
    old = host.id_of("web")
    gone = deleted(one)
    two = dataclasses.replace(one, incarnation=2, revision=5)
    host.conductor.want(gone, two)
    host.conductor.wait(two, phase=Phase.RUNNING)
    host.conductor.wait_for(lambda: (one.id, 1) not in host.conductor.sets)
    assert old not in host.runtime.containers
    assert len(host.runtime.containers) == 2


def test_refused_sets_fail_and_the_worst_are_left_alone(host):
    mounts = (spec.Mount("/data", "../../etc"),)
    bad = wanted(container("web", mounts=mounts))
    worse = wanted(set_id="../../../etc")
    host.conductor.want(bad, worse)
    host.conductor.wait(bad, phase=Phase.FAILED)
    assert "'../../etc' is not a folder" in host.conductor.seen(bad)["reason"]
    assert host.conductor.seen(worse) == {}
    assert not host.runtime.containers


# The agent dies and comes back.


def test_a_new_agent_touches_nothing(host):
    one = create(host, *THREE)
    host.kill()
    before = len(host.faults.calls)
    there = dict(host.runtime.containers)
    boot = host.conductor.syncs[-1]["boot"]
    host.start()
    host.conductor.wait_for(
        lambda: any(
            s["boot"] > boot and s["sets"] for s in host.conductor.syncs
        )
    )
    host.conductor.wait(one, phase=Phase.RUNNING)
    until(
        lambda: (
            "network.plug" in {c.method for c in host.faults.calls[before:]}
        )
    )
    assert there == host.runtime.containers
    assert {c.method for c in host.faults.calls[before:]} <= {
        "runtime.list",
        # files of its own that containers see
        "runtime.show",
        "runtime.info",
        "runtime.events",
        "volume.list",
        "volume.capacity_gb",
        "network.list",
        "network.plug",
        # the limits it has had, once more
        "runtime.group",
    }


@pytest.mark.parametrize(
    "method",
    ["volume.create", "runtime.create", "runtime.start", "network.plug"],
)
def test_killed_in_the_middle_of_a_create(host, method):
    one = wanted(*THREE)
    with host.faults.hold(method) as gate:
        host.conductor.want(one)
        gate.wait_for_callers()
        host.kill()
    host.start()
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert len(host.runtime.containers) == 4
    assert host.running() == ["a", "b", "c", "infra"]


def test_killed_in_the_middle_of_a_delete(host):
    one = create(host, *THREE)
    with host.faults.hold("runtime.remove") as gate:
        host.conductor.want(deleted(one))
        gate.wait_for_callers()
        host.kill()
    host.start()
    host.conductor.wait_for(lambda: not host.conductor.sets)
    until(lambda: not host.left())


def test_without_a_conductor_sets_are_kept_and_restarted(host):
    one = create(host, container("web", policy="always"))
    doomed = create(host, set_id="doomed")
    host.kill()
    host.conductor.silent = True
    host.conductor.want(deleted(doomed), send=False)
    host.runtime.restart()
    host.start()
    until(lambda: host.running() == ["infra", "infra", "web", "web"])
    web = next(
        c.id
        for c in host.runtime.containers.values()
        if c.name.startswith("caas-set-1") and c.name.endswith("web")
    )
    host.runtime.kill(web)
    until(lambda: ("runtime.start", "web") in host.calls("runtime.start")[-1:])
    assert host.calls("runtime.remove") == []
    host.conductor.silent = False
    host.conductor.wait(one, phase=Phase.RUNNING)
    host.conductor.wait_for(lambda: ("doomed", 1) not in host.conductor.sets)
    assert len(host.runtime.containers) == 2


def test_the_engine_goes_and_comes_back_without_its_containers(host):
    one = create(host, *THREE)
    host.faults.fail("runtime.list", EngineError("No."), times=3)
    host.runtime.restart()
    until(lambda: host.running() == ["a", "b", "c", "infra"])
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert host.calls("runtime.remove") == []
    assert len(host.runtime.containers) == 4


def test_events_lost_with_the_connection_are_made_good(host):
    one = create(host, container("web", policy="on-failure"))
    host.runtime.lose_events()
    host.runtime.kill(host.id_of("web"), 1)
    host.runtime.lose_events(False)
    assert host.running() == ["infra"]
    host.runtime.disconnect()
    host.conductor.wait_for(
        lambda: host.conductor.container(one, "web").get("restarts") == 1
    )
    assert len(host.conductor.happened("container.exited")) == 1


def test_a_silent_engine_is_the_reason(host, monkeypatch):
    monkeypatch.setattr("caas.agent.events.GRACE", 0.1)
    one = create(host)
    host.faults.fail("runtime.list", EngineError("Gone."), times=None)
    host.runtime.disconnect()
    host.conductor.wait_for(
        lambda: "does not answer" in host.conductor.seen(one)["reason"]
    )
    seen = host.conductor.seen(one)
    assert seen["phase"] == "running"
    assert "Docker does not answer on host host since" in seen["reason"]
    later = wanted(set_id="later")
    host.conductor.want(deleted(one), later)
    host.conductor.wait_for(lambda: host.conductor.seen(later))
    assert len(host.runtime.containers) == 2
    host.faults.clear()
    host.conductor.wait(later, phase=Phase.RUNNING)
    host.conductor.wait_for(lambda: ("set-1", 1) not in host.conductor.sets)
    host.conductor.wait_for(lambda: host.conductor.happened("host.engine-up"))
    (down,) = host.conductor.happened("host.engine-down")
    assert (down["set_id"], down["result"]) == ("", "error")
    assert "does not answer on host host since" in down["reason"]


def test_an_engine_that_is_not_there_yet(tmp_path):
    host = Host(tmp_path / "agent")
    host.faults.fail("runtime.list", EngineError("No."), times=3)
    host.start()
    try:
        create(host)
        assert host.conductor.facts is not None
    finally:
        host.kill()


def test_what_is_left_of_unknown_sets_goes_after_the_list(host):
    one = create(host)
    host.kill()
    (host.path / "sets" / f"{one.id}.json").unlink()
    host.conductor.sets.clear()
    host.volume.create("only-a-volume", 1)
    host.network.prepare("only-a-network", "project")
    host.conductor.silent = True
    host.start()
    until(lambda: host.calls("volume.list"))
    until(lambda: len(host.calls("runtime.events")) > 1)
    assert len(host.runtime.containers) == 2
    host.conductor.silent = False
    until(lambda: not host.left())


def test_only_the_owner_reads_what_is_kept_and_no_token_is(host):
    create(host, container("web", env={"SECRET": "s3cret"}))
    folder = host.path / "sets"
    # beside it there is another while it is written
    until(lambda: len(list(folder.iterdir())) == 1)
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert '"token"' not in kept.read_text()


def test_a_hundred_sets_in_one_message(host):
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    many = [wanted(*THREE, set_id=f"set-{n:03}") for n in range(100)]
    count = len(host.conductor.syncs)
    began = time.monotonic()
    host.conductor.want(*many)
    host.conductor.wait(*many, phase=Phase.RUNNING)
    took = time.monotonic() - began
    assert len(host.runtime.containers) == 400
    # gathered: far fewer reports than sets
    assert len(host.conductor.syncs) - count <= took / 0.03 + 3
    gone = [deleted(one) for one in many]
    host.conductor.want(*gone)
    host.conductor.wait_for(lambda: not host.conductor.sets)
    until(lambda: not host.left())


def test_what_no_driver_should_raise_is_overcome_too(host):
    host.faults.fail("volume.create", RuntimeError("boom"))
    one = wanted()
    host.conductor.want(one)
    host.conductor.wait_for(
        lambda: (
            host.conductor.seen(one).get("reason")
            == "unexpected RuntimeError; trying again in 1 s"
        )
    )
    host.conductor.wait(one, phase=Phase.RUNNING)


def test_a_full_disk_keeps_no_set_from_running(host, monkeypatch):
    def save(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(host.state, "save", save)
    one = create(host)
    host.conductor.want(deleted(one))
    host.conductor.wait_for(lambda: not host.conductor.sets)


def test_drivers_that_cannot_tell_what_there_is(tmp_path):
    host = Host(tmp_path / "agent")
    for method in ("volume.list", "volume.capacity_gb"):
        host.faults.fail(method, VolumeError("No."))
    host.start()
    try:
        create(host)
    finally:
        host.kill()


def test_now_and_then_all_is_listed_anew(tmp_path):
    host = Host(tmp_path / "agent")
    host.settings = dataclasses.replace(host.settings, resync=0.3)
    host.start()
    try:
        create(host, container("web", policy="always"))
        host.runtime.lose_events()
        host.runtime.kill(host.id_of("web"))
        until(lambda: host.running() == ["infra", "web"])
    finally:
        host.kill()


def test_books_of_a_newer_agent_are_left_out(host):
    one = create(host)
    host.kill()
    (kept,) = (host.path / "sets").iterdir()
    data = json.loads(kept.read_text())
    data["book"]["phase"] = "meditating"
    kept.write_text(json.dumps(data))
    there = dict(host.runtime.containers)
    count = len(host.conductor.syncs)
    host.start()
    host.conductor.wait_for(
        lambda: any(s["sets"] for s in host.conductor.syncs[count:])
    )
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert host.runtime.containers == there


def test_two_agents_with_one_state_are_one_too_many(host):
    with pytest.raises(state.StateError, match="Another agent"):
        state.State(host.path)


def test_threads_end_with_it(host):
    create(host)
    mine = host.threads
    assert {t.name for t in mine} >= {"report", "events", "timer", "worker-0"}
    host.kill()
    try:
        until(lambda: not [t for t in mine if t.is_alive()])
    finally:
        host.start()


def test_rules_come_from_the_settings(tmp_path):
    host = Host(tmp_path / "agent")
    host.settings = dataclasses.replace(
        host.settings, rules=Rules(backoff_cap=0.05)
    )
    host.start()
    try:
        one = wanted(
            container("web", policy="always", command=("false",)),
        )
        host.conductor.want(one)
        host.conductor.wait_for(
            lambda: host.conductor.container(one, "web").get("restarts", 0) > 3
        )
    finally:
        host.kill()


def test_an_interface_that_was_taken_away_is_put_back(host):
    host.settings = dataclasses.replace(host.settings, tend=0.05)
    host.kill()
    host.start()
    one = create(host)
    host.network.pulled.add(one.id)
    until(lambda: host.conductor.happened("set.repaired"))
    until(lambda: one.id in host.network.plugged)
    assert len(host.conductor.happened("set.repaired")) == 1


def test_limits_changed_by_hand_are_put_back_and_told(host):
    settle(host, create(host))
    web = host.id_of("web")
    before = host.runtime.containers[web].limits
    host.runtime.limit(web, Limits(None, 1 << 30))
    until(lambda: host.runtime.containers[web].limits == before)
    until(lambda: host.conductor.happened("container.repaired"))
    (told,) = host.conductor.happened("container.repaired")
    assert told["container"] == "web"
    assert "changed by hand" in told["reason"]


@pytest.fixture
def tended(host):
    host.settings = dataclasses.replace(host.settings, tend=0.05)
    host.kill()
    host.start()
    return host


def test_a_cgroup_changed_by_hand_is_put_back_and_told(tended):
    one = create(tended)
    settle(tended, one)
    tended.runtime.tampered[one.id] = Limits(None, 1 << 40)
    until(lambda: tended.conductor.happened("set.repaired"))
    until(lambda: one.id not in tended.runtime.tampered)
    (told,) = tended.conductor.happened("set.repaired")
    assert "control groups of the set had been changed" in told["reason"]


def test_the_cgroup_of_a_container_too(tended):
    one = create(tended)
    settle(tended, one)
    web = tended.id_of("web")
    tended.runtime.tampered[web] = Limits(None, 7 << 20)
    until(lambda: tended.conductor.happened("set.repaired"))
    until(lambda: web not in tended.runtime.tampered)
    (told,) = tended.conductor.happened("set.repaired")
    assert "containers web" in told["reason"]


def test_nothing_is_repaired_that_is_in_order(tended):
    one = create(tended)
    calls = lambda: [  # noqa: E731
        c for c in tended.faults.calls if c.method == "runtime.strayed"
    ]
    until(lambda: len(calls()) > 3)
    assert one.id in tended.runtime.groups
    assert not tended.conductor.happened("set.repaired")


def test_a_resize_tells_the_containers(host):
    one = create(host)
    assert host.runtime.shares[one.id] == {"id-web": Share(2000, 256)}
    more = dataclasses.replace(
        one, revision=2, resources=spec.Resources(3000, 512, 1)
    )
    host.conductor.want(more)
    until(lambda: host.runtime.shares[one.id] == {"id-web": Share(3000, 512)})


def test_parameters_of_the_interface_come_with_it(host):
    sysctls = {"net.ipv4.conf.eth0.rp_filter": "2"}
    create(host, sysctls=sysctls)
    pid = host.runtime.containers[host.id_of("infra")].pid
    assert host.runtime.tuned == {pid: sysctls}


def test_a_host_tells_whether_it_is_fit(tmp_path):
    host = Host(tmp_path / "agent")
    host.verdict = Verdict(("storage: Bad.",), ("clock: Off.",))
    host.conductor.networks = ["10.200.0.0/16"]
    host.start()
    try:
        host.conductor.wait_for(lambda: host.conductor.facts is not None)
        assert host.conductor.facts["unfit"] == ["storage: Bad."]
        assert host.conductor.facts["warnings"] == ["clock: Off."]
        # one look is of all there is, and one follows what a conductor says
        until(lambda: True in host.looks)
        until(lambda: state.networks(tmp_path / "agent") != [])
        assert state.networks(tmp_path / "agent") == ["10.200.0.0/16"]
        host.verdict = Verdict()
        # the engine was away
        host.runtime.close()
        host.conductor.wait_for(lambda: host.conductor.facts["unfit"] == [])
    finally:
        host.kill()
