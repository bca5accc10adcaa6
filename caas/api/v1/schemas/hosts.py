"""Schemas of hosts."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.states import HostStatus

DISABLE = common.obj(
    {"reason": {"type": ["string", "null"], "maxLength": 255}}, []
)

_RESOURCES: dict[str, Definition] = {
    "vcpus": {"type": "number"},
    "memory_mb": common.INTEGER,
    "disk_gb": common.INTEGER,
}

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "status": {"enum": [s.value for s in HostStatus]},
        "enabled": common.BOOLEAN,
        "disabled_reason": common.STRING,
        "forced_down": {
            "type": "boolean",
            "description": "Operators say that it is down; it counts as such.",
        },
        "availability_zone": common.STRING,
        "capacity": common.obj(_RESOURCES),
        "used": common.obj({**_RESOURCES, "sets": common.INTEGER}),
        "engine": common.STRING,
        "engine_version": common.STRING,
        "api_version": common.STRING,
        "kernel": common.STRING,
        "os": common.STRING,
        "storage_driver": common.STRING,
        "cgroup_version": {"type": ["integer", "null"]},
        "agent_version": common.STRING,
        "labels": common.STRINGS,
        "unfit": {
            "type": "array",
            "items": common.STRING,
            "description": "Why no new sets are placed there: sentences, each "
            "after the name of a check and a colon.",
        },
        "warnings": {
            "type": "array",
            "items": common.STRING,
            "description": "What could be better there, likewise.",
        },
        "version": {
            **common.INTEGER,
            "description": "Of the list of what it is to run.",
        },
        "seen_version": {
            **common.INTEGER,
            "description": "Of the list it works on.",
        },
        "last_seen": common.OPTIONAL_TIME,
        "created_at": common.TIME,
        "links": common.LINKS,
    },
    title="Host",
)

ONE = common.one("host", VIEW)
MANY = common.many("hosts", VIEW)
LIST = common.listing(
    VIEW,
    sort_keys=["created_at", "name", "id"],
    filters={
        "name": common.NAME,
        "enabled": common.BOOLEAN,
        "availability_zone": common.NAME,
    },
)
