"""CPU and memory of containers, by the processes in them."""

import dataclasses
import pathlib
import time
from collections.abc import Iterable

from caas.drivers.runtime import base, cgroups, membership
from caas.drivers.runtime.usage import read

#: Seconds between two looks at the use of CPU time.
SAMPLE = 0.25


@dataclasses.dataclass(frozen=True)
class Usage:
    """:ivar cpu: percent of one CPU.
    :ivar memory: bytes, without what the kernel can simply drop.
    """

    cpu: float
    memory: int


def usage(
    pids: Iterable[int], mount: pathlib.Path = cgroups.MOUNT
) -> dict[int, Usage]:
    """Of the groups these processes are in, by their ids.

    Takes :data:`SAMPLE` s; who is gone by then is left out.
    """
    groups = {pid: of for pid in pids if (of := _group(pid))}
    if not groups:
        return {}

    def look() -> dict[int, tuple[float, base.Usage]]:
        return {
            pid: (time.monotonic(), read(version, mount, name))
            for pid, (version, name) in groups.items()
        }

    before = look()
    time.sleep(SAMPLE)
    found = {}
    for pid, (at, now) in look().items():
        began, first = before[pid]
        memory = now.working_set_bytes
        if first.cpu_ns is None or now.cpu_ns is None or memory is None:
            continue
        used = max(0, now.cpu_ns - first.cpu_ns) / 1e9
        found[pid] = Usage(100 * used / (at - began), memory)
    return found


def _group(pid: int) -> tuple[int, pathlib.Path] | None:
    """Version of the hierarchy and the name in it.

    The engine gives a container the same one in all of version 1.
    """
    paths = membership.groups(membership.text_of(pid))
    for version, controller in ((1, "memory"), (2, "")):
        if controller in paths:
            return version, pathlib.Path(paths[controller])
    return None
