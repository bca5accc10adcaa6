"""Kernel parameters of a set, and none of the host."""

import pytest

from caas import exception
from caas.core.sets import check_sysctls
from caas.model import sysctls


@pytest.mark.parametrize(
    "key",
    [
        "net.core.somaxconn",
        "net.ipv4.ip_forward",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_memory",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv4.conf.eth0.arp_ignore",
        "net.ipv4.neigh.default.gc_stale_time",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
        "kernel.sem",
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "fs.mqueue.msg_max",
        "fs.mqueue.queues_max",
    ],
)
def test_what_belongs_to_a_set(key):
    assert sysctls.allowed(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "vm.swappiness",
        "kernel.panic",
        "kernel.core_pattern",
        "kernel.hostname",
        "kernel.semx",
        "fs.file-max",
        "fs.mqueue",
        "net.core.rmem_max",
        "net.core.somaxconn ",
        "net.core.somaxconn\n",
        "net.core.somaxconnx",
        "xnet.core.somaxconn",
        "net.ipv4.tcp_mem",
        "net.ipv4.udp_mem",
        "net.ipv4.",
        "net.ipv4.TCP_MEM",
        "net.ipv4.conf.eth1.rp_filter",
        "net.ipv4.conf.all.",
        "net.ipv4.route.flush",
        "net.ipv6.conf.all.forwarding",
        "net/ipv4/ip_forward",
        "net.ipv4.../kernel/panic",
        "net.ipv4.conf/../../../kernel/panic",
    ],
)
def test_what_does_not(key):
    assert not sysctls.allowed(key)
    with pytest.raises(exception.BadRequest) as caught:
        check_sysctls({"kernel.sem": "1", key: "1"})
    assert repr(key) in caught.value.message
    assert caught.value.message.endswith("others are of the whole host.")


@pytest.mark.parametrize(
    "value", ["1", "32768 60999", "1\t2 3", "cubic", "-1"]
)
def test_values(value):
    assert sysctls.valid(value)
    check_sysctls({"kernel.sem": value})


@pytest.mark.parametrize(
    "value", ["", " ", " 1", "1 ", "1\n", "1\n2", "a=b", "1" * 256, "é", "\0"]
)
def test_values_that_are_none(value):
    assert not sysctls.valid(value)
    with pytest.raises(exception.BadRequest, match="has a value of other"):
        check_sysctls({"kernel.sem": value})
