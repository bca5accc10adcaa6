"""Looks into containers that have a short answer, from their host."""

from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import sets as sets_api
from caas.api.v1.schemas import looks as schemas
from caas.core import sessions
from caas.model.streams import Look


def _look(call: Call, what: Look, **arguments: Any) -> Any:
    return sessions.look(
        call.deps,
        call.ctx,
        call.target,
        call.args.get("container"),
        what,
        arguments,
    )


@operation(
    "GET",
    "/v1/sets/{set_id}/stats",
    policy="caas:containers:stats",
    load=sets_api.load,
    response=schemas.STATS,
)
def stats_of_set(call: Call) -> dict[str, Any]:
    """Show what a set and its containers use now."""
    return {"stats": _look(call, Look.STATS)}


@operation(
    "GET",
    "/v1/sets/{set_id}/containers/{container}/stats",
    policy="caas:containers:stats",
    load=sets_api.load,
    response=schemas.STATS,
)
def stats(call: Call) -> dict[str, Any]:
    """Show what a container uses now."""
    return {"stats": _look(call, Look.STATS)}


@operation(
    "GET",
    "/v1/sets/{set_id}/containers/{container}/top",
    policy="caas:containers:top",
    load=sets_api.load,
    response=schemas.TOP,
)
def top(call: Call) -> dict[str, Any]:
    """Show the processes of a container."""
    return {"top": _look(call, Look.TOP)}


@operation(
    "GET",
    "/v1/sets/{set_id}/containers/{container}/diff",
    policy="caas:containers:diff",
    load=sets_api.load,
    response=schemas.DIFF,
)
def diff(call: Call) -> dict[str, Any]:
    """Show which files of its image a container has changed."""
    return {"diff": _look(call, Look.DIFF)}


@operation(
    "GET",
    "/v1/sets/{set_id}/containers/{container}/inspect",
    policy="caas:containers:inspect",
    load=sets_api.load,
    response=schemas.INSPECT,
)
def inspect(call: Call) -> dict[str, Any]:
    """Show how the engine runs a container."""
    return {"inspect": _look(call, Look.INSPECT)}


@operation(
    "GET",
    "/v1/sets/{set_id}/containers/{container}/files",
    policy="caas:containers:files",
    load=sets_api.load,
    query=schemas.FILES_QUERY,
    response=schemas.FILES,
)
def files(call: Call) -> dict[str, Any]:
    """Show what is in a folder of a container."""
    return {"files": _look(call, Look.FILES, path=call.query["path"])}
