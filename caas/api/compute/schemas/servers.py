"""Bodies of servers."""

from caas.api.compute.operation import Part
from caas.api.compute.schemas import common
from caas.api.schema import Definition
from caas.api.v1.schemas import containers

#: Pairs of metadata with such keys are variables of the containers.
ENV = "caas_env_"
#: What may follow.
VARIABLE: str = containers.ENV["propertyNames"]["pattern"].removeprefix("^")

_METADATA: Definition = {
    **common.METADATA,
    "propertyNames": {
        "allOf": [
            common.METADATA["propertyNames"],
            {
                "pattern": rf"^(?!{ENV}(?!{VARIABLE}))",
                "x-must": f"have the name of a variable after '{ENV}': "
                "letters, digits, '_', '.', '-', and no digit first",
            },
        ]
    },
}

_ACCESS: Definition = {
    "accessIPv4": {"type": "string", "format": "ipv4"},
    "accessIPv6": {"type": "string", "format": "ipv6"},
}

_IDS: Definition = {
    "type": ["string", "array"],
    "format": "uuid",
    "items": {"type": "string", "format": "uuid"},
    "maxItems": 1000,
    "x-must": "be the id of a server, or several",
}

#: Those that are not here are let in, and are of no effect.
_HINTS: Definition = {
    "type": "object",
    "properties": {
        "group": {**_IDS, "x-must": "be the id of a server group"},
        "same_host": _IDS,
        "different_host": _IDS,
        "query": {"type": ["string", "object"]},
    },
    "additionalProperties": True,
}

_HOSTNAME: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[a-zA-Z0-9\-._]*\Z",
    "x-must": "have letters, digits, '-', '.' and '_' only",
}

_SIZE = common.count(1, 2147483647)

_DEVICE: Definition = {
    "virtual_name": {"type": "string", "maxLength": 255},
    "volume_id": {"type": "string"},
    "snapshot_id": {"type": "string"},
    "volume_size": _SIZE,
    "device_name": {
        "type": ["string", "null"],
        "maxLength": 255,
        "pattern": r"^[a-zA-Z0-9._/\-]*\Z",
        "x-must": "be the name of a device",
    },
    "delete_on_termination": common.BOOLEAN,
    "no_device": {},
    "connection_info": {"type": "string"},
}

_DEVICES: Definition = {
    "type": "array",
    "maxItems": 64,
    "items": common.obj(
        {
            **_DEVICE,
            "source_type": {"enum": ["volume", "image", "snapshot", "blank"]},
            "uuid": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": r"^[a-zA-Z0-9._\-]*\Z",
                "x-must": "be an id",
            },
            "image_id": {"type": "string"},
            "destination_type": {"enum": ["local", "volume"]},
            "guest_format": {"type": ["string", "null"]},
            "device_type": {"type": ["string", "null"]},
            "disk_bus": {"type": ["string", "null"]},
            "boot_index": {
                "type": ["integer", "string", "null"],
                "pattern": r"^-?[0-9]{1,9}\Z",
                "x-must": "be an integer",
            },
            "tag": Part(common.TAG, since=42),
            "volume_type": Part({"type": ["string", "null"]}, since=67),
        }
    ),
}

_USER_DATA: Definition = {"type": ["string", "null"], "maxLength": 65535}

#: How many, how long and how large they may be is a quota.
_PERSONALITY: Definition = {
    "type": "array",
    "items": common.obj(
        {"path": {"type": "string"}, "contents": {"type": "string"}},
        ["path", "contents"],
    ),
}

_CERTIFICATES: Definition = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": 50,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1},
}

_SERVER: Definition = {
    "name": common.NAME,
    "imageRef": {"type": "string", "maxLength": 255},
    "flavorRef": {"type": ["string", "integer"], "minLength": 1},
    "adminPass": {"type": "string"},
    "metadata": _METADATA,
    "networks": {"type": ["array", "string"]},
    "OS-DCF:diskConfig": {"enum": ["AUTO", "MANUAL"]},
    **_ACCESS,
    "personality": Part(_PERSONALITY, until=56),
    "availability_zone": common.NAME,
    "block_device_mapping": {"type": "array", "items": {"type": "object"}},
    "block_device_mapping_v2": _DEVICES,
    "config_drive": {
        "anyOf": [common.BOOLEAN, {"const": ""}, {"type": "null"}],
    },
    "key_name": common.NAME,
    "min_count": common.count(1, 1000),
    "max_count": common.count(1, 1000),
    "return_reservation_id": common.BOOLEAN,
    "security_groups": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"name": common.NAME},
        },
    },
    "user_data": _USER_DATA,
    "description": Part(common.DESCRIPTION, since=19),
    "tags": Part(common.TAGS, since=52),
    "trusted_image_certificates": Part(_CERTIFICATES, since=63),
    "host": Part(common.NAME, since=74),
    "hypervisor_hostname": Part(common.NAME, since=74),
    "hostname": Part(_HOSTNAME, since=90),
}

CREATE: Definition = common.obj(
    {
        "server": {
            "type": "object",
            "properties": _SERVER,
            "required": ["name", "flavorRef"],
            "additionalProperties": False,
        },
        "os:scheduler_hints": _HINTS,
        "OS-SCH-HNT:scheduler_hints": _HINTS,
    },
    ["server"],
)

UPDATE: Definition = common.request(
    "server",
    common.obj(
        {
            "name": common.NAME,
            "OS-DCF:diskConfig": {"enum": ["AUTO", "MANUAL"]},
            **_ACCESS,
            "description": Part(common.DESCRIPTION, since=19),
            "hostname": Part(_HOSTNAME, since=90),
        }
    ),
)

REBOOT: Definition = common.obj(
    {
        "type": {
            "enum": [
                *("HARD", "Hard", "hard", "SOFT", "Soft", "soft"),
            ]
        }
    },
    ["type"],
)

RESIZE: Definition = common.obj(
    {
        "flavorRef": {"type": ["string", "integer"], "minLength": 1},
        "OS-DCF:diskConfig": {"enum": ["AUTO", "MANUAL"]},
    },
    ["flavorRef"],
)

REBUILD: Definition = common.obj(
    {
        "imageRef": {"type": "string", "minLength": 1, "maxLength": 255},
        "name": common.NAME,
        "adminPass": {"type": "string"},
        "metadata": _METADATA,
        "OS-DCF:diskConfig": {"enum": ["AUTO", "MANUAL"]},
        **_ACCESS,
        "personality": Part(_PERSONALITY, until=56),
        "preserve_ephemeral": common.BOOLEAN,
        "description": Part(common.DESCRIPTION, since=19),
        "key_name": Part({"type": ["string", "null"]}, since=54),
        "user_data": Part(_USER_DATA, since=57),
        "trusted_image_certificates": Part(_CERTIFICATES, since=63),
        "hostname": Part(_HOSTNAME, since=90),
    },
    ["imageRef"],
)

CHANGE_PASSWORD: Definition = common.obj(
    {"adminPass": {"type": "string"}}, ["adminPass"]
)

_ZONE: Definition = {"availability_zone": common.NAME}

UNSHELVE: Definition = {
    **common.obj(_ZONE, ["availability_zone"]),
    "type": ["object", "null"],
}

UNSHELVE_TO: Definition = {
    **common.obj(
        {
            "availability_zone": {
                **common.NAME,
                "type": ["string", "null"],
            },
            "host": common.NAME,
        }
    ),
    "type": ["object", "null"],
}

_HOST: Definition = {
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[a-zA-Z0-9\-._]*\Z",
    "x-must": "be the name of a host",
}

MIGRATE: Definition = {
    **common.obj({"host": _HOST}),
    "type": ["object", "null"],
}

MIGRATE_LIVE: Definition = common.obj(
    {
        "host": _HOST,
        "block_migration": {"enum": ["auto", *common.BOOLEAN["enum"]]},
        "disk_over_commit": Part(common.BOOLEAN, until=24),
        "force": Part(common.BOOLEAN, since=30, until=67),
    },
    ["host", "block_migration"],
)

EVACUATE: Definition = common.obj(
    {
        "host": {**_HOST, "type": "string"},
        "adminPass": {"type": "string"},
        "onSharedStorage": Part(common.BOOLEAN, until=13),
        "force": Part(common.BOOLEAN, since=29, until=67),
    }
)

RESCUE: Definition = {
    **common.obj(
        {
            "adminPass": {"type": "string"},
            "rescue_image_ref": {
                "type": "string",
                "format": "uuid",
                "x-must": "be a UUID",
            },
        }
    ),
    "type": ["object", "null"],
}

CREATE_IMAGE: Definition = common.obj(
    {"name": common.NAME, "metadata": common.METADATA}, ["name"]
)

CREATE_BACKUP: Definition = common.obj(
    {
        "name": common.NAME,
        "backup_type": {"type": "string", "maxLength": 255},
        "rotation": common.count(0, 1000000),
        "metadata": common.METADATA,
    },
    ["name", "backup_type", "rotation"],
)

CONSOLE_OUTPUT: Definition = common.obj(
    {
        "length": {
            "type": ["integer", "string", "null"],
            "pattern": r"^-?[0-9]{1,9}\Z",
            "x-must": "be an integer",
            "minimum": -1,
        }
    }
)

RESET_STATE: Definition = common.obj(
    {"state": {"enum": ["active", "error"]}}, ["state"]
)

LOCK: Definition = {
    "type": ["object", "null"],
    "properties": {
        "locked_reason": {"type": "string", "maxLength": 255, "minLength": 1}
    },
    "additionalProperties": False,
}

METADATA_ALL: Definition = common.request("metadata", _METADATA)

METADATA_ONE: Definition = common.request(
    "meta", {**_METADATA, "minProperties": 1, "maxProperties": 1}
)

TAGS: Definition = common.request("tags", common.TAGS)
