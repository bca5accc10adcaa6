"""Sets on the whole stack, feature by feature (F.. of the feature list)."""

import datetime
import json
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from caas.drivers.runtime import base
from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.conftest import Stack

IMAGE = "quickstart:1"


def container(name: str, script: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": IMAGE,
        "command": ["sh", "-c", script],
        **more,
    }


def fetch(stack: Stack, admin: Cloud, shown: dict[str, Any], path: str) -> str:
    """GET a page of a set from the host it is on."""
    found = admin.show(shown["id"])
    assert found is not None
    address = shown["addresses"][0]["address"]
    command = (
        *("curl", "-s", "-f", "--retry", "20", "--retry-connrefused"),
        *("--retry-all-errors", "--retry-delay", "0", "--max-time", "20"),
        f"http://{address}{path}",
    )
    return stack.on_host(found["host"], *command)


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_containers_share_network_and_volume(
    stack: Stack, cloud: Cloud, admin: Cloud
) -> None:
    """F5, F13: 127.0.0.1, shared memory and the volume are common."""
    mount = {"mounts": [{"path": "/data"}]}
    with cloud.sets(
        flavor="c1.small",
        containers=[
            container(
                "server",
                "echo one > /data/one; echo shm > /dev/shm/segment;"
                " exec httpd -f -p 80 -h /data",
                index=0,
                **mount,
            ),
            container(
                "client",
                "until wget -q -O /data/two http://127.0.0.1/one; "
                "do sleep 0.1; done; cp /dev/shm/segment /data/three;"
                " exec sleep 3600",
                index=1,
                **mount,
            ),
        ],
    ) as (shown,):
        wait_for(
            "the file fetched over 127.0.0.1",
            lambda: fetch(stack, admin, shown, "/two") == "one\n",
        )
        # files of POSIX shared memory are in the IPC namespace's /dev/shm
        wait_for(
            "the file that was in shared memory",
            lambda: fetch(stack, admin, shown, "/three") == "shm\n",
        )


def test_index_orders_start_and_stop(cloud: Cloud) -> None:
    """F7: the next Index after the one before; reverse on stop."""
    script = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
    with cloud.sets(
        containers=[
            container("last", script, index=9),
            container("first", script, index=1),
            container("second", script, index=2),
        ]
    ) as (shown,):
        business = [c for c in shown["containers"] if c["role"] != "infra"]
        assert [c["name"] for c in business] == ["first", "second", "last"]
        started = [moment(c["started_at"]) for c in shown["containers"]]
        assert started == sorted(started)
        cloud.act(shown["id"], "stop", grace_period=20)
        stopped = cloud.reach(shown["id"], "SHUTOFF")
        ended = [
            moment(c["finished_at"])
            for c in stopped["containers"]
            if c["role"] != "infra"
        ]
        assert ended == sorted(ended, reverse=True)
        # at once, not after the grace period
        assert (max(ended) - min(ended)).total_seconds() < 15
        assert {
            c["exit_code"]
            for c in stopped["containers"]
            if c["role"] != "infra"
        } == {0}
        cloud.act(shown["id"], "start")
        again = cloud.reach(shown["id"], "ACTIVE")
        assert again["addresses"] == shown["addresses"]


def test_every_name_of_an_image_is_the_same_image(
    stack: Stack, cloud: Cloud
) -> None:
    """F8: id, name:tag and digest."""
    # Glance takes what is before a colon for an operator, so not by name.
    (listed,) = (
        i for i in stack.openstack("image", "list") if i["Name"] == IMAGE
    )
    image = stack.openstack("image", "show", listed["ID"])
    digest = {**image, **image.get("properties", {})}["caas_digest"]
    # a digest alone means images of the project's own namespaces and public
    # ones; this one is shown by its visibility in Glance
    by_digest = f"admin/{IMAGE.partition(':')[0]}@{digest}"
    refs = [image["id"], IMAGE, by_digest]
    with cloud.sets(
        flavor="c1.small",
        containers=[
            {"name": f"c{n}", "image": ref, "command": ["sleep", "3600"]}
            for n, ref in enumerate(refs)
        ],
    ) as (shown,):
        images = [
            c["image"] for c in shown["containers"] if c["role"] != "infra"
        ]
        assert [i["ref"] for i in images] == refs
        assert {(i["id"], i["digest"]) for i in images} == {
            (image["id"], digest)
        }


def test_options_come_back_and_reach_docker(
    cloud: Cloud, engines: Engines
) -> None:
    """F9, F10, F70: what was asked for is shown, and is what Docker has."""
    asked = {
        "name": "app",
        "image": IMAGE,
        "index": 3,
        "entrypoint": ["/bin/sh", "-c"],
        "command": ["sleep 3600"],
        "env": {"GREETING": "hello $HOME `id`"},
        "working_dir": "/tmp",
        "user": "1000:1000",
        "labels": {"tier": "front"},
        "restart_policy": {"name": "always", "max_retries": 0},
        "cpu_percent": 50,
        "memory_percent": 25,
        "ports": [{"port": 8080, "protocol": "tcp", "name": "http"}],
        "mounts": [{"path": "/data", "sub_path": "a/b", "read_only": True}],
    }
    with cloud.sets(flavor="c1.small", containers=[asked]) as (shown,):
        (business,) = (c for c in shown["containers"] if c["name"] == "app")
        assert {k: business[k] for k in asked if k != "image"} == {
            k: v for k, v in asked.items() if k != "image"
        }
        found = {
            c["Config"]["Labels"][base.LABEL_NAME]: c
            for c in engines.containers(shown["id"])
        }
        config, host = found["app"]["Config"], found["app"]["HostConfig"]
        assert config["Entrypoint"] == asked["entrypoint"]
        assert config["Cmd"] == asked["command"]
        assert "GREETING=hello $HOME `id`" in config["Env"]
        assert config["WorkingDir"] == "/tmp"
        assert config["User"] == "1000:1000"
        assert config["Labels"]["tier"] == "front"
        assert host["NanoCpus"] or (
            host["CpuQuota"] / host["CpuPeriod"] == 0.25
        )
        assert host["Memory"] == 64 * 2**20
        assert host["MemorySwap"] == host["Memory"]
        assert not host["Privileged"]
        assert host["RestartPolicy"]["Name"] in ("", "no")
        assert host["LogConfig"]["Config"]["max-size"]
        assert host["LogConfig"]["Config"]["max-file"]
        (mount,) = (
            m for m in found["app"]["Mounts"] if m["Destination"] == "/data"
        )
        assert mount["RW"] is False
        infra = found["infra"]
        assert not infra["HostConfig"]["Privileged"]
        assert host["NetworkMode"] == f"container:{infra['Id']}"
        assert host["IpcMode"] == f"container:{infra['Id']}"


def test_a_crash_is_restarted_within_two_seconds_and_counted(
    cloud: Cloud,
) -> None:
    """F86, F102."""
    with cloud.sets(containers=[container("app", "sleep 1; exit 3")]) as (
        shown,
    ):

        def restarted() -> dict[str, Any] | None:
            found = cloud.show(shown["id"])
            assert found is not None
            (app,) = (c for c in found["containers"] if c["name"] == "app")
            return app if app["restarts"] else None

        wait_for("a restart", restarted)
        events = cloud.events(shown["id"])
        by_action = {e["action"]: e for e in reversed(events) if e["action"]}
        exited, again = (
            by_action[f"container.{what}"] for what in ("exited", "restarted")
        )
        assert exited["result"] == "error"
        assert "exit code 3" in exited["reason"]
        took = moment(again["at"]) - moment(exited["at"])
        assert 0 <= took.total_seconds() < 2


def test_a_bad_command_is_an_error_with_its_reason(cloud: Cloud) -> None:
    (made,) = cloud.create(
        containers=[
            {"name": "app", "image": IMAGE, "command": ["/no/such/thing"]}
        ]
    )
    try:
        shown = cloud.reach(made["id"], "ERROR")
        assert "/no/such/thing" in shown["reason"]
        assert "Traceback" not in shown["reason"]
    finally:
        cloud.delete(made["id"])
        cloud.gone(made["id"])


def test_what_fits_no_host_says_why(admin: Cloud) -> None:
    name = f"giant-{uuid.uuid4().hex[:8]}"
    answer = admin.http.post(
        "/flavors",
        json={
            "flavor": {
                "name": name,
                "vcpus": 0.1,
                "memory_mb": 16 * 1024 * 1024,
                "disk_gb": 1,
            }
        },
    )
    assert answer.status_code == 201, answer.text
    quota = f"/quotas/{admin.connection.current_project_id}"
    answer = admin.http.put(quota, json={"quota": {"memory_mb": -1}})
    assert answer.status_code == 200, answer.text
    try:
        (made,) = admin.create(flavor=name)
        shown = admin.reach(made["id"], "ERROR")
        assert "memory" in shown["reason"]
        admin.delete(made["id"])
        admin.gone(made["id"])
    finally:
        admin.http.delete(f"/flavors/{name}")
        admin.http.delete(quota)


def test_a_disabled_host_takes_no_new_set(cloud: Cloud, admin: Cloud) -> None:
    hosts = admin.http.get("/hosts").json()["hosts"]
    for host in hosts:
        answer = admin.http.post(
            f"/hosts/{host['id']}/disable", json={"reason": "a test"}
        )
        assert answer.status_code == 200, answer.text
    try:
        (made,) = cloud.create()
        shown = cloud.reach(made["id"], "ERROR")
        assert "disabled" in shown["reason"]
    finally:
        for host in hosts:
            admin.http.post(f"/hosts/{host['id']}/enable", json={})
    # the same set, once there is a host
    cloud.act(made["id"], "start")
    wait_for(
        "the set to run",
        lambda: (cloud.show(made["id"]) or {}).get("status") == "ACTIVE",
    )
    cloud.delete(made["id"])
    cloud.gone(made["id"])


def test_restart_keeps_address_volume_and_infra(
    cloud: Cloud, engines: Engines
) -> None:
    with cloud.sets() as (shown,):
        before = engines.pids(shown["id"])
        cloud.act(shown["id"], "restart", grace_period=0)
        cloud.reach(shown["id"], "ACTIVE")
        after = engines.pids(shown["id"])
        assert after["infra"] == before["infra"]
        assert after["app"] != before["app"]
        found = cloud.show(shown["id"])
        assert found is not None
        assert found["addresses"] == shown["addresses"]


@pytest.fixture
def sizes(admin: Cloud) -> Iterator[dict[str, int]]:
    """Two flavors with volumes alike: name to MiB of memory."""
    made = {f"test-{uuid.uuid4().hex[:8]}": memory for memory in (256, 64)}
    for name, memory in made.items():
        size = {"vcpus": memory / 256, "memory_mb": memory, "disk_gb": 1}
        body = {"flavor": {"name": name, **size}}
        assert admin.http.post("/flavors", json=body).status_code == 201
    yield made
    for name in made:
        admin.http.delete(f"/flavors/{name}")


def test_resize_keeps_every_process(
    stack: Stack, cloud: Cloud, engines: Engines, sizes: dict[str, int]
) -> None:
    """F43, F95, F144: by the command line, up and down."""
    half = container("half", "sleep 3600", cpu_percent=50, memory_percent=50)
    with cloud.sets(
        flavor="c1.tiny", containers=[container("app", "sleep 3600"), half]
    ) as (shown,):
        before = engines.pids(shown["id"])
        for flavor, memory in sizes.items():
            found = stack.openstack(
                *("caas", "set", "resize", shown["id"]),
                *("--flavor", flavor, "--wait"),
            )
            assert found["status"] == "ACTIVE"
            assert found["flavor"]["name"] == flavor
            assert found["flavor"]["memory_mb"] == memory
            assert found["failure"] is None
            host = {
                c["Config"]["Labels"][base.LABEL_NAME]: c["HostConfig"]
                for c in engines.containers(shown["id"])
            }
            assert host["app"]["Memory"] == memory << 20
            assert host["half"]["Memory"] == memory // 2 << 20
            assert engines.pids(shown["id"]) == before
        events = [
            f"{e['action']} {e['result']}"
            for e in cloud.events(shown["id"])
            if e["action"] == "set.resize"
        ]
        assert events == ["set.resize accepted", "set.resize success"] * 2


def test_memory_in_use_is_refused_with_the_figure(
    stack: Stack, cloud: Cloud, sizes: dict[str, int]
) -> None:
    large, small = sizes
    script = (
        "dd if=/dev/zero of=/dev/shm/full bs=1M count=100; "
        "echo > /dev/shm/done; exec sleep 3600"
    )
    with cloud.sets(flavor=large, containers=[container("app", script)]) as (
        shown,
    ):

        def refused() -> str:
            done = stack.openstack_raw(
                *("caas", "set", "resize", shown["id"]),
                *("--flavor", small, "--wait"),
            )
            if done.returncode:
                return done.stderr
            # it was too quick for the container; once more
            stack.openstack(
                *("caas", "set", "resize", shown["id"]),
                *("--flavor", large, "--wait"),
            )
            return ""

        said = wait_for("a refusal", refused)
        assert "MiB of memory are in use, more than the 64 MiB" in said
        found = cloud.reach(shown["id"], "ACTIVE")
        assert found["flavor"]["name"] == large
        assert found["failure"]["action"] == "resize"


def test_limits_changed_by_hand_are_put_back(
    cloud: Cloud, engines: Engines
) -> None:
    """F114: within moments, and told to whom the set belongs."""
    with cloud.sets() as (shown,):

        def app() -> dict[str, Any]:
            (found,) = (
                c
                for c in engines.containers(shown["id"])
                if c["Config"]["Labels"][base.LABEL_NAME] == "app"
            )
            return found

        before = app()
        memory = before["HostConfig"]["Memory"]
        for client in engines.clients:
            if before["Id"] in {c["Id"] for c in client.containers()}:
                client.update_container(
                    before["Id"],
                    mem_limit=2 * memory,
                    memswap_limit=2 * memory,
                )
        wait_for(
            "the limits to be put back",
            lambda: app()["HostConfig"]["Memory"] == memory,
        )
        assert app()["State"]["Pid"] == before["State"]["Pid"]
        told = wait_for(
            "an event",
            lambda: [
                e
                for e in cloud.events(shown["id"])
                if e["action"] == "container.repaired"
            ],
        )
        assert told[0]["container"] == "app"


def test_delete_leaves_nothing_behind(
    stack: Stack, cloud: Cloud, admin: Cloud, engines: Engines
) -> None:
    with cloud.sets(min_count=3) as made:
        names = [s["id"] for s in made]
        assert all(len(engines.containers(i)) == 2 for i in names)
        hosts = {(admin.show(i) or {})["host"] for i in names}
    for set_id in names:
        assert engines.containers(set_id) == []
        left = subprocess.run(
            [
                "find",
                "/sys/fs/cgroup",
                str(stack.path),
                "-name",
                f"*{set_id}*",
            ],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        assert left == ""
    for host in hosts:
        links = json.loads(stack.on_host(host, "ip", "-j", "-d", "link"))
        aliases = json.dumps(links)
        assert not [i for i in names if i in aliases]


def test_another_project_sees_nothing(
    stack: Stack, cloud: Cloud, admin: Cloud
) -> None:
    """F16: foreign ids are 404, whatever is asked of them."""
    with cloud.sets() as (shown,):
        # the administrator's own project, without the administrator's eyes
        path = f"/sets/{shown['id']}"
        other = stack.openstack(
            "project",
            "create",
            f"other-{uuid.uuid4().hex[:8]}",
            cloud="caas-admin",
        )
        user = stack.openstack(
            "user",
            "create",
            f"user-{uuid.uuid4().hex[:8]}",
            "--password",
            "s3cret",
            "--project",
            other["id"],
            cloud="caas-admin",
        )
        stack.openstack_raw(
            "role",
            "add",
            "--project",
            other["id"],
            "--user",
            user["id"],
            "member",
            cloud="caas-admin",
        )
        try:
            from keystoneauth1 import loading, session

            auth = loading.get_plugin_loader("password").load_from_options(
                auth_url=admin.connection.auth["auth_url"],
                username=user["name"],
                password="s3cret",
                user_domain_id="default",
                project_id=other["id"],
            )
            stranger = session.Session(auth=auth)

            def ask(method: str, where: str, **kwargs: Any) -> int:
                answer = stranger.request(
                    where,
                    method,
                    endpoint_filter={"service_type": "caas"},
                    raise_exc=False,
                    **kwargs,
                )
                return int(answer.status_code)

            assert ask("GET", "/sets") == 200
            assert ask("GET", path) == 404
            assert ask("DELETE", path) == 404
            assert ask("PATCH", path, json={"set": {"name": "x"}}) == 404
            assert ask("GET", f"{path}/containers") == 404
            assert ask("GET", f"{path}/events") == 404
            for verb in ("start", "stop", "restart"):
                assert ask("POST", f"{path}/{verb}", json={}) == 404
            # not for members, whosever set it is
            assert ask("POST", f"{path}/force-delete", json={}) == 403
            assert ask("GET", "/hosts") == 403
        finally:
            stack.openstack_raw(
                "user", "delete", user["id"], cloud="caas-admin"
            )
            stack.openstack_raw(
                "project", "delete", other["id"], cloud="caas-admin"
            )
        found = cloud.show(shown["id"])
        assert found is not None
        assert found["status"] == "ACTIVE"
