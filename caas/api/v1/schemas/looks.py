"""Schemas of looks into containers."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.api.v1.schemas.sessions import PATH


def _counter(description: str) -> Definition:
    return {"type": ["integer", "null"], "description": description}


_USAGE: Definition = {
    **common.obj(
        {
            "cpu_ns": _counter("CPU time in ns."),
            "periods": _counter("Periods of its CPU cap."),
            "throttled_periods": _counter("Those it has used up."),
            "throttled_ns": _counter("Time it has waited for that, in ns."),
            "memory_bytes": _counter("In use, with cached files."),
            "working_set_bytes": _counter("Less files not used lately."),
            "peak_bytes": _counter("The most there ever was."),
            "limit_bytes": _counter("Null for no limit."),
            "pids": _counter("Processes and threads."),
            "pids_limit": _counter("Null for no limit."),
            "read_bytes": _counter("Read from disks."),
            "written_bytes": _counter("Written to disks."),
            "reads": _counter("Operations."),
            "writes": _counter("Operations."),
        }
    ),
    "type": ["object", "null"],
    "description": "Counted from the start of the container on, or of the "
    "set; null when it does not run. Null is what the host does not count.",
}
_NETWORK: Definition = {
    **common.obj(
        {
            "rx_bytes": common.INTEGER,
            "rx_packets": common.INTEGER,
            "tx_bytes": common.INTEGER,
            "tx_packets": common.INTEGER,
        }
    ),
    "type": ["object", "null"],
}

STATS = common.one(
    "stats",
    common.obj(
        {
            "read_at": common.STRING,
            "set": common.obj({"usage": _USAGE, "network": _NETWORK}),
            "containers": {
                "type": "array",
                "items": common.obj(
                    {
                        "id": common.STRING,
                        "name": common.STRING,
                        "state": common.STRING,
                        "usage": _USAGE,
                    }
                ),
            },
        },
        title="Stats",
    ),
)

_TRUNCATED: Definition = {
    "type": "boolean",
    "description": "There are more.",
}

TOP = common.one(
    "top",
    common.obj(
        {
            "processes": {
                "type": "array",
                "items": common.obj(
                    {
                        "user": common.INTEGER,
                        "pid": common.INTEGER,
                        "parent": common.INTEGER,
                        "state": {
                            **common.STRING,
                            "description": "As in proc_pid_stat(5).",
                        },
                        "cpu_seconds": {"type": "number"},
                        "memory_bytes": common.INTEGER,
                        "elapsed_seconds": {"type": "number"},
                        "command": common.STRING,
                    }
                ),
            },
            "count": common.INTEGER,
            "truncated": _TRUNCATED,
        },
        title="Processes",
    ),
)
DIFF = common.one(
    "diff",
    common.obj(
        {
            "changes": {
                "type": "array",
                "items": common.obj(
                    {
                        "path": common.STRING,
                        "kind": {"enum": ["added", "modified", "deleted"]},
                    }
                ),
            },
            "truncated": _TRUNCATED,
        },
        title="Changes",
    ),
)
#: What the engine of a host says depends on its version.
INSPECT = common.one(
    "inspect",
    {
        "type": "object",
        "properties": {
            "id": common.STRING,
            "name": common.STRING,
            "state": {"type": "object"},
            "config": {"type": "object"},
            "limits": {"type": "object"},
            "security": {"type": "object"},
            "mounts": {"type": "array"},
        },
        "title": "Inspected",
    },
)
FILES = common.one(
    "files",
    common.obj(
        {
            "path": common.STRING,
            "entries": {
                "type": "array",
                "items": common.obj(
                    {
                        "name": common.STRING,
                        "escaped": {
                            "type": "boolean",
                            "description": "The name is no UTF-8; bytes "
                            "that are not stand as in \\xff.",
                        },
                        "type": {"enum": ["file", "folder", "link", "other"]},
                        "size": _counter("Null if it may not be seen."),
                        "mode": {
                            **common.OPTIONAL_STRING,
                            "description": "Octal: 0644.",
                        },
                        "uid": _counter("Owner, by number."),
                        "gid": _counter("Group, by number."),
                        "modified": common.OPTIONAL_STRING,
                        "target": common.OPTIONAL_STRING,
                    }
                ),
            },
            "truncated": _TRUNCATED,
        },
        title="Files",
    ),
)

FILES_QUERY = common.obj(
    {
        "path": {
            **PATH,
            "description": "Of a folder, or of one file.",
        }
    }
)
