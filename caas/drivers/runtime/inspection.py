"""What the Docker Engine says of a container, less what is of its host.

A list of what is shown, so that what a newer engine adds is not.
"""

from collections.abc import Mapping
from typing import Any

from caas.drivers.runtime.engine import clean

_NEVER = "0001-01-01T00:00:00Z"
#: Labels that are this project's own.
_OURS = "caas."


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """:param found: the answer of ``GET /containers/{id}/json``.

    Paths of the host, ids of the engine and cgroups have no place in it.
    Bytes, MiB nowhere; times in ISO 8601.
    """
    config, host = found["Config"], found["HostConfig"]
    return {
        "created_at": found["Created"],
        "state": _state(found["State"]),
        "process": [found.get("Path") or "", *(found.get("Args") or ())],
        "config": _config(config),
        "limits": _limits(host),
        "security": _security(host),
        "log": {
            "driver": host["LogConfig"]["Type"],
            "options": host["LogConfig"]["Config"] or {},
        },
        "mounts": [
            {
                "target": mount["Destination"],
                "read_only": not mount["RW"],
                "propagation": mount.get("Propagation") or "",
            }
            for mount in sorted(
                found.get("Mounts") or (), key=lambda m: str(m["Destination"])
            )
        ],
        # of its configuration, as docker image inspect shows it anywhere
        "image_id": found["Image"],
        "storage_driver": found.get("Driver") or "",
        "platform": found.get("Platform") or "",
    }


def _state(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": state["Status"],
        "running": state["Running"],
        "paused": state["Paused"],
        "oom_killed": state["OOMKilled"],
        "exit_code": None if state["Running"] else state["ExitCode"],
        "error": clean(state["Error"]),
        "started_at": _time(state["StartedAt"]),
        "finished_at": _time(state["FinishedAt"]),
    }


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hostname": config["Hostname"],
        "user": config["User"],
        "env": config["Env"] or [],
        "command": config["Cmd"] or [],
        "entrypoint": config["Entrypoint"] or [],
        "working_dir": config["WorkingDir"],
        "labels": {
            key: value
            for key, value in (config["Labels"] or {}).items()
            if not key.startswith(_OURS)
        },
        "exposed_ports": sorted(config.get("ExposedPorts") or ()),
        "volumes": sorted(config.get("Volumes") or ()),
        "stop_signal": config.get("StopSignal") or "SIGTERM",
        "tty": config["Tty"],
        "stdin": config["OpenStdin"],
    }


def _limits(host: Mapping[str, Any]) -> dict[str, Any]:
    quota, period = host["CpuQuota"], host["CpuPeriod"] or 100_000
    return {
        "millicpus": quota * 1000 // period if quota > 0 else None,
        "memory_bytes": host["Memory"] or None,
        "cpuset": host["CpusetCpus"] or None,
        # 0 and -1 are none
        "pids": max(0, host["PidsLimit"] or 0) or None,
        "ulimits": [
            {"name": u["Name"], "soft": u["Soft"], "hard": u["Hard"]}
            for u in host["Ulimits"] or ()
        ],
        "block_io": {
            name: (host.get(f"BlkioDevice{key}") or [{"Rate": None}])[0][
                "Rate"
            ]
            for name, key in (
                ("read_bps", "ReadBps"),
                ("write_bps", "WriteBps"),
                ("read_iops", "ReadIOps"),
                ("write_iops", "WriteIOps"),
            )
        },
        "shm_bytes": host["ShmSize"],
    }


def _security(host: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "privileged": host["Privileged"],
        "capabilities_added": host["CapAdd"] or [],
        "capabilities_dropped": host["CapDrop"] or [],
        "options": host["SecurityOpt"] or [],
        "read_only_root": host["ReadonlyRootfs"],
        "masked_paths": host.get("MaskedPaths") or [],
        "read_only_paths": host.get("ReadonlyPaths") or [],
    }


def _time(value: str) -> str | None:
    return None if value == _NEVER else value
