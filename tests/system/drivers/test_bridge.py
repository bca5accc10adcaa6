"""Who reaches whom over the bridges, and what is left of them."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
from oslo_config import cfg

from caas.drivers.network import base, bridge
from caas.drivers.network.bridge import BridgeNetwork
from caas.model import wire
from tests.system.drivers.namespaces import (
    BUSYBOX,
    Namespace,
    host_reaches,
    interfaces,
    rules,
)
from tests.system.drivers.test_network import GATEWAY, namespace, nic  # noqa: F401

Make = Callable[[], Namespace]


class Sets:
    """Plugs sets and unplugs them after the test."""

    def __init__(self, conf: cfg.ConfigOpts, make: Make) -> None:
        self.network = BridgeNetwork(conf)
        self.conf = conf
        self.make = make
        self.plugged: dict[str, wire.Nic] = {}

    def plug(self, project: str, **args: int) -> tuple[Namespace, str]:
        set_id, own, there = str(uuid.uuid4()), nic(**args), self.make()
        self.plugged[set_id] = own
        self.network.prepare(set_id, project)
        self.network.plug(set_id, project, there.pid, own)
        return there, own.address


@pytest.fixture
def conf(make_conf):
    return make_conf()


@pytest.fixture
def prefix(conf) -> str:
    return conf.bridge.prefix


@pytest.fixture
def sets(conf, namespace: Make) -> Iterator[Sets]:  # noqa: F811
    sets = Sets(conf, namespace)
    yield sets
    for set_id in sets.plugged:
        sets.network.unplug(set_id)
    assert not interfaces(conf.bridge.prefix)
    assert not sets.network.list()


def routes(prefix: str) -> list[str]:
    """Those over our bridges."""
    shown = subprocess.run(
        ["ip", "route"], check=True, capture_output=True, text=True
    ).stdout
    return [line for line in shown.splitlines() if f"dev {prefix}" in line]


def own_rules(prefix: str) -> list[str]:
    return [rule for rule in rules() if f"{prefix.upper()}-" in rule]


def test_interface_inside(sets: Sets) -> None:
    there, address = sets.plug("p", mtu=1400)
    own = next(iter(sets.plugged.values()))
    shown = there.run("ip", "-o", "address")
    assert f"inet {address}/24" in shown
    assert "inet 127.0.0.1/8" in shown
    link = there.run("ip", "-o", "link", "show", "eth0")
    assert own.mac in link
    assert "mtu 1400" in link
    assert "state UP" in link
    assert f"default via {GATEWAY} dev eth0" in there.run("ip", "route")


def test_host_reaches_each_set_and_sets_the_gateway(sets: Sets) -> None:
    for project in ("p", "q"):
        there, address = sets.plug(project)
        assert host_reaches(address)
        assert there.reaches(GATEWAY)


def test_sets_of_a_project_reach_each_other(sets: Sets) -> None:
    (one, first), (two, second) = sets.plug("p"), sets.plug("p")
    assert one.reaches(second)
    assert two.reaches(first)


def test_projects_are_apart(sets: Sets) -> None:
    (one, first), (two, second) = sets.plug("p"), sets.plug("q")
    # not at layer 2
    assert not one.reaches(second, wait=1)
    assert "lladdr" not in one.run("ip", "neigh", "show", second)
    # nor with the host as a router, nor with a forged sender
    for there, other in ((one, second), (two, first)):
        there.run("ip", "route", "add", f"{other}/32", "via", GATEWAY)
        assert not there.reaches(other, wait=1)
    assert host_reaches(first)
    assert host_reaches(second)


def test_a_set_cannot_speak_with_another_projects_address(
    sets: Sets,
) -> None:
    (thief, _), (victim, address) = sets.plug("p"), sets.plug("q")
    thief.run("ip", "address", "add", f"{address}/32", "dev", "eth0")
    # the host answers to the one it has a route to, and takes no other
    ping = (BUSYBOX, "ping", "-c", "1", "-W", "1", "-I", address)
    assert "100% packet loss" in thief.run(*ping, GATEWAY, check=False)
    assert victim.reaches(GATEWAY)


def test_no_ipv6_between_set_and_host(sets: Sets, prefix: str) -> None:
    sets.plug("p")
    (name,) = interfaces(f"{prefix}-")
    shown = subprocess.run(
        ["ip", "-6", "address", "show", "dev", name],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert not shown


def test_next_infra_container_takes_over(sets: Sets) -> None:
    first, address = sets.plug("p")
    (set_id,) = sets.plugged
    second = sets.make()
    sets.network.plug(set_id, "p", second.pid, sets.plugged[set_id])
    assert host_reaches(address)
    assert "eth0" not in first.run("ip", "-o", "link")
    # and when the first one's namespace is already gone
    second.close()
    third = sets.make()
    sets.network.plug(set_id, "p", third.pid, sets.plugged[set_id])
    assert host_reaches(address)
    assert third.reaches(GATEWAY)


def test_plug_again_changes_nothing(sets: Sets, prefix: str) -> None:
    there, address = sets.plug("p")
    (set_id,) = sets.plugged
    before = there.run("ip", "-o", "address"), own_rules(prefix)
    index = there.run("ip", "-o", "link", "show", "eth0").split(":")[0]
    sets.network.plug(set_id, "p", there.pid, sets.plugged[set_id])
    assert there.run("ip", "-o", "address") == before[0]
    assert own_rules(prefix) == before[1]
    assert there.run("ip", "-o", "link").count("eth0") == 1
    assert there.run("ip", "-o", "link", "show", "eth0").startswith(index)
    assert host_reaches(address)


def test_half_made_is_made_whole(sets: Sets) -> None:
    """A crash can come between any two steps."""
    there, address = sets.plug("p")
    (set_id,) = sets.plugged
    for spoil in (
        ("ip", "route", "del", "default"),
        ("ip", "link", "set", "eth0", "down"),
        ("ip", "address", "flush", "dev", "eth0"),
        ("ip", "link", "del", "eth0"),
    ):
        there.run(*spoil)
        sets.network.plug(set_id, "p", there.pid, sets.plugged[set_id])
        assert host_reaches(address), spoil
        assert there.reaches(GATEWAY), spoil


def test_restarted_agent_finds_everything(
    sets: Sets, conf, tmp_path: pathlib.Path
) -> None:
    there, address = sets.plug("p")
    (set_id,) = sets.plugged
    again = BridgeNetwork(conf)
    assert again.list() == [set_id]
    again.plug(set_id, "p", there.pid, sets.plugged[set_id])
    assert host_reaches(address)
    # even one whose state is lost
    conf.set_override("state_path", str(tmp_path), "agent")
    lost = BridgeNetwork(conf)
    assert lost.list() == [set_id]
    lost.unplug(set_id)
    assert not interfaces(conf.bridge.prefix)
    assert not routes(conf.bridge.prefix)


def test_nothing_is_left(sets: Sets, prefix: str) -> None:
    there, address = sets.plug("p")
    known = own_rules(prefix)
    assert len(known) > 5
    namespaces = [sets.plug(project) for project in "ppqr"]
    assert len(interfaces(f"{prefix}-")) == 3
    assert len(interfaces(f"{prefix}v")) == 5
    assert len(routes(prefix)) == 5
    assert own_rules(prefix) == known, "rules must not grow with sets"
    for number, set_id in enumerate(list(sets.plugged)[1:]):
        if number % 2:
            namespaces[number][0].close()
        sets.network.unplug(set_id)
    assert len(interfaces(f"{prefix}-")) == 1
    assert len(routes(prefix)) == 1
    assert host_reaches(address)
    assert there.reaches(GATEWAY)
    assert own_rules(prefix) == known


def test_rules_of_others_are_untouched(sets: Sets, prefix: str) -> None:
    def others() -> set[str]:
        """Without those of other runs of these tests, which come and go."""
        return {r for r in rules() if not re.search(r"[ :]T[0-9A-F]{4}-", r)}

    before = others()
    sets.plug("p")
    assert others() == before
    ours = own_rules(prefix)
    assert len(ours) == len(set(ours))
    again = BridgeNetwork(sets.conf)
    again.prepare(next(iter(sets.plugged)), "p")
    assert own_rules(prefix) == ours


def test_flushed_rules_come_back(
    sets: Sets, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, _), (_, second) = sets.plug("p"), sets.plug("p")
    before = own_rules(prefix)
    subprocess.run(
        ["iptables", "-w", "-F", f"{prefix.upper()}-FORWARD"], check=True
    )
    # what a packet meets now is up to the policy of whoever else filters
    assert own_rules(prefix) != before
    monkeypatch.setattr(bridge, "FILTER_INTERVAL", 0)
    _, third = sets.plug("q")
    assert own_rules(prefix) == before
    assert one.reaches(second)
    assert not one.reaches(third, wait=1)


def test_what_others_took_is_put_back(
    sets: Sets, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flushed rules at once, interfaces by whoever asks."""
    (one, _), (_, second) = sets.plug("p"), sets.plug("p")
    before = own_rules(prefix)
    subprocess.run(
        ["iptables", "-w", "-F", f"{prefix.upper()}-FORWARD"], check=True
    )
    monkeypatch.setattr(bridge, "FILTER_INTERVAL", 0)
    assert sets.network.tend() == []
    assert own_rules(prefix) == before
    first, nic_ = next(iter(sets.plugged.items()))
    subprocess.run(
        ["ip", "link", "delete", sets.network._veth_name(first)], check=True
    )
    assert not one.reaches(second, wait=1)
    assert sets.network.tend() == [first]
    sets.network.plug(first, "p", one.pid, nic_)
    assert one.reaches(second)
    assert sets.network.tend() == []


def test_the_host_itself_is_never_plugged(sets: Sets) -> None:
    with pytest.raises(base.NetworkError, match="no network of its own"):
        sets.network.plug("x", "p", os.getpid(), nic())
    assert "x" not in sets.network.list()


def test_projects_come_and_go_from_many_threads(sets: Sets) -> None:
    """The last set of a project leaves while its next one comes."""
    spaces = [sets.make() for _ in range(6)]
    failures: list[Exception] = []

    def work(there: Namespace, number: int) -> None:
        own, project = nic(), f"p{number % 2}"
        try:
            for _ in range(5):
                set_id = str(uuid.uuid4())
                sets.network.prepare(set_id, project)
                sets.network.plug(set_id, project, there.pid, own)
                assert there.reaches(GATEWAY)
                sets.network.unplug(set_id)
        except Exception as e:
            failures.append(e)

    threads = [
        threading.Thread(target=work, args=(there, number))
        for number, there in enumerate(spaces)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


IN_A_NAMESPACE = """
    import sys, types
    from caas.drivers.network.bridge import BridgeNetwork
    from caas.model import wire

    conf = types.SimpleNamespace(
        bridge=types.SimpleNamespace(
            prefix="inner", masquerade=True, iptables="iptables"
        ),
        agent=types.SimpleNamespace(state_path=sys.argv[1]),
    )
    network = BridgeNetwork(conf)
    for number, pid in enumerate(sys.argv[2:]):
        nic = wire.Nic(
            f"198.18.0.{10 + number}", 16, "198.18.0.1",
            f"02:00:00:00:00:{10 + number:02x}",
        )
        network.plug(f"set{number}", f"project{number}", int(pid), nic)
"""


def test_outside(namespace: Make, tmp_path: pathlib.Path) -> None:  # noqa: F811
    """In a host that is a namespace itself, with a network around it."""
    host, outside, one, two = (namespace() for _ in range(4))
    host.run("ip", "link", "set", "lo", "up")
    # as Docker leaves it
    host.run("iptables", "-P", "FORWARD", "DROP")
    # and a flush of all chains: nothing leads there any more
    host.run("iptables", "-N", "DOCKER-USER")
    host.run(
        *("ip", "link", "add", "uplink", "type", "veth"),
        *("peer", "name", "uplink", "netns", str(outside.pid)),
    )
    for there, address in ((host, "192.0.2.1"), (outside, "192.0.2.2")):
        there.run("ip", "address", "add", f"{address}/24", "dev", "uplink")
        there.run("ip", "link", "set", "uplink", "up")
    host.run(
        *(sys.executable, "-c", textwrap.dedent(IN_A_NAMESPACE)),
        *(str(tmp_path), str(one.pid), str(two.pid)),
    )
    # the outside has no way back to a set: this is the host's address
    assert one.reaches("192.0.2.2")
    assert two.reaches("192.0.2.2")
    # and one it makes itself leads nowhere
    outside.run("ip", "route", "add", "198.18.0.0/16", "via", "192.0.2.1")
    assert not outside.reaches("198.18.0.10", wait=1)
    assert host.reaches("198.18.0.10")
    one.run("ip", "route", "add", "198.18.0.11/32", "via", "198.18.0.1")
    assert not one.reaches("198.18.0.11", wait=1)
