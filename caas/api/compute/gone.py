"""What Nova had once and answers 410, and what needs parts sets have not.

Clients that know an old Nova find what a current one says to them.
"""

from typing import Any, NoReturn

from caas.api import errors
from caas.api.compute import servers
from caas.api.compute.operation import Call, action, route

#: Anybody who is known.
_POLICY = "caas:flavors:list"

_GONE = (
    *("GET /os-agents", "POST /os-agents"),
    *("PUT /os-agents/{old}", "DELETE /os-agents/{old}"),
    *("GET /os-cells", "POST /os-cells", "GET /os-cells/capacities"),
    *("GET /os-cells/detail", "GET /os-cells/info"),
    *("POST /os-cells/sync_instances", "GET /os-cells/{old}"),
    *("PUT /os-cells/{old}", "DELETE /os-cells/{old}"),
    "GET /os-cells/{old}/capacities",
    *("POST /os-certificates", "GET /os-certificates/{old}"),
    *("GET /os-cloudpipe", "POST /os-cloudpipe", "PUT /os-cloudpipe/{old}"),
    "GET /os-fixed-ips/{old}",
    *("GET /os-floating-ip-dns", "PUT /os-floating-ip-dns/{old}"),
    "DELETE /os-floating-ip-dns/{old}",
    "GET /os-floating-ip-dns/{old}/entries/{entry}",
    "PUT /os-floating-ip-dns/{old}/entries/{entry}",
    "DELETE /os-floating-ip-dns/{old}/entries/{entry}",
    *("GET /os-floating-ips-bulk", "POST /os-floating-ips-bulk"),
    *("GET /os-floating-ips-bulk/{old}", "PUT /os-floating-ips-bulk/{old}"),
    *("GET /os-fping", "GET /os-fping/{old}"),
    *("POST /os-networks", "POST /os-networks/add"),
    "DELETE /os-networks/{network}",
    *("POST /os-tenant-networks", "DELETE /os-tenant-networks/{network}"),
    *("GET /os-security-group-default-rules",),
    *("POST /os-security-group-default-rules",),
    "GET /os-security-group-default-rules/{old}",
    "DELETE /os-security-group-default-rules/{old}",
)
_ACTIONS = {
    "/os-fixed-ips/{old}": ("reserve", "unreserve"),
    "/os-networks/{network}": (
        *("associate_host", "disassociate", "disassociate_host"),
        "disassociate_project",
    ),
}
#: Below a server.
_OF_SERVERS = (
    *("GET /consoles", "POST /consoles"),
    *("GET /consoles/{old}", "DELETE /consoles/{old}"),
    "GET /os-virtual-interfaces",
)


class _Gone(errors.HttpError):
    code = 410


def gone(call: Call) -> NoReturn:
    """Refused: it is not there any more."""
    raise _Gone("This resource is no longer available. No forwarding address.")


def _register(make: Any) -> None:
    make(gone)


for _text in _GONE:
    _method, _path = _text.split()
    _register(route(_method, _path, policy=_POLICY))
for _path, _names in _ACTIONS.items():
    for _name in _names:
        _register(action(_path, _name, policy=_POLICY))
for _text in _OF_SERVERS:
    _method, _path = _text.split()
    _register(
        route(
            _method,
            servers.SERVER + _path,
            policy="caas:sets:get",
            load=servers.load,
        )
    )
_register(
    action(
        servers.SERVER,
        "resetNetwork",
        policy="caas:sets:get",
        load=servers.load,
    )
)
_register(
    action(
        servers.SERVER,
        "os-getRDPConsole",
        policy="caas:sets:get",
        load=servers.load,
        versions=("2.1", "2.5"),
    )
)
