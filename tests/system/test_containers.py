"""Containers of running sets on the whole stack (F.. of the feature list)."""

import contextlib
import json
import pathlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from caas.drivers.runtime import base
from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.conftest import Stack
from tests.system.test_sets import container, fetch

#: Serves what is on the volume.
WEB = "mkdir -p /data; echo page > /data/index.html; exec httpd -f -h /data"

#: Fetches a page over and over, each time by a new connection, and holds one
#: connection open that it uses only at the end; until its input ends.
CLIENT = """
import json, select, socket, sys
address = (sys.argv[1], 80)
fetched, errors = 0, []
def fetch(connection):
    connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    answer = b""
    while part := connection.recv(4096):
        answer += part
    assert b" 200 OK" in answer, answer
held = socket.create_connection(address, 5)
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.01)[0]:
    try:
        with socket.create_connection(address, 5) as connection:
            fetch(connection)
        fetched += 1
    except Exception as error:
        errors.append(repr(error))
try:
    fetch(held)
except Exception as error:
    errors.append(f"held open: {error!r}")
print(json.dumps({"fetched": fetched, "errors": errors}))
"""


@contextlib.contextmanager
def client(
    stack: Stack, admin: Cloud, shown: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Uses a set meanwhile.  :returns: what it found, filled in at the end."""
    found = admin.show(shown["id"])
    assert found is not None
    netns = stack.netns(found["host"])
    enter = [] if netns is None else ["nsenter", f"--net={netns}"]
    address = shown["addresses"][0]["address"]
    process = subprocess.Popen(
        [*enter, sys.executable, "-c", CLIENT, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said: dict[str, Any] = {}
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield said
    finally:
        out, _ = process.communicate(timeout=30)
    said |= json.loads(out)


def by_name(
    engines: Engines, shown: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """``docker inspect`` by the name a container has now."""
    prefix = f"/caas-{shown['id']}-1-"
    return {
        c["Name"].removeprefix(prefix): c
        for c in engines.containers(shown["id"])
    }


def inside(
    engines: Engines, shown: dict[str, Any], name: str, *command: str
) -> str:
    """What a command prints in a container."""
    found = by_name(engines, shown)[name]
    for api in engines.clients:
        if found["Id"] in {c["Id"] for c in api.containers()}:
            made = api.exec_create(found["Id"], list(command))
            return str(api.exec_start(made["Id"]).decode())
    raise AssertionError(f"{name} does not run")


def one(cloud: Cloud, shown: dict[str, Any], name: str) -> dict[str, Any]:
    found = cloud.http.get(f"/sets/{shown['id']}/containers/{name}")
    assert found.status_code == 200, found.text
    return dict(found.json()["container"])


def ask(cloud: Cloud, shown: dict[str, Any], path: str, **body: Any) -> None:
    answer = cloud.http.post(f"/sets/{shown['id']}{path}", json=body)
    assert answer.status_code == 202, answer.text


def test_one_container_is_replaced_and_nobody_notices(
    stack: Stack, cloud: Cloud, admin: Cloud, engines: Engines
) -> None:
    """F14, F50: process, address and connections of the others stay; and one
    call brings back what there was."""
    side = container("side", "exec sleep 3600", env={"RUN": "1"})
    web = container("web", WEB, mounts=[{"path": "/data"}])
    with cloud.sets(flavor="c1.small", containers=[web, side]) as (shown,):
        fetch(stack, admin, shown, "/")
        before = by_name(engines, shown)
        with client(stack, admin, shown) as said:
            found = stack.openstack(
                *("caas", "set", "update", shown["id"], "--wait"),
                *("--env", "side:RUN=2"),
            )
            assert (found["status"], found["failure"]) == ("ACTIVE", None)
            updated = by_name(engines, shown)
            history = stack.openstack("caas", "set", "history", shown["id"])
            assert [e["Action"] for e in history] == ["update", "create"]
            stack.openstack(
                *("caas", "set", "revert", shown["id"], "1", "--wait")
            )
            reverted = by_name(engines, shown)
        assert said["errors"] == []
        assert said["fetched"] > 10
        for after, run in ((updated, "2"), (reverted, "1")):
            assert f"RUN={run}" in after["side"]["Config"]["Env"]
            for name in ("web", "infra"):
                assert after[name]["State"] == before[name]["State"]
        assert len({c["side"]["Id"] for c in (before, updated, reverted)}) == 3
        again = cloud.show(shown["id"])
        assert again is not None
        assert again["addresses"] == shown["addresses"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"command": ["/no/such/thing"]}, "/no/such/thing"),
        ({"command": ["false"]}, "ended with exit code 1"),
        (
            {
                "health_check": {
                    "type": "http",
                    "port": 81,
                    "interval": 0.5,
                    "timeout": 0.5,
                    "retries": 2,
                }
            },
            "connection refused on port 81",
        ),
        (
            {
                "hooks": {
                    "pre_start": {"command": ["sh", "-c", "echo no; false"]}
                }
            },
            "pre_start hook ended with exit code 1: no",
        ),
    ],
    ids=["unknown", "ends", "unhealthy", "hook"],
)
def test_what_does_not_run_is_taken_back(
    stack: Stack,
    cloud: Cloud,
    engines: Engines,
    change: dict[str, Any],
    why: str,
) -> None:
    """F14: the old one comes back, and the reason stands on the set."""
    with cloud.sets(
        flavor="c1.small",
        containers=[
            container("app", "exec sleep 3600"),
            container("other", "exec sleep 3600"),
        ],
    ) as (shown,):
        before = by_name(engines, shown)
        answer = cloud.http.patch(
            f"/sets/{shown['id']}/containers/app",
            json={"container": {**change, "user": "1000"}},
        )
        assert answer.status_code == 202, answer.text

        def failed() -> dict[str, Any] | None:
            found = cloud.show(shown["id"])
            assert found is not None
            return found if found["failure"] else None

        wait_for("the change to be taken back", failed)
        found = cloud.reach(shown["id"], "ACTIVE")
        assert why in found["failure"]["reason"]
        after = by_name(engines, shown)
        assert after["app"]["Config"]["Cmd"] == before["app"]["Config"]["Cmd"]
        assert after["app"]["Config"]["User"] == ""
        assert after["other"]["State"] == before["other"]["State"]
        history = cloud.http.get(f"/sets/{shown['id']}/history").json()
        latest = history["history"][:2]
        assert [e["action"] for e in latest] == ["take-back", "update"]
        assert why in latest[1]["failure"]


def test_a_later_index_waits_for_healthy_and_the_unhealthy_is_restarted(
    cloud: Cloud,
) -> None:
    """F7, F90."""
    script = "sleep 1; touch /data/ok; sleep 2; rm /data/ok; exec sleep 3600"
    check = {
        "type": "exec",
        "command": ["test", "-e", "/data/ok"],
        "interval": 0.5,
        "retries": 2,
        "start_period": 5,
    }
    with cloud.sets(
        flavor="c1.small",
        containers=[
            container(
                "db", script, health_check=check, mounts=[{"path": "/data"}]
            ),
            container("web", "exec sleep 3600", index=1),
        ],
    ) as (shown,):
        times = {c["name"]: c["started_at"] for c in shown["containers"]}
        assert times["db"] < times["web"]
        assert one(cloud, shown, "db")["health"] == "healthy"

        wait_for(
            "a restart of what became unhealthy",
            lambda: one(cloud, shown, "db")["restarts"] > 0,
        )
        actions = {e["action"]: e for e in cloud.events(shown["id"])}
        assert actions["container.unhealthy"]["result"] == "error"
        assert "it was unhealthy" in actions["container.restarted"]["reason"]
        assert one(cloud, shown, "web")["restarts"] == 0


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_checks_over_the_network(cloud: Cloud, kind: str) -> None:
    check = {"type": kind, "port": 80, "interval": 0.5}
    with cloud.sets(
        containers=[
            container("web", f"sleep 1; {WEB}", health_check=check),
        ],
    ) as (shown,):
        assert one(cloud, shown, "web")["health"] == "healthy"


def test_jobs_and_hooks(
    stack: Stack, cloud: Cloud, admin: Cloud, engines: Engines
) -> None:
    """F95, F153: what is to end comes first; hooks run when they should."""
    data: dict[str, Any] = {"mounts": [{"path": "/data"}]}
    hooks = {
        "pre_start": {"command": ["sh", "-c", "echo start >> /data/log"]},
        "pre_stop": {"command": ["sh", "-c", "echo stop >> /data/log"]},
    }
    with cloud.sets(
        flavor="c1.small",
        containers=[
            container(
                "init",
                "sleep 1; echo done > /data/init",
                run_to_completion=True,
                **data,
            ),
            container(
                "web",
                f"mkdir -p /data; cp /data/init /data/seen; {WEB}",
                index=1,
                **data,
            ),
            container("app", "exec sleep 3600", index=1, hooks=hooks, **data),
        ],
    ) as (shown,):
        assert fetch(stack, admin, shown, "/seen") == "done\n"
        assert one(cloud, shown, "init")["exit_code"] == 0
        assert fetch(stack, admin, shown, "/log") == "start\n"
        ask(cloud, shown, "/containers/app/restart", grace_period=1)
        cloud.reach(shown["id"], "ACTIVE")
        assert fetch(stack, admin, shown, "/log") == "start\nstop\nstart\n"
        answer = cloud.http.delete(f"/sets/{shown['id']}/containers/app")
        assert answer.status_code == 202, answer.text
        wait_for(
            "the hook of what is removed",
            lambda: (
                fetch(stack, admin, shown, "/log")
                == "start\nstop\nstart\nstop\n"
            ),
        )
        wait_for("it to go", lambda: "app" not in by_name(engines, shown))
        # nothing but what was asked for, and no container of a hook
        assert by_name(engines, shown).keys() == {"infra", "init", "web"}


def test_new_folders_of_the_volume(cloud: Cloud, engines: Engines) -> None:
    """A mount that comes later has its folder; one that cannot be had is
    taken back before anything is stopped."""
    link = "ln -sfn /etc /data/link; exec sleep 3600"
    with cloud.sets(
        flavor="c1.small",
        containers=[
            container("app", "exec sleep 3600"),
            container("all", link, mounts=[{"path": "/data"}]),
        ],
    ) as (shown,):
        before = by_name(engines, shown)

        def mount(sub_path: str) -> dict[str, Any]:
            answer = cloud.http.patch(
                f"/sets/{shown['id']}/containers/app",
                json={
                    "container": {
                        "mounts": [{"path": "/d", "sub_path": sub_path}],
                        "monitor": 0,
                    }
                },
            )
            assert answer.status_code == 202, answer.text

            def done() -> dict[str, Any] | None:
                found = cloud.show(shown["id"])
                assert found is not None
                return None if found["change"] else found

            return wait_for("the change", done)

        found = mount("link")
        assert "link" in found["failure"]["reason"]
        after = by_name(engines, shown)
        assert after["app"]["State"] == before["app"]["State"]
        assert mount("new/one")["failure"] is None
        cloud.reach(shown["id"], "ACTIVE")
        inside(engines, shown, "app", "touch", "/d/file")
        listed = inside(engines, shown, "all", "ls", "/data/new/one")
        assert listed == "file\n"


def test_verbs_of_one_container(cloud: Cloud, engines: Engines) -> None:
    """F99: the others go on."""
    script = "trap 'echo hup > /tmp/hup' HUP; while :; do sleep 0.1; done"
    with cloud.sets(
        flavor="c1.small",
        containers=[
            container("app", script),
            container("other", "exec sleep 3600"),
        ],
    ) as (shown,):
        before = by_name(engines, shown)
        ask(cloud, shown, "/containers/app/signal", signal="HUP")
        wait_for(
            "the signal",
            lambda: (
                inside(engines, shown, "app", "cat", "/tmp/hup") == "hup\n"
            ),
        )
        for verb, status in (("pause", "paused"), ("unpause", "running")):
            ask(cloud, shown, f"/containers/app/{verb}")
            wait_for(
                status,
                lambda s=status: one(cloud, shown, "app")["status"] == s,
            )
            paused = by_name(engines, shown)["app"]["State"]["Paused"]
            assert paused == (status == "paused")
        answer = cloud.http.patch(
            f"/sets/{shown['id']}/containers/app",
            json={"container": {"name": "web", "cpu_percent": 50}},
        )
        assert answer.status_code == 202, answer.text
        wait_for("its new name", lambda: "web" in by_name(engines, shown))
        cloud.reach(shown["id"], "ACTIVE")
        after = by_name(engines, shown)
        assert after["web"]["State"]["Pid"] == before["app"]["State"]["Pid"]
        assert after["web"]["HostConfig"]["CpuQuota"] > 0
        ask(cloud, shown, "/containers/web/restart", grace_period=0)
        cloud.reach(shown["id"], "ACTIVE")
        again = by_name(engines, shown)
        assert again["web"]["State"]["Pid"] != after["web"]["State"]["Pid"]
        assert again["web"]["Id"] == before["app"]["Id"]
        assert again["other"]["State"] == before["other"]["State"]


def test_limits_are_seen_inside_and_kernel_parameters_reach_all(
    cloud: Cloud, admin: Cloud, engines: Engines
) -> None:
    """F11, F91, F151."""
    flavors = {}
    for name, memory, burst in (("small", 128, False), ("large", 192, True)):
        flavors[name] = f"{name}-{uuid.uuid4().hex[:8]}"
        body = {
            "name": flavors[name],
            "vcpus": memory / 640,
            "memory_mb": memory,
            "disk_gb": 1,
            "cpu_burst": burst,
        }
        answer = admin.http.post("/flavors", json={"flavor": body})
        assert answer.status_code == 201, answer.text
    app = container(
        "app",
        "exec sleep 3600",
        memory_percent=50,
        ulimits=[{"name": "nofile", "soft": 1000, "hard": 2000}],
        pids_limit=64,
    )
    sysctls = {"net.core.somaxconn": "777", "kernel.shmmax": "1048576"}
    with cloud.sets(
        flavor=flavors["small"], containers=[app], sysctls=sysctls
    ) as (shown,):

        def said(*command: str) -> str:
            return inside(engines, shown, "app", *command).strip()

        assert said("cat", "/proc/sys/net/core/somaxconn") == "777"
        assert said("cat", "/proc/sys/kernel/shmmax") == "1048576"
        assert said("sh", "-c", "echo $CAAS_CPU $CAAS_MEM") == "0.2 64"
        assert said("sh", "-c", "ulimit -n; ulimit -Hn").split() == [
            "1000",
            "2000",
        ]
        assert quota_of(shown) == [20_000]
        cloud.act(shown["id"], "resize", resize={"flavor": flavors["large"]})
        cloud.reach(shown["id"], "ACTIVE")
        assert said("cat", "/run/caas/cpu", "/run/caas/memory").split() == [
            "0.3",
            "96",
        ]
        # may use what nobody else wants
        assert quota_of(shown) == [-1]
        found = by_name(engines, shown)
        assert not any(c["HostConfig"]["Privileged"] for c in found.values())
    for name in flavors.values():
        admin.http.delete(f"/flavors/{name}")


def quota_of(shown: dict[str, Any]) -> list[int]:
    """CPU time of the cgroup of a set, of 100,000; -1 for no cap."""
    root = pathlib.Path("/sys/fs/cgroup")
    found = []
    for group in root.glob(f"**/{shown['id']}"):
        for file in ("cpu.cfs_quota_us", "cpu.max"):
            if (group / file).is_file():
                text = (group / file).read_text().split()[0]
                found.append(-1 if text == "max" else int(text))
                break
    # cpu and cpuacct are the same hierarchy under two names
    return sorted(set(found))


def test_the_infra_container_dies(
    stack: Stack, cloud: Cloud, admin: Cloud, engines: Engines
) -> None:
    """Its address stays, and all rejoin it in order."""
    web = container("web", WEB, mounts=[{"path": "/data"}], index=1)
    with cloud.sets(
        flavor="c1.small",
        containers=[web, container("db", "exec sleep 3600", index=0)],
    ) as (shown,):
        before = by_name(engines, shown)
        for api in engines.clients:
            if before["infra"]["Id"] in {c["Id"] for c in api.containers()}:
                api.kill(before["infra"]["Id"])

        def healed() -> bool:
            after = by_name(engines, shown)
            return all(
                after[name]["State"]["Running"]
                and after[name]["State"]["Pid"] != before[name]["State"]["Pid"]
                for name in before
            )

        wait_for("all to be back", healed)
        found = cloud.reach(shown["id"], "ACTIVE")
        assert found["addresses"] == shown["addresses"]
        assert fetch(stack, admin, shown, "/") == "page\n"
        after = by_name(engines, shown)
        started = [
            after[name]["State"]["StartedAt"]
            for name in ("infra", "db", "web")
        ]
        assert started == sorted(started)
        actions = [e["action"] for e in cloud.events(shown["id"])]
        assert "set.restarted" in actions


def test_labels_name_the_containers(cloud: Cloud, engines: Engines) -> None:
    """F4: infra and business containers, and Docker says which is which."""
    with cloud.sets() as (shown,):
        found = by_name(engines, shown)
        roles = {
            name: c["Config"]["Labels"][base.LABEL_ROLE]
            for name, c in found.items()
        }
        assert roles == {"infra": "infra", "app": "business"}
