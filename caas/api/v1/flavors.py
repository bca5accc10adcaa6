"""Flavors: the sizes of sets."""

from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import flavors as schemas
from caas.api.v1.views import flavors as views
from caas.core import flavors


@operation(
    "GET",
    "/v1/flavors",
    policy="caas:flavors:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List flavors."""
    query = lists.query_of(call, "created_at")
    items = flavors.list_(call.deps, call.ctx, query)
    return lists.page(
        call,
        "flavors",
        "/v1/flavors",
        items,
        lambda item: views.flavor(item, call.url),
    )


@operation(
    "GET",
    "/v1/flavors/{flavor}",
    policy="caas:flavors:get",
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a flavor, by id or name."""
    item = flavors.get(call.deps, call.ctx, call.args["flavor"])
    return {"flavor": views.flavor(item, call.url)}


@operation(
    "POST",
    "/v1/flavors",
    policy="caas:flavors:create",
    body=schemas.CREATE,
    response=schemas.ONE,
    status=201,
)
def create(call: Call) -> dict[str, Any]:
    """Create a flavor."""
    item = flavors.create(call.deps, call.ctx, call.body["flavor"])
    return {"flavor": views.flavor(item, call.url)}


@operation(
    "PATCH",
    "/v1/flavors/{flavor}",
    policy="caas:flavors:update",
    body=schemas.UPDATE,
    response=schemas.ONE,
)
def update(call: Call) -> dict[str, Any]:
    """Change the description of a flavor.

    Its size never changes: sets were made with it.
    """
    item = flavors.update(
        call.deps, call.ctx, call.args["flavor"], call.body["flavor"]
    )
    return {"flavor": views.flavor(item, call.url)}


@operation(
    "DELETE",
    "/v1/flavors/{flavor}",
    policy="caas:flavors:delete",
    status=204,
)
def delete(call: Call) -> None:
    """Delete a flavor.

    Sets made with it keep their size.
    """
    flavors.delete(call.deps, call.ctx, call.args["flavor"])
