"""Real parts of a host for the contract tests, and their removal after.

Every name made here holds an id of this run, so that runs side by side and
the engine's other users are left alone.
"""

import contextlib
import io
import os
import pathlib
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Iterator

import docker
import docker.errors
import pytest
from oslo_config import cfg

from caas import conf as caas_conf
from tests.system.plain_registry import Registry

BUSYBOX = os.environ.get("CAAS_TEST_BUSYBOX", "/bin/busybox")


@pytest.fixture(scope="session")
def run_id() -> str:
    return uuid.uuid4().hex[:8]


@pytest.fixture(scope="session")
def docker_url() -> str:
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


@pytest.fixture(scope="session")
def api(docker_url: str) -> docker.APIClient:
    """The engine, spoken to past our drivers."""
    return docker.APIClient(docker_url, version="auto")


def busybox_tar(mark: str = "") -> bytes:
    """A root file system of busybox and links to it.

    :param mark: makes its layer another one than those an engine may have.
    """
    data = pathlib.Path(BUSYBOX).read_bytes()
    applets = subprocess.run(
        [BUSYBOX, "--list"], check=True, capture_output=True, text=True
    ).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "etc", "tmp", f"mark{mark}"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o755
            tar.addfile(folder)
        file = tarfile.TarInfo("bin/busybox")
        file.mode = 0o755
        file.size = len(data)
        tar.addfile(file, io.BytesIO(data))
        for applet in applets:
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type = tarfile.SYMTYPE
                link.linkname = "busybox"
                tar.addfile(link)
    return out.getvalue()


@pytest.fixture(scope="session")
def image(api: docker.APIClient, run_id: str) -> Iterator[str]:
    """A busybox image in the engine, for as long as the tests run."""
    name = f"caas.test/busybox:{run_id}"
    api.import_image_from_data(
        busybox_tar(), repository="caas.test/busybox", tag=run_id
    )
    yield name
    api.remove_image(name, force=True)


@pytest.fixture
def forget(api: docker.APIClient) -> Iterator[Callable[[str], str]]:
    """Have an image removed after the test."""
    names: list[str] = []

    def forget(name: str) -> str:
        names.append(name)
        return name

    yield forget
    for name in names:
        with contextlib.suppress(docker.errors.ImageNotFound):
            api.remove_image(name, force=True)


@pytest.fixture(scope="session")
def make_conf(
    tmp_path_factory: pytest.TempPathFactory, docker_url: str, run_id: str
) -> Callable[..., cfg.ConfigOpts]:
    """Configuration of an agent of this run."""

    def make(**overrides: object) -> cfg.ConfigOpts:
        """:param overrides: such as ``docker__init=False``."""
        conf = cfg.ConfigOpts()
        caas_conf.register_all(conf)
        conf([], project="caas", default_config_files=[])
        values = {
            "agent__state_path": str(tmp_path_factory.mktemp("state")),
            "agent__deployment": f"test-{run_id}",
            "docker__url": docker_url,
            "docker__infra_binary": BUSYBOX,
            "docker__cgroup_root": f"/caas-test-{run_id}",
            "bridge__prefix": f"t{run_id[:4]}",
            **overrides,
        }
        for key, value in values.items():
            group, _, name = key.partition("__")
            conf.set_override(name, value, group)
        return conf

    return make


@pytest.fixture(scope="session")
def started_registry(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Registry]:
    made = Registry(tmp_path_factory.mktemp("registry"))
    yield made
    made.close()


@pytest.fixture
def registry(started_registry: Registry) -> Registry:
    """One that nothing has been asked of."""
    started_registry.reset()
    return started_registry


def remove_groups(root: str) -> None:
    """Remove the parent of groups, with them, in every hierarchy."""
    mount = pathlib.Path("/sys/fs/cgroup")
    for hierarchy in (*mount.glob(root), *mount.glob(f"*/{root}")):
        for group in sorted(hierarchy.rglob("*/"), reverse=True):
            group.rmdir()
        hierarchy.rmdir()


@pytest.fixture(scope="session", autouse=True)
def _clean_host(api: docker.APIClient, run_id: str) -> Iterator[None]:
    """Remove what a failed test may have left."""
    yield
    for container in api.containers(
        all=True, filters={"label": f"caas.deployment=test-{run_id}"}
    ):
        api.remove_container(container["Id"], force=True, v=True)
    remove_groups(f"caas-test-{run_id}")
    chain = f"T{run_id[:4].upper()}"
    for table, hook, name in (
        ("filter", "DOCKER-USER", f"{chain}-FORWARD"),
        ("filter", "FORWARD", f"{chain}-FORWARD"),
        ("nat", "POSTROUTING", f"{chain}-POSTROUTING"),
    ):
        for change in (["-D", hook, "-j", name], ["-F", name], ["-X", name]):
            subprocess.run(
                ["iptables", "-w", "-t", table, *change],
                check=False,
                capture_output=True,
            )


def pytest_ignore_collect(collection_path: pathlib.Path) -> bool | None:
    """Tests of slices, where the engine knows of none."""
    if collection_path.name != "test_systemd.py":
        return None
    said = subprocess.run(
        ["docker", "info", "--format", "{{.CgroupDriver}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() != "systemd"
