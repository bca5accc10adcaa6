"""Server groups: sets that are to be on one host, or apart."""

from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import server_groups as schemas
from caas.api.v1.views import server_groups as views
from caas.core import server_groups
from caas.model.server_groups import Policy, ServerGroup


def load(call: Call, project_id: str | None) -> ServerGroup:
    return server_groups.get(
        call.deps, call.ctx, call.args["server_group_id"], project_id
    )


def _one(call: Call, item: ServerGroup) -> dict[str, Any]:
    return {"server_group": views.server_group(item, call.url)}


@operation(
    "GET",
    "/v1/server-groups",
    policy="caas:server_groups:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List server groups."""
    query = lists.query_of(
        call, "created_at", "caas:server_groups:list:all_projects"
    )
    items = server_groups.list_(call.deps, call.ctx, query)
    return lists.page(
        call,
        "server_groups",
        "/v1/server-groups",
        items,
        lambda item: views.server_group(item, call.url),
    )


@operation(
    "GET",
    "/v1/server-groups/{server_group_id}",
    policy="caas:server_groups:get",
    load=load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a server group."""
    return _one(call, call.target)


@operation(
    "POST",
    "/v1/server-groups",
    policy="caas:server_groups:create",
    body=schemas.CREATE,
    response=schemas.ONE,
    status=201,
)
def create(call: Call) -> dict[str, Any]:
    """Create a server group.

    Sets are in it that are created with its id as `server_group`. Its name
    need not be unique.
    """
    asked = call.body["server_group"]
    item = server_groups.create(
        call.deps,
        call.ctx,
        asked["name"],
        Policy(asked["policy"]),
        asked.get("max_per_host"),
    )
    return _one(call, item)


@operation(
    "DELETE",
    "/v1/server-groups/{server_group_id}",
    policy="caas:server_groups:delete",
    load=load,
    status=204,
)
def delete(call: Call) -> None:
    """Delete a server group.

    Its sets stay where they are, and are of no group any more.
    """
    server_groups.delete(call.deps, call.ctx, call.target)
