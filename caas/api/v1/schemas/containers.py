"""Schemas of containers: as asked for within a set, and as shown."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.states import ContainerStatus, Health

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

ENV: Definition = {
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

COMMAND: Definition = {
    "type": "array",
    "minItems": 1,
    "maxItems": 256,
    "items": {"type": "string", "maxLength": 32768},
}


WORKING_DIR: Definition = {
    "type": ["string", "null"],
    "maxLength": 1024,
    "format": "path",
    "x-must": "be an absolute path without '.', '..' or '/' at the end",
}
USER: Definition = {
    "type": ["string", "null"],
    "maxLength": 128,
    "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.-]*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?\Z",
    "format": "user",
    "x-must": "be a user, or a user and a group with ':' between, by name or "
    "by a number up to 2147483647",
}


def _seconds(least: float, default: float, description: str) -> Definition:
    return {
        "type": "number",
        "minimum": least,
        "maximum": 3600,
        "x-decimals": 1,
        "default": default,
        "description": description,
    }


_HEALTH_CHECK = common.obj(
    {
        "type": {
            "type": "string",
            "enum": ["exec", "http", "tcp"],
            "description": "`exec` expects exit code 0 of a command run in "
            "the container, `http` a status from 200 to 399, `tcp` a "
            "connection.",
        },
        "command": {
            **COMMAND,
            "type": ["array", "null"],
            "description": "Of `exec`.",
        },
        "port": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": 65535,
            "description": "Of `http` and `tcp`.",
        },
        "path": {
            "type": "string",
            "maxLength": 1024,
            "pattern": r"^/[!-~]*\Z",
            "x-must": "start with '/' and have only printable ASCII "
            "characters other than spaces",
            "default": "/",
            "description": "Of `http`; may have a query.",
        },
        "interval": _seconds(0.1, 10, "Seconds between two checks."),
        "timeout": _seconds(0.1, 3, "Seconds one check may take."),
        "retries": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 3,
            "description": "So many failures in a row make it unhealthy.",
        },
        "start_period": _seconds(
            0, 0, "Failures so many seconds after a start do not count."
        ),
        "restart": {
            "type": "boolean",
            "default": True,
            "description": "Start it again when it has become unhealthy, if "
            "its restart policy is not `no`.",
        },
    },
    ["type"],
)

_HOOK = common.obj(
    {
        "command": COMMAND,
        "timeout": _seconds(0.1, 30, "Seconds it may take."),
    },
    ["command"],
)

_HOOKS = common.obj(
    {
        "pre_start": {
            **_HOOK,
            "type": ["object", "null"],
            "description": "Run before each start, in a container of its own "
            "made like this one; if it fails, this one does not start.",
        },
        "pre_stop": {
            **_HOOK,
            "type": ["object", "null"],
            "description": "Run in the container before it is stopped.",
        },
    },
    [],
)

_LIMIT: Definition = {"type": "integer", "minimum": -1, "maximum": 2**63 - 1}

_ULIMITS: Definition = {
    "type": "array",
    "maxItems": 16,
    "x-unique-by": ["name"],
    "items": common.obj(
        {
            "name": {
                "type": "string",
                "enum": [
                    "core",
                    "cpu",
                    "data",
                    "fsize",
                    "locks",
                    "memlock",
                    "msgqueue",
                    "nofile",
                    "nproc",
                    "sigpending",
                    "stack",
                ],
            },
            "soft": _LIMIT,
            "hard": _LIMIT,
        },
        ["name", "soft", "hard"],
    ),
}


def _rate(description: str) -> Definition:
    return {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 2**53,
        "description": description,
    }


_BLOCK_IO = common.obj(
    {
        "read_bps": _rate("Bytes read per second."),
        "write_bps": _rate("Bytes written per second."),
        "read_iops": _rate("Reads per second."),
        "write_iops": _rate("Writes per second."),
    },
    [],
)

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
        "env": ENV,
        "working_dir": WORKING_DIR,
        "user": USER,
        "labels": _LABELS,
        "restart_policy": _RESTART_POLICY,
        "cpu_percent": {**_PERCENT, "default": 100},
        "memory_percent": {**_PERCENT, "default": 100},
        "ports": _PORTS,
        "mounts": _MOUNTS,
        "health_check": {**_HEALTH_CHECK, "type": ["object", "null"]},
        "hooks": _HOOKS,
        "run_to_completion": {
            "type": "boolean",
            "default": False,
            "description": "It does its work and ends; a later Index starts "
            "when it has ended with exit code 0.",
        },
        "ulimits": _ULIMITS,
        "pids_limit": {
            "type": ["integer", "null"],
            "minimum": 2,
            "maximum": 2**22,
            "description": "Most processes and threads; the host's default "
            "when left out.",
        },
        "cpuset": {
            "type": ["string", "null"],
            "maxLength": 255,
            "pattern": r"^[0-9]{1,4}(-[0-9]{1,4})?"
            r"(,[0-9]{1,4}(-[0-9]{1,4})?)*\Z",
            "x-must": "be numbers of CPUs, as 0-3,6",
            "description": "CPUs of the host it may run on; for operators.",
        },
        "block_io": {**_BLOCK_IO, "type": ["object", "null"]},
        "tty": {
            "type": "boolean",
            "default": False,
            "description": "Whether its first process has a terminal, for "
            "who attaches to it.",
        },
        "stdin": {
            "type": "boolean",
            "default": False,
            "description": "Whether who attaches to its first process can "
            "write to it.",
        },
    },
    ["name", "image"],
    title="ContainerSpec",
)


#: What of a container is to be otherwise; null is the default.
_CHANGES: dict[str, Definition] = {
    key: {k: v for k, v in value.items() if k != "default"}
    for key, value in CREATE["properties"].items()
    if key != "name"
}

_MONITOR: Definition = {
    **_seconds(0, 2, ""),
    "description": "Seconds it has to run well for the change to count, if "
    "it has no health check.",
}

UPDATE = common.request(
    "container",
    common.obj(
        {
            "name": {**_NAME, "description": "Its new name."},
            **_CHANGES,
            "monitor": _MONITOR,
        },
        [],
        minProperties=1,
    ),
)

#: One of several containers that are changed together.
CHANGE: Definition = common.obj(
    {"name": {**common.NAME, "description": "Name or id."}, **_CHANGES},
    ["name"],
    title="ContainerChange",
)

ADD = common.request(
    "container",
    {
        **CREATE,
        "properties": {**CREATE["properties"], "monitor": _MONITOR},
        "title": "NewContainer",
    },
)

SIGNAL = common.request(
    "signal",
    {
        "type": "string",
        "enum": [
            "ABRT",
            "ALRM",
            "CONT",
            "HUP",
            "INT",
            "KILL",
            "PIPE",
            "QUIT",
            "STOP",
            "TERM",
            "TSTP",
            "TTIN",
            "TTOU",
            "URG",
            "USR1",
            "USR2",
            "WINCH",
        ],
        "description": "Sent to the first process of the container.",
    },
)


def _or_null(definition: Definition) -> Definition:
    return {"type": [definition["type"], "null"]} | {
        k: v for k, v in definition.items() if k != "type"
    }


def _shown(definition: Definition) -> Definition:
    """Of an object: all keys are there."""
    return _or_null({**definition, "required": list(definition["properties"])})


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
        "health": {
            "type": ["string", "null"],
            "enum": [*(s.value for s in Health), None],
            "description": "What its health check found; null without one.",
        },
        "paused": {
            **common.BOOLEAN,
            "description": "Whether it is to be paused.",
        },
        "created_at": common.TIME,
        "started_at": common.OPTIONAL_TIME,
        "finished_at": common.OPTIONAL_TIME,
        "image": _or_null(
            common.obj(
                {
                    "ref": common.STRING,
                    "id": common.STRING,
                    "digest": {
                        **common.STRING,
                        "description": "Of its manifest.",
                    },
                    "name": common.STRING,
                    "size": {
                        **common.INTEGER,
                        "description": "Bytes of its layers as stored.",
                    },
                    "repository": common.STRING,
                    "unpacked_size": {
                        **common.INTEGER,
                        "description": "Bytes of its layers unpacked, 0 if "
                        "not known.",
                    },
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
        "health_check": _shown(_HEALTH_CHECK),
        "hooks": _or_null(
            common.obj(
                {when: _shown(_HOOK) for when in ("pre_start", "pre_stop")}
            )
        ),
        "run_to_completion": {"type": ["boolean", "null"]},
        "ulimits": {
            "type": ["array", "null"],
            "items": _ULIMITS["items"],
        },
        "pids_limit": {"type": ["integer", "null"]},
        "cpuset": common.OPTIONAL_STRING,
        "block_io": _shown(_BLOCK_IO),
        "tty": {"type": ["boolean", "null"]},
        "stdin": {"type": ["boolean", "null"]},
        "runtime_id": {
            **common.OPTIONAL_STRING,
            "description": "In the engine of the host; for operators.",
        },
    },
    title="Container",
)
VIEW["required"].remove("runtime_id")

#: Those of them that a user defines.
SPEC_KEYS = frozenset(CREATE["properties"]) - {"name", "index"}

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
