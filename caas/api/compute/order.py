"""How lists of servers are sorted."""

from typing import Any

from caas import exception
from caas.api.compute.operation import Call
from caas.api.compute.views.servers import OF_STATE, ordered
from caas.model.states import Ranks

#: Of the store, by what Nova calls them.
_KEYS = {
    "access_ip_v4": "access_ipv4",
    "access_ip_v6": "access_ipv6",
    "availability_zone": "availability_zone",
    "created_at": "created_at",
    "display_description": "description",
    "display_name": "name",
    "host": "server_host",
    "hostname": "hostname",
    "image_ref": "image",
    "instance_type_id": "flavor_id",
    "key_name": "key_name",
    "launched_at": "launched_at",
    "locked": "locked",
    "locked_by": "locked_by",
    "node": "server_host",
    "project_id": "project_id",
    "terminated_at": "deleted_at",
    "updated_at": "updated_at",
    "user_id": "user_id",
    "uuid": "id",
}
_RANKS: dict[str, Ranks] = {
    name: ordered(of_state) for name, of_state in OF_STATE.items()
}
#: By these all servers are the same.
_SAME = frozenset(
    {
        *("auto_disk_config", "config_drive", "kernel_id", "launch_index"),
        *("ramdisk_id", "root_device_name"),
    }
)
#: Nova took these before 2.75, and never sorted by them.
_IGNORED = frozenset(
    {
        *("architecture", "cell_name", "cleaned", "default_ephemeral_device"),
        *("default_swap_device", "deleted", "deleted_at"),
        *("disable_terminate", "ephemeral_gb", "ephemeral_key_uuid", "id"),
        *("key_data", "launched_on", "memory_mb", "os_type"),
        *("reservation_id", "root_gb", "shutdown_terminate", "user_data"),
        *("vcpus", "vm_mode"),
    }
)
_KNOWN = _KEYS.keys() | _RANKS.keys() | _SAME
_OF_OPERATORS = ("host", "node")
#: Of all keys, and of those that are worked out of the facts of each server:
#: more would keep a database busy for long.
_MOST = 8
_MOST_RANKS = 2


def operator(call: Call) -> bool:
    """Whether somebody may ask for whatever there is of servers."""
    return call.allows("caas:sets:get:host")


def asked(call: Call) -> dict[str, Any]:
    """What is said of it in a query.

    :raises BadRequest: it cannot be sorted so.
    :raises Forbidden: only operators may.
    """
    keys = call.query.get("sort_key", [])
    ignored = _ignored(call)
    for key in keys:
        if key not in _KNOWN | ignored:
            raise exception.BadRequest(
                f"Sort key {key[:50]!r} is not supported; there are "
                f"{', '.join(sorted(_KNOWN))}."
            )
    pairs = _directed(call, keys, ignored)
    for key, _ in pairs:
        if key in _OF_OPERATORS and not operator(call):
            raise exception.Forbidden(
                f"Only administrators can sort servers by {key}"
            )
    ways: dict[str, str] = {}
    for key, way in pairs:
        if key not in _SAME:
            # a second time it says nothing more
            ways.setdefault(_KEYS.get(key, key), way)
    found = list(ways.items())
    ranks = [key for key in ways if key in _RANKS]
    if len(found) > _MOST or len(ranks) > _MOST_RANKS:
        raise exception.BadRequest(
            f"Servers can be sorted by {_MOST} keys at once, of which "
            f"{_MOST_RANKS} may be of {', '.join(_RANKS)}."
        )
    if ways.keys().isdisjoint(("created_at", "id")):
        # as in Nova, which goes by ids after that
        found.append(("created_at", pairs[0][1] if pairs else "desc"))
    return {
        "sort_key": found[0][0],
        "sort_dir": found[0][1],
        "then": tuple(found[1:]),
        "ranks": {key: _RANKS[key] for key in ranks},
    }


def _ignored(call: Call) -> frozenset[str]:
    if call.at_least(75):
        return frozenset()
    return _IGNORED if call.at_least(73) else _IGNORED | {"locked"}


def _directed(
    call: Call, keys: list[str], ignored: frozenset[str]
) -> list[tuple[str, str]]:
    """Keys that count with their directions, as Nova pairs them: the first
    direction counts for all that have none."""
    directions = [each.strip() for each in call.query.get("sort_dir", [])]
    directions = directions or ["desc"]
    if any(each not in ("asc", "desc") for each in directions):
        raise exception.BadRequest(
            "Invalid input received: Unknown sort direction, must be 'desc' "
            "or 'asc'"
        )
    keys = keys or ["created_at"]
    if len(directions) > len(keys):
        raise exception.BadRequest(
            "Invalid input received: Sort direction size exceeds sort key size"
        )
    given = dict(enumerate(directions))
    return [
        (key, given.get(place, directions[0]))
        for place, key in enumerate(keys)
        if key not in ignored
    ]
