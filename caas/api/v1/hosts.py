"""Hosts: where sets run, for operators."""

from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import common
from caas.api.v1.schemas import hosts as schemas
from caas.api.v1.views import hosts as views
from caas.core import hosts
from caas.model.hosts import Host
from caas.store.engine import utcnow


def _view(call: Call, item: Host) -> dict[str, Any]:
    return views.host(item, call.url, utcnow(), call.deps.heartbeat_timeout)


@operation(
    "GET",
    "/v1/hosts",
    policy="caas:hosts:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List hosts."""
    query = lists.query_of(call, "created_at")
    items = hosts.list_(call.deps, call.ctx, query)
    return lists.page(
        call, "hosts", "/v1/hosts", items, lambda item: _view(call, item)
    )


@operation(
    "GET", "/v1/hosts/{host}", policy="caas:hosts:get", response=schemas.ONE
)
def get(call: Call) -> dict[str, Any]:
    """Show a host, by id or name."""
    item = hosts.get(call.deps, call.ctx, call.args["host"])
    return {"host": _view(call, item)}


@operation(
    "POST",
    "/v1/hosts/{host}/enable",
    policy="caas:hosts:enable",
    body=common.EMPTY,
    body_optional=True,
    response=schemas.ONE,
)
def enable(call: Call) -> dict[str, Any]:
    """Let a host take new sets."""
    item = hosts.enable(call.deps, call.ctx, call.args["host"])
    return {"host": _view(call, item)}


@operation(
    "POST",
    "/v1/hosts/{host}/disable",
    policy="caas:hosts:disable",
    body=schemas.DISABLE,
    body_optional=True,
    response=schemas.ONE,
)
def disable(call: Call) -> dict[str, Any]:
    """Let a host take no new sets.

    Those on it stay, run on and can be managed.
    """
    item = hosts.disable(
        call.deps, call.ctx, call.args["host"], call.body.get("reason")
    )
    return {"host": _view(call, item)}


@operation(
    "DELETE", "/v1/hosts/{host}", policy="caas:hosts:delete", status=204
)
def delete(call: Call) -> None:
    """Forget a host that is gone for good.

    It must be down and have no sets on it.
    """
    hosts.delete(call.deps, call.ctx, call.args["host"])
