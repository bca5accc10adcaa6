"""Engines and hosts for tests of the agent; each leaves nothing behind."""

import os
import pathlib
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import docker
import docker.errors
import pytest
import requests

from caas.drivers.image.base import reference
from caas.model import spec
from tests import stopping
from tests.system.agent.host import Host, until
from tests.system.drivers.conftest import (  # noqa: F401 - fixtures
    BUSYBOX,
    api,
    busybox_tar,
    docker_url,
    registry,
    remove_groups,
    run_id,
    started_registry,
)


@pytest.fixture(scope="session")
def network() -> str:
    """The first two numbers of addresses no other run is likely to use."""
    return f"10.{random.SystemRandom().randrange(128, 250)}"


def put_image(engine: docker.APIClient) -> spec.ImageRef:
    """A busybox image under the name the agent looks for."""
    digest = f"sha256:{secrets.token_hex(32)}"
    repository, _, tag = reference(digest).rpartition(":")
    engine.import_image_from_data(
        busybox_tar(), repository=repository, tag=tag
    )
    return spec.ImageRef("busybox:1", "image-id", digest, "busybox:1")


@pytest.fixture(scope="session")
def agent_image(api: docker.APIClient) -> Iterator[spec.ImageRef]:  # noqa: F811
    image = put_image(api)
    yield image
    api.remove_image(reference(image.digest), force=True)


MakeHost = Callable[..., Host]


@pytest.fixture
def make_host(
    tmp_path: pathlib.Path,
    network: str,
    run_id: str,  # noqa: F811
) -> Iterator[MakeHost]:
    """Makes hosts, and proves that what was deleted is gone."""
    hosts: list[Host] = []

    def make(
        engine: docker.APIClient,
        url: str,
        image: spec.ImageRef,
        **options: Any,
    ) -> Host:
        name = f"t{run_id[:4]}{secrets.token_hex(2)}"
        host = Host(
            engine,
            {
                "agent.state_path": str(tmp_path / "state"),
                "agent.deployment": name,
                "docker.url": url,
                "docker.infra_binary": BUSYBOX,
                "docker.cgroup_root": f"/caas-{name}",
                "bridge.prefix": f"t{secrets.token_hex(2)}",
                **options,
            },
            image,
            network,
            tmp_path,
        )
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        try:
            if host.agent is None:
                host.start()
            host.delete_all()
            until(lambda host=host: not host.left())
        finally:
            host.stop()
            host.purge()
            _clean(host)


def _clean(host: Host) -> None:
    """Remove what belongs to no set: roots of cgroups, chains."""
    root = str(host.options["docker.cgroup_root"]).strip("/")
    remove_groups(root)
    chain = str(host.options["bridge.prefix"]).upper()
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


@pytest.fixture
def host(
    make_host: MakeHost,
    api: docker.APIClient,  # noqa: F811
    docker_url: str,  # noqa: F811
    agent_image: spec.ImageRef,
) -> Host:
    """A host on the machine's engine; its agent has not been started."""
    return make_host(api, docker_url, agent_image)


class Dockerd:
    """An engine of our own, which can be stopped and killed."""

    def __init__(self, name: str) -> None:
        # short: the path of a socket has 107 characters at most
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="caas-d-"))
        self.url = f"unix://{self.path}/d.sock"
        self.name = name
        self.api = docker.APIClient(self.url, version="1.40", timeout=60)
        self._process: subprocess.Popen[bytes] | None = None
        self._shared = False

    @property
    def pid(self) -> int:
        return int((self.path / "d.pid").read_text())

    def start(
        self, *flags: str, bridge: str = "none", shared: bool = False
    ) -> None:
        """:param bridge: "" for one of its own, docker0.
        :param shared: in the network namespace of the tests, so that it can
            reach what listens on the loopback there.
        """
        # without a bridge it removes docker0, so not in ours
        apart = ["unshare", "--net"]
        if shared:
            apart, bridge = [], self._own_bridge()
        for pid in ("d.pid", "exec/containerd/containerd.pid"):
            (self.path / pid).unlink(missing_ok=True)
        with (self.path / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(*apart, "dockerd"),
                    f"--data-root={self.path}/data",
                    f"--exec-root={self.path}/exec",
                    f"--pidfile={self.path}/d.pid",
                    f"--host={self.url}",
                    f"--cgroup-parent=/{self.name}",
                    f"--bridge={bridge}",
                    "--iptables=false",
                    "--ip-masq=false",
                    # on any host: there is no systemd on some
                    "--exec-opt=native.cgroupdriver=cgroupfs",
                    *flags,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._answers, 60)

    def _own_bridge(self) -> str:
        name = f"cd{self.name[-8:]}"
        # not by what /sys shows: that may be of another network namespace
        if not self._shared:
            # of the addresses set aside for benchmarks of networks
            address = f"198.18.{secrets.randbelow(256)}.1/28"
            for args in (
                ["link", "add", name, "type", "bridge"],
                ["address", "add", address, "dev", name],
            ):
                subprocess.run(["ip", *args], check=True)
        self._shared = True
        return name

    def _answers(self) -> bool:
        try:
            return bool(self.api.ping())
        except (requests.exceptions.RequestException, docker.errors.APIError):
            return False

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int) -> None:
        """Send it a signal and wait for its end.

        SIGKILL takes its containerd with it, as nobody reaps that.
        """
        self.signal(number)
        assert self._process is not None
        self._process.wait(60)
        pid = self.path / "exec" / "containerd" / "containerd.pid"
        if number == signal.SIGKILL and pid.exists():
            own = int(pid.read_text())
            os.kill(own, signal.SIGKILL)
            until(lambda: not _alive(own))

    def freeze(self) -> None:
        """It is there and does not answer."""
        assert self._process is not None
        stopping.stop(self._process.pid)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """End it with all its containers, and with what is on the disk."""
        if self._process is None:
            shutil.rmtree(self.path)
            return
        if self._process.poll() is not None:
            self.start(shared=self._shared)
        for there in self.api.containers(all=True, quiet=True):
            self.api.remove_container(there["Id"], force=True, v=True)
        self.end(signal.SIGTERM)
        mounts = (
            pathlib.Path("/proc/self/mounts")
            .read_text(encoding="utf-8")
            .splitlines()
        )
        for mount in reversed(mounts):
            place = mount.split()[1]
            if place.startswith(str(self.path)):
                subprocess.run(["umount", place], check=True)
        shutil.rmtree(self.path)
        if self._shared:
            subprocess.run(
                ["ip", "link", "delete", self._own_bridge()], check=True
            )
        remove_groups(self.name)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def dockerd(run_id: str) -> Iterator[Dockerd]:  # noqa: F811
    engine = Dockerd(f"caas-d-{run_id}")
    try:
        yield engine
    finally:
        engine.remove()
