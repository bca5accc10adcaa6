"""What this host refuses whoever asks for it.

The API refuses the same and more, with better words; but a host must not be
at the mercy of whoever can send it a message.  Pure.
"""

import dataclasses
import ipaddress
import pathlib
import re

from caas import exception
from caas.agent.config import INFRA
from caas.model import images, spec, sysctls, wire
from caas.model.states import Desired

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
_HOSTNAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?")
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_CPUSET = re.compile(r"\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*")
_ULIMIT = re.compile(r"[a-z]{1,16}")
_LABEL_RESERVED = "caas."

_POLICIES = frozenset({"no", "on-failure", "always", "unless-stopped"})
#: Places of a container's file system that must stay its own.
_FORBIDDEN = ("/proc", "/sys", "/dev")


def is_id(set_id: str) -> bool:
    """Whether it can be part of a file name, as ids of sets are."""
    return _ID.fullmatch(set_id) is not None


def job_refusal(job: wire.WantedJob) -> str:
    """As :func:`refusal`, of a job."""
    if not is_id(job.id):
        return f"{job.id!r} cannot be the id of a job."
    if job.kind != "commit":
        return f"The agent of this host is too old to do {job.kind!r}."
    if job.push is not None:
        try:
            images.Name.parse(job.push.repository)
        except exception.BadRequest as error:
            return str(error)
        if not images.TAG.fullmatch(job.push.tag):
            return f"{job.push.tag!r} is not a tag."
    return ""


def refusal(wanted: wire.Wanted) -> str:
    """:returns: a sentence saying what is wrong; "" when all is well."""
    if wanted.desired == Desired.DELETED:
        return ""
    if wanted.hostname and not _HOSTNAME.fullmatch(wanted.hostname):
        return f"{wanted.hostname!r} cannot be a host name."
    if not wanted.containers:
        return "The set has no containers."
    seen: set[str] = set()
    for container in wanted.containers:
        name = container.spec.name
        if name in seen:
            return f"Two containers are named {name!r}."
        seen.add(name)
        if problem := _container(container.spec):
            return f"Container {name!r}: {problem}"
    for key, value in wanted.sysctls.items():
        if not sysctls.allowed(key) or not sysctls.valid(value):
            return f"The kernel parameter {key!r} cannot be set for a set."
    return _nic(wanted.nic) if wanted.nic else ""


def _container(container: spec.ContainerSpec) -> str:
    if container.name == INFRA or not _NAME.fullmatch(container.name):
        return "this name cannot be used."
    if not images.DIGEST.fullmatch(container.image.digest):
        return "its image has no proper digest."
    if container.user is not None and not _USER.fullmatch(container.user):
        return f"{container.user!r} cannot be a user."
    if container.restart_policy.name not in _POLICIES:
        return f"no restart policy is called {container.restart_policy.name}."
    for percent in (container.cpu_percent, container.memory_percent):
        if not 1 <= percent <= 100:
            return f"{percent} is not a percentage from 1 to 100."
    if problem := _texts(container) or _options(container):
        return problem
    return next(filter(None, map(_mount, container.mounts)), "")


def _texts(container: spec.ContainerSpec) -> str:
    for key, value in container.env.items():
        if not key or "=" in key or "\0" in key + value:
            # without the value: it may be a secret
            return f"{key!r} cannot be the name of a variable."
    for label in container.labels:
        if label.startswith(_LABEL_RESERVED):
            return f"the label {label!r} is reserved."
    return ""


def _options(container: spec.ContainerSpec) -> str:
    for limit in container.ulimits:
        if not _ULIMIT.fullmatch(limit.name) or limit.soft < -1:
            return f"{limit.name!r} cannot be a ulimit of {limit.soft}."
    if container.pids_limit is not None and container.pids_limit < 1:
        return f"{container.pids_limit} is no number of processes."
    if container.cpuset is not None and not _CPUSET.fullmatch(
        container.cpuset
    ):
        return f"{container.cpuset!r} are no numbers of CPUs."
    if container.block_io is not None and any(
        rate is not None and rate < 1
        for rate in dataclasses.asdict(container.block_io).values()
    ):
        return "nothing can be read or written at a rate below 1."
    return ""


def _mount(mount: spec.Mount) -> str:
    target = pathlib.PurePosixPath(mount.path)
    if (
        not target.is_absolute()
        or ".." in target.parts
        or str(target) in ("/", "//")
        or "\0" in mount.path
        or any(target.is_relative_to(f) for f in _FORBIDDEN)
    ):
        return f"nothing can be mounted on {mount.path!r}."
    source = pathlib.PurePosixPath(mount.sub_path)
    if source.is_absolute() or ".." in source.parts or "\0" in mount.sub_path:
        return (
            f"the sub path {mount.sub_path!r} is not a folder of the"
            " set's volume."
        )
    return ""


def _nic(nic: wire.Nic) -> str:
    try:
        for address in (nic.address, nic.gateway, *nic.dns):
            ipaddress.IPv4Address(address)
    except ValueError as error:
        return f"The network of the set: {error}."
    if not 1 <= nic.prefix_len <= 32 or not _MAC.fullmatch(nic.mac.lower()):
        return "The network of the set has no proper prefix or MAC address."
    return ""
