"""The agent or its engine is killed: nothing lost, doubled or touched."""

import random
import signal
import time

import pytest

from caas.drivers.image.base import reference
from caas.model.states import Desired, Phase
from tests.scripted import deleted
from tests.system.agent.conftest import put_image
from tests.system.agent.host import until


def _states(host, one):
    return {
        name: (c["Id"], c["State"]["Pid"], c["State"]["StartedAt"])
        for name, c in host.containers(one).items()
    }


def test_a_restarted_agent_touches_no_container(host):
    host.start_process()
    one = host.create(host.container("a"), host.container("b", 1))
    before = _states(host, one)
    for _ in range(2):
        host.agent.kill()
        count = len(host.conductor.syncs)
        host.start_process()
        host.conductor.wait_for(
            lambda count=count: any(
                s["sets"] for s in host.conductor.syncs[count:]
            )
        )
        host.conductor.wait(one, phase=Phase.RUNNING)
        assert _states(host, one) == before


# within the tenths of a second that a create takes
@pytest.mark.parametrize("seed", range(6))
def test_killed_amid_a_create(host, seed):
    rng = random.Random(seed)
    host.start_process()
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    many = [
        host.wanted(host.container("a"), host.container("b", 1))
        for _ in range(2)
    ]
    host.conductor.want(*many)
    time.sleep(rng.random() * 0.8)
    host.agent.kill()
    host.start_process()
    host.conductor.wait(*many, phase=Phase.RUNNING)
    for one in many:
        assert host.running(one) == ["a", "b", "infra"]
    assert len(host.containers()) == 6


@pytest.mark.parametrize("seed", range(3))
def test_killed_amid_a_delete(host, seed):
    rng = random.Random(seed)
    host.start_process()
    many = [host.wanted() for _ in range(3)]
    host.conductor.want(*many)
    host.conductor.wait(*many, phase=Phase.RUNNING)
    host.conductor.want(*map(deleted, many))
    time.sleep(rng.random() * 0.5)
    host.agent.kill()
    host.start_process()
    host.conductor.wait_for(lambda: not host.conductor.sets)
    until(lambda: not host.left())


def test_deleted_and_stopped_while_the_agent_was_dead(host):
    host.start_process()
    gone, stopped = host.create(), host.create()
    host.agent.kill()
    stopped = host.change(stopped, desired=Desired.STOPPED)
    host.conductor.want(deleted(gone))
    host.start_process()
    host.conductor.wait(stopped, phase=Phase.STOPPED)
    host.conductor.wait_for(lambda: (gone.id, 1) not in host.conductor.sets)
    assert len(host.containers()) == 2


@pytest.fixture
def own(dockerd, make_host):
    """A host with an engine of its own, which outlives it."""

    def make(*flags):
        dockerd.start(*flags)
        host = make_host(dockerd.api, dockerd.url, put_image(dockerd.api))
        host.start()
        return host

    return make


def test_the_engine_restarts_and_stops_all_containers(own, dockerd):
    host = own()
    one = host.create(host.container("a"), host.container("b", 1))
    before = host.containers(one)
    dockerd.end(signal.SIGTERM)
    host.conductor.wait_for(
        lambda: "does not answer" in host.conductor.seen(one)["reason"]
    )
    dockerd.start()
    until(lambda: host.running(one) == ["a", "b", "infra"])
    host.conductor.wait_for(lambda: host.conductor.seen(one)["reason"] == "")
    host.conductor.wait(one, phase=Phase.RUNNING)
    after = host.containers(one)
    order = sorted(after, key=lambda n: after[n]["State"]["StartedAt"])
    assert order == ["infra", "a", "b"]
    assert {n: c["Id"] for n, c in after.items()} == {
        n: c["Id"] for n, c in before.items()
    }


def test_the_engine_is_killed_and_containers_go_on(own, dockerd):
    host = own("--live-restore")
    one = host.create(host.container("a"), host.container("b", 1))
    # deleted while it is down: must not be missed
    other = host.create()
    before = _states(host, one)
    dockerd.end(signal.SIGKILL)
    host.conductor.want(deleted(other))
    dockerd.start("--live-restore")
    host.conductor.wait_for(lambda: (other.id, 1) not in host.conductor.sets)
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert _states(host, one) == before
    assert len(host.containers()) == 3
    assert host.conductor.happened("container.exited") == []


def test_an_image_removed_from_the_engine_is_missed_politely(own, dockerd):
    host = own()
    host.create()
    host.delete_all()
    dockerd.api.remove_image(reference(host.image.digest), force=True)
    one = host.wanted()
    host.conductor.want(one)
    # there is nobody to fetch it from, which is said and tried again
    host.conductor.wait_for(lambda: host.conductor.seen(one).get("reason"), 30)
    assert host.conductor.seen(one)["phase"] == "preparing"
