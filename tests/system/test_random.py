"""Whatever is asked of sets in whatever order, on real Docker: at the end
Docker, agents and database agree, and nothing is left of what was deleted.

The seed is printed; ``CAAS_TEST_SEED`` repeats a run, and
``CAAS_TEST_OPERATIONS`` says how long it is.
"""

import os
import pathlib
import random
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from caas.drivers.runtime import base
from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.conftest import Stack

SEED = int(os.environ.get("CAAS_TEST_SEED", random.randrange(10**6)))
OPERATIONS = int(os.environ.get("CAAS_TEST_OPERATIONS", 60))
#: Sets at a time.
SETS = 4
IMAGE = "quickstart:1"
FINAL = ("ACTIVE", "SHUTOFF")
#: How long all may take to settle at the end.
PATIENCE = 60


@pytest.fixture
def flavors(admin: Cloud) -> Iterator[list[str]]:
    """Three that differ in CPU and memory only."""
    names = []
    for number, memory in enumerate((64, 96, 160)):
        name = f"random-{os.getpid()}-{number}"
        size = {"vcpus": 0.2, "memory_mb": memory, "disk_gb": 1}
        body = {"flavor": {"name": name, **size, "cpu_burst": number == 2}}
        assert admin.http.post("/flavors", json=body).status_code == 201
        names.append(name)
    yield names
    for name in names:
        admin.http.delete(f"/flavors/{name}")


def engine_name(found: dict[str, Any]) -> str:
    """Name of a container within its set, by ``docker inspect``."""
    labels = found["Config"]["Labels"]
    prefix = f"/caas-{labels[base.LABEL_SET]}-"
    rest = found["Name"].removeprefix(prefix)
    return str(rest.split("-", 1)[1])


class User:
    """Asks for things at random, and is told no as any user may be."""

    def __init__(
        self,
        cloud: Cloud,
        engines: Engines,
        flavors: list[str],
        rng: random.Random,
    ) -> None:
        self.cloud = cloud
        self.engines = engines
        self.flavors = flavors
        self.rng = rng
        self.ids: list[str] = []
        self.deleted: list[str] = []
        self.names = 0

    def ask(self) -> str:
        """:returns: what was asked for, and what came of it."""
        verbs = ["create"] * (3 if len(self.ids) < SETS else 0)
        if self.ids:
            verbs += ["update"] * 3 + ["add", "remove", "rename", "resize"] * 2
            verbs += ["restart", "stop", "start", "kill", "pause", "signal"]
            verbs += ["restart_one", "revert", "delete", "break"]
        verb = self.rng.choice(verbs)
        if verb == "create":
            return self._create()
        set_id = self.rng.choice(self.ids)
        shown = self.cloud.show(set_id)
        assert shown is not None, f"{set_id} is gone"
        return f"{verb} {set_id}: {getattr(self, f'_{verb}')(shown)}"

    def _container(self) -> dict[str, Any]:
        self.names += 1
        body = {
            "name": f"c{self.names}",
            "image": IMAGE,
            "index": self.rng.randrange(2),
            "command": ["sh", "-c", "trap : HUP; while :; do sleep 1; done"],
            "env": {"N": str(self.rng.randrange(100))},
            "cpu_percent": self.rng.choice([50, 100]),
            "memory_percent": self.rng.choice([50, 100]),
            "restart_policy": {"name": "always"},
            "mounts": [{"path": "/data"}],
        }
        if self.rng.random() < 0.3:
            body["health_check"] = {
                "type": "exec",
                "command": ["true"],
                "interval": 1,
            }
        if self.rng.random() < 0.2:
            body["hooks"] = {
                "pre_start": {"command": ["ls", "/data"]},
                "pre_stop": {"command": ["ls", "/data"]},
            }
        return body

    def _create(self) -> str:
        (made,) = self.cloud.create(
            flavor=self.rng.choice(self.flavors),
            containers=[
                self._container() for _ in range(self.rng.randrange(1, 4))
            ],
        )
        self.ids.append(made["id"])
        return f"create {made['id']}"

    def _call(self, method: str, path: str, body: Any = None) -> str:
        call = getattr(self.cloud.http, method)
        answer = call(path, json=body) if body is not None else call(path)
        assert answer.status_code in (202, 400, 409), answer.text
        said = answer.json().get("error", {})
        return f"{answer.status_code} {said.get('message', '')}"

    def _one(self, shown: dict[str, Any]) -> tuple[str, str]:
        names = [
            c["name"] for c in shown["containers"] if c["role"] == "business"
        ]
        name = self.rng.choice(names)
        return name, f"/sets/{shown['id']}/containers/{name}"

    def _update(self, shown: dict[str, Any]) -> str:
        name, path = self._one(shown)
        change: dict[str, Any] = self.rng.choice(
            [
                {"env": {"N": str(self.rng.randrange(100, 200))}},
                {"cpu_percent": self.rng.choice([30, 60, 100])},
                {"index": self.rng.randrange(3)},
                {"user": "1000"},
            ]
        )
        return f"{name} {change}: " + self._call(
            "patch", path, {"container": {**change, "monitor": 0.5}}
        )

    def _break(self, shown: dict[str, Any]) -> str:
        """What cannot run is taken back; unless it was stopped, untried."""
        if shown["status"] != "ACTIVE":
            return "not now"
        name, path = self._one(shown)
        command = self.rng.choice([["/no/such/thing"], ["false"]])
        said = self._call("patch", path, {"container": {"command": command}})
        wait_for(
            "what is broken to be taken back",
            lambda: (self.cloud.show(shown["id"]) or {})["change"] is None,
        )
        return f"{name}: {said}"

    def _add(self, shown: dict[str, Any]) -> str:
        path = f"/sets/{shown['id']}/containers"
        return self._call("post", path, {"container": self._container()})

    def _remove(self, shown: dict[str, Any]) -> str:
        name, path = self._one(shown)
        return f"{name}: " + self._call("delete", path)

    def _rename(self, shown: dict[str, Any]) -> str:
        name, path = self._one(shown)
        self.names += 1
        return f"{name}: " + self._call(
            "patch", path, {"container": {"name": f"c{self.names}"}}
        )

    def _resize(self, shown: dict[str, Any]) -> str:
        flavor = self.rng.choice(self.flavors)
        return f"{flavor}: " + self._call(
            "post",
            f"/sets/{shown['id']}/resize",
            {"resize": {"flavor": flavor}},
        )

    def _restart(self, shown: dict[str, Any]) -> str:
        return self._call(
            "post", f"/sets/{shown['id']}/restart", {"grace_period": 0}
        )

    def _stop(self, shown: dict[str, Any]) -> str:
        return self._call(
            "post", f"/sets/{shown['id']}/stop", {"grace_period": 0}
        )

    def _start(self, shown: dict[str, Any]) -> str:
        return self._call("post", f"/sets/{shown['id']}/start", {})

    def _restart_one(self, shown: dict[str, Any]) -> str:
        name, path = self._one(shown)
        return f"{name}: " + self._call(
            "post", f"{path}/restart", {"grace_period": 0}
        )

    def _pause(self, shown: dict[str, Any]) -> str:
        name, path = self._one(shown)
        verb = self.rng.choice(["pause", "unpause"])
        return f"{name} {verb}: " + self._call("post", f"{path}/{verb}", {})

    def _signal(self, shown: dict[str, Any]) -> str:
        name, path = self._one(shown)
        sent = self.rng.choice(["HUP", "KILL"])
        return f"{name} {sent}: " + self._call(
            "post", f"{path}/signal", {"signal": sent}
        )

    def _revert(self, shown: dict[str, Any]) -> str:
        path = f"/sets/{shown['id']}"
        entries = self.cloud.http.get(f"{path}/history").json()["history"]
        entry = self.rng.choice(entries)
        if entry["failure"]:
            return "not to what failed"
        body = {"revert": {"revision": entry["revision"], "monitor": 0.5}}
        return f"{entry['revision']}: " + self._call(
            "post", f"{path}/revert", body
        )

    def _kill(self, shown: dict[str, Any]) -> str:
        """By hand, the infra container too; or removed altogether."""
        for client in self.engines.clients:
            there = client.containers(
                filters={"label": f"{base.LABEL_SET}={shown['id']}"}
            )
            if not there:
                continue
            victim = self.rng.choice(there)
            remove = self.rng.random() < 0.3
            try:
                if remove:
                    client.remove_container(victim["Id"], force=True)
                else:
                    client.kill(victim["Id"])
            except Exception as error:
                # it has ended meanwhile
                return f"{victim['Names'][0]}: {error}"
            return f"{victim['Names'][0]}{' removed' if remove else ''}"
        return "nothing runs"

    def _delete(self, shown: dict[str, Any]) -> str:
        self.ids.remove(shown["id"])
        self.deleted.append(shown["id"])
        return self._call("delete", f"/sets/{shown['id']}")


def settled(cloud: Cloud, set_id: str) -> dict[str, Any]:
    """The set, when all that was asked of it is done."""

    last: dict[str, Any] = {}

    def done() -> dict[str, Any] | None:
        shown = cloud.show(set_id)
        assert shown is not None
        last.update(shown)
        if shown["status"] not in FINAL or shown["change"]:
            return None
        if shown["status"] == "ACTIVE" and shown["reason"]:
            return None
        return shown

    try:
        return wait_for(f"{set_id} to settle", done, PATIENCE)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last}") from None


def agree(engines: Engines, shown: dict[str, Any]) -> None:
    """Docker has what the API says of a set."""
    found = {engine_name(c): c for c in engines.containers(shown["id"])}
    wanted = {c["name"]: c for c in shown["containers"]}
    runs = shown["status"] == "ACTIVE"
    if runs:
        assert found.keys() == wanted.keys()
    memory = shown["flavor"]["memory_mb"] << 20
    for name, there in found.items():
        assert there["State"]["Running"] == runs, name
        one = wanted[name]
        if one["role"] == "infra" or not runs:
            continue
        labels = there["Config"]["Labels"]
        assert labels[base.LABEL_CONTAINER] == one["id"]
        assert there["State"]["Paused"] == one["paused"], name
        assert f"N={one['env']['N']}" in there["Config"]["Env"]
        assert there["Config"]["User"] == (one["user"] or "")
        share = memory * one["memory_percent"] // 100
        assert there["HostConfig"]["Memory"] == share, name
        assert one["status"] == ("paused" if one["paused"] else "running")
        if one["health_check"] and not one["paused"]:
            assert one["health"] == "healthy"


def books(cloud: Cloud, admin: Cloud, sets: list[dict[str, Any]]) -> None:
    """Claims and quota are those of the sets, and of no others."""
    every = admin.http.get("/sets/detail?all_projects=true&limit=1000")
    all_sets = every.json()["sets"]

    def claimed() -> tuple[int, int]:
        hosts = admin.http.get("/hosts").json()["hosts"]
        return (
            sum(h["used"]["sets"] for h in hosts),
            sum(h["used"]["memory_mb"] for h in hosts),
        )

    expected = (
        len(all_sets),
        sum(s["flavor"]["memory_mb"] for s in all_sets),
    )
    wait_for(f"claims to be {expected}", lambda: claimed() == expected)
    project = cloud.http.get_project_id()
    mine = [s for s in all_sets if s["project_id"] == project]
    quota = cloud.http.get(f"/quotas/{project}").json()["quota"]
    used = {name: u["used"] for name, u in quota["resources"].items()}
    assert used["sets"] == len(mine)
    assert used["containers"] == sum(len(s["containers"]) - 1 for s in mine)
    assert used["memory_mb"] == sum(s["flavor"]["memory_mb"] for s in mine)


def left_of(stack: Stack, ids: list[str]) -> list[str]:
    """Files, folders and cgroups that bear the id of a set; the logs of its
    former containers are among them."""
    roots = [
        pathlib.Path("/sys/fs/cgroup"),
        pathlib.Path(f"/run/{stack.settings['QUICKSTART_NAME']}-quickstart"),
        stack.path,
    ]
    found = subprocess.run(
        [
            *("find", *map(str, roots), "-xdev"),
            *("(", "-name", "venv", "-prune", ")", "-o", "("),
            *(w for i in ids for w in ("-name", f"*{i}*", "-o")),
            "-false",
            *(")", "-print"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return found.stdout.splitlines()


def links(stack: Stack, ids: list[str]) -> bool:
    """Whether a host has an interface of one of these sets."""
    hosts = Cloud(stack, "caas-admin").http.get("/hosts").json()["hosts"]
    # each is called for its set in its alias
    said = [stack.on_host(h["name"], "ip", "-d", "link") for h in hosts]
    return any(set_id in text for set_id in ids for text in said)


@pytest.mark.timeout(1800)
def test_whatever_is_asked_for(
    stack: Stack,
    cloud: Cloud,
    admin: Cloud,
    engines: Engines,
    flavors: list[str],
) -> None:
    print(f"CAAS_TEST_SEED={SEED} CAAS_TEST_OPERATIONS={OPERATIONS}")
    rng = random.Random(SEED)
    user = User(cloud, engines, flavors, rng)
    try:
        for number in range(OPERATIONS):
            print(f"{number:4d} {user.ask()}", flush=True)
            if user.ids and rng.random() < 0.5:
                one, began = rng.choice(user.ids), time.monotonic()
                settled(cloud, one)
                print(
                    f"     {one} settled in {time.monotonic() - began:.1f} s"
                )
        shown = [settled(cloud, set_id) for set_id in user.ids]
        for each in shown:
            agree(engines, each)
        for set_id in user.deleted:
            cloud.gone(set_id, PATIENCE)
        books(cloud, admin, shown)
    finally:
        for set_id in user.ids:
            cloud.delete(set_id)
    every = [*user.ids, *user.deleted]
    for set_id in every:
        cloud.gone(set_id, PATIENCE)
        assert engines.containers(set_id) == []
    books(cloud, admin, [])
    wait_for("all to be removed", lambda: not left_of(stack, every))
    wait_for("interfaces to go", lambda: not links(stack, every))
