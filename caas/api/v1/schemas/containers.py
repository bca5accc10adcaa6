"""Schemas of containers: as asked for within a set, and as shown."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.states import ContainerStatus

_ARGUMENTS: Definition = {
    "type": ["array", "null"],
    "maxItems": 256,
    "items": {"type": "string", "maxLength": 32768},
}

_NAME: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 63,
    "pattern": r"^[a-z0-9]([a-z0-9_.-]*[a-z0-9])?\Z",
    "not": {"const": "infra"},
    "x-must": "start and end with a small letter or digit, have only small "
    "letters, digits, '_', '.' and '-' between, and not be 'infra'",
}

_ENV: Definition = {
    "type": "object",
    "maxProperties": 512,
    "propertyNames": {
        "maxLength": 255,
        "pattern": r"^[A-Za-z_.-][A-Za-z0-9_.-]*\Z",
        "x-must": "be the name of a variable: letters, digits, '_', '.', "
        "'-', and no digit first",
    },
    "additionalProperties": {"type": "string", "maxLength": 131072},
}

_LABELS: Definition = {
    "type": "object",
    "maxProperties": 64,
    "propertyNames": {
        "maxLength": 255,
        "pattern": r"^(?!caas\.)[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?\Z",
        "x-must": "start and end with a letter or digit, have only letters, "
        "digits, '_', '.', '/' and '-' between, and not start with 'caas.'",
    },
    "additionalProperties": {"type": "string", "maxLength": 4096},
}

_RESTART_POLICY = common.obj(
    {
        "name": {
            "type": "string",
            "enum": ["no", "on-failure", "always", "unless-stopped"],
        },
        "max_retries": {"type": "integer", "minimum": 0, "maximum": 1000},
    },
    ["name"],
)

_PERCENT: Definition = {"type": "integer", "minimum": 1, "maximum": 100}

_PORTS: Definition = {
    "type": "array",
    "maxItems": 64,
    "x-unique-by": ["port", "protocol"],
    "items": common.obj(
        {
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "protocol": {
                "type": "string",
                "enum": ["tcp", "udp", "sctp"],
                "default": "tcp",
            },
            "name": {
                "type": ["string", "null"],
                "maxLength": 63,
                "pattern": r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
                "x-must": "have only small letters, digits and '-', which "
                "neither starts nor ends it",
            },
        },
        ["port"],
    ),
}

_MOUNTS: Definition = {
    "type": "array",
    "maxItems": 32,
    "x-unique-by": ["path"],
    "items": common.obj(
        {
            "path": {
                "type": "string",
                "maxLength": 1024,
                "format": "mount-path",
                "x-must": "be an absolute path without '.', '..' or '/' at "
                "the end, no part of it longer than 255 bytes, and neither "
                "'/' nor in /proc, /sys or /dev",
            },
            "sub_path": {
                "type": "string",
                "maxLength": 1024,
                "format": "sub-path",
                "x-must": "be a path relative to the volume, without '.', "
                "'..' or '/' at the end, no part of it longer than 255 bytes",
                "default": "",
            },
            "read_only": {"type": "boolean", "default": False},
        },
        ["path"],
    ),
}

#: One container of the set a user asks for.
CREATE: Definition = common.obj(
    {
        "name": _NAME,
        "image": {
            **common.NAME,
            "description": "Glance id, name:tag, name (for name:latest) or "
            "digest.",
        },
        "index": {
            "type": "integer",
            "minimum": 0,
            "maximum": 999,
            "default": 0,
            "description": "Start order; equal ones start in parallel.",
        },
        "command": _ARGUMENTS,
        "entrypoint": _ARGUMENTS,
        "env": _ENV,
        "working_dir": {
            "type": ["string", "null"],
            "maxLength": 1024,
            "format": "path",
            "x-must": "be an absolute path without '.', '..' or '/' at the "
            "end",
        },
        "user": {
            "type": ["string", "null"],
            "maxLength": 128,
            "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.-]*"
            r"(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?\Z",
            "format": "user",
            "x-must": "be a user, or a user and a group with ':' between, by "
            "name or by a number up to 2147483647",
        },
        "labels": _LABELS,
        "restart_policy": _RESTART_POLICY,
        "cpu_percent": {**_PERCENT, "default": 100},
        "memory_percent": {**_PERCENT, "default": 100},
        "ports": _PORTS,
        "mounts": _MOUNTS,
    },
    ["name", "image"],
    title="ContainerSpec",
)


def _or_null(definition: Definition) -> Definition:
    return {"type": [definition["type"], "null"]} | {
        k: v for k, v in definition.items() if k != "type"
    }


_SHOWN_ARGUMENTS: Definition = {
    "type": ["array", "null"],
    "items": common.STRING,
}

#: What users see; null for the infra container where no user defines it.
VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "set_id": common.UUID,
        "role": {"enum": ["infra", "business"]},
        "index": common.INTEGER,
        "status": {"enum": [s.value for s in ContainerStatus]},
        "reason": common.STRING,
        "exit_code": {"type": ["integer", "null"]},
        "oom_killed": common.BOOLEAN,
        "restarts": common.INTEGER,
        "created_at": common.TIME,
        "started_at": common.OPTIONAL_TIME,
        "finished_at": common.OPTIONAL_TIME,
        "image": _or_null(
            common.obj(
                {
                    "ref": common.STRING,
                    "id": common.STRING,
                    "digest": common.STRING,
                    "name": common.STRING,
                    "size": common.INTEGER,
                }
            )
        ),
        "command": _SHOWN_ARGUMENTS,
        "entrypoint": _SHOWN_ARGUMENTS,
        "env": _or_null(common.STRINGS),
        "working_dir": common.OPTIONAL_STRING,
        "user": common.OPTIONAL_STRING,
        "labels": _or_null(common.STRINGS),
        "restart_policy": _or_null(
            common.obj({"name": common.STRING, "max_retries": common.INTEGER})
        ),
        "cpu_percent": {"type": ["integer", "null"]},
        "memory_percent": {"type": ["integer", "null"]},
        "ports": {
            "type": ["array", "null"],
            "items": common.obj(
                {
                    "port": common.INTEGER,
                    "protocol": common.STRING,
                    "name": common.OPTIONAL_STRING,
                }
            ),
        },
        "mounts": {
            "type": ["array", "null"],
            "items": common.obj(
                {
                    "path": common.STRING,
                    "sub_path": common.STRING,
                    "read_only": common.BOOLEAN,
                }
            ),
        },
        "runtime_id": {
            **common.OPTIONAL_STRING,
            "description": "In the engine of the host; for operators.",
        },
    },
    title="Container",
)
VIEW["required"].remove("runtime_id")

ONE = common.one("container", VIEW)
MANY = common.many("containers", VIEW)
OF_SET = common.many("containers", VIEW, paged=False)

LIST = common.listing(
    VIEW,
    sort_keys=["created_at", "name", "id"],
    filters={
        "set_id": common.UUID,
        "name": common.NAME,
        "status": {
            "type": "string",
            "enum": [s.value for s in ContainerStatus],
        },
        "image": {**common.UUID, "description": "Glance id."},
        **common.PROJECTS,
    },
)
LIST_OF_SET = common.listing(VIEW)
