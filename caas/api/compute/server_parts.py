"""Small parts of servers that VMs have and sets have little of."""

from typing import Any

from caas.api.compute import servers
from caas.api.compute.operation import Answer, Call, route


@route(
    "GET",
    f"{servers.SERVER}/os-server-password",
    policy="caas:sets:get",
    load=servers.load,
)
def password(call: Call) -> dict[str, Any]:
    """Show its password: as of a VM that never told one."""
    return {"password": ""}


@route(
    "DELETE",
    f"{servers.SERVER}/os-server-password",
    policy="caas:sets:update",
    load=servers.load,
    status=204,
)
def clear_password(call: Call) -> Answer:
    """Forget it; there is none."""
    return Answer(None)


@route(
    "GET",
    f"{servers.SERVER}/topology",
    policy="caas:sets:get",
    load=servers.load,
    versions=("2.78", None),
)
def topology(call: Call) -> dict[str, Any]:
    """Show its NUMA nodes: as of a VM that asked for none."""
    return {"nodes": [], "pagesize_kb": None}
