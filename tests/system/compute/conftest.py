"""Sets by the clients of VMs, in the region where they are servers."""

import contextlib
import functools
import pathlib
import uuid
from collections.abc import Iterator
from typing import Any

import openstack
import pytest
from openstack.config import OpenStackConfig

from caas.drivers.runtime import base
from tests.openstack_cli import Done
from tests.openstack_cli import openstack as run
from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.conftest import Stack
from tests.system.registry.test_commit import ended

REGION = "RegionOne-caas"


class Compute:
    """What one user does with servers.

    :ivar name: of the entry in clouds.yaml.
    """

    def __init__(self, stack: Stack, name: str = "caas-demo") -> None:
        self.stack, self.name = stack, name

    def run(self, *args: str) -> Done:
        """Run a command of ``openstack``; it may fail."""
        return run(*args, env=self._environment)

    @functools.cached_property
    def _auth(self) -> dict[str, str]:
        """A token: a password takes Keystone longer than all else."""
        auth = self.connection.config.get_auth_args()
        return {
            "auth_url": auth["auth_url"],
            "token": self.connection.auth_token,
            "project_name": auth["project_name"],
            "project_domain_name": auth["project_domain_name"],
        }

    @property
    def entry(self) -> dict[str, Any]:
        """For a clouds.yaml of tools that are told the region."""
        return {
            "auth_type": "v3token",
            "auth": self._auth,
            "regions": [REGION],
            "floating_ip_source": "none",
        }

    @functools.cached_property
    def _environment(self) -> dict[str, str]:
        return {
            "OS_AUTH_TYPE": "v3token",
            **{f"OS_{key.upper()}": text for key, text in self._auth.items()},
            "OS_REGION_NAME": REGION,
        }

    def __call__(self, *args: str) -> Any:
        """Run one that shows something; return that."""
        done = self.run(*args, "-f", "json")
        assert done.code == 0, done.err
        return done.json

    def do(self, *args: str) -> None:
        """Run one that does something."""
        done = self.run(*args)
        assert done.code == 0, done.err

    def reach(
        self, server: str, status: str, through: set[str] | None = None
    ) -> None:
        """Wait until a server, by its id, has a status.

        :param through: all others it may have until then, whatever they are
            if it is None; ERROR never is one.
        """

        def look() -> bool:
            found = self.connection.compute.get_server(server)
            now = found.status
            assert through is None or now in {status, "ERROR", *through}, now
            assert now != "ERROR" or status == now, found.fault
            return bool(now == status)

        wait_for(f"{server} to be {status}", look, 30)

    @functools.cached_property
    def connection(self) -> openstack.connection.Connection:
        """By the SDK: sees more often than commands can."""
        config = OpenStackConfig(
            config_files=[str(self.stack.path / "clouds.yaml")],
            load_envvars=False,
        )
        return openstack.connection.Connection(
            config=config.get_one(cloud=self.name, region_name=REGION)
        )


@pytest.fixture(scope="session")
def user(stack: Stack) -> Compute:
    return Compute(stack)


@pytest.fixture(scope="session")
def operator(stack: Stack) -> Compute:
    return Compute(stack, "caas-admin")


@pytest.fixture(scope="session")
def image(user: Compute) -> str:
    """Id of the image of the stack, once it is one that stays: what was put
    into Glance is an archive."""
    command = ("caas", "image", "show", "admin/quickstart:1")

    def look() -> str:
        done = user.run(*command, "-f", "json")
        return "" if done.code else str(done.json["id"])

    return wait_for("the image", look)


@pytest.fixture(scope="module")
def other_image(
    user: Compute, operator: Compute, cloud: Cloud, image: str
) -> Iterator[str]:
    """Id of another one, in which there is the file ``/other``."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    spec = {
        "name": "main",
        "image": image,
        "command": ["sh", "-c", "touch /other; sleep 3600"],
    }
    with cloud.sets(name=name, containers=[spec]) as [made]:
        answer = cloud.http.post(
            f"/sets/{made['id']}/containers/main/commit",
            json={"commit": {"image": f"demo/{name}:1"}},
        )
        assert answer.status_code == 202, answer.text
        ended(cloud, answer.json()["job"]["id"])
    found: str = user("caas", "image", "show", f"demo/{name}:1")["id"]
    yield found
    operator.do("caas", "image", "delete", "--purge", found)


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def removed(cloud: Cloud, name: str) -> Iterator[None]:
    """Whatever has the name is deleted at the end."""
    try:
        yield
    finally:
        answer = cloud.http.get("/sets", params={"name": name})
        ids = [each["id"] for each in answer.json()["sets"]]
        for each in ids:
            cloud.delete(each)
        for each in ids:
            cloud.gone(each)


@pytest.fixture
def server(
    user: Compute, cloud: Cloud, image: str, name: str
) -> Iterator[str]:
    """Id of one that is ACTIVE."""
    with removed(cloud, name):
        made = user(
            *("server", "create", name),
            *("--image", image, "--flavor", "c1.tiny"),
        )
        cloud.reach(made["id"], "ACTIVE")
        yield made["id"]


class Container:
    """The one container of a server, as Docker and the kernel see it."""

    def __init__(self, engines: Engines, server: str) -> None:
        [self.found] = [
            each
            for each in engines.containers(server)
            if each["Config"]["Labels"].get(base.LABEL_NAME) == "main"
        ]
        self.id: str = self.found["Id"]
        self.pid: int = self.found["State"]["Pid"]
        [self.client] = [
            each
            for each in engines.clients
            if each.containers(all=True, filters={"id": self.id})
        ]

    @property
    def running(self) -> bool:
        return bool(self.found["State"]["Running"])

    @property
    def frozen(self) -> bool:
        old, path = self._group("freezer")
        if old:
            return "FROZEN" in (path / "freezer.state").read_text()
        return "frozen 1" in (path / "cgroup.events").read_text()

    @property
    def memory(self) -> int:
        """MiB that it and the others of its set may use together."""
        old, path = self._group("memory")
        file = "memory.limit_in_bytes" if old else "memory.max"
        return int((path.parent / file).read_text()) >> 20

    def _group(self, controller: str) -> tuple[bool, pathlib.Path]:
        """:returns: whether that is of version 1, and the cgroup there."""
        root = pathlib.Path("/sys/fs/cgroup")
        groups = {}
        text = pathlib.Path(f"/proc/{self.pid}/cgroup").read_text()
        for line in text.splitlines():
            _, controllers, path = line.split(":", 2)
            for each in controllers.split(","):
                groups[each] = path.lstrip("/")
        if controller in groups:
            return True, root / controller / groups[controller]
        return False, root / groups[""]

    def execute(self, *command: str) -> str:
        made = self.client.exec_create(self.id, list(command))
        said: str = self.client.exec_start(made["Id"]).decode()
        return said
