"""Containers of sets."""

import functools
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1 import sets as sets_api
from caas.api.v1.schemas import containers as schemas
from caas.api.v1.views import containers as views
from caas.core import containers


def _view(call: Call) -> Any:
    return functools.partial(
        views.container, runtime=call.allows("caas:containers:get:runtime")
    )


@operation(
    "GET",
    "/v1/containers",
    policy="caas:containers:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List the containers of all sets."""
    query = lists.query_of(
        call, "created_at", "caas:containers:list:all_projects"
    )
    items = containers.list_(call.deps, call.ctx, query)
    return lists.page(call, "containers", "/v1/containers", items, _view(call))


@operation(
    "GET",
    "/v1/sets/{set_id}/containers",
    policy="caas:containers:list",
    load=sets_api.load,
    query=schemas.LIST_OF_SET,
    response=schemas.OF_SET,
)
def list_of_set(call: Call) -> dict[str, Any]:
    """List the containers of a set: infra first, then by Index."""
    view = _view(call)
    views_ = [view(item) for item in call.target.containers]
    return {"containers": lists.cut(call, views_)}


@operation(
    "GET",
    "/v1/sets/{set_id}/containers/{container}",
    policy="caas:containers:get",
    load=sets_api.load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a container, by id or name."""
    item = containers.get(
        call.deps, call.ctx, call.target.id, call.args["container"]
    )
    return {"container": _view(call)(item)}
