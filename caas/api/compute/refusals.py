"""Actions of VMs that no set can do, refused as Nova refuses."""

from typing import NoReturn

from caas import exception
from caas.api.compute import servers
from caas.api.compute.operation import Call, Versions, action
from caas.api.compute.schemas import common

_SERVER = servers.SERVER
_OLD: Versions = ("2.1", "2.43")
_ADDRESS = {"type": "string", "minLength": 1, "maxLength": 45}


def _unsupported(what: str, why: str) -> exception.BadRequest:
    return exception.BadRequest(
        f"{what} is not supported for container sets: {why}."
    )


@action(
    _SERVER,
    "addFixedIp",
    policy="caas:sets:update",
    load=servers.load,
    body=common.obj({"networkId": {"type": ["string", "number"]}}),
    versions=_OLD,
)
@action(
    _SERVER,
    "removeFixedIp",
    policy="caas:sets:update",
    load=servers.load,
    body=common.obj({"address": _ADDRESS}),
    versions=_OLD,
)
def fixed_ip(call: Call) -> NoReturn:
    """Refused."""
    raise _unsupported(
        "Adding and removing addresses",
        "each has the one that its network gives it",
    )


@action(
    _SERVER,
    "addFloatingIp",
    policy="caas:sets:update",
    load=servers.load,
    body=common.obj(
        {"address": _ADDRESS, "fixed_address": _ADDRESS}, ["address"]
    ),
    status=202,
    versions=_OLD,
)
@action(
    _SERVER,
    "removeFloatingIp",
    policy="caas:sets:update",
    load=servers.load,
    body=common.obj({"address": _ADDRESS}, ["address"]),
    versions=_OLD,
)
def floating_ip(call: Call) -> NoReturn:
    """Refused: there are none."""
    name = next(iter(call.body))
    address = call.body[name]["address"]
    raise exception.NotFound(f"Floating IP not found for address {address}.")


@action(
    _SERVER,
    "injectNetworkInfo",
    policy="caas:sets:reset_state",
    load=servers.load,
)
def inject_network_info(call: Call) -> NoReturn:
    """Refused."""
    raise exception.Conflict(
        "injectNetworkInfo is not supported for container sets: their network "
        "is set up from outside."
    )


@action(
    _SERVER,
    "trigger_crash_dump",
    policy="caas:sets:update",
    load=servers.load,
    body={"type": "null"},
    versions=("2.17", None),
)
def trigger_crash_dump(call: Call) -> NoReturn:
    """Refused."""
    raise _unsupported(
        "trigger_crash_dump", "they have no kernel of their own to crash"
    )
