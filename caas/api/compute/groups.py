"""Security groups of servers: all have the one there is."""

from typing import Any, NoReturn

from caas import exception
from caas.api.compute import networks, servers
from caas.api.compute.operation import Call, action, route
from caas.api.compute.schemas import common

_NAME = common.obj(
    {"name": {"type": "string", "minLength": 1, "maxLength": 255}}, ["name"]
)
_NAMES = (networks.GROUP, networks.GROUP_ID)


@route(
    "GET",
    f"{servers.SERVER}/os-security-groups",
    policy="caas:sets:get",
    load=servers.load,
)
def list_(call: Call) -> dict[str, Any]:
    """List its security groups."""
    # clients look for each of them in Neutron, which knows none for a server
    # without ports
    return {"security_groups": []}


def _check(call: Call, name: str) -> None:
    if name not in _NAMES:
        raise exception.NotFound(
            f"Security group {name} not found for project "
            f"{call.target.project_id}."
        )


@action(
    servers.SERVER,
    "addSecurityGroup",
    policy="caas:sets:update",
    load=servers.load,
    body=_NAME,
)
def add(call: Call) -> None:
    """That it has already is no error, as in Nova."""
    _check(call, call.body["addSecurityGroup"]["name"])


@action(
    servers.SERVER,
    "removeSecurityGroup",
    policy="caas:sets:update",
    load=servers.load,
    body=_NAME,
)
def remove(call: Call) -> NoReturn:
    """Refused: it is the one there is."""
    _check(call, call.body["removeSecurityGroup"]["name"])
    raise exception.BadRequest(
        f"Removing the security group {networks.GROUP!r} is not supported "
        "for container sets: there is no other."
    )
