"""Sets: the unit of scheduling, starting, stopping and billing."""

from collections.abc import Iterable
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import common
from caas.api.v1.schemas import sets as schemas
from caas.api.v1.views.sets import Viewer
from caas.core import changes, inputs, recycling, sets
from caas.model.query import Query
from caas.model.sets import Set


def load(call: Call, project_id: str | None) -> Set:
    return sets.get(call.deps, call.ctx, call.args["set_id"], project_id)


def one(call: Call, item: Set) -> dict[str, Any]:
    return {"set": Viewer.of(call).detail(item)}


def check_cpuset(call: Call, bodies: Iterable[dict[str, Any]]) -> None:
    """Only some may choose CPUs of a host."""
    if any(body.get("cpuset") is not None for body in bodies):
        call.require("caas:containers:update:cpuset")


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
    check_cpuset(call, call.body["set"]["containers"])
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
    return one(call, call.target)


@operation(
    "GET",
    "/v1/sets/{set_id}/inputs",
    policy="caas:sets:get:inputs",
    load=load,
    response=schemas.INPUTS,
)
def show_inputs(call: Call) -> dict[str, Any]:
    """Show what was handed into the containers of a set.

    User data, files, and the public key of its key pair as it was then. They
    are in no other answer, as they may be large, and secret.
    """
    handed, public_key = inputs.get_all(call.deps, call.target)
    return {"inputs": {**handed.to_dict(), "public_key": public_key}}


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
    return one(call, sets.update(call.deps, call.ctx, call.target, changes))


@operation(
    "DELETE",
    "/v1/sets/{set_id}",
    policy="caas:sets:delete",
    load=load,
    query=schemas.DELETE,
    response=schemas.ONE,
    status=202,
)
def delete(call: Call) -> dict[str, Any]:
    """Delete a set and its volume.

    Where there is a recycle bin, a set that has run is first stopped and kept
    there: its status is `SOFT_DELETED`, it counts in no quota and is in no
    list unless its status is asked for, and it can be restored until
    `reclaim_at`. Otherwise, and with `permanent`, it is gone when its host
    has removed it. Asking again is no error.
    """
    drop = sets.delete if call.query.get("permanent") else recycling.delete
    return one(call, drop(call.deps, call.ctx, call.target))


@operation(
    "POST",
    "/v1/sets/{set_id}/restore",
    policy="caas:sets:restore",
    load=load,
    body=common.EMPTY,
    body_optional=True,
    response=schemas.ONE,
    status=202,
)
def restore(call: Call) -> dict[str, Any]:
    """Have a deleted set back from the recycle bin, and running.

    With its address, its volume, and all that its containers have written. If
    its host has no room for it by now, it is `SHELVED_OFFLOADED` then, and
    `failure` says why.
    """
    return one(call, recycling.restore(call.deps, call.ctx, call.target))


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
    return one(call, sets.force_delete(call.deps, call.ctx, call.target))


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
    return one(call, sets.start(call.deps, call.ctx, call.target))


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
    return one(call, sets.stop(call.deps, call.ctx, call.target, grace))


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
    found = changes.resize(
        call.deps, call.ctx, call.target, call.body["resize"]["flavor"]
    )
    return one(call, found)


@operation(
    "POST",
    "/v1/sets/{set_id}/update",
    policy="caas:sets:update_containers",
    load=load,
    body=schemas.CHANGE,
    response=schemas.ONE,
    status=202,
)
def change(call: Call) -> dict[str, Any]:
    """Replace, add and remove containers of a set while it runs.

    All of it or nothing. Containers that are not named keep their processes
    and connections, and the set its address. Those that are replaced or added
    have to become healthy (or to run for `monitor` seconds, without a health
    check); if one does not, all is as before again and `failure` says why.
    The status is `UPDATING` until then.
    """
    body = call.body["update"]
    changed = body.get("containers") or []
    added = body.get("add") or []
    check_cpuset(call, [*changed, *added])
    found = changes.update(
        call.deps,
        call.ctx,
        call.target,
        "update",
        change=[
            (each["name"], {k: v for k, v in each.items() if k != "name"})
            for each in changed
        ],
        add=added,
        remove=body.get("remove") or [],
        monitor=body.get("monitor"),
    )
    return one(call, found)


@operation(
    "GET",
    "/v1/sets/{set_id}/history",
    policy="caas:sets:history",
    load=load,
    response=schemas.HISTORY,
)
def history(call: Call) -> dict[str, Any]:
    """List what a set was made of, the latest first.

    Each entry is a change of its flavor or containers, with who asked for it;
    `failure` says why one was taken back.
    """
    view = Viewer.of(call).history
    entries = changes.list_history(call.deps, call.target)
    return {"history": [view(entry) for entry in entries]}


@operation(
    "POST",
    "/v1/sets/{set_id}/revert",
    policy="caas:sets:revert",
    load=load,
    body=schemas.REVERT,
    response=schemas.ONE,
    status=202,
)
def revert(call: Call) -> dict[str, Any]:
    """Make a set of what it was made of at an earlier revision.

    Flavor and containers; containers that are the same then and now are left
    alone, and a volume that has grown since keeps its size. Otherwise as an
    update.
    """
    body = call.body["revert"]
    entry = changes.past(call.deps, call.target, body["revision"])
    present = {m.id: m.spec.cpuset for m in call.target.content.members}
    check_cpuset(
        call,
        (
            {"cpuset": m.spec.cpuset}
            for m in entry.content.members
            if m.spec.cpuset != present.get(m.id)
        ),
    )
    found = changes.revert(
        call.deps, call.ctx, call.target, entry, body.get("monitor")
    )
    return one(call, found)


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
    return one(call, sets.restart(call.deps, call.ctx, call.target, grace))
