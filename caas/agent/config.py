"""What containers are made from, out of what is wanted.  Pure."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from caas.drivers.runtime import base
from caas.model import spec, wire

#: Name of the infra container within its set; the API refuses it to others.
INFRA = "infra"

#: Engine id of the infra container a business container was made for: its
#: network and IPC are bound to that one for ever.
LABEL_INFRA = "caas.infra"

#: Where the volume is seen in the infra container.
VOLUME_TARGET = "/volume"

_MIB = 1024 * 1024


class Limited(Protocol):
    """A container in the engine."""

    limits: base.Limits | None


def digest(container: spec.ContainerSpec) -> str:
    """Hash of what cannot be changed in a container once it is made.

    A container with another one is replaced, so an upgrade of the agent must
    never change it: what is empty or None is left out, and thus a new field
    changes no old hash.  CPU, memory, restart policy, health check and what
    is done before a start can be changed in place and have no part in it; the
    hook before a stop is kept with the container it was given to.
    """
    hook, block_io = container.hooks.pre_stop, container.block_io
    fields: dict[str, Any] = {
        "image": container.image.digest,
        "command": container.command,
        "entrypoint": container.entrypoint,
        "env": container.env,
        "working_dir": container.working_dir,
        "user": container.user,
        "labels": container.labels,
        "mounts": [
            [m.path, m.sub_path, m.read_only] for m in container.mounts
        ],
        "ulimits": sorted([u.name, u.soft, u.hard] for u in container.ulimits),
        "pids_limit": container.pids_limit,
        "cpuset": container.cpuset,
        "block_io": _said(dataclasses.asdict(block_io)) if block_io else None,
        "pre_stop": [hook.command, float(hook.timeout)] if hook else None,
        "tty": container.tty or None,
        "stdin": container.stdin or None,
        "builds": container.builds or None,
    }
    text = json.dumps(_said(fields), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v not in (None, {}, [], "")}


def pre_stop(labels: Mapping[str, str]) -> spec.Hook | None:
    """What is to be run in a container before it is stopped.

    :param labels: it was made with; what is wanted by now may be another one.
    """
    try:
        told = json.loads(labels.get(base.LABEL_PRE_STOP, "null"))
        if told is None:
            return None
        return spec.Hook(tuple(map(str, told["command"])), told["timeout"])
    except (ValueError, TypeError, KeyError):
        # by whoever made it, not by us
        return None


def full_name(set_id: str, incarnation: int | None, name: str) -> str:
    """Name of a container in the engine; ``docker ps`` shows it."""
    return f"caas-{set_id}-{incarnation}-{name}"


def name_of(there: base.RuntimeContainer) -> str:
    """Name of a container within its set; "" if it seems to have none.

    The engine's name is the one that can be changed.
    """
    labels = there.labels
    incarnation = labels.get(base.LABEL_INCARNATION, "")
    prefix = f"caas-{labels.get(base.LABEL_SET)}-{incarnation}-"
    if there.name.startswith(prefix):
        return there.name.removeprefix(prefix)
    return labels.get(base.LABEL_NAME, "")


def infra(
    wanted: wire.Wanted, *, source: Callable[[str], str], group: str | None
) -> base.ContainerConfig:
    """:param source: where to bind a sub path of the volume from."""
    return base.ContainerConfig(
        name=full_name(wanted.id, wanted.incarnation, INFRA),
        image="",
        labels=_labels(wanted, INFRA, "infra"),
        hostname=wanted.hostname or None,
        binds=(base.Bind(source(""), VOLUME_TARGET),),
        dns=wanted.nic.dns if wanted.nic else (),
        hosts=(
            {wanted.hostname: wanted.nic.address}
            if wanted.nic and wanted.hostname
            else {}
        ),
        ports=tuple(
            dict.fromkeys(p for c in wanted.containers for p in c.spec.ports)
        ),
        cgroup_parent=group,
        sysctls={k: v for k, v in wanted.sysctls.items() if not _of_nic(k)},
    )


def late_sysctls(wanted: wire.Wanted) -> dict[str, str]:
    """Those that can be written when the network has been plugged."""
    return {k: v for k, v in wanted.sysctls.items() if _of_nic(k)}


def _of_nic(key: str) -> bool:
    return ".eth0." in key


def business(
    wanted: wire.Wanted,
    container: wire.WantedContainer,
    *,
    image: str,
    infra_id: str,
    source: Callable[[str], str],
    group: str | None,
) -> base.ContainerConfig:
    """:param image: reference the engine knows the image by."""
    made_of = container.spec
    labels = {
        **made_of.labels,
        **_labels(wanted, made_of.name, "business"),
        base.LABEL_CONTAINER: container.id,
        base.LABEL_INDEX: str(made_of.index),
        base.LABEL_CONFIG: digest(made_of),
        LABEL_INFRA: infra_id,
    }
    if (hook := made_of.hooks.pre_stop) is not None:
        labels[base.LABEL_PRE_STOP] = json.dumps(dataclasses.asdict(hook))
    caps, part = limits(wanted, made_of), share(wanted, made_of)
    told = {"CAAS_CPU": part.cpu, "CAAS_MEM": part.memory} if part else {}
    return base.ContainerConfig(
        name=full_name(wanted.id, wanted.incarnation, made_of.name),
        image=image,
        labels=labels,
        command=made_of.command,
        entrypoint=made_of.entrypoint,
        env=told | made_of.env,
        working_dir=made_of.working_dir,
        user=made_of.user,
        ports=made_of.ports,
        binds=tuple(
            base.Bind(source(m.sub_path), m.path, m.read_only)
            for m in made_of.mounts
        ),
        infra_id=infra_id,
        cgroup_parent=group,
        millicpus=caps.millicpus if caps else None,
        memory_bytes=caps.memory_bytes if caps else None,
        ulimits=made_of.ulimits,
        pids_limit=made_of.pids_limit,
        cpuset=made_of.cpuset,
        block_io=made_of.block_io,
        share=part,
        tty=made_of.tty,
        stdin=made_of.stdin,
    )


def hook(made: base.ContainerConfig, hook: spec.Hook) -> base.ContainerConfig:
    """One that runs a hook, made like the container it is for."""
    return dataclasses.replace(
        made,
        # no name a user can give
        name=f"{made.name}.PreStart",
        labels={**made.labels, base.LABEL_ROLE: base.HOOK},
        entrypoint=hook.command[:1],
        command=hook.command[1:],
        ports=(),
    )


def limits(
    wanted: wire.Wanted, container: spec.ContainerSpec
) -> base.Limits | None:
    """The caps of a container; None where the set has none."""
    has = wanted.resources
    if has is None:
        return None
    percent = container.cpu_percent
    return base.Limits(
        # all of it is what the cgroup of the set allows anyway
        millicpus=(
            max(1, has.millicpus * percent // 100) if percent < 100 else None
        ),
        memory_bytes=has.memory_mb * _MIB * container.memory_percent // 100,
    )


def share(
    wanted: wire.Wanted, container: spec.ContainerSpec
) -> base.Share | None:
    """What a container may use, by its percents; None where the set has no
    limits."""
    has = wanted.resources
    if has is None:
        return None
    return base.Share(
        millicpus=max(1, has.millicpus * container.cpu_percent // 100),
        memory_mb=has.memory_mb * container.memory_percent // 100,
    )


def shares(wanted: wire.Wanted) -> dict[str, base.Share]:
    """By id, of all containers."""
    found = {c.id: share(wanted, c.spec) for c in wanted.containers}
    return {i: part for i, part in found.items() if part is not None}


def other_limits(
    wanted: wire.Wanted, there: Mapping[str, Limited]
) -> dict[str, base.Limits]:
    """By name, limits of containers known to have others now."""
    found = {}
    for container in wanted.containers:
        name = container.spec.name
        should = limits(wanted, container.spec)
        has = there[name].limits if name in there else None
        if should is not None and has is not None and has != should:
            found[name] = should
    return found


def sub_paths(*containers: spec.ContainerSpec) -> list[str]:
    """The folders of the volume that they mount."""
    return sorted({m.sub_path for c in containers for m in c.mounts} - {""})


def _labels(wanted: wire.Wanted, name: str, role: str) -> dict[str, str]:
    """All but LABEL_DEPLOYMENT, which the driver adds."""
    return {
        base.LABEL_SET: wanted.id,
        base.LABEL_INCARNATION: str(wanted.incarnation),
        base.LABEL_NAME: name,
        base.LABEL_ROLE: role,
        base.LABEL_PROJECT: wanted.project_id,
    }
