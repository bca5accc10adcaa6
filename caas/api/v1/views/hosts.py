"""How hosts are shown."""

import datetime
from typing import Any

from caas.api.v1.views import common
from caas.model.hosts import Host

#: What an agent tells in words; "" before its first report.
_FACTS = (
    "engine",
    "engine_version",
    "api_version",
    "kernel",
    "os",
    "storage_driver",
    "agent_version",
)


def host(
    item: Host, url: str, now: datetime.datetime, timeout: float
) -> dict[str, Any]:
    """:param timeout: seconds of silence after which it is down."""
    return {
        "id": item.id,
        "name": item.name,
        "status": item.status(now, timeout).value,
        "enabled": item.enabled,
        "disabled_reason": item.disabled_reason or "",
        "forced_down": item.forced_down,
        "availability_zone": item.zone,
        "capacity": common.resources(item.capacity),
        "used": {**common.resources(item.used), "sets": item.used_sets},
        **{key: item.facts.get(key, "") for key in _FACTS},
        "cgroup_version": item.facts.get("cgroup_version"),
        "labels": item.facts.get("labels", {}),
        "unfit": item.facts.get("unfit", []),
        "warnings": item.facts.get("warnings", []),
        "version": item.version,
        "seen_version": item.seen_version,
        "last_seen": common.optional_time(item.last_seen),
        "created_at": common.time(item.created_at),
        "links": common.links(url, f"/v1/hosts/{item.id}"),
    }
