"""What was asked of a server, from its events, and what it uses."""

from typing import Any

from caas.api.compute.views import common, servers
from caas.model.events import Event
from caas.model.sets import Set
from caas.store.engine import utcnow

#: Nova's names of what events call otherwise.
_NAMES = {
    "restart": "reboot",
    "confirm-resize": "confirmResize",
    "force-delete": "forceDelete",
    "soft-delete": "delete",
    "commit": "createImage",
    "add": "attach_volume",
    "remove": "detach_volume",
}


def action(
    item: Event, server: Set, minor: int, *, failed: bool = False
) -> dict[str, Any]:
    """:param minor: of the microversion.
    :param failed: something that came of it did.
    """
    verb = item.action.rpartition(".")[2]
    view: dict[str, Any] = {
        "action": _NAMES.get(verb, verb),
        "instance_uuid": server.id,
        "request_id": item.request_id,
        "user_id": item.user_id or "",
        "project_id": item.project_id or server.project_id,
        "start_time": common.plain(item.at),
        "message": "Error" if failed else item.reason or None,
    }
    if minor >= 58:
        view["updated_at"] = common.plain(item.at)
    return view


def with_events(
    item: Event, found: list[Event], server: Set, minor: int
) -> dict[str, Any]:
    """:param found: all that belong to it, the latest first."""
    failed = any(
        each.result == "error" and each.action.startswith("set.")
        for each in found
    )
    view = action(item, server, minor, failed=failed)
    if minor >= 51:
        view["events"] = [
            _event(each, item, minor) for each in found if each is not item
        ]
    return view


def _event(item: Event, asked: Event, minor: int) -> dict[str, Any]:
    view: dict[str, Any] = {
        "event": item.action,
        "start_time": common.plain(asked.at),
        "finish_time": common.plain(item.at),
        "result": "Error" if item.result == "error" else "Success",
        "traceback": None,
    }
    if minor >= 62:
        view["hostId"] = ""
    if minor >= 84:
        view["details"] = item.reason or None
    return view


def diagnostics(
    server: Set, stats: dict[str, Any], minor: int
) -> dict[str, Any]:
    """:param stats: see :class:`caas.model.streams.Look`."""
    usage = stats["set"]["usage"] or {}
    network = stats["set"]["network"] or {}
    used = usage.get("memory_bytes") or 0
    cpu_time = usage.get("cpu_ns") or 0
    cpus = common.vcpus(server.resources.millicpus)
    if minor < 48:
        # names without a meaning of their own, as hypervisors gave them
        return {
            "memory": server.resources.memory_mb * 1024,
            "memory-actual": used // 1024,
            "cpu0_time": cpu_time,
            **{f"net_{name}": value for name, value in network.items()},
        }
    since = server.launched_at or server.created_at
    return {
        "state": servers.POWER[servers.state(server).power],
        "driver": "docker",
        "hypervisor": "docker",
        "hypervisor_os": "linux",
        "uptime": int((utcnow() - since).total_seconds()),
        "config_drive": False,
        "num_cpus": cpus,
        "num_nics": 1,
        "num_disks": 0,
        "cpu_details": [{"id": 0, "time": cpu_time, "utilisation": None}],
        "nic_details": [
            {
                "mac_address": common.mac(server.address)
                if server.address
                else None,
                "rx_octets": network.get("rx_bytes"),
                "rx_errors": None,
                "rx_drop": None,
                "rx_packets": network.get("rx_packets"),
                "rx_rate": None,
                "tx_octets": network.get("tx_bytes"),
                "tx_errors": None,
                "tx_drop": None,
                "tx_packets": network.get("tx_packets"),
                "tx_rate": None,
            }
        ],
        "disk_details": [],
        "memory_details": {
            "maximum": server.resources.memory_mb,
            "used": used >> 20,
        },
    }
