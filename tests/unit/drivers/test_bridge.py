"""Names of interfaces, and the records of what is plugged."""

import pathlib
import types

import pytest
from oslo_config import cfg

from caas.conf import bridge as bridge_conf
from caas.drivers.network.bridge import BridgeNetwork
from caas.drivers.network.records import Record, Records


def network(prefix: str) -> BridgeNetwork:
    return BridgeNetwork(
        types.SimpleNamespace(
            bridge=types.SimpleNamespace(
                prefix=prefix, masquerade=True, iptables="iptables"
            ),
            agent=types.SimpleNamespace(state_path="/nowhere"),
        )
    )


@pytest.mark.parametrize("prefix", ["c", "caas", "sixsix"])
def test_names_fit_the_kernel_and_tell_kinds_apart(prefix: str) -> None:
    ours = network(prefix)
    bridge, veth = ours._bridge_name("same"), ours._veth_name("same")
    assert len(bridge) == len(veth) == 15
    assert bridge.startswith(f"{prefix}-")
    assert veth.startswith(f"{prefix}v")
    # 32 bits at least: two projects never share a bridge by accident
    assert len(bridge) - len(prefix) - 1 >= 8
    assert ours._bridge_name("other") != bridge


@pytest.mark.parametrize("prefix", ["", "sevense", "Caas", "ca-s", "1st"])
def test_prefix_that_does_not_do(prefix: str) -> None:
    conf = cfg.ConfigOpts()
    bridge_conf.register(conf)
    with pytest.raises(ValueError, match=r".+"):
        conf.set_override("prefix", prefix, "bridge")


def test_records_outlive_the_agent(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "network"
    records = Records(folder)
    records.put("a", Record("p"))
    records.put("a", Record("p", "10.0.0.1"))
    records.put("b", Record("q"))
    records.drop("b")
    records.drop("b")
    again = Records(folder)
    assert again.all() == {"a": Record("p", "10.0.0.1")}
    assert again.get("b") is None


def test_damaged_record_is_passed_over(tmp_path: pathlib.Path) -> None:
    records = Records(tmp_path)
    records.put("a", Record("p"))
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text('{"unknown": 1}')
    assert Records(tmp_path).all() == {"a": Record("p")}
