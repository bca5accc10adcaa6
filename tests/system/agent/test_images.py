"""Images come to a host whatever happens on the way, and once only."""

import signal
import threading

import docker
import pytest

from caas.drivers.image.base import reference
from caas.model.states import Phase
from tests.scripted import deleted
from tests.system.agent.host import Host, until
from tests.system.drivers.conftest import busybox_tar
from tests.system.plain_registry import Fault, Pushed, Registry, layer

SIZE = 3_000_000


@pytest.fixture
def there(registry: Registry) -> Pushed:
    """An image to run, with a layer of some size."""
    return registry.push([busybox_tar("images"), layer(SIZE)])


@pytest.fixture
def pulling(
    registry: Registry,
    there: Pushed,
    make_host,
    api: docker.APIClient,
    docker_url: str,
):
    """A host on the machine's engine, whose sets are of that image."""
    host = make_host(
        api,
        docker_url,
        there.ref,
        **{"pull.endpoint": registry.endpoint, "pull.timeout": 20},
    )
    host.pull = there.pull()
    yield host
    host.delete_all()
    if api.images(reference(there.digest)):
        api.remove_image(reference(there.digest), force=True)


def reason(host: Host, one) -> str:
    return host.conductor.seen(one).get("reason") or ""


def test_the_second_start_moves_nothing(pulling, registry, there):
    pulling.start()
    first = pulling.create()
    assert registry.moved[there.layers[1]] == there.sizes[1]
    (event,) = pulling.conductor.happened("image.pull")
    assert event["result"] == "success"
    registry.reset()
    pulling.create()
    pulling.conductor.want(deleted(first))
    pulling.conductor.wait_for(
        lambda: (first.id, 1) not in pulling.conductor.sets
    )
    pulling.create()
    assert (registry.asked, registry.moved) == ([], {})


def test_many_sets_wait_for_one_download(pulling, registry, there):
    pulling.start()
    gate = threading.Event()
    registry.faults[there.layers[1]] = Fault(gate=gate)
    many = [pulling.wanted() for _ in range(10)]
    pulling.conductor.want(*many)
    pulling.conductor.wait_for(
        lambda: all("of 2 layers" in reason(pulling, w) for w in many),
        told=lambda: [reason(pulling, w) for w in many],
    )
    gate.set()
    pulling.conductor.wait(*many, phase=Phase.RUNNING, timeout=60)
    assert len(registry.asked) == len(set(registry.asked))
    assert registry.moved[there.layers[1]] == there.sizes[1]
    assert len(pulling.conductor.happened("image.pull")) == 1


def test_the_agent_is_killed_amid_a_pull(pulling, registry, there):
    pulling.start_process()
    gate = threading.Event()
    registry.faults[there.layers[1]] = Fault(gate=gate, times=1)
    one = pulling.wanted()
    pulling.conductor.want(one)
    pulling.conductor.wait_for(lambda: "of 2 layers" in reason(pulling, one))
    pulling.agent.kill()
    gate.set()
    pulling.start_process()
    pulling.conductor.wait(one, phase=Phase.RUNNING)
    assert not [
        name
        for found in pulling.api.images()
        for name in found["RepoDigests"] or ()
        if "caas.pull" in name
    ]


def test_the_registry_is_away_and_back(pulling, registry, there):
    pulling.start()
    registry.away = True
    one = pulling.wanted()
    pulling.conductor.want(one)
    pulling.conductor.wait_for(lambda: "registry" in reason(pulling, one))
    registry.away = False
    pulling.conductor.wait(one, phase=Phase.RUNNING)
    assert reason(pulling, one) == ""


def test_the_registry_goes_away_amid_a_pull(pulling, registry, there):
    """The bytes that came need not come again."""
    pulling.start()
    gate = threading.Event()
    registry.faults[there.layers[1]] = Fault(gate=gate, times=1)
    one = pulling.wanted()
    pulling.conductor.want(one)
    pulling.conductor.wait_for(lambda: "of 2 layers" in reason(pulling, one))
    registry.away = True
    gate.set()
    pulling.conductor.wait_for(lambda: "registry" in reason(pulling, one))
    registry.away = False
    pulling.conductor.wait(one, phase=Phase.RUNNING)
    assert registry.moved[there.layers[1]] == there.sizes[1]


def test_leave_that_has_run_out_is_asked_for(pulling, registry, there):
    pulling.start()
    pulling.pull = there.pull("old")
    one = pulling.wanted()
    pulling.conductor.want(one)
    pulling.conductor.wait_for(lambda: "run out" in reason(pulling, one))
    # the next full list has it
    pulling.pull = there.pull()
    fresh = pulling.container("web")
    pulling.conductor.want(
        pulling.change(one, containers=(fresh,)), send=False
    )
    pulling.conductor.wait_for(
        lambda: pulling.conductor.seen(one)["phase"] == Phase.RUNNING
    )


def test_the_engine_is_killed_amid_a_pull(dockerd, make_host, registry, there):
    dockerd.start(shared=True)
    host = make_host(
        dockerd.api,
        dockerd.url,
        there.ref,
        **{"pull.endpoint": registry.endpoint, "pull.timeout": 20},
    )
    host.pull = there.pull()
    host.start()
    gate = threading.Event()
    registry.faults[there.layers[1]] = Fault(gate=gate, times=1)
    one = host.wanted()
    host.conductor.want(one)
    host.conductor.wait_for(lambda: "of 2 layers" in reason(host, one))
    # one that is killed as it starts a container never starts that again
    until(lambda: host.running(one) == ["infra"])
    dockerd.end(signal.SIGKILL)
    gate.set()
    host.conductor.wait_for(lambda: "of 2 layers" not in reason(host, one))
    assert "ngine" in reason(host, one)
    dockerd.start(shared=True)
    host.conductor.wait(one, phase=Phase.RUNNING, timeout=90)
    assert reason(host, one) == ""
