"""How containers are shown."""

import dataclasses
from typing import Any

from caas.api.v1.views.common import optional_time, time
from caas.model.containers import Container
from caas.model.content import Member
from caas.model.spec import ContainerSpec

#: What only a user defines, so that infra has none of it.
_SPEC = [
    field.name
    for field in dataclasses.fields(ContainerSpec)
    if field.name not in ("name", "index", "builds")
]


def container(item: Container, *, runtime: bool) -> dict[str, Any]:
    """:param runtime: also the id in the engine."""
    view = {
        "id": item.id,
        "name": item.name,
        "set_id": item.set_id,
        "role": item.role,
        "index": item.index,
        "status": item.status.value,
        "reason": item.reason,
        "exit_code": item.exit_code,
        "oom_killed": item.oom_killed,
        "restarts": item.restarts,
        "health": item.health.value if item.health else None,
        "paused": item.asked.paused,
        "created_at": time(item.created_at),
        "started_at": optional_time(item.started_at),
        "finished_at": optional_time(item.finished_at),
        **_spec(item.spec),
    }
    if runtime:
        view["runtime_id"] = item.runtime_id
    return view


def member(item: Member) -> dict[str, Any]:
    """A container as it was to be at some time."""
    return {
        "id": item.id,
        "name": item.spec.name,
        "index": item.spec.index,
        **_spec(item.spec),
    }


def _spec(spec: ContainerSpec | None) -> dict[str, Any]:
    if spec is None:
        return dict.fromkeys(_SPEC)
    everything = spec.to_dict()
    return {key: everything[key] for key in _SPEC}
