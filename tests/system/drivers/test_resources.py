"""What containers ask for beyond CPU and memory, on a real engine."""

import contextlib
import pathlib
import re
import subprocess
import time
from collections.abc import Iterator

import docker
import pytest

from caas.drivers.runtime import base
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import spec
from tests.system.drivers.test_docker import group_files, poll, run_in
from tests.system.drivers.test_runtime import Kit, kit_of

SMALL = spec.Resources(millicpus=1000, memory_mb=128, disk_gb=1)


@pytest.fixture
def kit(make_conf, image: str) -> Iterator[Kit]:
    with kit_of(DockerRuntime(make_conf()), image) as kit:
        yield kit


def started(kit: Kit, *command: str, **changes: object) -> str:
    there = kit.business("a", *command, infra_id=kit.infra(), **changes)
    kit.runtime.start(there)
    return there


def test_ulimits_are_those_of_its_processes(
    kit: Kit, api: docker.APIClient
) -> None:
    there = started(
        kit,
        ulimits=(
            spec.Ulimit("nofile", 1234, 2345),
            spec.Ulimit("core", 0, 0),
        ),
    )
    limits = run_in(api, there, "cat /proc/1/limits")
    assert re.search(r"Max open files +1234 +2345 ", limits)
    assert re.search(r"Max core file size +0 +0 ", limits)
    # runc before 1.2 raises the soft limit of commands now and then
    assert run_in(api, there, "ulimit -Hn") == "2345\n"


def test_a_ulimit_above_the_engines_is_permanent(kit: Kit) -> None:
    with pytest.raises(base.EngineError) as error:
        started(kit, ulimits=(spec.Ulimit("nofile", 1 << 30, 1 << 30),))
    assert error.value.permanent
    assert "the ulimit nofile is more than" in error.value.message


def test_pids_limit_holds(kit: Kit, api: docker.APIClient) -> None:
    there = started(kit, pids_limit=10)
    fork = "sh -c 'for i in $(seq 30); do sleep 100 & done' 2>&1; true"
    assert "can't fork" in run_in(api, there, fork)
    assert 5 <= len(api.top(there)["Processes"]) <= 10


def test_more_processes_than_allowed(make_conf, image: str) -> None:
    conf = make_conf(docker__pids_limit_max=100)
    with kit_of(DockerRuntime(conf), image) as kit:
        with pytest.raises(base.EngineError) as error:
            kit.business("a", infra_id=kit.infra(), pids_limit=101)
        assert error.value.permanent
        assert "more than the 100" in error.value.message


def test_cpuset(kit: Kit, api: docker.APIClient) -> None:
    last = kit.runtime.info().cpus - 1
    there = started(kit, cpuset=str(last))
    status = run_in(api, there, "cat /proc/self/status")
    assert re.search(rf"^Cpus_allowed_list:\s+{last}$", status, re.MULTILINE)
    assert run_in(api, there, "nproc") == "1\n"


def test_cpus_that_are_not_there(kit: Kit) -> None:
    with pytest.raises(base.EngineError) as error:
        kit.business("a", infra_id=kit.infra(), cpuset="8000")
    assert error.value.permanent
    assert "CPUs are not available" in error.value.message


def test_writing_past_the_cache_is_throttled(
    kit: Kit, api: docker.APIClient, tmp_path: pathlib.Path
) -> None:
    volume = (base.Bind(str(tmp_path), "/data"),)
    infra = kit.infra()
    taken = {}
    for name, block_io in (
        ("free", None),
        ("capped", spec.BlockIo(write_bps=4 << 20)),
    ):
        there = kit.business(
            name, infra_id=infra, binds=volume, block_io=block_io
        )
        kit.runtime.start(there)
        began = time.monotonic()
        run_in(
            api,
            there,
            "dd if=/dev/zero of=/data/x bs=1M count=12 oflag=direct 2>&1",
        )
        taken[name] = time.monotonic() - began
    # 12 MiB at 4 MiB/s, and as fast as the disk can
    assert 2.5 < taken["capped"] < 10
    assert taken["free"] < taken["capped"] / 2


def sysctl_kit(kit: Kit, **sysctls: str) -> tuple[str, str]:
    config = kit.config(
        "infra",
        image="",
        command=None,
        sysctls={k.replace("__", "."): v for k, v in sysctls.items()},
    )
    config.labels[base.LABEL_ROLE] = "infra"
    infra = kit.runtime.create(config)
    kit.runtime.start(infra)
    there = kit.business("a", infra_id=infra)
    kit.runtime.start(there)
    return infra, there


def test_kernel_parameters_are_those_of_all(
    kit: Kit, api: docker.APIClient
) -> None:
    infra, there = sysctl_kit(
        kit,
        net__core__somaxconn="777",
        net__ipv4__tcp_keepalive_time="99",
        kernel__shmmax="123456789",
        fs__mqueue__msg_max="20",
    )
    read = run_in(
        api,
        there,
        "cd /proc/sys; cat net/core/somaxconn net/ipv4/tcp_keepalive_time"
        " kernel/shmmax fs/mqueue/msg_max",
    )
    assert read.split() == ["777", "99", "123456789", "20"]
    host = api.inspect_container(infra)["HostConfig"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    # nothing of it is the host's
    assert pathlib.Path("/proc/sys/kernel/shmmax").read_text() != "123456789\n"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("net__ipv4__nonsense", "1", "has no parameter net.ipv4.nonsense"),
        ("net__core__somaxconn", "many", "does not take its value"),
        ("vm__swappiness", "1", "vm.swappiness"),
    ],
)
def test_kernel_parameters_that_cannot_be(
    kit: Kit, key: str, value: str, words: str
) -> None:
    with pytest.raises(base.EngineError) as error:
        sysctl_kit(kit, **{key: value})
    assert error.value.permanent
    assert words in error.value.message


def test_parameters_of_an_interface(kit: Kit, api: docker.APIClient) -> None:
    infra, there = sysctl_kit(kit)
    (found,) = [c for c in kit.runtime.list(kit.set_id) if c.id == infra]
    subprocess.run(
        [
            *("nsenter", "-t", str(found.pid), "-n", "ip", "link", "add"),
            *("eth0", "type", "veth", "peer", "name", "eth1"),
        ],
        check=True,
    )
    key = "net.ipv4.conf.eth0.rp_filter"
    kit.runtime.tune(found.pid, {key: "2"})
    path = "/proc/sys/" + key.replace(".", "/")
    assert run_in(api, there, f"cat {path}") == "2\n"
    assert not pathlib.Path("/proc/sys/net/ipv4/conf/nonsense").exists()
    with pytest.raises(base.EngineError) as error:
        kit.runtime.tune(found.pid, {"net.ipv4.conf.eth0.nonsense": "2"})
    assert error.value.permanent
    with pytest.raises(base.EngineError) as error:
        kit.runtime.tune(0, {key: "2"})
    assert not error.value.permanent


def test_limits_are_seen_inside_and_follow_a_resize(
    make_conf, image: str, api: docker.APIClient
) -> None:
    conf = make_conf()
    with kit_of(DockerRuntime(conf), image) as kit:
        there = started(
            kit,
            user="1000:1000",
            env={"CAAS_CPU": "0.5"},
            share=base.Share(500, 64),
        )
        read = "cat /run/caas/cpu /run/caas/memory"
        assert run_in(api, there, read) == "0.5\n64\n"
        kit.runtime.group(
            kit.set_id, SMALL, shares={"a": base.Share(1000, 128)}
        )
        assert run_in(api, there, read) == "1\n128\n"
        assert run_in(api, there, "ls -A /run/caas") == "cpu\nmemory\n"
        said = run_in(api, there, "echo 9 2>&1 > /run/caas/cpu || true")
        assert "Read-only" in said or "Permission denied" in said
        # a restart has it too
        kit.runtime.stop(there, 0)
        kit.runtime.start(there)
        assert run_in(api, there, read) == "1\n128\n"
    assert not list((pathlib.Path(conf.agent.state_path) / "views").iterdir())


@pytest.mark.parametrize(
    ("before", "after"),
    [((1000, 128), (500, 256)), ((500, 256), (1000, 128))],
    ids=["more memory", "more CPU"],
)
def test_one_limit_goes_up_and_the_other_down(
    kit: Kit, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """A container may never have more than the set in between."""
    there = ""
    for millicpus, memory in (before, after, before):
        resources = spec.Resources(millicpus, memory, 1)
        limits = base.Limits(millicpus * 9 // 10, memory * 9 // 10 << 20)
        members = {there: limits} if there else {}
        kit.runtime.group(kit.set_id, resources, members=members)
        if not there:
            there = started(
                kit,
                millicpus=limits.millicpus,
                memory_bytes=limits.memory_bytes,
            )
            members = {there: limits}
        assert not kit.runtime.strayed(kit.set_id, resources, members=members)
        (found,) = [c for c in kit.runtime.list(kit.set_id) if c.id == there]
        assert found.limits == limits


def test_cgroups_written_by_hand_are_found(kit: Kit) -> None:
    limits = base.Limits(500, 64 << 20)
    infra = kit.infra()
    there, idle = (
        kit.business(
            name, infra_id=infra, millicpus=500, memory_bytes=64 << 20
        )
        for name in ("a", "b")
    )
    kit.runtime.start(there)
    members = {there: limits, idle: limits}

    def strayed(boost: bool = False) -> dict[str, base.Limits]:
        return dict(
            kit.runtime.strayed(
                kit.set_id, SMALL, boost=boost, members=members
            )
        )

    assert not strayed()
    assert strayed(boost=True) == {"": base.Limits(1000, 128 << 20)}
    assert not kit.runtime.strayed("a-set-of-nobody", SMALL)
    v1 = kit.runtime.info().cgroup_version == 1
    memory = "memory.limit_in_bytes" if v1 else "memory.max"
    for pattern in (memory, f"*{there}*/{memory}"):
        (file,) = group_files(kit, pattern)
        file.write_text(str(100 << 20 if pattern == memory else 32 << 20))
    cpu = "cpu.cfs_quota_us" if v1 else "cpu.max"
    for pattern in (cpu, f"*{there}*/{cpu}"):
        (file,) = group_files(kit, pattern)
        file.write_text("-1" if v1 else "max")
    assert strayed() == {
        "": base.Limits(None, 100 << 20),
        there: base.Limits(None, 32 << 20),
    }
    # and are as they should be when given anew, though the engine thinks
    # that they are already
    kit.runtime.group(kit.set_id, SMALL, members={there: limits})
    assert not strayed()


def test_looking_at_cgroups_costs_next_to_nothing(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = started(kit, memory_bytes=64 << 20)
    members = {there: base.Limits(None, 64 << 20)}
    monkeypatch.setattr(docker.APIClient, "send", None)
    began = time.perf_counter()
    for _ in range(100):
        assert not kit.runtime.strayed(kit.set_id, SMALL, members=members)
    assert time.perf_counter() - began < 1


@contextlib.contextmanager
def lxcfs(folder: pathlib.Path) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        ["lxcfs", "-f", f"--pidfile={folder}.pid", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        poll(folder.is_mount)
        yield process
    finally:
        process.terminate()
        process.wait(10)
        subprocess.run(
            ["umount", "-l", str(folder)], check=False, capture_output=True
        )


def test_proc_shows_the_limits(
    make_conf, image: str, api: docker.APIClient, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "lxcfs"
    conf = make_conf(docker__lxcfs=str(folder))
    with lxcfs(folder), kit_of(DockerRuntime(conf), image) as kit:
        there = started(kit, memory_bytes=64 << 20, share=base.Share(1000, 64))

        def total() -> str:
            return run_in(api, there, "head -1 /proc/meminfo").split()[1]

        assert total() == str(64 << 10)
        assert float(run_in(api, there, "cat /proc/uptime").split()[0]) < 60
        kit.runtime.group(
            kit.set_id, SMALL, members={there: base.Limits(None, 96 << 20)}
        )
        assert total() == str(96 << 10)
        # more than the set has is not to be had
        kit.runtime.group(
            kit.set_id,
            spec.Resources(millicpus=1000, memory_mb=48, disk_gb=1),
        )
        assert total() == str(48 << 10)


def test_without_lxcfs_proc_is_the_hosts(
    make_conf, image: str, api: docker.APIClient, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1 kB\n")
    conf = make_conf(docker__lxcfs=str(tmp_path))
    with kit_of(DockerRuntime(conf), image) as kit:
        there = started(kit, memory_bytes=64 << 20)
        assert (
            run_in(api, there, "cat /proc/meminfo").splitlines()[0]
            == (pathlib.Path("/proc/meminfo").read_text().splitlines()[0])
        )


def test_lxcfs_that_died(
    make_conf, image: str, api: docker.APIClient, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "lxcfs"
    conf = make_conf(docker__lxcfs=str(folder))
    with kit_of(DockerRuntime(conf), image) as kit:
        infra = kit.infra()
        first, second = (
            {"infra_id": infra, "memory_bytes": size << 20}
            for size in (64, 32)
        )
        with lxcfs(folder) as process:
            there = kit.business("a", **first)
            kit.runtime.start(there)
            process.kill()
            process.wait()
            said = run_in(api, there, "cat /proc/meminfo 2>&1 || true")
            assert "not connected" in said
            # what is made now does without it
            other = kit.business("b", **second)
            kit.runtime.start(other)
            host = pathlib.Path("/proc/meminfo").read_text().split()[1]
            read = "head -1 /proc/meminfo"
            assert run_in(api, other, read).split()[1] == host
        kit.runtime.stop(there, 0)
        with pytest.raises(base.EngineError) as error:
            kit.runtime.start(there)
        assert not error.value.permanent
        assert str(tmp_path) not in error.value.message
        # a new one serves who is started from now on
        with lxcfs(folder):
            kit.runtime.start(there)
            assert run_in(api, there, read).split()[1] == str(64 << 10)
