"""What containers of a set share, what holds them, what is left of them."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
import requests

from caas.drivers.runtime import base
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import spec
from tests import stopping
from tests.system.drivers.conftest import busybox_tar
from tests.system.drivers.test_runtime import Kit, Watch, kit_of, now

CLONE_NEWIPC = 0x08000000
IPC_CREAT = 0o1000


@pytest.fixture
def kit(make_conf, image: str) -> Iterator[Kit]:
    with kit_of(DockerRuntime(make_conf()), image) as kit:
        yield kit


def run_in(api: docker.APIClient, container: str, script: str) -> str:
    """The output of a script in a container; fails if it does."""
    made = api.exec_create(container, ["sh", "-c", script])
    output = api.exec_start(made["Id"]).decode()
    code = api.exec_inspect(made["Id"])["ExitCode"]
    assert code == 0, f"{script}: {code}: {output}"
    return output


def poll(condition: Callable[[], object], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def group_files(kit: Kit, name: str) -> list[pathlib.Path]:
    """A file of the set's cgroup, in whatever hierarchy it is."""
    root = pathlib.Path("/sys/fs/cgroup")
    parent = str(kit.cgroup_parent).lstrip("/")
    if parent.endswith(".slice"):
        parent = f"caas.slice/{parent}"
    return [*root.glob(f"{parent}/{name}"), *root.glob(f"*/{parent}/{name}")]


def test_containers_of_a_set_share_loopback_and_volume(
    kit: Kit, api: docker.APIClient, tmp_path: pathlib.Path
) -> None:
    volume = (base.Bind(str(tmp_path), "/data"),)
    infra = kit.infra()
    server = kit.business(
        "server",
        "sh",
        "-c",
        "echo hello > /data/page; exec httpd -f -p 127.0.0.1:8080 -h /data",
        infra_id=infra,
        binds=volume,
    )
    client = kit.business("client", infra_id=infra, binds=volume)
    for each in (server, client):
        kit.runtime.start(each)
    poll(lambda: (tmp_path / "page").exists())
    page = run_in(
        api,
        client,
        "for i in 1 2 3 4 5; do"
        " wget -qO- http://127.0.0.1:8080/page && exit; sleep 1; done",
    )
    assert page == "hello\n"
    assert run_in(api, client, "cat /data/page") == "hello\n"


def test_read_only_bind(
    kit: Kit, api: docker.APIClient, tmp_path: pathlib.Path
) -> None:
    there = kit.business(
        "a",
        infra_id=kit.infra(),
        binds=(base.Bind(str(tmp_path), "/data", read_only=True),),
    )
    kit.runtime.start(there)
    assert "Read-only" in run_in(api, there, "touch /data/x 2>&1 || true")


def test_containers_of_a_set_share_memory(
    kit: Kit, api: docker.APIClient
) -> None:
    infra = kit.infra()
    one, two = (kit.business(name, infra_id=infra) for name in ("a", "b"))
    pids = [kit.runtime.start(each).pid for each in (one, two)]
    # POSIX
    run_in(api, one, "echo posix > /dev/shm/segment")
    assert run_in(api, two, "cat /dev/shm/segment") == "posix\n"
    # System V
    in_ipc_of(pids[0], lambda libc: shm(libc, 4711, write=b"sysv"))
    assert in_ipc_of(pids[1], lambda libc: shm(libc, 4711)) == b"sysv"
    assert " 4711 " in run_in(api, two, "cat /proc/sysvipc/shm")
    # and nobody else has it
    with pytest.raises(OSError, match="No such file"):
        in_ipc_of(os.getpid(), lambda libc: shm(libc, 4711))


def in_ipc_of(pid: int, do: Callable[[ctypes.CDLL], bytes]) -> bytes:
    """Call on a thread that lives in the IPC namespace of a process."""
    outcome: list[bytes | Exception] = []

    def work() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/proc/{pid}/ns/ipc", encoding="utf-8") as namespace:
                if libc.setns(namespace.fileno(), CLONE_NEWIPC) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            outcome.append(do(libc))
        except Exception as e:
            outcome.append(e)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    (result,) = outcome
    if isinstance(result, Exception):
        raise result
    return result


def shm(libc: ctypes.CDLL, key: int, write: bytes = b"") -> bytes:
    """Write to a segment that is made, or read from one that is there."""
    libc.shmat.restype = ctypes.c_void_p
    flags = 0o600 | (IPC_CREAT if write else 0)
    segment = libc.shmget(key, 4096, flags)
    if segment < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    address = libc.shmat(segment, None, 0)
    memory = (ctypes.c_char * 4096).from_address(address)
    if write:
        memory[: len(write)] = write
    content = memory[:].rstrip(b"\0")
    libc.shmdt(ctypes.c_void_p(address))
    return content


def test_one_network_and_names(kit: Kit, api: docker.APIClient) -> None:
    config = kit.config(
        "infra",
        image="",
        command=None,
        hostname="web",
        hosts={"web": "10.1.2.3"},
        dns=("192.0.2.53",),
        ports=(spec.Port(80), spec.Port(53, "udp")),
    )
    infra = kit.runtime.create(config)
    infra_pid = kit.runtime.start(infra).pid
    there = kit.business("a", infra_id=infra, ports=(spec.Port(80),))
    pid = kit.runtime.start(there).pid
    assert os.readlink(f"/proc/{pid}/ns/net") == os.readlink(
        f"/proc/{infra_pid}/ns/net"
    )
    assert run_in(api, there, "hostname") == "web\n"
    assert "10.1.2.3\tweb" in run_in(api, there, "cat /etc/hosts")
    assert "192.0.2.53" in run_in(api, there, "cat /etc/resolv.conf")
    # no interface but the loopback until something is plugged
    assert run_in(api, there, "ls /sys/class/net") == "lo\n"
    found = api.inspect_container(infra)
    assert found["Config"]["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    labels = api.inspect_container(there)["Config"]["Labels"]
    assert labels["caas.ports"] == "80/tcp"


def test_least_number_of_calls(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    infra = kit.infra()
    calls: list[str] = []
    send = docker.APIClient.send

    def note(
        client: docker.APIClient, request: requests.PreparedRequest, **how: Any
    ) -> requests.Response:
        calls.append(f"{request.method} {request.path_url.split('/')[-1]}")
        return send(client, request, **how)

    monkeypatch.setattr(docker.APIClient, "send", note)
    there = kit.business("a", infra_id=infra)
    assert [c.split("?")[0] for c in calls] == ["POST create"]
    calls.clear()
    kit.runtime.start(there)
    assert calls == ["POST start", "GET json"]
    calls.clear()
    kit.runtime.remove(there)
    assert len(calls) == 1


def test_options_round_trip(kit: Kit, api: docker.APIClient) -> None:
    there = kit.business(
        "a",
        "-c",
        'echo "$GREETING from $(pwd) as $(id -u)"; sleep 1000',
        entrypoint=("sh",),
        env={"GREETING": "hello=there"},
        working_dir="/tmp",
        user="1000:1000",
        infra_id=kit.infra(),
    )
    kit.runtime.start(there)
    poll(lambda: api.logs(there))
    assert api.logs(there) == b"hello=there from /tmp as 1000\n"
    config = api.inspect_container(there)["Config"]
    assert config["Entrypoint"] == ["sh"]
    assert "GREETING=hello=there" in config["Env"]


def test_no_privileges_and_bounded_logs(
    kit: Kit, api: docker.APIClient
) -> None:
    infra = kit.infra()
    there = kit.business("a", infra_id=infra)
    kit.runtime.start(there)
    for each in (infra, there):
        host = api.inspect_container(each)["HostConfig"]
        assert not host["Privileged"]
        assert not host["CapAdd"]
        assert host["PidMode"] == ""
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["RestartPolicy"]["Name"] == "no"
        assert host["LogConfig"] == {
            "Type": "json-file",
            "Config": {
                "max-size": "10m",
                "max-file": "3",
                "compress": "false",
            },
        }
        assert host["PidsLimit"] > 0
    status = run_in(api, there, "cat /proc/1/status")
    assert "NoNewPrivs:\t1" in status
    infra_host = api.inspect_container(infra)["HostConfig"]
    assert infra_host["ReadonlyRootfs"]
    assert infra_host["CapDrop"] == ["ALL"]


def test_limits_are_in_the_cgroups(kit: Kit) -> None:
    infra = kit.infra()
    there = kit.business(
        "a", infra_id=infra, millicpus=800, memory_bytes=64 << 20
    )
    kit.runtime.start(there)
    if kit.runtime.info().cgroup_version == 1:
        expected = {
            "memory.limit_in_bytes": str(128 << 20),
            "cpu.cfs_quota_us": "100000",
            "cpu.cfs_period_us": "100000",
            "cpu.shares": "1024",
        }
        own = {
            "memory.limit_in_bytes": str(64 << 20),
            "cpu.cfs_quota_us": "80000",
        }
    else:
        expected = {
            "memory.max": str(128 << 20),
            "memory.swap.max": "0",
            "cpu.max": "100000 100000",
        }
        own = {"memory.max": str(64 << 20), "cpu.max": "80000 100000"}
    for name, value in expected.items():
        (file,) = group_files(kit, name)
        assert file.read_text().strip() == value, name
    for name, value in own.items():
        (file,) = group_files(kit, f"*{there}*/{name}")
        assert file.read_text().strip() == value, name
    # more, then less: at once, under running containers
    for millicpus, memory in ((4000, 256), (1500, 100)):
        kit.runtime.group(
            kit.set_id,
            spec.Resources(millicpus=millicpus, memory_mb=memory, disk_gb=1),
        )
        if kit.runtime.info().cgroup_version == 1:
            (file,) = group_files(kit, "memory.limit_in_bytes")
            (cpu,) = group_files(kit, "cpu.cfs_quota_us")
            assert cpu.read_text().strip() == str(millicpus * 100)
        else:
            (file,) = group_files(kit, "memory.max")
        assert file.read_text().strip() == str(memory << 20)


def test_limits_change_under_running_containers(
    kit: Kit, api: docker.APIClient
) -> None:
    """In both directions, with the processes none the wiser."""
    infra = kit.infra()
    ids = [
        kit.business(name, infra_id=infra, memory_bytes=128 << 20)
        for name in ("a", "b")
    ]
    pids = [kit.runtime.start(each).pid for each in ids]
    for millicpus, memory, share in ((3000, 512, 1500), (500, 64, None)):
        limits = base.Limits(share, memory // 2 << 20)
        kit.runtime.group(
            kit.set_id,
            spec.Resources(millicpus=millicpus, memory_mb=memory, disk_gb=1),
            members=dict.fromkeys(ids, limits),
        )
        found = {c.id: c for c in kit.runtime.list(kit.set_id)}
        assert [found[each].pid for each in ids] == pids
        assert [found[each].limits for each in ids] == [limits, limits]
        for each in ids:
            host = api.inspect_container(each)["HostConfig"]
            assert host["Memory"] == host["MemorySwap"] == memory // 2 << 20
            (file,) = (
                file
                for name in ("memory.limit_in_bytes", "memory.max")
                for file in group_files(kit, f"*{each}*/{name}")
            )
            assert file.read_text().strip() == str(memory // 2 << 20)


def test_memory_in_use_is_not_taken_away(kit: Kit) -> None:
    infra = kit.infra()
    there = kit.business(
        "a",
        "sh",
        "-c",
        "dd if=/dev/zero of=/dev/shm/a bs=1M count=40; echo; sleep 1000",
        infra_id=infra,
        memory_bytes=128 << 20,
    )
    pid = kit.runtime.start(there).pid
    (usage,) = (
        file
        for name in ("memory.usage_in_bytes", "memory.current")
        for file in group_files(kit, f"*{there}*/{name}")
    )
    poll(lambda: int(usage.read_text()) > 40 << 20, timeout=30)
    small = spec.Resources(millicpus=1000, memory_mb=32, disk_gb=1)
    with pytest.raises(base.EngineError) as error:
        kit.runtime.group(
            kit.set_id,
            small,
            members={there: base.Limits(None, 32 << 20)},
        )
    assert error.value.permanent
    found = re.match(
        r"(\d+) MiB of memory are in use, more than the 32 MiB",
        error.value.message,
    )
    assert found
    assert 40 <= int(found[1]) < 64
    same = {c.id: c for c in kit.runtime.list(kit.set_id)}[there]
    assert (same.pid, same.limits) == (pid, base.Limits(None, 128 << 20))


def test_the_sets_limit_holds_over_its_containers(
    kit: Kit, api: docker.APIClient
) -> None:
    """Two containers, each within its own limit, are too much together."""
    kit.runtime.group(
        kit.set_id, spec.Resources(millicpus=1000, memory_mb=48, disk_gb=1)
    )
    watch = Watch(kit.runtime, now())
    infra = kit.infra()
    eaters = [
        kit.business(
            name,
            "sh",
            "-c",
            f"dd if=/dev/zero of=/dev/shm/{name} bs=1M count=30; sleep 1000",
            infra_id=infra,
            memory_bytes=48 << 20,
        )
        for name in ("a", "b")
    ]
    for each in eaters:
        kit.runtime.start(each)

    def ended() -> bool:
        return any(e.action in ("oom", "die") for e in watch.events)

    poll(ended, timeout=30)


def test_smallest_caps(kit: Kit) -> None:
    """Below what kernel and engine take in their usual units."""
    kit.business("a", infra_id=kit.infra(), millicpus=1, memory_bytes=1)
    kit.runtime.group(
        kit.set_id, spec.Resources(millicpus=50, memory_mb=64, disk_gb=1)
    )


def processes(api: docker.APIClient, container: str) -> list[str]:
    """The commands that run in a container, below its init process."""
    listed = api.top(container)
    column = listed["Titles"].index("CMD")
    return [each[column] for each in listed["Processes"][1:]]


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (
            "echo one; sleep 0.3; echo two >&2; sleep 0.3;"
            " printf ' three \\n'; exit 3",
            base.Executed(3, "one\ntwo\n three"),
        ),
        ("printf 'a\\377\\000b'", base.Executed(0, "a\ufffd\ufffdb")),
        (
            "for i in $(seq 2000); do printf '\\303\\266'; done",
            base.Executed(0, "\N{LATIN SMALL LETTER O WITH DIAERESIS}" * 1000),
        ),
        (
            "yes x | head -c 20000000; echo; echo end",
            base.Executed(0, "x\n" * 498 + "\nend"),
        ),
        # it ends; what it leaves behind still holds its output
        ("sleep 1000 & echo a", base.Executed(0, "a")),
        # it goes on; its output has ended
        ("exec >&- 2>&-; sleep 1; exit 4", base.Executed(4, "")),
    ],
)
def test_output_of_commands(
    kit: Kit, script: str, found: base.Executed
) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    command = ["sh", "-c", script]
    assert kit.runtime.execute(there, command, 60) == found


def test_a_command_that_takes_too_long_is_killed(
    kit: Kit, api: docker.APIClient
) -> None:
    """With all it started, though it writes all the time, and says so."""
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    for script, said in (
        ("trap '' TERM; echo a; sleep 500 & sleep 500; true", "a"),
        ("yes", "y\n" * 499 + "y"),
        ("while true; do echo b; sleep 0.05; done | cat", None),
        ("exec >&- 2>&-; sleep 500; true", ""),
    ):
        begun = time.monotonic()
        found = kit.runtime.execute(there, ["sh", "-c", script], 1)
        assert 1 <= time.monotonic() - begun < 3
        assert found.exit_code is None
        if said is None:
            assert set(found.output.split()) == {"b"}
        else:
            assert found.output == said
        poll(lambda: processes(api, there) == ["sleep 1000"])


def test_commands_are_run_as_the_container_is(kit: Kit) -> None:
    there = kit.business(
        "a",
        infra_id=kit.infra(),
        user="1234",
        working_dir="/tmp",
        env={"WHO": "$(me)"},
    )
    kit.runtime.start(there)
    for found in (
        kit.runtime.execute(
            there, ["sh", "-c", 'id -u; pwd; echo "$WHO"'], 20
        ),
        kit.runtime.execute(
            there,
            ["env", "sh", "-c", 'id -u; pwd; echo "$0"', "$(me)"],
            20,
        ),
    ):
        assert found == base.Executed(0, "1234\n/tmp\n$(me)")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/etc", 'exec: "/etc": permission denied.'),
        (
            "/bin/no",
            'exec: "/bin/no": stat /bin/no: no such file or directory.',
        ),
    ],
)
def test_why_a_command_cannot_be_run(kit: Kit, command: str, why: str) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    found = kit.runtime.execute(there, [command], 20)
    assert found.exit_code in (126, 127)
    assert found.output == f"The command cannot be run: {why}"


def test_no_command_can_be_run_without_its_folder(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra(), working_dir="/tmp/a")
    kit.runtime.start(there)
    rmdir = kit.runtime.execute(there, ["rmdir", "/tmp/a"], 20)
    assert rmdir == base.Executed(0, "")
    found = kit.runtime.execute(there, ["true"], 20)
    assert found.exit_code in (126, 127)
    assert "/tmp/a" in found.output
    assert "OCI" not in found.output


def test_a_command_in_a_container_that_ends(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    killer = threading.Timer(1, kit.runtime.stop, (there, 0))
    killer.start()
    begun = time.monotonic()
    found = kit.runtime.execute(there, ["sleep", "500"], 60)
    assert found == base.Executed(137, "")
    assert time.monotonic() - begun < 20
    killer.join()


def test_output_of_runs(kit: Kit) -> None:
    infra = kit.infra()
    for script, timeout, found in (
        (
            "echo a; sleep 0.3; echo b >&2; exit 3",
            20,
            base.Executed(3, "a\nb"),
        ),
        ("echo a; sleep 1000", 2, base.Executed(None, "a")),
        (
            "yes xxxx | head -c 3000000; printf y",
            30,
            # a log is read by lines
            base.Executed(0, "xxxx\n" * 63 + "y"),
        ),
    ):
        config = kit.config("hook", "sh", "-c", script, infra_id=infra)
        assert kit.runtime.run(config, timeout) == found
        (only,) = kit.runtime.list(kit.set_id)
        assert only.id == infra


def test_a_signal_changes_nothing_else(
    kit: Kit, api: docker.APIClient
) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)

    def told() -> dict[str, Any]:
        found = api.inspect_container(there)
        return {k: found[k] for k in ("State", "HostConfig", "Config")}

    before = told()
    kit.runtime.signal(there, "URG")
    assert told() == before


def test_nothing_is_left(make_conf, image: str, api: docker.APIClient) -> None:
    def mounts() -> int:
        return len(
            pathlib.Path("/proc/mounts")
            .read_text(encoding="utf-8")
            .splitlines()
        )

    volumes = {v["Name"] for v in api.volumes()["Volumes"] or ()}
    conf = make_conf()
    runtime = DockerRuntime(conf)
    with kit_of(runtime, image) as kit:
        infra = kit.infra()
        for name in ("a", "b"):
            kit.runtime.start(kit.business(name, infra_id=infra))
        assert group_files(kit, "tasks") or group_files(kit, "cgroup.procs")
    assert not runtime.list()
    assert not group_files(kit, ".")
    assert not list((pathlib.Path(conf.agent.state_path) / "names").iterdir())
    left = {v["Name"] for v in api.volumes()["Volumes"] or ()}
    assert left <= volumes


def test_a_name_of_somebody_else_is_left_alone(
    kit: Kit, api: docker.APIClient
) -> None:
    config = kit.config("a", infra_id=kit.infra())
    other = api.create_container_from_config(
        {"Image": kit.image, "Cmd": ["true"]}, config.name
    )["Id"]
    try:
        with pytest.raises(base.EngineError) as error:
            kit.runtime.create(config)
        assert not error.value.permanent
        assert "not of this deployment" in error.value.message
        assert api.inspect_container(other)
    finally:
        api.remove_container(other, force=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"user": "nobody-here"}, "unable to find user nobody-here"),
        ({"working_dir": "not/absolute"}, "needs to be an absolute path"),
        (
            {"binds": (base.Bind("/proc", "/bin/sh"),)},
            "mounting the volume at",
        ),
    ],
)
def test_users_mistakes_are_permanent(
    kit: Kit, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(base.EngineError) as error:
        kit.runtime.start(kit.business("a", infra_id=kit.infra(), **changes))
    assert error.value.permanent
    assert words in error.value.message
    assert "overlay" not in error.value.message


def test_missing_bind_source_is_not_the_users_fault(kit: Kit) -> None:
    with pytest.raises(base.EngineError) as error:
        kit.runtime.start(
            kit.business(
                "a",
                infra_id=kit.infra(),
                binds=(base.Bind("/nowhere/at/all", "/data"),),
            )
        )
    assert not error.value.permanent


def test_infra_image_is_made_when_it_is_missing(
    make_conf, image: str, api: docker.APIClient, tmp_path: pathlib.Path
) -> None:
    conf = make_conf()
    binary = tmp_path / "busybox"
    # bytes after the program change nothing but the hash
    own = pathlib.Path(conf.docker.infra_binary).read_bytes() + os.urandom(8)
    binary.write_bytes(own)
    conf.set_override("infra_binary", str(binary), "docker")
    runtime = DockerRuntime(conf)
    made = ""
    try:
        with kit_of(runtime, image) as kit:
            made = api.inspect_container(kit.infra())["Config"]["Image"]
            assert made.startswith("caas.local/infra:")
    finally:
        if made:
            api.remove_image(made)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n"])
def test_infra_binary_that_is_none(
    make_conf, image: str, tmp_path: pathlib.Path, content: bytes
) -> None:
    binary = tmp_path / "busybox"
    if content:
        binary.write_bytes(content)
    runtime = DockerRuntime(make_conf(docker__infra_binary=str(binary)))
    with (
        kit_of(runtime, image) as kit,
        pytest.raises(base.EngineError) as error,
    ):
        kit.infra()
    assert error.value.permanent
    assert "busybox-static" in error.value.message


def test_no_engine(make_conf, tmp_path: pathlib.Path) -> None:
    runtime = DockerRuntime(
        make_conf(docker__url=f"unix://{tmp_path}/no.sock")
    )
    for call in (runtime.info, runtime.list, lambda: runtime.start("a")):
        with pytest.raises(base.EngineError) as error:
            call()
        assert not error.value.permanent
        assert "cannot be reached" in error.value.message
        assert str(tmp_path) not in error.value.message


def test_hanging_engine(make_conf, tmp_path: pathlib.Path) -> None:
    """It takes connections and never answers."""
    path = f"{tmp_path}/hang.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        runtime = DockerRuntime(
            make_conf(docker__url=f"unix://{path}", docker__timeout=1)
        )
        with pytest.raises(base.EngineError) as error:
            runtime.list()
    assert not error.value.permanent


class OwnEngine:
    """A dockerd of this test's own, to be killed."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/d.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "d.pid").unlink(missing_ok=True)
        (self.folder / "exec/containerd/containerd.pid").unlink(
            missing_ok=True
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    # without a bridge it removes docker0, so not in ours
                    *("unshare", "--net", "dockerd"),
                    f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec",
                    f"--pidfile={self.folder}/d.pid",
                    f"--host={self.url}",
                    "--bridge=none",
                    "--iptables=false",
                    "--live-restore",
                    # on any host: there is no systemd on some
                    "--exec-opt=native.cgroupdriver=cgroupfs",
                ],
                stdout=log,
                stderr=log,
            )
        poll(self._answers, timeout=60)

    def _answers(self) -> bool:
        with contextlib.suppress(docker.errors.DockerException, OSError):
            return docker.APIClient(self.url, version="auto").ping()
        return False

    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def containerd(self) -> int:
        """Its pid."""
        pid = self.folder / "exec/containerd/containerd.pid"
        return int(pid.read_text())

    def kill(self) -> None:
        """SIGKILL, of containerd as well, as a crash of the machine's."""
        assert self.process
        containerd = self.containerd()
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(containerd, signal.SIGKILL)

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def own_engine() -> Iterator[OwnEngine]:
    # short: the path of a socket has 107 characters at most
    folder = pathlib.Path(
        subprocess.run(
            ["mktemp", "-d", "/tmp/caas-dockerd-XXXXXX"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    engine = OwnEngine(folder)
    engine.start()
    yield engine
    engine.stop()
    subprocess.run(
        f"umount -l $(grep -o '{folder}[^ ]*' /proc/mounts) 2>/dev/null;"
        f"rm -rf {folder}",
        shell=True,
        check=True,
    )


def test_engine_killed_and_back(make_conf, own_engine: OwnEngine) -> None:
    docker.APIClient(own_engine.url, version="auto").import_image_from_data(
        busybox_tar(), repository="busybox", tag="own"
    )
    runtime = DockerRuntime(make_conf(docker__url=own_engine.url))
    with kit_of(runtime, "busybox:own") as kit:
        begun = now()
        watch = Watch(runtime, begun)
        infra = kit.infra()
        there = kit.business("a", infra_id=infra)
        pid = runtime.start(there).pid
        watch.wait(there, "start")
        own_engine.kill()
        watch.wait_end()
        with pytest.raises(base.EngineError) as error:
            runtime.list()
        assert not error.value.permanent
        own_engine.start()
        # the same driver goes on with the engine that came back
        (found,) = [c for c in runtime.list(kit.set_id) if c.id == there]
        assert (found.state, found.pid) == ("running", pid)
        again = Watch(runtime, begun)
        runtime.stop(there, 0)
        again.wait(there, "die")
        # it joins the namespaces of the infra container that lived on
        assert runtime.start(there).state == "running"
        fresh = kit.business("b", infra_id=infra)
        assert runtime.start(fresh).state == "running"


def test_engine_that_stops_answering(make_conf, own_engine: OwnEngine) -> None:
    runtime = DockerRuntime(
        make_conf(docker__url=own_engine.url, docker__timeout=1)
    )
    assert runtime.list() == []
    assert own_engine.process
    stopping.stop(own_engine.process.pid)
    try:
        with pytest.raises(base.EngineError) as error:
            runtime.list()
    finally:
        own_engine.process.send_signal(signal.SIGCONT)
    assert not error.value.permanent
    assert "did not answer within 1 s" in error.value.message
    poll(lambda: runtime.info().version)


def test_commands_in_an_engine_that_stops_answering(
    make_conf, own_engine: OwnEngine
) -> None:
    docker.APIClient(own_engine.url, version="auto").import_image_from_data(
        busybox_tar(), repository="busybox", tag="own"
    )
    runtime = DockerRuntime(
        make_conf(docker__url=own_engine.url, docker__timeout=2)
    )
    with kit_of(runtime, "busybox:own") as kit:
        infra = kit.infra()
        there = kit.business("a", infra_id=infra)
        runtime.start(there)
        config = kit.config("hook", infra_id=infra)
        calls = (
            lambda: runtime.execute(there, ["sleep", "5"], 1),
            lambda: runtime.run(config, 1),
        )
        for stopped, wait, call in (
            *((own_engine.pid(), 0.0, each) for each in calls),
            *((own_engine.containerd(), 0.0, each) for each in calls),
            # while it runs
            *((own_engine.pid(), 0.7, each) for each in calls),
        ):
            timer = threading.Timer(wait, stopping.stop, (stopped,))
            timer.start()
            if not wait:
                timer.join()
            begun = time.monotonic()
            try:
                with pytest.raises(base.EngineError) as error:
                    call()
            finally:
                timer.join()
                os.kill(stopped, signal.SIGCONT)
            assert time.monotonic() - begun < 15
            assert not error.value.permanent
            assert "did not" in error.value.message
            poll(lambda: runtime.info().version)
        # all is well again
        assert runtime.execute(there, ["true"], 20) == base.Executed(0, "")
        assert runtime.run(
            kit.config("hook", "true", infra_id=infra), 20
        ) == base.Executed(0, "")
