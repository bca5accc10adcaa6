"""Interfaces of servers: the address of a set as if it were a port."""

import uuid
from typing import Any, NoReturn

from caas import exception
from caas.api.compute import networks, servers
from caas.api.compute.operation import Call, Part, route
from caas.api.compute.schemas import common
from caas.api.compute.views import common as views
from caas.core import sets
from caas.model.sets import Set

_ALL = f"{servers.SERVER}/os-interface"
_ONE = f"{_ALL}/{{port}}"

_UUID = {"type": "string", "minLength": 32, "maxLength": 36}
_ATTACH = common.obj(
    {
        "interfaceAttachment": common.obj(
            {
                "net_id": _UUID,
                "port_id": _UUID,
                "fixed_ips": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": common.obj(
                        {"ip_address": {"type": "string", "maxLength": 45}},
                        ["ip_address"],
                    ),
                },
                "tag": Part(common.TAG, since=49),
            }
        )
    }
)


def port_of(item: Set) -> str:
    """Its id, which follows from that of the set."""
    return str(uuid.uuid5(uuid.UUID(item.id), "port"))


def _views(call: Call) -> list[dict[str, Any]]:
    item: Set = call.target
    if not item.address:
        return []
    view: dict[str, Any] = {
        "net_id": networks.NETWORK_ID,
        "port_id": port_of(item),
        "mac_addr": views.mac(item.address),
        "port_state": "ACTIVE" if item.launched_at else "DOWN",
        "fixed_ips": [
            {"ip_address": item.address, "subnet_id": networks.SUBNET_ID}
        ],
    }
    if call.at_least(70):
        view["tag"] = None
    return [view]


@route("GET", _ALL, policy="caas:sets:get", load=servers.load)
def list_(call: Call) -> dict[str, Any]:
    """List its interfaces."""
    return {"interfaceAttachments": _views(call)}


@route("GET", _ONE, policy="caas:sets:get", load=servers.load)
def get(call: Call) -> dict[str, Any]:
    """Show one."""
    return {"interfaceAttachment": _find(call)}


def _find(call: Call) -> dict[str, Any]:
    port = call.args["port"]
    for each in _views(call):
        if each["port_id"] == port:
            return each
    raise exception.NotFound(
        f"Instance {call.target.id} does not have a port with id {port[:100]}"
    )


@route(
    "POST",
    _ALL,
    policy="caas:sets:update",
    load=servers.load,
    body=_ATTACH,
)
def attach(call: Call) -> NoReturn:
    """Refused: a set has the one its network gives it."""
    asked = call.body.get("interfaceAttachment") or {}
    if "net_id" in asked and "port_id" in asked:
        raise exception.BadRequest(
            "Must not input both network_id and port_id"
        )
    if "fixed_ips" in asked and "net_id" not in asked:
        raise exception.BadRequest(
            "Must input network_id when request IP address"
        )
    sets.check_unlocked(call.ctx, call.target)
    raise exception.BadRequest(
        "Attaching interfaces is not supported for container sets: each has "
        "the one that its network gives it."
    )


@route("DELETE", _ONE, policy="caas:sets:update", load=servers.load)
def detach(call: Call) -> NoReturn:
    """Refused, likewise."""
    _find(call)
    sets.check_unlocked(call.ctx, call.target)
    raise exception.BadRequest(
        "Detaching interfaces is not supported for container sets: each has "
        "one as long as it is there."
    )
