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
    changes no old hash.  CPU, memory and restart policy can be changed in
    place and have no part in it.
    """
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
    }
    said = {k: v for k, v in fields.items() if v not in (None, {}, [], "")}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


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
    )


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
    caps = limits(wanted, made_of)
    return base.ContainerConfig(
        name=full_name(wanted.id, wanted.incarnation, made_of.name),
        image=image,
        labels=labels,
        command=made_of.command,
        entrypoint=made_of.entrypoint,
        env=made_of.env,
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


def pre_stop(labels: Mapping[str, str]) -> spec.Hook | None:
    """The hook a container was made with."""
    return None


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


def sub_paths(wanted: wire.Wanted) -> list[str]:
    """The folders of the volume that are to be there."""
    return sorted(
        {m.sub_path for c in wanted.containers for m in c.spec.mounts} - {""}
    )


def _labels(wanted: wire.Wanted, name: str, role: str) -> dict[str, str]:
    """All but LABEL_DEPLOYMENT, which the driver adds."""
    return {
        base.LABEL_SET: wanted.id,
        base.LABEL_INCARNATION: str(wanted.incarnation),
        base.LABEL_NAME: name,
        base.LABEL_ROLE: role,
        base.LABEL_PROJECT: wanted.project_id,
    }
