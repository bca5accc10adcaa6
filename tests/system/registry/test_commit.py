"""Commits of containers on the whole stack (F26)."""

import os
import signal
from typing import Any

import pytest

from tests.registry import Client
from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.conftest import Stack
from tests.system.test_sets import container

#: More than a layer of a few files takes, with configuration and manifest.
LITTLE = 20_000


def commit(
    cloud: Cloud, shown: dict[str, Any], image: str, **options: Any
) -> str:
    """:returns: the id of the job."""
    answer = cloud.http.post(
        f"/sets/{shown['id']}/containers/app/commit",
        json={"commit": {"image": image, **options}},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job"]["id"])


def job(cloud: Cloud, job_id: str) -> dict[str, Any]:
    return dict(cloud.http.get(f"/jobs/{job_id}").json()["job"])


def ended(cloud: Cloud, job_id: str, seconds: float = 60) -> dict[str, Any]:
    """The job, once it is DONE."""

    def look() -> dict[str, Any] | None:
        found = job(cloud, job_id)
        assert found["status"] not in ("FAILED", "CANCELLED"), found["reason"]
        return found if found["status"] == "DONE" else None

    return wait_for(f"job {job_id}", look, seconds)


def sent(cloud: Cloud, shown: dict[str, Any]) -> int:
    """Bytes of the last commit."""
    events = [
        event
        for event in cloud.events(shown["id"])
        if (event["action"], event["result"]) == ("image.commit", "success")
    ]
    return int(events[-1]["details"]["sent"])


def read(engines: Engines, shown: dict[str, Any], path: str) -> str:
    """A file of its container."""
    [found] = [
        each
        for each in engines.containers(shown["id"])
        if each["Config"]["Labels"]["caas.name"] == "app"
    ]
    [client] = [
        each
        for each in engines.clients
        if each.containers(filters={"id": found["Id"]})
    ]
    made = client.exec_create(found["Id"], ["cat", path])
    return str(client.exec_start(made["Id"]).decode())


def test_a_container_becomes_an_image(
    cloud: Cloud, engines: Engines, repository: str, demo: Client
) -> None:
    """Of one that runs, is frozen for it, or has ended; only what it has
    changed travels, and its set notices nothing."""
    mount = {"mounts": [{"path": "/data"}]}
    script = "echo one > /tmp/one; echo two > /data/two; exec sleep 3600"
    with cloud.sets(
        flavor="c1.small",
        containers=[
            container("app", script, env={"A": "b"}, **mount),
            container("side", "exec sleep 3600"),
        ],
    ) as [shown]:
        before = engines.pids(shown["id"])
        wait_for("its file", lambda: "one" in read(engines, shown, "/tmp/one"))
        done = ended(
            cloud,
            commit(
                cloud,
                shown,
                f"{repository}:1",
                pause=True,
                message="why",
                changes=["ENV C=d"],
            ),
        )
        assert done["image_id"]
        assert sent(cloud, shown) < LITTLE
        assert engines.pids(shown["id"]) == before
        manifest = demo.manifest(repository, "1").json()
        config = demo(
            "GET", f"/v2/{repository}/blobs/{manifest['config']['digest']}"
        ).json()
        assert config["history"][-1]["comment"] == "why"
        assert "caas" not in str(config).lower()
        assert {"A=b", "C=d"} <= set(config["config"]["Env"])
        with cloud.sets(
            containers=[
                {
                    "name": "app",
                    "image": f"{repository}:1",
                    "command": ["sleep", "3600"],
                }
            ]
        ) as [again]:
            assert read(engines, again, "/tmp/one") == "one\n"
            # volumes are not part of it
            assert read(engines, again, "/data/two") != "two\n"
        cloud.act(shown["id"], "stop", grace_period=0)
        cloud.reach(shown["id"], "SHUTOFF")
        ended(cloud, commit(cloud, shown, f"{repository}:2"))
        assert sent(cloud, shown) < LITTLE
    assert demo.manifest(repository, "2").status_code == 200


@pytest.mark.timeout(300)
def test_an_agent_that_is_killed_amid_it_does_it_again(
    stack: Stack, cloud: Cloud, engines: Engines, repository: str
) -> None:
    script = (
        "head -c 60000000 /dev/urandom > /tmp/big; echo there > /tmp/ok;"
        " exec sleep 3600"
    )
    with cloud.sets(containers=[container("app", script)]) as [shown]:
        wait_for(
            "its file", lambda: "there" in read(engines, shown, "/tmp/ok")
        )
        job_id = commit(cloud, shown, f"{repository}:1")
        agent = "caas-agent"
        if stack.settings["QUICKSTART_HOSTS"] != "0":
            agent += "-1"
        wait_for(
            "the job to be at work",
            lambda: job(cloud, job_id)["status"] != "PENDING",
        )
        os.kill(stack.pid(agent), signal.SIGKILL)
        stack.quickstart("start", agent)
        ended(cloud, job_id, 120)
        assert sent(cloud, shown) > 0
