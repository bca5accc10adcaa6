"""What the kernel tells of the control groups of a process."""

import pytest

from caas.drivers.runtime import membership

ID = "4f" * 32
V1 = f"5:cpu,cpuacct:/caas/s1/{ID}\n4:memory:/caas/s1/{ID}/sub\n0::/a:b\n"
SYSTEMD = f"0::/caas.slice/caas-s1.slice/docker-{ID}.scope\n"


def test_groups_by_controller():
    assert membership.groups(V1) == {
        "cpu": f"caas/s1/{ID}",
        "cpuacct": f"caas/s1/{ID}",
        "memory": f"caas/s1/{ID}/sub",
        "": "a:b",
    }
    assert membership.groups("") == {}


@pytest.mark.parametrize("text", [V1, SYSTEMD])
def test_of_which_container(text):
    assert membership.is_of(text, ID)
    assert not membership.is_of(text, ID[:12])
    assert not membership.is_of(text, "5e" * 32)


def test_one_that_is_gone():
    assert membership.text_of(1 << 30) == ""
    assert not membership.is_of("", ID)
