"""A project's view of the stack over HTTP, and the hosts' view of Docker."""

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest import mock

import docker

from caas.drivers.runtime import base
from tests.system.conftest import Stack

T = TypeVar("T")


def wait_for(
    what: str, condition: Callable[[], T | None], seconds: float = 60
) -> T:
    """Poll until the condition gives something true; fail after a while."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)


class Cloud:
    """The native API with the credentials of one entry of clouds.yaml."""

    def __init__(self, stack: Stack, name: str = "caas-demo") -> None:
        import caasclient.sdk

        config = {"OS_CLIENT_CONFIG_FILE": str(stack.path / "clouds.yaml")}
        with mock.patch.dict(os.environ, config):
            self.connection = caasclient.sdk.connect(cloud=name)
        self.http = self.connection.caas

    def create(self, **body: Any) -> list[dict[str, Any]]:
        """POST a set, or more; the default is one small container."""
        full = {
            "name": f"test-{uuid.uuid4().hex[:8]}",
            "flavor": "c1.tiny",
            "containers": [
                {
                    "name": "app",
                    "image": "quickstart:1",
                    "command": ["sleep", "3600"],
                }
            ],
            **body,
        }
        answer = self.http.post("/sets", json={"set": full})
        assert answer.status_code == 202, answer.text
        return list(answer.json()["sets"])

    def show(self, set_id: str) -> dict[str, Any] | None:
        """The set, or None when there is none."""
        answer = self.http.get(f"/sets/{set_id}")
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["set"])

    def act(self, set_id: str, verb: str, **body: Any) -> None:
        answer = self.http.post(f"/sets/{set_id}/{verb}", json=body)
        assert answer.status_code == 202, answer.text

    def delete(self, set_id: str) -> None:
        answer = self.http.delete(f"/sets/{set_id}")
        assert answer.status_code in (202, 404), answer.text

    def reach(
        self, set_id: str, status: str, seconds: float = 60
    ) -> dict[str, Any]:
        """Wait until a set has a status; an error on the way fails."""

        def reached() -> dict[str, Any] | None:
            found = self.show(set_id)
            assert found is not None, f"{set_id} is gone"
            if found["status"] == "ERROR" and status != "ERROR":
                raise AssertionError(found["reason"])
            return found if found["status"] == status else None

        return wait_for(f"{set_id} to be {status}", reached, seconds)

    def gone(self, set_id: str, seconds: float = 60) -> None:
        wait_for(
            f"{set_id} to be gone", lambda: not self.show(set_id), seconds
        )

    def events(self, set_id: str) -> list[dict[str, Any]]:
        """Oldest first."""
        answer = self.http.get(f"/sets/{set_id}/events?limit=1000")
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["events"]))

    @contextlib.contextmanager
    def sets(self, **body: Any) -> Iterator[list[dict[str, Any]]]:
        """Sets that are ACTIVE, and removed at the end."""
        made = self.create(**body)
        try:
            yield [self.reach(s["id"], "ACTIVE") for s in made]
        finally:
            for each in made:
                self.delete(each["id"])
            for each in made:
                self.gone(each["id"])


class Engines:
    """The Docker Engines of the stack's hosts."""

    def __init__(self, stack: Stack) -> None:
        self.deployment = stack.settings["QUICKSTART_NAME"]
        count = int(stack.settings["QUICKSTART_HOSTS"])
        run = f"/run/{self.deployment}-quickstart"
        sockets = [
            f"unix://{run}/host-{n}/docker.sock" for n in range(1, count + 1)
        ]
        self.clients = [
            docker.APIClient(url, version="auto", timeout=60)
            for url in sockets or ["unix:///var/run/docker.sock"]
        ]

    def containers(self, set_id: str | None = None) -> list[dict[str, Any]]:
        """``docker inspect`` of a set's containers, or of all of ours."""
        label = (
            f"{base.LABEL_SET}={set_id}"
            if set_id
            else f"{base.LABEL_DEPLOYMENT}={self.deployment}"
        )
        shown = []
        for client in self.clients:
            for found in client.containers(all=True, filters={"label": label}):
                # it may be removed between the two
                with contextlib.suppress(docker.errors.NotFound):
                    shown.append(client.inspect_container(found["Id"]))
        return shown

    def pids(self, set_id: str) -> dict[str, int]:
        """PIDs by container name."""
        return {
            c["Config"]["Labels"][base.LABEL_NAME]: c["State"]["Pid"]
            for c in self.containers(set_id)
        }
