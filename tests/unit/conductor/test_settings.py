import ipaddress

import pytest

from caas import exception
from caas.conductor.settings import Network
from tests.unit.conductor.cloud import NetworkConf


def test_the_first_address_is_the_gateway_unless_told_else():
    network = Network.from_conf(NetworkConf(cidr="10.1.2.0/24"))
    assert network.gateway == "10.1.2.1"
    network = Network.from_conf(
        NetworkConf(
            cidr="10.1.2.0/24",
            gateway=ipaddress.ip_address("10.1.2.254"),
            dns=[ipaddress.ip_address("9.9.9.9")],
        )
    )
    nic = network.nic("10.1.2.77")
    assert (nic.gateway, nic.prefix_len) == ("10.1.2.254", 24)
    assert nic.mac == "02:ca:0a:01:02:4d"
    assert nic.dns == ("9.9.9.9",)


@pytest.mark.parametrize(
    "values",
    [
        {"cidr": "10.1.2.3/24"},
        {"cidr": "rubbish"},
        {"cidr": "fd00::/64"},
        {"cidr": "10.1.2.0/31"},
        {"gateway": "10.1.2.1"},
    ],
)
def test_what_makes_no_sense_is_refused(values):
    with pytest.raises(exception.BadRequest, match=r"\[network\]"):
        Network.from_conf(NetworkConf(**values))
