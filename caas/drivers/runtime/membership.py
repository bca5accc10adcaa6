"""Which control groups a process is in, as the kernel tells.

Imports next to nothing, for :mod:`caas.agent.inside`.
"""

import pathlib


def text_of(pid: int) -> str:
    """Of ``/proc/PID/cgroup``; "" if it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/cgroup").read_text(
            encoding="utf-8", errors="surrogateescape"
        )
    except OSError:
        return ""


def groups(text: str) -> dict[str, str]:
    """Paths by controller, from the root of its hierarchy; that of version 2
    has the name "".

    :param text: of ``/proc/PID/cgroup``.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path.lstrip("/"))
    return found


def is_of(text: str, runtime_id: str) -> bool:
    """Whether they are those of a container: of either cgroup driver.

    :param text: of ``/proc/PID/cgroup``.
    """
    names = {runtime_id, f"docker-{runtime_id}.scope"}
    return any(names & set(path.split("/")) for path in groups(text).values())
