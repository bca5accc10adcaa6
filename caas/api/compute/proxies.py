"""What Nova passed on to Cinder and Ironic for old clients.

A set has one volume, which goes with it, and no machine of its own.
"""

from typing import Any, NoReturn

from caas import exception
from caas.api import errors
from caas.api.compute.operation import Call, Versions, action, route

_POLICY = "caas:flavors:list"
_OPERATORS = "caas:hosts:list"
_VERSIONS: Versions = ("2.1", "2.35")


@route("GET", "/os-volumes", policy=_POLICY, versions=_VERSIONS)
@route("GET", "/os-volumes/detail", policy=_POLICY, versions=_VERSIONS)
def volumes(call: Call) -> dict[str, Any]:
    """List volumes that are by themselves: there are none."""
    return {"volumes": []}


@route("GET", "/os-volumes/{volume}", policy=_POLICY, versions=_VERSIONS)
@route("DELETE", "/os-volumes/{volume}", policy=_POLICY, versions=_VERSIONS)
def volume(call: Call) -> NoReturn:
    """There are none."""
    raise exception.NotFound(
        f"Volume {call.args['volume'][:100]} could not be found."
    )


@route("GET", "/os-snapshots", policy=_POLICY, versions=_VERSIONS)
@route("GET", "/os-snapshots/detail", policy=_POLICY, versions=_VERSIONS)
def snapshots(call: Call) -> dict[str, Any]:
    """List snapshots of volumes: there are none."""
    return {"snapshots": []}


@route("GET", "/os-snapshots/{volume}", policy=_POLICY, versions=_VERSIONS)
@route("DELETE", "/os-snapshots/{volume}", policy=_POLICY, versions=_VERSIONS)
def snapshot(call: Call) -> NoReturn:
    """There are none."""
    raise exception.NotFound(
        f"Snapshot {call.args['volume'][:100]} could not be found."
    )


@route("POST", "/os-volumes", policy=_POLICY, versions=_VERSIONS)
@route("POST", "/os-snapshots", policy=_POLICY, versions=_VERSIONS)
def make(call: Call) -> NoReturn:
    """Refused."""
    raise exception.BadRequest(
        "Volumes by themselves are not supported for container sets: each has "
        "one of the size its flavor says."
    )


@route("POST", "/os-assisted-volume-snapshots", policy=_OPERATORS)
@route("DELETE", "/os-assisted-volume-snapshots/{volume}", policy=_OPERATORS)
def assisted(call: Call) -> NoReturn:
    """Refused."""
    raise exception.BadRequest(
        "Snapshots of volumes are not supported for container sets: they have "
        "none of Cinder's."
    )


@route("GET", "/os-baremetal-nodes", policy=_OPERATORS, versions=_VERSIONS)
@route(
    "GET",
    "/os-baremetal-nodes/{node}",
    policy=_OPERATORS,
    versions=_VERSIONS,
)
def machines(call: Call) -> NoReturn:
    """Refused, as by a Nova without Ironic."""
    raise errors.Unsupported(
        "Ironic client unavailable, cannot access Ironic."
    )


@route("POST", "/os-baremetal-nodes", policy=_OPERATORS, versions=_VERSIONS)
@route(
    "DELETE",
    "/os-baremetal-nodes/{node}",
    policy=_OPERATORS,
    versions=_VERSIONS,
)
@action(
    "/os-baremetal-nodes/{node}",
    "add_interface",
    policy=_OPERATORS,
    versions=_VERSIONS,
)
@action(
    "/os-baremetal-nodes/{node}",
    "remove_interface",
    policy=_OPERATORS,
    versions=_VERSIONS,
)
def change_machines(call: Call) -> NoReturn:
    """Refused, as by Nova."""
    raise exception.BadRequest(
        "Command Not supported. Please use Ironic command to perform this "
        "action."
    )
