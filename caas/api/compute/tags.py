"""Tags of servers."""

import urllib.parse
from typing import Any

from caas import exception
from caas.api.compute import servers
from caas.api.compute.operation import Answer, Call, route
from caas.api.compute.schemas import common
from caas.api.compute.schemas import servers as schemas
from caas.api.schema import Schema
from caas.core import sets

_ALL = f"{servers.SERVER}/tags"
_ONE = f"{_ALL}/{{tag}}"
_SINCE = ("2.26", None)
_TAG = Schema(common.TAG)


@route("GET", _ALL, policy="caas:sets:get", load=servers.load, versions=_SINCE)
def list_(call: Call) -> dict[str, Any]:
    """List them."""
    return {"tags": sets.tags(call.deps, call.target)}


@route(
    "PUT",
    _ALL,
    policy="caas:sets:update",
    load=servers.load,
    body=schemas.TAGS,
    versions=_SINCE,
)
def replace(call: Call) -> dict[str, Any]:
    """Replace all of them."""
    return {
        "tags": sets.change_tags(
            call.deps,
            call.ctx,
            call.target,
            add=call.body["tags"],
            replace=True,
        )
    }


@route(
    "DELETE",
    _ALL,
    policy="caas:sets:update",
    load=servers.load,
    status=204,
    versions=_SINCE,
)
def clear(call: Call) -> None:
    """Take all of them off."""
    sets.change_tags(call.deps, call.ctx, call.target, replace=True)


@route(
    "GET",
    _ONE,
    policy="caas:sets:get",
    load=servers.load,
    status=204,
    versions=_SINCE,
)
def get(call: Call) -> None:
    """Whether it has one."""
    _expect(call)


@route(
    "PUT",
    _ONE,
    policy="caas:sets:update",
    load=servers.load,
    status=201,
    versions=_SINCE,
)
def put(call: Call) -> Answer:
    """Put one on it."""
    tag = call.args["tag"]
    problem = _TAG.error(tag, "The tag")
    if problem:
        raise exception.BadRequest(problem)
    if tag in sets.tags(call.deps, call.target):
        return Answer(None, status=204)
    sets.change_tags(call.deps, call.ctx, call.target, add=[tag])
    name = urllib.parse.quote(tag, safe="")
    url = f"{call.url}/servers/{call.target.id}/tags/{name}"
    return Answer(None, headers={"Location": url})


@route(
    "DELETE",
    _ONE,
    policy="caas:sets:update",
    load=servers.load,
    status=204,
    versions=_SINCE,
)
def delete(call: Call) -> None:
    """Take one off."""
    _expect(call)
    sets.change_tags(
        call.deps, call.ctx, call.target, remove=[call.args["tag"]]
    )


def _expect(call: Call) -> None:
    tag = call.args["tag"]
    if tag not in sets.tags(call.deps, call.target):
        raise exception.NotFound(
            f"Server {call.target.id} has no tag '{tag[:60]}'"
        )
