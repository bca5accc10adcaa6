"""Schemas of flavors."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common

CREATE = common.request(
    "flavor",
    common.obj(
        {
            "name": common.NAME,
            "vcpus": {
                "type": "number",
                "minimum": 0.01,
                "maximum": 1024,
                "x-decimals": 3,
            },
            "memory_mb": {
                "type": "integer",
                "minimum": 6,
                "maximum": 2**24,
                "description": "MiB.",
            },
            "disk_gb": {
                "type": "integer",
                "minimum": 0,
                "maximum": 2**20,
                "description": "GiB of the volume.",
            },
            "cpu_burst": {
                "type": "boolean",
                "default": False,
                "description": "CPU time is shared by weight and not capped: "
                "a set may use what nobody else on its host wants.",
            },
            "description": common.DESCRIPTION,
        },
        ["name", "vcpus", "memory_mb", "disk_gb"],
    ),
)

UPDATE = common.request(
    "flavor", common.obj({"description": common.DESCRIPTION})
)

VIEW: Definition = common.obj(
    {
        "id": common.STRING,
        "name": common.STRING,
        "description": common.STRING,
        "vcpus": {"type": "number"},
        "memory_mb": common.INTEGER,
        "disk_gb": common.INTEGER,
        "cpu_burst": common.BOOLEAN,
        "public": {
            "type": "boolean",
            "description": "All projects may use it; else only some do.",
        },
        "extra_specs": {
            "type": "object",
            "additionalProperties": common.STRING,
            "description": "What else operators say of it.",
        },
        "created_at": common.TIME,
        "links": common.LINKS,
    },
    title="Flavor",
)

ONE = common.one("flavor", VIEW)
MANY = common.many("flavors", VIEW)
LIST = common.listing(
    VIEW,
    sort_keys=["created_at", "name", "id", "vcpus", "memory_mb"],
    filters={"name": common.NAME},
)
