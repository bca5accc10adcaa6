"""CPU and memory of containers, from the files of their control groups."""

import dataclasses
import pathlib
import time
from collections.abc import Iterable

MOUNT = pathlib.Path("/sys/fs/cgroup")
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
    pids: Iterable[int], mount: pathlib.Path = MOUNT
) -> dict[int, Usage]:
    """Of the groups these processes are in, by their ids.

    Takes :data:`SAMPLE` s; who is gone by then is left out.
    """
    groups = {pid: of for pid in pids if (of := _groups(pid, mount))}
    if not groups:
        return {}
    first = {pid: _cpu(of) for pid, of in groups.items()}
    began = time.monotonic()
    time.sleep(SAMPLE)
    found = {}
    for pid, of in groups.items():
        before, now, memory = first[pid], _cpu(of), _memory(of)
        if before is not None and now is not None and memory is not None:
            passed = time.monotonic() - began
            found[pid] = Usage(100 * max(0.0, now - before) / passed, memory)
    return found


@dataclasses.dataclass(frozen=True)
class _Groups:
    version: int
    cpu: pathlib.Path
    memory: pathlib.Path


def _groups(pid: int, mount: pathlib.Path) -> _Groups | None:
    try:
        text = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return None
    paths: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path.lstrip("/")
    if "memory" in paths and "cpuacct" in paths:
        return _Groups(
            1,
            mount / "cpuacct" / paths["cpuacct"],
            mount / "memory" / paths["memory"],
        )
    if "" in paths:
        return _Groups(2, mount / paths[""], mount / paths[""])
    return None


def _cpu(of: _Groups) -> float | None:
    """Seconds used so far."""
    try:
        if of.version == 1:
            return int((of.cpu / "cpuacct.usage").read_text()) / 1e9
        return _table(of.cpu / "cpu.stat")["usage_usec"] / 1e6
    except (OSError, KeyError, ValueError):
        return None


def _memory(of: _Groups) -> int | None:
    v1 = of.version == 1
    name = "memory.usage_in_bytes" if v1 else "memory.current"
    try:
        total = int((of.memory / name).read_text())
        table = _table(of.memory / "memory.stat")
    except (OSError, ValueError):
        return None
    return max(0, total - table.get(f"{'total_' * v1}inactive_file", 0))


def _table(file: pathlib.Path) -> dict[str, int]:
    return {
        words[0]: int(words[1])
        for line in file.read_text().splitlines()
        if len(words := line.split()) == 2
    }
