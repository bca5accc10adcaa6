"""Where systemd manages the control groups; collected nowhere else."""

import pathlib
import subprocess

from caas.drivers.runtime import base
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import spec
from tests.system.drivers.test_resources import kit, started
from tests.system.drivers.test_runtime import Kit, kit_of

__all__ = ["kit"]


def test_a_reload_of_systemd_is_no_change_by_hand(kit: Kit) -> None:
    limits = base.Limits(333, 64 << 20)
    there = started(kit, millicpus=333, memory_bytes=64 << 20)
    small = spec.Resources(millicpus=123, memory_mb=100, disk_gb=1)
    kit.runtime.group(kit.set_id, small, members={there: limits})
    for command in (
        # is undone by a change, for good
        ["systemctl", "set-property", str(kit.cgroup_parent), "CPUQuota=9%"],
        ["systemctl", "daemon-reload"],
    ):
        subprocess.run(command, check=True)
    assert kit.runtime.strayed(kit.set_id, small, members={there: limits}) == {
        "": base.Limits(90, 100 << 20)
    }
    kit.runtime.group(kit.set_id, small, members={there: limits})
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    assert not kit.runtime.strayed(kit.set_id, small, members={there: limits})


def test_nothing_is_left_in_systemd(make_conf, image: str) -> None:
    with kit_of(DockerRuntime(make_conf()), image) as kit:
        name = str(kit.cgroup_parent)
        started(kit)
        # by somebody, for good
        subprocess.run(
            ["systemctl", "set-property", name, "TasksMax=100"], check=True
        )
    # never been there, and gone already
    kit.runtime.group(kit.set_id, None)
    units = subprocess.run(
        ["systemctl", "list-units", "--all", "--full", "--no-legend"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert name not in units
    for place in ("/etc/systemd", "/run/systemd"):
        assert not list(pathlib.Path(place).glob(f"**/{name}*"))
