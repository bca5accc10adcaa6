"""Metadata of servers."""

from typing import Any

from caas import exception
from caas.api.compute import servers
from caas.api.compute.operation import Call, route
from caas.api.compute.schemas import servers as schemas
from caas.core import sets

_ALL = f"{servers.SERVER}/metadata"
_ONE = f"{_ALL}/{{key}}"


def _missing() -> exception.NotFound:
    return exception.NotFound("Metadata item was not found")


@route("GET", _ALL, policy="caas:sets:get", load=servers.load)
def list_(call: Call) -> dict[str, Any]:
    """Show all of it."""
    return {"metadata": call.target.metadata}


@route(
    "POST",
    _ALL,
    policy="caas:sets:update",
    load=servers.load,
    body=schemas.METADATA_ALL,
)
def update(call: Call) -> dict[str, Any]:
    """Add and change some."""
    found = sets.change_metadata(
        call.deps, call.ctx, call.target, call.body["metadata"]
    )
    return {"metadata": found.metadata}


@route(
    "PUT",
    _ALL,
    policy="caas:sets:update",
    load=servers.load,
    body=schemas.METADATA_ALL,
)
def replace(call: Call) -> dict[str, Any]:
    """Replace all of it."""
    found = sets.change_metadata(
        call.deps, call.ctx, call.target, call.body["metadata"], replace=True
    )
    return {"metadata": found.metadata}


@route("GET", _ONE, policy="caas:sets:get", load=servers.load)
def get(call: Call) -> dict[str, Any]:
    """Show one pair."""
    key = call.args["key"]
    if key not in call.target.metadata:
        raise _missing()
    return {"meta": {key: call.target.metadata[key]}}


@route(
    "PUT",
    _ONE,
    policy="caas:sets:update",
    load=servers.load,
    body=schemas.METADATA_ONE,
)
def put(call: Call) -> dict[str, Any]:
    """Add or change one pair."""
    key, meta = call.args["key"], call.body["meta"]
    if key not in meta:
        raise exception.BadRequest("Request body and URI mismatch")
    sets.change_metadata(call.deps, call.ctx, call.target, meta)
    return {"meta": meta}


@route(
    "DELETE", _ONE, policy="caas:sets:update", load=servers.load, status=204
)
def delete(call: Call) -> None:
    """Remove one pair."""
    key = call.args["key"]
    if key not in call.target.metadata:
        raise _missing()
    sets.change_metadata(call.deps, call.ctx, call.target, {}, remove=[key])
