"""Limits as the files of both versions of cgroups, on a folder for them."""

import pathlib
import threading
import time

import pytest

from caas.drivers.runtime import cgroups
from caas.drivers.runtime.base import EngineError, Limits
from caas.model.spec import Resources

SET = "6f1e9d5c-0000-4000-8000-000000000001"
SMALL = Resources(millicpus=500, memory_mb=128, disk_gb=1)


@pytest.mark.parametrize(
    ("millicpus", "quota", "period"),
    [
        (1000, 100_000, 100_000),
        (1, 1000, 1_000_000),
        (9, 9000, 1_000_000),
        (10, 1000, 100_000),
        (64_000, 6_400_000, 100_000),
    ],
)
def test_cpu_cap(millicpus: int, quota: int, period: int) -> None:
    assert cgroups.cpu_cap(millicpus) == (quota, period)


@pytest.mark.parametrize(
    ("millicpus", "shares"),
    [(1, 2), (1000, 1024), (250, 256), (1_000_000, 262_144)],
)
def test_cpu_shares(millicpus: int, shares: int) -> None:
    assert cgroups.cpu_shares(millicpus) == shares


def test_version_2(tmp_path: pathlib.Path) -> None:
    groups = cgroups.Groups(2, "/caas", tmp_path)
    assert groups.set(SET, SMALL) == f"/caas/{SET}"
    group = tmp_path / "caas" / SET
    found = {f.name: f.read_text() for f in group.iterdir()}
    assert found == {
        "memory.max": str(128 << 20),
        "cpu.max": "50000 100000",
        "cpu.weight": "20",
    }
    # a group has the files of a controller once its parent passes it on
    for parent in (tmp_path, tmp_path / "caas"):
        control = parent / "cgroup.subtree_control"
        assert control.read_text() == "+cpu +memory"
    assert not (group / "cgroup.subtree_control").exists()


@pytest.mark.parametrize("version", [1, 2])
def test_boost_is_no_cap_on_cpu_time(
    tmp_path: pathlib.Path, version: int
) -> None:
    (tmp_path / "memory").mkdir()
    groups = cgroups.Groups(version, "/caas", tmp_path)
    file, none, capped = {
        1: (f"cpu/caas/{SET}/cpu.cfs_quota_us", "-1", "50000"),
        2: (f"caas/{SET}/cpu.max", "max 100000", "50000 100000"),
    }[version]
    for boost in (True, False, True):
        groups.set(SET, SMALL, boost=boost)
        assert (tmp_path / file).read_text() == (none if boost else capped)


def test_version_2_again(tmp_path: pathlib.Path) -> None:
    groups = cgroups.Groups(2, "/caas", tmp_path)
    groups.set(SET, SMALL)
    group = tmp_path / "caas" / SET
    (group / "memory.swap.max").write_text("max")
    groups.set(SET, Resources(millicpus=2000, memory_mb=256, disk_gb=1))
    assert (group / "cpu.max").read_text() == "200000 100000"
    assert (group / "memory.max").read_text() == str(256 << 20)
    assert (group / "memory.swap.max").read_text() == "0"


def test_version_1(tmp_path: pathlib.Path) -> None:
    for name in ("cpu", "memory", "pids"):
        (tmp_path / name).mkdir()
    groups = cgroups.Groups(1, "/caas", tmp_path)
    assert groups.set(SET, SMALL) == f"/caas/{SET}"
    memory = tmp_path / "memory/caas" / SET / "memory.limit_in_bytes"
    assert memory.read_text() == str(128 << 20)
    cpu = tmp_path / "cpu/caas" / SET
    assert (cpu / "cpu.cfs_quota_us").read_text() == "50000"
    assert (cpu / "cpu.shares").read_text() == "512"


def test_remove_from_all_hierarchies(tmp_path: pathlib.Path) -> None:
    for name in ("cpu,cpuacct", "memory", "pids"):
        (tmp_path / name / "caas" / SET / "left").mkdir(parents=True)
    # as distributions have it
    (tmp_path / "cpu").symlink_to(tmp_path / "cpu,cpuacct")
    groups = cgroups.Groups(1, "/caas", tmp_path)
    groups.remove(SET)
    groups.remove(SET)
    assert not list(tmp_path.glob(f"*/caas/{SET}"))
    assert (tmp_path / "memory/caas").is_dir()


def test_remove_waits_for_the_last_process(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "caas" / SET
    group.mkdir(parents=True)
    busy = threading.Event()
    rmdir = pathlib.Path.rmdir

    def kernel(path: pathlib.Path) -> None:
        if not busy.is_set():
            busy.set()
            raise OSError(16, "Device or resource busy")
        rmdir(path)

    monkeypatch.setattr(pathlib.Path, "rmdir", kernel)
    cgroups.Groups(2, "/caas", tmp_path).remove(SET)
    assert busy.is_set()
    assert not group.exists()


def test_remove_gives_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "caas" / SET).mkdir(parents=True)

    def kernel(path: pathlib.Path) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(pathlib.Path, "rmdir", kernel)
    monkeypatch.setattr(cgroups, "REMOVE_TIMEOUT", 0.05)
    begun = time.monotonic()
    with pytest.raises(EngineError, match="busy") as error:
        cgroups.Groups(2, "/caas", tmp_path).remove(SET)
    assert not error.value.permanent
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("bad", ["", "..", "a/b", "../../etc", ".x", "-x"])
def test_id_that_is_none(tmp_path: pathlib.Path, bad: str) -> None:
    with pytest.raises(EngineError, match="no id"):
        cgroups.Groups(2, "/caas", tmp_path).remove(bad)
    with pytest.raises(EngineError, match="no id"):
        cgroups.Slices().remove(bad)


def test_no_systemd() -> None:
    slices = cgroups.Slices(command="/no/such/systemctl")
    with pytest.raises(EngineError, match="systemd cannot be asked"):
        slices.set(SET, SMALL)


def test_slice(tmp_path: pathlib.Path) -> None:
    told = tmp_path / "told"
    command = tmp_path / "systemctl"
    command.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    command.chmod(0o755)
    etc, run = control = (tmp_path / "etc", tmp_path / "run")
    slices = cgroups.Slices(str(command), control)
    name = "caas-6f1e9d5c000040008000000000000001.slice"
    other = "caas-other.slice"
    for folder in (etc / name, run / name, run / other):
        (folder.parent / f"{folder.name}.d").mkdir(parents=True)
        (folder.parent / f"{folder.name}.d/50-MemoryMax.conf").touch()
    assert slices.set(SET, SMALL, boost=True) == name
    # what is set for good by hand prevails over what is set until a reboot
    assert not (etc / f"{name}.d").exists()
    assert slices.set(SET, SMALL) == name
    assert (run / f"{name}.d").exists()
    slices.remove(SET)
    slices.remove(SET)
    assert [p.name for p in run.iterdir()] == [f"{other}.d"]
    assert told.read_text().splitlines() == [
        f"set-property --runtime {name} CPUQuota= CPUWeight=20 "
        f"MemoryMax={128 << 20} MemorySwapMax=0",
        f"set-property --runtime {name} CPUQuota=50% CPUWeight=20 "
        f"MemoryMax={128 << 20} MemorySwapMax=0",
        # no reload of all units of the host
        f"stop {name}",
        f"stop {name}",
    ]


def test_properties_that_cannot_be_removed(tmp_path: pathlib.Path) -> None:
    name = "caas-6f1e9d5c000040008000000000000001.slice"
    (tmp_path / f"{name}.d").touch()
    slices = cgroups.Slices("/bin/true", (tmp_path,))
    with pytest.raises(EngineError, match="from systemd: Not a directory"):
        slices.remove(SET)


@pytest.mark.parametrize(
    ("given", "there", "slack", "same"),
    [
        (333, 334, cgroups.Groups.SLACK, True),
        (333, 340, cgroups.Groups.SLACK, False),
        # as systemd has it after a reload
        (333, 340, cgroups.Slices.SLACK, True),
        (1, 10, cgroups.Slices.SLACK, True),
        (333, 350, cgroups.Slices.SLACK, False),
        (None, 1000, cgroups.Slices.SLACK, False),
        (None, None, cgroups.Slices.SLACK, True),
    ],
)
def test_alike(
    given: int | None, there: int | None, slack: int, same: bool
) -> None:
    one, other = (Limits(cpus, 64 << 20) for cpus in (given, there))
    assert cgroups.alike(one, other, slack) is same
    less = Limits(given, 63 << 20)
    assert not cgroups.alike(less, other, slack)
    # the kernel counts pages
    assert cgroups.alike(Limits(given, (64 << 20) + 7), other, slack) is same


def test_systemd_that_refuses(tmp_path: pathlib.Path) -> None:
    command = tmp_path / "systemctl"
    command.write_text("#!/bin/sh\necho no >&2; exit 1\n")
    command.chmod(0o755)
    with pytest.raises(EngineError, match=r"did not set-property.*: no\."):
        cgroups.Slices(command=str(command)).set(SET, SMALL)


@pytest.mark.parametrize("version", [1, 2])
def test_limits_in_force(tmp_path: pathlib.Path, version: int) -> None:
    groups = cgroups.Groups(version, "/caas", tmp_path)
    (tmp_path / "memory").mkdir()
    assert groups.limits(SET) is None
    groups.set(SET, SMALL)
    assert groups.limits(SET) == Limits(500, 128 << 20)
    groups.set(SET, SMALL, boost=True)
    assert groups.limits(SET) == Limits(None, 128 << 20)
    groups.set(SET, Resources(millicpus=3, memory_mb=8, disk_gb=1))
    assert groups.limits(SET) == Limits(3, 8 << 20)
    assert groups.limits(SET, "abc") is None


def test_no_limit_of_memory_in_force(tmp_path: pathlib.Path) -> None:
    groups = cgroups.Groups(2, "/caas", tmp_path)
    groups.set(SET, SMALL)
    (tmp_path / "caas" / SET / "memory.max").write_text("max\n")
    found = groups.limits(SET)
    assert found is not None
    assert found.memory_bytes > 1 << 60


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_slices(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path)
    scope = (
        "caas.slice/caas-6f1e9d5c000040008000000000000001.slice/"
        "docker-abc.scope"
    )
    for folder in ("", "memory", "cpu"):
        (tmp_path / folder / scope).mkdir(parents=True)
    if version == 2:
        (tmp_path / "cgroup.controllers").write_text("cpu memory")
        (tmp_path / scope / "memory.max").write_text(str(64 << 20))
        (tmp_path / scope / "cpu.max").write_text("25000 100000")
    else:
        (tmp_path / "memory" / scope / "memory.limit_in_bytes").write_text(
            str(64 << 20)
        )
        cpu = tmp_path / "cpu" / scope
        (cpu / "cpu.cfs_quota_us").write_text("25000")
        (cpu / "cpu.cfs_period_us").write_text("100000")
    slices = cgroups.Slices()
    assert slices.limits(SET, "abc") == Limits(250, 64 << 20)
    assert slices.limits(SET) is None
