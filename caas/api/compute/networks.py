"""Networks and security groups, as far as Nova passes on what others keep.

Sets of a cloud without Neutron have one network and one security group; both
have ids that follow from their names, so that they are always the same.
"""

import uuid
from typing import Any, NoReturn

from caas import exception
from caas.api.compute.operation import Call, Versions, route
from caas.api.compute.views.servers import NETWORK

_POLICY = "caas:flavors:list"
_VERSIONS: Versions = ("2.1", "2.35")

NETWORK_ID = str(uuid.uuid5(uuid.NAMESPACE_OID, f"caas-network-{NETWORK}"))
SUBNET_ID = str(uuid.uuid5(uuid.NAMESPACE_OID, f"caas-subnet-{NETWORK}"))
GROUP = "default"
GROUP_ID = str(uuid.uuid5(uuid.NAMESPACE_OID, "caas-default"))

#: What is told of a network beside its id and label: nothing, as in Nova.
_NOTHING = (
    *("cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6"),
    *("gateway_v6", "netmask_v6"),
)


def _network() -> dict[str, Any]:
    return {
        "id": NETWORK_ID,
        "label": NETWORK,
        **dict.fromkeys(_NOTHING),
    }


def _tenant_network() -> dict[str, Any]:
    # the text, as Nova has it
    return {"id": NETWORK_ID, "label": NETWORK, "cidr": "None"}


def _check(call: Call) -> None:
    if call.args["network"] != NETWORK_ID:
        raise exception.NotFound("Network not found")


@route("GET", "/os-networks", policy=_POLICY, versions=_VERSIONS)
def list_(call: Call) -> dict[str, Any]:
    """List the network of sets."""
    return {"networks": [_network()]}


@route("GET", "/os-networks/{network}", policy=_POLICY, versions=_VERSIONS)
def get(call: Call) -> dict[str, Any]:
    """Show it."""
    _check(call)
    return {"network": _network()}


@route("GET", "/os-tenant-networks", policy=_POLICY, versions=_VERSIONS)
def tenant_list(call: Call) -> dict[str, Any]:
    """List it, in another form."""
    return {"networks": [_tenant_network()]}


@route(
    "GET", "/os-tenant-networks/{network}", policy=_POLICY, versions=_VERSIONS
)
def tenant_get(call: Call) -> dict[str, Any]:
    """Show it, in another form."""
    _check(call)
    return {"network": _tenant_network()}


def group(project_id: str) -> dict[str, Any]:
    """The one of all sets."""
    return {
        "id": GROUP_ID,
        "name": GROUP,
        "description": "What the network of sets lets through.",
        "tenant_id": project_id,
        "rules": [],
    }


@route("GET", "/os-security-groups", policy=_POLICY, versions=_VERSIONS)
def groups(call: Call) -> dict[str, Any]:
    """List the security group of all sets."""
    return {"security_groups": [group(call.ctx.project_scope)]}


def _is_group(call: Call) -> None:
    ident = call.args["group"]
    if ident != GROUP_ID:
        raise exception.NotFound(f"Security group {ident[:100]} not found.")


@route(
    "GET", "/os-security-groups/{group}", policy=_POLICY, versions=_VERSIONS
)
def get_group(call: Call) -> dict[str, Any]:
    """Show it."""
    _is_group(call)
    return {"security_group": group(call.ctx.project_scope)}


def _one_group() -> exception.BadRequest:
    return exception.BadRequest(
        "Security groups are not supported for container sets: there is the "
        f"one named {GROUP!r}, without rules."
    )


@route("POST", "/os-security-groups", policy=_POLICY, versions=_VERSIONS)
@route("POST", "/os-security-group-rules", policy=_POLICY, versions=_VERSIONS)
def make_group(call: Call) -> NoReturn:
    """Refused."""
    raise _one_group()


@route(
    "PUT", "/os-security-groups/{group}", policy=_POLICY, versions=_VERSIONS
)
@route(
    "DELETE", "/os-security-groups/{group}", policy=_POLICY, versions=_VERSIONS
)
def change_group(call: Call) -> NoReturn:
    """Refused."""
    _is_group(call)
    raise _one_group()


@route(
    "DELETE",
    "/os-security-group-rules/{rule}",
    policy=_POLICY,
    versions=_VERSIONS,
)
def delete_rule(call: Call) -> NoReturn:
    """There are none."""
    raise exception.NotFound(
        f"Security group rule {call.args['rule'][:100]} not found."
    )


@route("GET", "/os-floating-ip-pools", policy=_POLICY, versions=_VERSIONS)
def pools(call: Call) -> dict[str, Any]:
    """List pools of floating addresses: sets have none."""
    return {"floating_ip_pools": []}


@route("GET", "/os-floating-ips", policy=_POLICY, versions=_VERSIONS)
def floating_ips(call: Call) -> dict[str, Any]:
    """List floating addresses: as there are no pools, there are none."""
    return {"floating_ips": []}


@route("POST", "/os-floating-ips", policy=_POLICY, versions=_VERSIONS)
def make_floating_ip(call: Call) -> NoReturn:
    """Refused."""
    raise exception.NotFound("No floating IP pools available.")


@route("GET", "/os-floating-ips/{ip}", policy=_POLICY, versions=_VERSIONS)
@route("DELETE", "/os-floating-ips/{ip}", policy=_POLICY, versions=_VERSIONS)
def floating_ip(call: Call) -> NoReturn:
    """There are none."""
    raise exception.NotFound(
        f"Floating IP not found for ID {call.args['ip'][:100]}"
    )
