"""What a container asks for, and the disks it is on."""

import dataclasses
import os
import pathlib
import types

import pytest

from caas.drivers.runtime import disks, options
from caas.drivers.runtime.base import Bind, ContainerConfig, EngineError
from caas.model.spec import BlockIo

CONFIG = ContainerConfig("x", "image", {})


def asked(conf: tuple[int, int] = (4096, 0), **fields: object) -> object:
    default, most = conf
    return options.asked_for(
        dataclasses.replace(CONFIG, **fields),
        types.SimpleNamespace(pids_limit=default, pids_limit_max=most),
        lambda: "/nowhere",
    )


@pytest.mark.parametrize(
    ("conf", "own", "given"),
    [
        ((4096, 0), None, 4096),
        ((0, 0), None, None),
        ((0, 100), 50, 50),
        ((10, 100), 100, 100),
        # the default is the operator's own affair
        ((4096, 100), None, 4096),
        ((10, 0), 1 << 22, 1 << 22),
    ],
)
def test_pids_limit(
    conf: tuple[int, int], own: int | None, given: int | None
) -> None:
    assert asked(conf, pids_limit=own) == {"PidsLimit": given}


def test_more_processes_than_the_host_gives() -> None:
    with pytest.raises(EngineError) as error:
        asked((10, 100), pids_limit=101)
    assert error.value.permanent
    assert "101 processes and threads are more than" in error.value.message


def test_rates_without_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "below", lambda paths: [])
    with pytest.raises(EngineError, match="not on a disk") as error:
        asked(block_io=BlockIo(read_bps=1))
    assert error.value.permanent


def test_rates_are_of_every_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(
        disks,
        "below",
        lambda paths: told.extend(paths) or ["/dev/a", "/dev/b"],
    )
    assert asked(
        block_io=BlockIo(write_bps=5, read_iops=7),
        binds=(Bind("/volume", "/data"),),
    ) == {
        "PidsLimit": 4096,
        "BlkioDeviceWriteBps": [
            {"Path": "/dev/a", "Rate": 5},
            {"Path": "/dev/b", "Rate": 5},
        ],
        "BlkioDeviceReadIOps": [
            {"Path": "/dev/a", "Rate": 7},
            {"Path": "/dev/b", "Rate": 7},
        ],
    }
    assert told == ["/nowhere", "/volume"]


@pytest.fixture
def machine(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> pathlib.Path:
    """A disk with a partition, and a volume of a volume manager."""
    for name, number, node in (
        ("pci/block/nvme0n1", "259:0", "nvme0n1"),
        ("pci/block/nvme0n1/nvme0n1p2", "259:2", "nvme0n1p2"),
        ("virtual/block/dm-3", "253:3", "dm-3"),
    ):
        folder = tmp_path / "devices" / name
        folder.mkdir(parents=True)
        (folder / "uevent").write_text(f"MAJOR=1\nDEVNAME={node}\n")
        (tmp_path / number).symlink_to(folder)
        if node.endswith("p2"):
            (folder / "partition").write_text("2")
    monkeypatch.setattr(disks, "SYS", tmp_path)
    return tmp_path


def stats(monkeypatch: pytest.MonkeyPatch, **devices: tuple[int, int]) -> None:
    """:param devices: by path without its slash, what it is on."""
    real = os.stat

    def stat(path: object, **how: object) -> object:
        name = str(path).lstrip("/")
        if name in devices:
            number = os.makedev(*devices[name])
            return types.SimpleNamespace(st_dev=number, st_rdev=number)
        return real(path, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", stat)


@pytest.mark.usefixtures("machine")
def test_disks_of_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    stats(monkeypatch, part=(259, 2), lv=(253, 3), whole=(259, 0))
    # the disk, not its partition, and each once
    assert disks.below(["/part", "/lv", "/whole", "/part"]) == [
        "/dev/dm-3",
        "/dev/nvme0n1",
    ]
    assert disks.below(["/proc", "/no/such/folder"]) == []


@pytest.mark.usefixtures("machine")
def test_a_file_system_with_numbers_of_its_own(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "40 1 0:33 / /memory rw - tmpfs tmpfs rw\n"
        "41 1 0:50 /@ /data rw,relatime shared:1 - btrfs /dev/node rw\n"
    )
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    stats(monkeypatch, btrfs=(0, 50), memory=(0, 33), **{"dev/node": (259, 2)})
    assert disks.below(["/btrfs", "/memory"]) == ["/dev/nvme0n1"]
