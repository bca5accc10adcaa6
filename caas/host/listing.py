"""The sets of this host and their containers."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from caas.agent import config, state
from caas.agent.fitness.deadline import within
from caas.drivers.network.records import Records
from caas.drivers.runtime import base
from caas.drivers.runtime.base import Absent
from caas.drivers.runtime.engine import Engine
from caas.host import offline
from caas.model import wire


@dataclasses.dataclass(frozen=True)
class Container:
    """:ivar id: in the API; "" for infra.
    :ivar state: ``unknown`` if only its files could be looked at and nothing
        of it runs.
    :ivar log: path of its log, "" without one.
    """

    name: str
    role: str
    id: str
    engine_id: str
    engine_name: str
    set_id: str
    incarnation: int
    state: str
    pid: int = 0
    log: str = ""

    @property
    def infra(self) -> bool:
        return self.role == "infra"


@dataclasses.dataclass(frozen=True)
class Set:
    """:ivar name: and ``address``: "" if the agent does not know it (any
    more).
    """

    id: str
    name: str = ""
    project_id: str = ""
    address: str = ""
    containers: tuple[Container, ...] = ()

    @property
    def business(self) -> tuple[Container, ...]:
        """Those of the newest incarnation that are not infra."""
        newest = max((c.incarnation for c in self.containers), default=0)
        return tuple(
            c
            for c in self.containers
            if c.role == "business" and c.incarnation == newest
        )

    @property
    def called(self) -> str:
        return self.name or self.id


@dataclasses.dataclass(frozen=True)
class Listing:
    """:ivar trouble: sentences on what could not be looked at."""

    sets: tuple[Set, ...]
    trouble: tuple[str, ...] = ()


def listing(conf: Any, timeout: float) -> Listing:
    """What there is, of the deployment of this agent.

    :param timeout: seconds the engine has to answer.
    """
    trouble = []
    found = _of_engine(conf, timeout)
    if isinstance(found, str):
        root = offline.root_of(conf.docker.url)
        trouble.append(
            f"{found} What follows is from its files below {root}, and may "
            "be old."
        )
        found = offline.containers(root)
    folder = state.folder(conf.agent.state_path)
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        trouble.append(
            f"The agent's files in {folder} cannot be read, so names and "
            "addresses of sets are not known: run it as root."
        )
    mine = [
        c
        for c in found
        if _labels(c).get(base.LABEL_DEPLOYMENT) == conf.agent.deployment
    ]
    return Listing(tuple(_sets(mine, conf.agent.state_path)), tuple(trouble))


def _of_engine(conf: Any, timeout: float) -> list[dict[str, Any]] | str:
    """Containers as the engine shows them, or why it does not."""

    def ask() -> list[dict[str, Any]]:
        engine = Engine(conf.docker.url, timeout)
        label = f"{base.LABEL_DEPLOYMENT}={conf.agent.deployment}"
        with engine.call("The containers cannot be listed") as api:
            listed = api.containers(
                all=True, quiet=True, filters={"label": label}
            )
        found = []
        for item in listed:
            try:
                with engine.call("A container cannot be looked at") as api:
                    found.append(dict(api.inspect_container(item["Id"])))
            except Absent:
                continue
        return found

    result = within(timeout, {"": ask}).get("")
    if result is None:
        return f"The Docker Engine did not answer within {timeout:g} s."
    return str(result) if isinstance(result, Exception) else result


def _sets(
    containers: Iterable[Mapping[str, Any]], state_path: str
) -> list[Set]:
    lists = state.load(state.folder(state_path))
    folder = pathlib.Path(state_path) / "network"
    plugged = Records(folder).all() if folder.is_dir() else {}
    of_set: dict[str, list[Container]] = {}
    for raw in containers:
        one = container(raw)
        of_set.setdefault(one.set_id, []).append(one)
    found = []
    for set_id in sorted(lists.keys() | of_set.keys()):
        wanted = _newest(lists[set_id][0]) if set_id in lists else None
        record = plugged.get(set_id)
        nic = wanted.nic if wanted else None
        found.append(
            Set(
                id=set_id,
                name=wanted.name if wanted else "",
                project_id=(
                    wanted.project_id
                    if wanted and wanted.project_id
                    else (record.project_id if record else "")
                ),
                address=(
                    nic.address
                    if nic
                    else (record.address if record else None) or ""
                ),
                containers=tuple(
                    sorted(
                        of_set.get(set_id, ()),
                        key=lambda c: (not c.infra, c.incarnation, c.name),
                    )
                ),
            )
        )
    return sorted(found, key=lambda s: (s.name, s.id))


def _newest(wanted: Iterable[wire.Wanted]) -> wire.Wanted | None:
    """What tells most: an order to remove a set names nothing of it."""
    return max(
        wanted, key=lambda w: (bool(w.name), w.incarnation), default=None
    )


def container(raw: Mapping[str, Any]) -> Container:
    """:param raw: as the engine shows it, or keeps it in its files."""
    labels = _labels(raw)
    there = raw["State"]
    incarnation = labels.get(base.LABEL_INCARNATION, "0")
    seen = base.RuntimeContainer(
        id=raw.get("Id") or raw["ID"],
        name=raw["Name"].lstrip("/"),
        labels=labels,
        state=there["Status"],
        pid=there["Pid"],
    )
    return Container(
        name=config.name_of(seen),
        role=labels.get(base.LABEL_ROLE, ""),
        id=labels.get(base.LABEL_CONTAINER, ""),
        engine_id=seen.id,
        engine_name=seen.name,
        set_id=labels.get(base.LABEL_SET, ""),
        incarnation=int(incarnation) if incarnation.isdecimal() else 0,
        state=seen.state,
        pid=seen.pid,
        log=raw.get("LogPath") or "",
    )


def _labels(raw: Mapping[str, Any]) -> dict[str, str]:
    return raw["Config"].get("Labels") or {}
