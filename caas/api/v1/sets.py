"""Sets: the unit of scheduling, starting, stopping and billing."""

from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import common
from caas.api.v1.schemas import sets as schemas
from caas.api.v1.views.sets import Viewer
from caas.core import resize as resizes
from caas.core import sets
from caas.model.query import Query
from caas.model.sets import Set


def load(call: Call, project_id: str | None) -> Set:
    return sets.get(call.deps, call.ctx, call.args["set_id"], project_id)


def _one(call: Call, item: Set) -> dict[str, Any]:
    return {"set": Viewer.of(call).detail(item)}


@operation(
    "POST",
    "/v1/sets",
    policy="caas:sets:create",
    body=schemas.CREATE,
    response=schemas.CREATED,
    status=202,
)
def create(call: Call) -> dict[str, Any]:
    """Create sets.

    Answers as soon as the sets are accepted: they are then scheduled and
    started; `status` tells how far they are and `reason` why they are not
    further. With `max_count` above one, `-1`, `-2` ... is added to the names.
    """
    items = sets.create(call.deps, call.ctx, call.body["set"])
    viewer = Viewer.of(call)
    return {
        "sets": [viewer.detail(item) for item in items],
        "reservation_id": items[0].reservation_id,
    }


def _query(call: Call) -> Query:
    if "host" in call.query:
        call.require("caas:sets:get:host")
    query = lists.query_of(call, "created_at", "caas:sets:list:all_projects")
    if "metadata" in query.filters:
        query.filters["metadata"] = dict(
            pair.split("=", 1) for pair in query.filters["metadata"]
        )
    return query


@operation(
    "GET",
    "/v1/sets",
    policy="caas:sets:list",
    query=schemas.LIST,
    response=schemas.SUMMARIES,
)
def list_(call: Call) -> dict[str, Any]:
    """List sets in short."""
    items = sets.list_(call.deps, call.ctx, _query(call), detail=False)
    return lists.page(call, "sets", "/v1/sets", items, Viewer.of(call).summary)


@operation(
    "GET",
    "/v1/sets/detail",
    policy="caas:sets:list",
    query=schemas.LIST_DETAIL,
    response=schemas.DETAILS,
)
def detail(call: Call) -> dict[str, Any]:
    """List sets with all there is to know of them."""
    items = sets.list_(call.deps, call.ctx, _query(call), detail=True)
    return lists.page(
        call, "sets", "/v1/sets/detail", items, Viewer.of(call).detail
    )


@operation(
    "GET",
    "/v1/sets/{set_id}",
    policy="caas:sets:get",
    load=load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a set."""
    return _one(call, call.target)


@operation(
    "PATCH",
    "/v1/sets/{set_id}",
    policy="caas:sets:update",
    load=load,
    body=schemas.UPDATE,
    response=schemas.ONE,
)
def update(call: Call) -> dict[str, Any]:
    """Change name, description or metadata of a set."""
    changes = dict(call.body["set"])
    if changes.get("description", "") is None:
        changes["description"] = ""
    return _one(call, sets.update(call.deps, call.ctx, call.target, changes))


@operation(
    "DELETE",
    "/v1/sets/{set_id}",
    policy="caas:sets:delete",
    load=load,
    response=schemas.ONE,
    status=202,
)
def delete(call: Call) -> dict[str, Any]:
    """Delete a set and its volume.

    It is gone when its host has removed it; asking again is no error.
    """
    return _one(call, sets.delete(call.deps, call.ctx, call.target))


@operation(
    "POST",
    "/v1/sets/{set_id}/force-delete",
    policy="caas:sets:force_delete",
    load=load,
    body=common.EMPTY,
    body_optional=True,
    response=schemas.ONE,
    status=202,
)
def force_delete(call: Call) -> dict[str, Any]:
    """Forget a set now, even if its host is silent.

    Name and quota are free at once; its host removes it when it can.
    """
    return _one(call, sets.force_delete(call.deps, call.ctx, call.target))


@operation(
    "POST",
    "/v1/sets/{set_id}/start",
    policy="caas:sets:start",
    load=load,
    body=common.EMPTY,
    body_optional=True,
    response=schemas.ONE,
    status=202,
)
def start(call: Call) -> dict[str, Any]:
    """Start a set.

    One that could not be placed or started is tried again.
    """
    return _one(call, sets.start(call.deps, call.ctx, call.target))


@operation(
    "POST",
    "/v1/sets/{set_id}/stop",
    policy="caas:sets:stop",
    load=load,
    body=schemas.GRACE,
    body_optional=True,
    response=schemas.ONE,
    status=202,
)
def stop(call: Call) -> dict[str, Any]:
    """Stop a set, its containers in the reverse order of their Index.

    It keeps host, address and volume.
    """
    grace = call.body.get("grace_period")
    return _one(call, sets.stop(call.deps, call.ctx, call.target, grace))


@operation(
    "POST",
    "/v1/sets/{set_id}/resize",
    policy="caas:sets:resize",
    load=load,
    body=schemas.RESIZE,
    response=schemas.ONE,
    status=202,
)
def resize(call: Call) -> dict[str, Any]:
    """Give a set another flavor while it runs.

    CPU and memory change within a second or so; no container is restarted.
    Its status is `RESIZE` until then. If the host has too little left, or the
    containers use more memory than they would have, the set keeps its old
    flavor and `failure` says why. A volume cannot shrink.
    """
    found = resizes.resize(
        call.deps, call.ctx, call.target, call.body["resize"]["flavor"]
    )
    return _one(call, found)


@operation(
    "POST",
    "/v1/sets/{set_id}/restart",
    policy="caas:sets:restart",
    load=load,
    body=schemas.GRACE,
    body_optional=True,
    response=schemas.ONE,
    status=202,
)
def restart(call: Call) -> dict[str, Any]:
    """Stop and start the business containers of a set."""
    grace = call.body.get("grace_period")
    return _one(call, sets.restart(call.deps, call.ctx, call.target, grace))
