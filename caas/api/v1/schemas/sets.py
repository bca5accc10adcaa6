"""Schemas of sets."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common, containers
from caas.model import inputs
from caas.model.states import Desired, HostStatus, SetStatus

_METADATA: Definition = {
    "type": "object",
    "maxProperties": 128,
    "propertyNames": common.NAME,
    "additionalProperties": {"type": "string", "maxLength": 255},
}

_COUNT: Definition = {"type": "integer", "minimum": 1, "maximum": 1000}

#: As much text as the largest file is in base64, in lines.
_ENCODED: Definition = {
    "type": "string",
    "maxLength": 90_000,
    "description": "Base64.",
}

_HANDED: Definition = {
    "user_data": {
        "type": ["string", "null"],
        "maxLength": inputs.MAX_USER_DATA,
        "description": "Base64; the containers find what it is in "
        "`/run/caas/user_data`.",
    },
    "files": {
        "type": "array",
        "maxItems": inputs.MAX_FILES,
        "items": common.obj(
            {
                "path": {
                    "type": "string",
                    "minLength": 2,
                    "maxLength": inputs.MAX_PATH,
                    "description": "Absolute.",
                },
                "contents": _ENCODED,
            },
            ["path", "contents"],
            title="SetFile",
        ),
        "description": "Written into each container before its first start.",
    },
}

CREATE = common.request(
    "set",
    common.obj(
        {
            "name": common.NAME,
            "description": common.DESCRIPTION,
            "flavor": {**common.ID_OR_NAME, "description": "Id or name."},
            "metadata": _METADATA,
            "availability_zone": {
                **common.NAME,
                "type": ["string", "null"],
                "description": "Only hosts of this zone; any when left out.",
            },
            "hostname": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 63,
                "pattern": r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
                "x-must": "have only small letters, digits and '-', which "
                "neither starts nor ends it",
                "description": "Made from the name when left out.",
            },
            "server_group": {
                **common.UUID,
                "type": ["string", "null"],
                "description": "Id of the server group it is to be in.",
            },
            "network": {
                "enum": ["auto", "none"],
                "default": "auto",
                "description": "Whether it gets an address.",
            },
            "key_name": {
                **common.NAME,
                "type": ["string", "null"],
                "description": "Key pair of who asks, which the containers "
                "find in `/run/caas/authorized_keys`.",
            },
            **_HANDED,
            "sysctls": {
                "type": "object",
                "maxProperties": 64,
                "propertyNames": {"maxLength": 128},
                "additionalProperties": {"type": "string", "maxLength": 255},
                "description": "Kernel parameters of the network and IPC "
                "namespaces of the set, e.g. `net.core.somaxconn`.",
            },
            "min_count": {
                **_COUNT,
                "default": 1,
                "description": "Fewer than this many are not made.",
            },
            "max_count": {
                **_COUNT,
                "description": "As many as this are made if quota and hosts "
                "have room; min_count when left out, so all or nothing.",
            },
            "containers": {
                "type": "array",
                "minItems": 1,
                "maxItems": 32,
                "x-unique-by": ["name"],
                "items": containers.CREATE,
            },
        },
        ["name", "flavor", "containers"],
        title="SetSpec",
    ),
)

UPDATE = common.request(
    "set",
    common.obj(
        {
            "name": common.NAME,
            "description": common.DESCRIPTION,
            "metadata": {
                **_METADATA,
                "description": "Replaces all there was.",
            },
        },
        [],
        minProperties=1,
    ),
)

RESIZE = common.request(
    "resize",
    common.obj(
        {"flavor": {**common.ID_OR_NAME, "description": "Id or name."}},
        ["flavor"],
    ),
)

_MONITOR: Definition = {
    "type": "number",
    "minimum": 0,
    "maximum": 3600,
    "x-decimals": 1,
    "default": 2,
    "description": "Seconds that what is started has to run well for the "
    "change to count; for containers without a health check.",
}

CHANGE = common.request(
    "update",
    common.obj(
        {
            "containers": {
                "type": "array",
                "maxItems": 32,
                "items": containers.CHANGE,
                "description": "Containers to be replaced, each with what is "
                "to be otherwise.",
            },
            "add": {
                "type": "array",
                "maxItems": 32,
                "items": containers.CREATE,
            },
            "remove": {
                "type": "array",
                "maxItems": 32,
                "items": {**common.NAME, "description": "Name or id."},
            },
            "monitor": _MONITOR,
        },
        [],
        minProperties=1,
    ),
)

REVERT = common.request(
    "revert",
    common.obj(
        {
            "revision": {
                "type": "integer",
                "minimum": 1,
                "maximum": common.INT_MAX,
                "description": "Of the history of the set.",
            },
            "monitor": _MONITOR,
        },
        ["revision"],
    ),
)

#: Body of stop and restart.
GRACE = common.obj(
    {
        "grace_period": {
            "type": "integer",
            "minimum": 0,
            "maximum": 3600,
            "description": "Seconds between SIGTERM and SIGKILL; as the last "
            "time when left out, 10 at first.",
        }
    },
    [],
)

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "description": common.STRING,
        "hostname": common.STRING,
        "project_id": common.STRING,
        "user_id": common.STRING,
        "status": {"enum": [s.value for s in SetStatus]},
        "reason": {
            **common.STRING,
            "description": "Why it is not (yet) as desired; empty when all "
            "is well.",
        },
        "failure": {
            "type": ["object", "null"],
            "properties": {
                "action": common.STRING,
                "reason": common.STRING,
                "at": common.TIME,
                "request_id": common.STRING,
            },
            "required": ["action", "reason", "at", "request_id"],
            "additionalProperties": False,
            "description": "The last change that was taken back, until the "
            "next one is asked for.",
        },
        "change": {
            "type": ["string", "null"],
            "description": "The change that is under way, e.g. `resize` or "
            "`update`.",
        },
        "sysctls": common.STRINGS,
        "desired": {"enum": [d.value for d in Desired]},
        "flavor": common.obj(
            {
                "id": common.STRING,
                "name": common.STRING,
                "vcpus": {"type": "number"},
                "memory_mb": common.INTEGER,
                "disk_gb": common.INTEGER,
                "cpu_burst": common.BOOLEAN,
            }
        ),
        "metadata": common.STRINGS,
        "key_name": common.OPTIONAL_STRING,
        "network": {"enum": ["auto", "none"]},
        "availability_zone": common.OPTIONAL_STRING,
        "addresses": {
            "type": "array",
            "items": common.obj({"address": common.STRING}),
        },
        "server_group_id": {
            **common.UUID,
            "type": ["string", "null"],
            "description": "The server group it is in.",
        },
        "reservation_id": {
            **common.STRING,
            "description": "The same for all sets of one request.",
        },
        "containers": {"type": "array", "items": containers.VIEW},
        "created_at": common.TIME,
        "updated_at": common.TIME,
        "launched_at": common.OPTIONAL_TIME,
        "reclaim_at": {
            **common.OPTIONAL_TIME,
            "description": "Of one that was deleted and is in the recycle "
            "bin: until when it can be restored.",
        },
        "links": common.LINKS,
        "host": {
            **common.OPTIONAL_STRING,
            "description": "Name of its host; for operators.",
        },
        "host_status": {
            "type": ["string", "null"],
            "enum": [*(s.value for s in HostStatus), None],
            "description": "For operators.",
        },
        "incarnation": {
            **common.INTEGER,
            "description": "How often it was placed; for operators.",
        },
        "revision": {
            **common.INTEGER,
            "description": "How often what is desired of it was changed; for "
            "operators.",
        },
    },
    title="Set",
)
for _key in ("host", "host_status", "incarnation", "revision"):
    VIEW["required"].remove(_key)

_SUMMARY = common.obj(
    {
        key: VIEW["properties"][key]
        for key in ("id", "name", "status", "links")
    },
    title="SetSummary",
)

_MEMBER = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "index": common.INTEGER,
        **{
            key: {**value, "type": value["type"]}
            for key, value in containers.VIEW["properties"].items()
            if key in containers.SPEC_KEYS
        },
    },
    title="HistoricContainer",
)

HISTORY = common.obj(
    {
        "history": {
            "type": "array",
            "items": common.obj(
                {
                    "revision": common.INTEGER,
                    "at": common.TIME,
                    "action": common.STRING,
                    "failure": {
                        **common.STRING,
                        "description": "Why it was taken back; empty if it "
                        "was not.",
                    },
                    "user_id": common.STRING,
                    "request_id": common.STRING,
                    "flavor": VIEW["properties"]["flavor"],
                    "containers": {"type": "array", "items": _MEMBER},
                },
                title="HistoryEntry",
            ),
        }
    }
)

INPUTS = common.one(
    "inputs",
    common.obj(
        {
            "user_data": {**common.STRING, "description": "Base64."},
            "public_key": common.STRING,
            "files": {
                "type": "array",
                "items": common.obj(
                    {"path": common.STRING, "contents": _ENCODED},
                    title="SetFileView",
                ),
            },
        },
        title="SetInputs",
    ),
)

ONE = common.one("set", VIEW)
CREATED = common.obj(
    {
        "sets": {"type": "array", "minItems": 1, "items": VIEW},
        "reservation_id": common.STRING,
    }
)
SUMMARIES = common.many("sets", _SUMMARY)
DETAILS = common.many("sets", VIEW)

_FILTERS: dict[str, Definition] = {
    "name": common.NAME,
    "status": {"type": "string", "enum": [s.value for s in SetStatus]},
    "flavor": {**common.ID_OR_NAME, "description": "Id or name."},
    "host": {**common.NAME, "description": "Name; for operators."},
    "availability_zone": common.NAME,
    "reservation_id": common.UUID,
    "image": {**common.UUID, "description": "Glance id."},
    "metadata": {
        "type": "array",
        "maxItems": 8,
        "items": {
            "type": "string",
            "maxLength": 511,
            "pattern": "^[^=]+=",
            "x-must": "be a key, '=' and a value",
        },
        "description": "Sets that have this pair, as key=value; may be "
        "repeated.",
    },
    "changes_since": {
        **common.TIME,
        "description": "Changed at or after this time; includes deleted sets.",
    },
    **common.PROJECTS,
}
DELETE: Definition = {
    "type": "object",
    "properties": {
        "permanent": {
            **common.BOOLEAN,
            "description": "Remove it though there is a recycle bin, or out "
            "of that.",
        }
    },
    "additionalProperties": False,
}
_SORT_KEYS = ["created_at", "updated_at", "name", "id"]
LIST = common.listing(_SUMMARY, sort_keys=_SORT_KEYS, filters=_FILTERS)
LIST_DETAIL = common.listing(VIEW, sort_keys=_SORT_KEYS, filters=_FILTERS)
