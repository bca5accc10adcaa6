"""The Docker Engine: what it is, how it stores, and whether it starts."""

import contextlib
import dataclasses
import datetime
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import docker
import docker.errors
import requests

from caas.agent.fitness.finding import Finding, ok, unfit, warning
from caas.drivers.runtime import infra
from caas.drivers.runtime.base import Absent, EngineError
from caas.drivers.runtime.engine import Engine

#: The oldest engine that caas is tested with.
OLDEST = (20, 10)
#: Marks the container that is started to see whether one starts.
LABEL = "caas.check"
#: One of those that is so old (s) was left behind.
LEFT = 600.0
#: Seconds for tidying up.
_TIDY = 2.0


@dataclasses.dataclass(frozen=True)
class EngineFacts:
    """:ivar storage: details of the storage driver, by name.
    :ivar root: folder of its images and containers.
    :ivar subnets: name and IPv4 network of each of its networks.
    :ivar security: its options, such as ``userns``.
    """

    version: str
    api_version: str
    storage_driver: str
    storage: Mapping[str, str]
    root: str
    cgroup_driver: str
    cgroup_version: int
    live_restore: bool
    security: tuple[str, ...] = ()
    swap_limit: bool = True
    subnets: tuple[tuple[str, str], ...] = ()


def ask(url: str, timeout: float) -> EngineFacts:
    """:raises EngineError: it does not answer within ``timeout`` s."""
    engine = Engine(url, timeout)
    with engine.call("The engine cannot be asked what it is") as api:
        info = api.info()
        networks = api.networks()
        return EngineFacts(
            version=info["ServerVersion"],
            api_version=str(api.api_version),
            storage_driver=info["Driver"],
            storage=dict(info.get("DriverStatus") or ()),
            root=info["DockerRootDir"],
            cgroup_driver=info["CgroupDriver"],
            cgroup_version=int(info.get("CgroupVersion") or 1),
            live_restore=bool(info.get("LiveRestoreEnabled")),
            security=tuple(
                option.removeprefix("name=").partition(",")[0]
                for option in info.get("SecurityOptions") or ()
            ),
            swap_limit=bool(info.get("SwapLimit")),
            subnets=tuple(_subnets(networks)),
        )


def pings(url: str, timeout: float) -> bool:
    """Whether it answers at all, be it that it does not know this version."""
    try:
        api = docker.APIClient(url, version="1.41", timeout=timeout)  # type: ignore[arg-type]
        api.ping()
    except docker.errors.APIError:
        return True
    except (
        requests.exceptions.RequestException,
        docker.errors.DockerException,
    ):
        return False
    return True


def _subnets(networks: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [
        (network["Name"], config["Subnet"])
        for network in networks
        for config in (network.get("IPAM") or {}).get("Config") or ()
        if "." in config.get("Subnet", "")
    ]


def start_one(url: str, binary: str, timeout: float) -> float:
    """Start a container as infra containers are and see it end.

    :param binary: a static busybox.
    :param timeout: seconds for each call of the engine.
    :returns: how long it took, in s.
    :raises EngineError: it cannot be, or not in time.
    """
    data = infra.read_binary(binary)
    engine = Engine(url, timeout)
    began = time.monotonic()
    with engine.call("No container can be started") as api:
        _tidy(api)
        name = f"caas-check-{uuid.uuid4().hex[:12]}"
        body = {
            "Image": infra.reference(data),
            "Cmd": ["/bin/busybox", "true"],
            "Labels": {LABEL: "1"},
            "HostConfig": {"NetworkMode": "none", "Memory": 16 << 20},
        }
        made, imported = _create(engine, api, body, name, data)
        try:
            api.start(made)
            code = int(
                api.wait(made, timeout=timeout)["StatusCode"]  # type: ignore[arg-type]
            )
        finally:
            _remove(url, made, str(body["Image"]) if imported else "")
    if code != 0:
        raise EngineError(
            f"A container was started and ended with exit code {code}."
        )
    return time.monotonic() - began


def _create(
    engine: Engine, api: Any, body: dict[str, Any], name: str, data: bytes
) -> tuple[str, bool]:
    """Its id, and whether the image had to be made."""
    try:
        with engine.call("No container can be created") as api:
            made = api.create_container_from_config(body, name)
            return str(made["Id"]), False
    except Absent:
        repository, _, tag = body["Image"].rpartition(":")
        api.import_image_from_data(
            infra.archive(data), repository=repository, tag=tag
        )
        made = api.create_container_from_config(body, name)
        return str(made["Id"]), True


def _remove(url: str, made: str, image: str) -> None:
    """What an engine that hangs keeps is for a later check to remove."""
    with (
        contextlib.suppress(EngineError),
        Engine(url, _TIDY).call("It cannot be removed") as api,
    ):
        api.remove_container(made, force=True, v=True)
        if image:
            # an agent may have begun to use it, and then it stays
            api.remove_image(image)


def _tidy(api: Any) -> None:
    """Remove what a check left that was broken off."""
    now = datetime.datetime.now(datetime.UTC).timestamp()
    for there in api.containers(all=True, filters={"label": LABEL}):
        if now - there["Created"] > LEFT:
            api.remove_container(there["Id"], force=True, v=True)


# What is judged.


def version(found: str) -> Finding:
    match = re.match(r"(\d+)\.(\d+)", found)
    if match is None:
        return warning(
            "engine",
            f"The Docker Engine answers as version {found!r}, which cannot "
            "be told from too old a one; it should be 20.10 or later.",
        )
    if (int(match[1]), int(match[2])) < OLDEST:
        return unfit(
            "engine",
            f"The Docker Engine is of version {found}; it has to be 20.10 "
            "or later.",
        )
    return ok("engine", f"Docker Engine {found} answers.")


def silent(timeout: float) -> Finding:
    """It answers a ping, and nothing for which it has to ask containerd."""
    return unfit(
        "engine",
        "The Docker Engine answers, but did not say what it is within "
        f"{timeout:g} s: its containerd hangs; restart it.",
    )


def storage(driver: str, details: Mapping[str, str]) -> Finding:
    """Where the layers of images and containers are kept."""
    name = "storage"
    right = "use overlay2"
    if driver == "devicemapper":
        if "Data loop file" in details:
            return unfit(
                name,
                "The storage driver is devicemapper on loop devices, which "
                f"loses data and is slow; {right}.",
            )
        return warning(
            name,
            "The storage driver is devicemapper, which newer engines do not "
            f"have; {right}.",
        )
    if driver in ("overlay", "overlay2", "overlayfs", "fuse-overlayfs"):
        if details.get("Supports d_type", "true") == "false":
            return unfit(
                name,
                f"The file system below {driver} does not tell types of "
                "files (d_type), so files of images get lost; make it xfs "
                "with ftype=1, or ext4.",
            )
        if driver in ("overlay", "fuse-overlayfs"):
            return warning(name, f"The storage driver is {driver}; {right}.")
        return ok(name, f"The storage driver is {driver}.")
    if driver == "vfs":
        return warning(
            name,
            "The storage driver is vfs, which copies an image for each "
            f"container; {right}.",
        )
    if driver in ("btrfs", "zfs"):
        return ok(name, f"The storage driver is {driver}.")
    return warning(
        name, f"The storage driver is {driver}, which nobody tests; {right}."
    )


def live_restore(on: bool) -> Finding:
    if on:
        return ok("live-restore", "Containers outlive a restart of dockerd.")
    return warning(
        "live-restore",
        "A restart of dockerd ends all containers; put "
        '"live-restore": true into daemon.json.',
    )


def security(options: Sequence[str]) -> Finding:
    """User namespaces, and an engine without root."""
    if "rootless" in options:
        return unfit(
            "user-namespaces",
            "The Docker Engine runs without root, so sets can have neither "
            "limits nor a network; run it as root.",
        )
    if "userns" in options:
        return warning(
            "user-namespaces",
            "The Docker Engine remaps users (userns-remap): what containers "
            "write to volumes belongs to other users on this host, and "
            "volumes made without it cannot be written to.",
        )
    return ok("user-namespaces", "Users are not remapped.")


def start(seconds: float | EngineError | None, timeout: float) -> Finding:
    """:param seconds: it took, or why it failed; None if it goes on yet."""
    if isinstance(seconds, EngineError):
        return unfit(
            "start",
            f"{seconds.message} If the engine answers otherwise, its "
            "containerd hangs: restart it.",
        )
    if seconds is None:
        return unfit(
            "start",
            f"No container could be started within {timeout:g} s though the "
            "engine answers: its containerd hangs; restart it.",
        )
    return ok("start", f"A container started and ended in {seconds:.2f} s.")
