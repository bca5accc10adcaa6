"""What cgroups have counted, of both versions of the hierarchy."""

import pathlib
from collections.abc import Iterable

from caas.drivers.runtime.base import Usage

#: Limits of version 1 that mean none are near the greatest number.
_NO_LIMIT = 1 << 60


def read(version: int, mount: pathlib.Path, name: pathlib.Path) -> Usage:
    """:param name: of the group, from the root of the hierarchy."""
    return _of_v1(mount, name) if version == 1 else _of_v2(mount / name)


def _of_v1(mount: pathlib.Path, name: pathlib.Path) -> Usage:
    memory, pids = mount / "memory" / name, mount / "pids" / name
    cpu, blkio = pairs(mount / "cpu" / name / "cpu.stat"), mount / "blkio"
    stat = pairs(memory / "memory.stat")
    used = number(memory / "memory.usage_in_bytes")
    limit = number(memory / "memory.limit_in_bytes")
    moved = _v1_io(blkio / name / "blkio.throttle.io_service_bytes_recursive")
    done = _v1_io(blkio / name / "blkio.throttle.io_serviced_recursive")
    return Usage(
        cpu_ns=number(mount / "cpuacct" / name / "cpuacct.usage"),
        periods=cpu.get("nr_periods"),
        throttled_periods=cpu.get("nr_throttled"),
        throttled_ns=cpu.get("throttled_time"),
        memory_bytes=used,
        working_set_bytes=_working_set(used, stat.get("total_inactive_file")),
        peak_bytes=number(memory / "memory.max_usage_in_bytes"),
        limit_bytes=limit if limit and limit < _NO_LIMIT else None,
        pids=number(pids / "pids.current"),
        pids_limit=number(pids / "pids.max"),
        read_bytes=moved.get("Read"),
        written_bytes=moved.get("Write"),
        reads=done.get("Read"),
        writes=done.get("Write"),
    )


def _of_v2(group: pathlib.Path) -> Usage:
    cpu, stat = pairs(group / "cpu.stat"), pairs(group / "memory.stat")
    used = number(group / "memory.current")
    moved = _v2_io(_lines(group / "io.stat"))
    return Usage(
        cpu_ns=_thousand(cpu.get("usage_usec")),
        periods=cpu.get("nr_periods"),
        throttled_periods=cpu.get("nr_throttled"),
        throttled_ns=_thousand(cpu.get("throttled_usec")),
        memory_bytes=used,
        working_set_bytes=_working_set(used, stat.get("inactive_file")),
        peak_bytes=number(group / "memory.peak"),
        limit_bytes=number(group / "memory.max"),
        pids=number(group / "pids.current"),
        pids_limit=number(group / "pids.max"),
        read_bytes=moved.get("rbytes"),
        written_bytes=moved.get("wbytes"),
        reads=moved.get("rios"),
        writes=moved.get("wios"),
    )


def _working_set(used: int | None, idle: int | None) -> int | None:
    return None if used is None else max(0, used - (idle or 0))


def _thousand(value: int | None) -> int | None:
    return None if value is None else value * 1000


def _lines(file: pathlib.Path) -> list[list[str]]:
    """Words of each line; none of a file that is not there."""
    try:
        return [line.split() for line in file.read_text("ascii").splitlines()]
    except OSError:
        return []


def number(file: pathlib.Path) -> int | None:
    """None for "max", or if it is not there."""
    lines = _lines(file)
    return int(lines[0][0]) if lines and lines[0][0].isdecimal() else None


def pairs(file: pathlib.Path) -> dict[str, int]:
    """Of lines such as ``nr_periods 12``; none if it is not there."""
    return {w[0]: int(w[1]) for w in _lines(file) if len(w) == 2}


def _v1_io(file: pathlib.Path) -> dict[str, int]:
    """Sums over all disks, of lines such as ``8:0 Read 4096``."""
    if not file.exists():
        return {}
    found = {"Read": 0, "Write": 0}
    for words in _lines(file):
        if len(words) == 3 and words[1] in found:
            found[words[1]] += int(words[2])
    return found


def _v2_io(lines: Iterable[list[str]]) -> dict[str, int]:
    """Sums over all disks, of lines such as ``8:0 rbytes=4096 wbytes=0``."""
    found = {"rbytes": 0, "wbytes": 0, "rios": 0, "wios": 0}
    for words in lines:
        for word in words[1:]:
            key, _, value = word.partition("=")
            if key in found:
                found[key] += int(value)
    return found
