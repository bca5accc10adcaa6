"""Extensions: names that parts of the API had before all were part of it."""

from typing import Any

from caas import exception
from caas.api.compute.operation import Call, route

#: What is here, by Nova's alias: its name and what it is about.
_EXTENSIONS = {
    "os-aggregates": ("Aggregates", "Groups of hosts."),
    "os-attach-interfaces": ("AttachInterfaces", "Interfaces of servers."),
    "os-availability-zone": ("AvailabilityZone", "Zones of hosts."),
    "os-console-auth-tokens": ("ConsoleAuthTokens", "Tokens of consoles."),
    "os-console-output": ("ConsoleOutput", "What servers have written."),
    "os-deferred-delete": ("DeferredDelete", "Deletion by force."),
    "os-extended-availability-zone": (
        "ExtendedAvailabilityZone",
        "Zones in answers about servers.",
    ),
    "os-extended-server-attributes": (
        "ExtendedServerAttributes",
        "Hosts in answers about servers.",
    ),
    "os-extended-status": ("ExtendedStatus", "States of servers."),
    "os-extended-volumes": ("ExtendedVolumes", "Disks of servers."),
    "os-flavor-access": ("FlavorAccess", "Flavors of some projects."),
    "os-flavor-extra-specs": ("FlavorExtraSpecs", "More about flavors."),
    "os-flavor-manage": ("FlavorManage", "Making and deleting flavors."),
    "os-hosts": ("Hosts", "Hosts, by name."),
    "os-hypervisors": ("Hypervisors", "Hosts, by what they have."),
    "os-instance-actions": ("InstanceActions", "What was done to servers."),
    "os-keypairs": ("Keypairs", "Key pairs."),
    "os-lock-server": ("LockServer", "Locks of servers."),
    "os-migrations": ("Migrations", "Servers that went to another host."),
    "os-pause-server": ("PauseServer", "Freezing of servers."),
    "os-quota-class-sets": ("QuotaClasses", "Limits of all projects."),
    "os-quota-sets": ("Quotas", "Limits of projects."),
    "os-remote-consoles": ("Consoles", "Terminals in servers."),
    "os-server-diagnostics": ("ServerDiagnostics", "What servers use."),
    "os-server-external-events": ("ServerExternalEvents", "Words of others."),
    "os-server-groups": ("ServerGroups", "Servers together or apart."),
    "os-server-tags": ("ServerTags", "Tags of servers."),
    "os-services": ("Services", "Processes of the cloud."),
    "os-simple-tenant-usage": ("SimpleTenantUsage", "Use over time."),
    "os-suspend-server": ("SuspendServer", "Freezing of servers."),
    "os-volumes": ("Volumes", "Disks of servers."),
}


def _view(alias: str) -> dict[str, Any]:
    name, description = _EXTENSIONS[alias]
    return {
        "alias": alias,
        "name": name,
        "description": description,
        "links": [],
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
    }


@route("GET", "/extensions", policy="caas:flavors:list")
def list_(call: Call) -> dict[str, Any]:
    """List them."""
    return {"extensions": [_view(alias) for alias in _EXTENSIONS]}


@route("GET", "/extensions/{alias}", policy="caas:flavors:list")
def get(call: Call) -> dict[str, Any]:
    """Show one."""
    if call.args["alias"] not in _EXTENSIONS:
        raise exception.NotFound("The resource could not be found.")
    return {"extension": _view(call.args["alias"])}
