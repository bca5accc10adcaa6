"""Which projects may use flavors that are not public."""

from typing import Any

from caas import exception
from caas.api.compute.flavors import FLAVOR, find
from caas.api.compute.operation import Call, action, route
from caas.api.compute.schemas import common
from caas.core import flavors
from caas.model.flavors import Flavor

_PROJECT = common.obj(
    {
        "tenant": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "pattern": r"^[a-zA-Z0-9\-]*\Z",
            "x-must": "be the id of a project",
        }
    },
    ["tenant"],
)


def _view(call: Call, item: Flavor) -> dict[str, Any]:
    return {
        "flavor_access": [
            {"flavor_id": item.id, "tenant_id": each}
            for each in flavors.projects(call.deps, call.ctx, item)
        ]
    }


@route("GET", f"{FLAVOR}/os-flavor-access", policy="caas:flavors:access")
def list_(call: Call) -> dict[str, Any]:
    """List the projects that may use it."""
    item = find(call)
    if item.public:
        raise exception.NotFound(
            "Access list not available for public flavors."
        )
    return _view(call, item)


@action(
    FLAVOR,
    "addTenantAccess",
    policy="caas:flavors:access",
    body=_PROJECT,
    status=200,
)
def add(call: Call) -> dict[str, Any]:
    """Let a project use it."""
    item = find(call)
    if item.public and call.at_least(7):
        raise exception.Conflict("Can not add access to a public flavor.")
    project_id = call.body["addTenantAccess"]["tenant"]
    flavors.grant(call.deps, call.ctx, item, project_id)
    return _view(call, item)


@action(
    FLAVOR,
    "removeTenantAccess",
    policy="caas:flavors:access",
    body=_PROJECT,
    status=200,
)
def remove(call: Call) -> dict[str, Any]:
    """Let a project use it no longer."""
    item = find(call)
    project_id = call.body["removeTenantAccess"]["tenant"]
    flavors.revoke(call.deps, call.ctx, item, project_id)
    return _view(call, item)
