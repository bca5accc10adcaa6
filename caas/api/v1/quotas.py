"""Quotas: limits of projects, and what they use."""

import dataclasses
from typing import Any

from caas import exception
from caas.api.operation import Call, operation
from caas.api.v1.schemas import quotas as schemas
from caas.api.v1.views import quotas as views
from caas.core import quotas
from caas.model.quotas import IMAGE_BYTES


@dataclasses.dataclass(frozen=True)
class _Project:
    project_id: str


def _load(call: Call, project_id: str | None) -> _Project:
    named = call.args["project_id"]
    if len(named) > 64 or project_id not in (None, named):
        raise exception.NotFound(
            "There is no such project, or it is not the one of your token."
        )
    return _Project(named)


@operation(
    "GET",
    "/v1/quotas/{project_id}",
    policy="caas:quotas:get",
    load=_load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show limits and use of a project."""
    item = quotas.get(call.deps, call.ctx, call.target.project_id)
    return {"quota": views.quota(item)}


@operation(
    "PUT",
    "/v1/quotas/{project_id}",
    policy="caas:quotas:update",
    load=_load,
    body=schemas.UPDATE,
    response=schemas.ONE,
)
def update(call: Call) -> dict[str, Any]:
    """Set limits of a project; those left out stay.

    A limit below what is used stops new sets and touches no running one.
    """
    limits = dict(call.body["quota"])
    if "vcpus" in limits:
        value = limits.pop("vcpus")
        limits["millicpus"] = -1 if value < 0 else round(value * 1000)
    if "images_mb" in limits:
        value = limits.pop("images_mb")
        limits[IMAGE_BYTES] = -1 if value < 0 else value << 20
    project_id = call.target.project_id
    item = quotas.set_(call.deps, call.ctx, project_id, limits)
    return {"quota": views.quota(item)}


@operation(
    "DELETE",
    "/v1/quotas/{project_id}",
    policy="caas:quotas:reset",
    load=_load,
    status=204,
)
def reset(call: Call) -> None:
    """Put the limits of a project back to the defaults."""
    quotas.reset(call.deps, call.ctx, call.target.project_id)
