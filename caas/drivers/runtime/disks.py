"""The disks below folders: the kernel throttles disks, not folders.

A partition is throttled by its disk; a loop device or a logical volume is a
disk of its own.
"""

import os
import pathlib
from collections.abc import Iterable

SYS = pathlib.Path("/sys/dev/block")
_MOUNTS = pathlib.Path("/proc/self/mountinfo")


def below(paths: Iterable[str]) -> list[str]:
    """Device nodes of the disks that hold ``paths``, each once.

    What has no disk (memory, network file systems) is left out.
    """
    found = set()
    for path in paths:
        number = _device(path)
        if number is not None:
            found.add(_disk(SYS / number))
    return sorted(node for node in found if node)


def _device(path: str) -> str | None:
    """``major:minor`` of the device a path is on."""
    try:
        number = os.stat(path).st_dev
        if os.major(number) == 0:
            # Btrfs and others have numbers that are no device's
            number = os.stat(_source(f"0:{os.minor(number)}")).st_rdev
    except OSError:
        return None
    return f"{os.major(number)}:{os.minor(number)}"


def _source(number: str) -> str:
    """What is mounted under a number; "" if it is no device."""
    for line in _MOUNTS.read_text("utf-8", "replace").splitlines():
        words = line.split()
        if words[2] == number:
            source = words[words.index("-") + 2]
            return source if source.startswith("/dev/") else ""
    return ""


def _disk(entry: pathlib.Path) -> str:
    """The node of the device, or of the disk it is a partition of."""
    try:
        device = entry.resolve(strict=True)
        if (device / "partition").exists():
            device = device.parent
        for line in (device / "uevent").read_text("utf-8").splitlines():
            key, _, value = line.partition("=")
            if key == "DEVNAME":
                return f"/dev/{value}"
    except OSError:
        pass
    return ""
