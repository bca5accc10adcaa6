"""What every network driver does, the real one and the fake alike."""

import itertools
import random
import uuid
from collections.abc import Callable, Iterator

import pytest

from caas.drivers.network import base
from caas.drivers.network.bridge import BridgeNetwork
from caas.drivers.network.fake import FakeNetwork
from caas.model import wire
from tests.system.drivers.namespaces import Namespace

#: A network for tests, another one for each run of them.
NETWORK = f"198.{random.randint(18, 19)}.{random.randint(0, 255)}"
GATEWAY = f"{NETWORK}.1"

_addresses = itertools.cycle(range(10, 250))


def nic(mtu: int = 1500) -> wire.Nic:
    number = next(_addresses)
    return wire.Nic(
        address=f"{NETWORK}.{number}",
        prefix_len=24,
        gateway=GATEWAY,
        mac=f"02:ca:a5:00:00:{number:02x}",
        mtu=mtu,
    )


@pytest.fixture
def namespace() -> Iterator[Callable[[], Namespace]]:
    made: list[Namespace] = []

    def make() -> Namespace:
        made.append(Namespace())
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=["fake", "bridge"])
def network(request: pytest.FixtureRequest, make_conf) -> base.Network:
    if request.param == "fake":
        return FakeNetwork()
    return BridgeNetwork(make_conf())


@pytest.fixture
def set_id(network: base.Network) -> Iterator[str]:
    made = str(uuid.uuid4())
    yield made
    network.unplug(made)


def test_plug_and_unplug(
    network: base.Network, set_id: str, namespace: Callable[[], Namespace]
) -> None:
    assert set_id not in network.list()
    network.prepare(set_id, "p")
    assert set_id in network.list()
    there = namespace()
    network.plug(set_id, "p", there.pid, nic())
    assert set_id in network.list()
    network.unplug(set_id)
    assert set_id not in network.list()


def test_everything_twice(
    network: base.Network, set_id: str, namespace: Callable[[], Namespace]
) -> None:
    there, own = namespace(), nic()
    for _ in range(2):
        network.prepare(set_id, "p")
    for _ in range(2):
        network.plug(set_id, "p", there.pid, own)
    assert list(network.list()).count(set_id) == 1
    for _ in range(2):
        network.unplug(set_id)


def test_unplug_what_was_never_plugged(network: base.Network) -> None:
    network.unplug(str(uuid.uuid4()))


def test_unplug_what_was_only_prepared(
    network: base.Network, set_id: str
) -> None:
    network.prepare(set_id, "p")
    network.unplug(set_id)
    assert set_id not in network.list()


def test_plug_without_prepare_and_for_the_next_infra(
    network: base.Network, set_id: str, namespace: Callable[[], Namespace]
) -> None:
    own = nic()
    for _ in range(2):
        network.plug(set_id, "p", namespace().pid, own)
    assert set_id in network.list()


def test_unplug_after_the_container_is_gone(
    network: base.Network, set_id: str, namespace: Callable[[], Namespace]
) -> None:
    there = namespace()
    network.plug(set_id, "p", there.pid, nic())
    there.close()
    assert set_id in network.list()
    network.unplug(set_id)
    assert set_id not in network.list()


def test_plug_what_does_not_run(network: base.Network, set_id: str) -> None:
    with pytest.raises(base.NetworkError, match="does not run"):
        network.plug(set_id, "p", 0, nic())
