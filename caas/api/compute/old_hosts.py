"""``os-hosts``, as old clients ask for hosts."""

from typing import Any, NoReturn

from caas import exception
from caas.api import errors
from caas.api.compute.hosts import every, viewer
from caas.api.compute.operation import Call, Versions, route
from caas.api.compute.schemas import common
from caas.api.compute.views import hosts as views
from caas.core import hosts
from caas.model.hosts import Host

_HOST = "/os-hosts/{host}"
_VERSIONS: Versions = ("2.1", "2.42")
_SWITCH = {
    "type": "string",
    "enum": ["enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"],
}
_UPDATE = {
    **common.obj({"status": _SWITCH, "maintenance_mode": _SWITCH}),
    "minProperties": 1,
}


def _find(call: Call) -> Host:
    name = call.args["host"]
    for each in every(call):
        if each.name == name:
            return each
    raise exception.NotFound(f"Compute host {name[:100]} could not be found.")


@route("GET", "/os-hosts", policy="caas:hosts:list", versions=_VERSIONS)
def list_(call: Call) -> dict[str, Any]:
    """List what runs where."""
    view = viewer(call)
    found = [view.agent(each) for each in every(call) if each.enabled]
    found += views.services(call)
    zone = call.one("zone")
    return {
        "hosts": [
            {
                "host_name": each["host"],
                "service": each["binary"].removeprefix("nova-"),
                "zone": each["zone"],
            }
            for each in found
            if not zone or each["zone"] == zone
        ]
    }


@route("GET", _HOST, policy="caas:hosts:get", versions=_VERSIONS)
def get(call: Call) -> dict[str, Any]:
    """Show what it has, and what is used of that."""
    item = _find(call)
    there = hosts.sets_on(call.deps, call.ctx, [item.id])[item.id]
    return {"host": views.resources(item, there)}


@route(
    "PUT",
    _HOST,
    policy="caas:hosts:disable",
    body=_UPDATE,
    versions=_VERSIONS,
)
def update(call: Call) -> dict[str, Any]:
    """Let it take new servers, or no more."""
    item, asked = _find(call), call.body
    if "maintenance_mode" in asked:
        raise errors.Unsupported(
            "The requested functionality is not supported."
        )
    if asked["status"].lower() == "enable":
        hosts.enable(call.deps, call.ctx, item.id)
        return {"host": item.name, "status": "enabled"}
    hosts.disable(call.deps, call.ctx, item.id, None)
    return {"host": item.name, "status": "disabled"}


@route(
    "GET", f"{_HOST}/startup", policy="caas:hosts:disable", versions=_VERSIONS
)
@route(
    "GET", f"{_HOST}/shutdown", policy="caas:hosts:disable", versions=_VERSIONS
)
@route(
    "GET", f"{_HOST}/reboot", policy="caas:hosts:disable", versions=_VERSIONS
)
def power(call: Call) -> NoReturn:
    """Refused: an agent does not rule over the power of its host."""
    _find(call)
    raise errors.Unsupported("The requested functionality is not supported.")
