"""The registry of the stack, its users, and the tools that people use."""

import contextlib
import os
import pathlib
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import caasclient.sdk
import pytest
import yaml
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.registry import Client
from tests.system.agent.conftest import Dockerd
from tests.system.conftest import Stack
from tests.wire import Wire, listen_within


class Registry:
    """:ivar address: host and port.
    :ivar users: passwords by name.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.port = int(stack.settings["QUICKSTART_REGISTRY_PORT"])
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"https://{self.address}"
        self.ca = str(stack.path / "etc" / "certificates" / "ca.crt")
        clouds = yaml.safe_load((stack.path / "clouds.yaml").read_text())
        self.users = {
            cloud["auth"]["username"]: cloud["auth"]["password"]
            for cloud in clouds["clouds"].values()
        }

    def client(self, user: str | None = "demo") -> Client:
        who = None if user is None else (user, self.users[user])
        return Client(self.url, who, self.ca)


def connect(stack: Stack, cloud: str) -> Any:
    """To the APIs of OpenStack."""
    config = OpenStackConfig(
        config_files=[str(stack.path / "clouds.yaml")], load_envvars=False
    )
    return Connection(config=config.get_one(cloud=cloud))


@pytest.fixture(scope="session")
def registry(stack: Stack) -> Registry:
    return Registry(stack)


@pytest.fixture(scope="session")
def keystone(stack: Stack) -> Any:
    """As the administrator."""
    return connect(stack, "caas-admin")


@contextlib.contextmanager
def project_of_its_own(
    registry: Registry, keystone: Any, *roles: str
) -> Iterator[Client]:
    """A new project and its user; the name of both is ``project`` of the
    client."""
    name = f"other-{uuid.uuid4().hex[:8]}"
    password = uuid.uuid4().hex
    project = keystone.identity.create_project(name=name, domain_id="default")
    user = keystone.identity.create_user(
        name=name,
        password=password,
        domain_id="default",
        default_project_id=project.id,
    )
    for each in roles:
        role = keystone.identity.find_role(each)
        keystone.identity.assign_project_role_to_user(project, user, role)
    client = Client(registry.url, (name, password), registry.ca)
    client.project = name  # type: ignore[attr-defined]
    try:
        yield client
    finally:
        keystone.identity.delete_user(user)
        keystone.identity.delete_project(project)


def connect_as(keystone: Any, client: Client) -> Any:
    """To the APIs of OpenStack and ``caas``, as the user of such a client."""
    assert client.who is not None
    name, password = client.who
    return caasclient.sdk.connect(
        auth={
            "auth_url": keystone.config.auth["auth_url"],
            "username": name,
            "password": password,
            "project_name": name,
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        region_name=keystone.config.region_name,
    )


@pytest.fixture(scope="session")
def stranger(registry: Registry, keystone: Any) -> Iterator[Client]:
    """A member of another project, in no namespace of demo."""
    with project_of_its_own(registry, keystone, "member") as client:
        yield client


@pytest.fixture
def demo(registry: Registry) -> Client:
    return registry.client("demo")


@pytest.fixture
def repository(demo: Client) -> Iterator[str]:
    """A name that nobody has; what is pushed there is deleted at the end."""
    name = f"demo/{uuid.uuid4().hex[:12]}"
    yield name
    clear(demo, name)


def clear(client: Client, name: str) -> None:
    listed = client("GET", f"/v2/{name}/tags/list")
    for tag in listed.json().get("tags", ()):
        found = client.manifest(name, tag)
        digest = found.headers.get("Docker-Content-Digest")
        client.delete(name, tag)
        if digest:
            client.delete(name, digest)


@pytest.fixture(scope="session")
def engine() -> Iterator[Dockerd]:
    """A Docker Engine of our own, with a loopback of its own."""
    made = Dockerd(f"caas-r-{uuid.uuid4().hex[:6]}")
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def wire(engine: Dockerd, registry: Registry) -> Iterator[Wire]:
    """The way from that engine to the registry; it counts bytes."""
    made = Wire(listen_within(engine.pid, registry.port), registry.port)
    yield made
    made.close()


class Tool:
    """A program, with a home of its own."""

    def __init__(self, home: pathlib.Path, **environment: str) -> None:
        self.home = home
        (home / "auth.json").write_text("{}")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DOCKER_CONFIG": str(home / "docker"),
            "REGISTRY_AUTH_FILE": str(home / "auth.json"),
            "XDG_RUNTIME_DIR": str(home),
            **environment,
        }

    def run(
        self, *command: Any, stdin: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(each) for each in command],
            env=self._environment,
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def __call__(self, *command: Any, **how: Any) -> str:
        """:returns: what it printed, of one that has to do well."""
        done = self.run(*command, **how)
        assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done.stdout


@pytest.fixture
def tool(tmp_path: pathlib.Path, engine: Dockerd, wire: Wire) -> Tool:
    """docker, skopeo and buildah, logged in nowhere."""
    return Tool(tmp_path, DOCKER_HOST=engine.url)


@pytest.fixture
def login(tool: Tool, registry: Registry) -> Callable[..., None]:
    def enter(user: str = "demo", password: str | None = None) -> None:
        tool(
            *("docker", "login", registry.address),
            *("-u", user, "--password-stdin"),
            stdin=password or registry.users[user],
        )

    return enter


@contextlib.contextmanager
def images(api: Any) -> Iterator[None]:
    """An engine's images are, at the end, those of the beginning."""
    before = {each["Id"] for each in api.images(all=True)}
    yield
    for each in api.images(all=True):
        if each["Id"] not in before:
            with contextlib.suppress(Exception):
                api.remove_image(each["Id"], force=True)
