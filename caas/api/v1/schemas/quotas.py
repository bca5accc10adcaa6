"""Schemas of quotas."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common

RESOURCES = (
    "sets",
    "containers",
    "vcpus",
    "memory_mb",
    "disk_gb",
    "images_mb",
    "server_groups",
    "server_group_members",
)

_LIMIT: Definition = {"minimum": -1, "maximum": 10**9}

UPDATE = common.request(
    "quota",
    common.obj(
        {
            name: {
                "type": "number" if name == "vcpus" else "integer",
                **({"x-decimals": 3} if name == "vcpus" else {}),
                **_LIMIT,
                "description": "-1 for no limit.",
            }
            for name in RESOURCES
        },
        [],
    ),
)

_USAGE = common.obj({"limit": {"type": "number"}, "used": {"type": "number"}})

VIEW: Definition = common.obj(
    {
        "project_id": common.STRING,
        "resources": common.obj(dict.fromkeys(RESOURCES, _USAGE)),
    },
    title="Quota",
)

ONE = common.one("quota", VIEW)
