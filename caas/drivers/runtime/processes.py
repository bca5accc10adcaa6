"""The processes of a container, by what the kernel tells of them."""

import os
import pathlib
from collections.abc import Iterable

from caas.drivers.runtime.base import Process
from caas.drivers.runtime.sessions import stat

#: Bytes of a command that are shown.
LONGEST_COMMAND = 1024

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = pathlib.Path("/proc")


def pids(group: pathlib.Path) -> list[int]:
    """Those in a cgroup and the ones below it, as this host counts them.

    Empty when there is no such group.
    """
    found: list[int] = []
    for folder, _, _ in os.walk(group):
        try:
            text = pathlib.Path(folder, "cgroup.procs").read_text("ascii")
        except OSError:
            continue
        found += map(int, text.split())
    # 0 is one of a namespace this agent cannot see into
    return sorted(set(found) - {0})


def first(found: Iterable[int]) -> int:
    """The one that is number 1 in the container; 0 if none is.

    :param found: numbers on this host of all of a container.
    """
    ids = _numbers(found)
    depth = min((len(inner) for inner in ids.values()), default=0)
    return next((p for p, inner in ids.items() if inner[depth - 1] == 1), 0)


def _numbers(found: Iterable[int]) -> dict[int, list[int]]:
    """In each namespace, by number on this host.

    Without those of the host that work on the container's files, which are in
    its cgroups but in no namespace of PIDs below ours.
    """
    own = len(_inner("self"))
    return {pid: inner for pid in found if len(inner := _inner(pid)) > own}


def read(found: Iterable[int]) -> list[Process]:
    """What the kernel tells of processes; those that are gone are left out.

    :param found: numbers on this host of all of a container.
    """
    uptime = float((_PROC / "uptime").read_text("ascii").split()[0])
    ids = _numbers(found)
    # one may have made a namespace of its own below that of the container
    depth = min((len(inner) for inner in ids.values()), default=0)
    numbers = {pid: inner[depth - 1] for pid, inner in ids.items()}
    processes = (_process(pid, numbers, uptime) for pid in ids)
    return sorted((p for p in processes if p), key=lambda p: p.pid)


def _process(
    pid: int, numbers: dict[int, int], uptime: float
) -> Process | None:
    fields = stat(pid)
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes()
        user = (_PROC / str(pid)).stat().st_uid
        name = (_PROC / str(pid) / "comm").read_text("utf-8", "replace")
    except OSError:
        return None
    if not fields:
        return None
    command = words[:LONGEST_COMMAND].rstrip(b"\0").replace(b"\0", b" ")
    return Process(
        user=user,
        pid=numbers[pid],
        parent=numbers.get(int(fields[1]), 0),
        state=fields[0],
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICK,
        memory_bytes=int(fields[21]) * _PAGE,
        elapsed_seconds=max(0.0, uptime - int(fields[19]) / _TICK),
        command=command.decode(errors="replace") or f"[{name.strip()}]",
    )


def _inner(pid: int | str) -> list[int]:
    """Its numbers, from this host's inwards; empty if it is gone."""
    try:
        text = (_PROC / str(pid) / "status").read_text("utf-8", "replace")
    except OSError:
        return []
    for line in text.splitlines():
        if line.startswith("NSpid:"):
            return [int(word) for word in line.split()[1:]]
    return []
