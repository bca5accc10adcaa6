"""Containers of sets."""

import functools
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1 import sets as sets_api
from caas.api.v1.schemas import common
from caas.api.v1.schemas import containers as schemas
from caas.api.v1.schemas import sets as set_schemas
from caas.api.v1.views import containers as views
from caas.core import changes, containers


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
    item = containers.pick(call.target, call.args["container"])
    return {"container": _view(call)(item)}


@operation(
    "POST",
    "/v1/sets/{set_id}/containers",
    policy="caas:containers:add",
    load=sets_api.load,
    body=schemas.ADD,
    response=set_schemas.ONE,
    status=202,
)
def add(call: Call) -> dict[str, Any]:
    """Add a container to a set while it runs.

    As an update of the set that adds one.
    """
    body = dict(call.body["container"])
    sets_api.check_cpuset(call, [body])
    monitor = body.pop("monitor", None)
    found = changes.update(
        call.deps,
        call.ctx,
        call.target,
        "add",
        add=[body],
        monitor=monitor,
    )
    return sets_api.one(call, found)


@operation(
    "PATCH",
    "/v1/sets/{set_id}/containers/{container}",
    policy="caas:containers:update",
    load=sets_api.load,
    body=schemas.UPDATE,
    response=set_schemas.ONE,
    status=202,
)
def update(call: Call) -> dict[str, Any]:
    """Change a container of a set while it runs.

    Another name, percent of CPU or memory, restart policy or health check is
    given to the running container; for everything else it is replaced, and has
    to become healthy, or it is as before again. An image is looked up anew
    whenever it is named.
    """
    body = dict(call.body["container"])
    sets_api.check_cpuset(call, [body])
    monitor = body.pop("monitor", None)
    found = changes.update(
        call.deps,
        call.ctx,
        call.target,
        "rename" if body.keys() == {"name"} else "update",
        change=[(call.args["container"], body)],
        monitor=monitor,
    )
    return sets_api.one(call, found)


@operation(
    "DELETE",
    "/v1/sets/{set_id}/containers/{container}",
    policy="caas:containers:remove",
    load=sets_api.load,
    response=set_schemas.ONE,
    status=202,
)
def remove(call: Call) -> dict[str, Any]:
    """Remove a container from a set while it runs.

    What it kept on the volume stays.
    """
    found = changes.update(
        call.deps,
        call.ctx,
        call.target,
        "remove",
        remove=[call.args["container"]],
    )
    return sets_api.one(call, found)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/restart",
    policy="caas:containers:restart",
    load=sets_api.load,
    body=set_schemas.GRACE,
    body_optional=True,
    response=set_schemas.ONE,
    status=202,
)
def restart(call: Call) -> dict[str, Any]:
    """Stop and start one container; the others of its set go on."""
    found = containers.restart(
        call.deps,
        call.ctx,
        call.target,
        call.args["container"],
        call.body.get("grace_period"),
    )
    return sets_api.one(call, found)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/pause",
    policy="caas:containers:pause",
    load=sets_api.load,
    body=common.EMPTY,
    body_optional=True,
    response=set_schemas.ONE,
    status=202,
)
def pause(call: Call) -> dict[str, Any]:
    """Freeze the processes of one container.

    It stays so, whatever happens to its host, until it is unpaused or
    restarted.
    """
    found = containers.pause(
        call.deps, call.ctx, call.target, call.args["container"], True
    )
    return sets_api.one(call, found)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/unpause",
    policy="caas:containers:unpause",
    load=sets_api.load,
    body=common.EMPTY,
    body_optional=True,
    response=set_schemas.ONE,
    status=202,
)
def unpause(call: Call) -> dict[str, Any]:
    """Let the processes of a paused container go on."""
    found = containers.pause(
        call.deps, call.ctx, call.target, call.args["container"], False
    )
    return sets_api.one(call, found)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/signal",
    policy="caas:containers:signal",
    load=sets_api.load,
    body=schemas.SIGNAL,
    response=set_schemas.ONE,
    status=202,
)
def signal(call: Call) -> dict[str, Any]:
    """Send a signal to the first process of a container.

    If it ends of that, its restart policy says what happens. Of several
    signals sent at once the last one may be the only one that arrives.
    """
    found = containers.signal(
        call.deps,
        call.ctx,
        call.target,
        call.args["container"],
        call.body["signal"],
    )
    return sets_api.one(call, found)
