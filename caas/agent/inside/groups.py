"""Into the cgroups of a container: its limits, and its devices."""

import os
import re
from collections.abc import Iterator

from caas.agent.inside.outside import Problem

_OCTAL = re.compile(r"\\([0-7]{3})")


def join(cgroups: str) -> None:
    """Join them all.

    The pids controller lets one join that is full.

    :param cgroups: text of ``/proc/PID/cgroup``.
    :raises Problem: one cannot be joined.
    """
    for place in places(cgroups, _read("cgroup"), _read("mountinfo")):
        file = os.open(
            os.path.join(place, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC
        )
        try:
            os.write(file, b"0")
        finally:
            os.close(file)
    if set(_read("cgroup").splitlines()) != set(cgroups.splitlines()):
        raise Problem(500, "The host cannot join the container's cgroups.")


def _read(name: str) -> str:
    with open(f"/proc/self/{name}", encoding="utf-8") as file:
        return file.read()


def places(theirs: str, own: str, mountinfo: str) -> Iterator[str]:
    """Folders of the cgroups one is not in yet.

    :param theirs: text of ``/proc/PID/cgroup``; likewise ``own``.
    :param mountinfo: text of ``/proc/self/mountinfo``.
    :raises Problem: the hierarchy of one is not mounted here.
    """
    mounts = list(_mounts(mountinfo))
    here = set(own.splitlines())
    for line in theirs.splitlines():
        if line in here:
            continue
        _, controllers, path = line.split(":", 2)
        wanted = set(controllers.split(",")) if controllers else set()
        for options, root, target in mounts:
            # None of the second version, which has no controllers of its own
            if (options is None) != (not wanted):
                continue
            if options is not None and not wanted <= options:
                continue
            within = os.path.relpath(path, root)
            if within.split("/")[0] == "..":
                continue
            yield os.path.join(target, within)
            break
        else:
            raise Problem(
                500,
                "The host cannot join the container's cgroups: "
                f"{controllers or 'the unified one'} is not mounted.",
            )


def _mounts(text: str) -> Iterator[tuple[set[str] | None, str, str]]:
    for line in text.splitlines():
        fields = line.split(" ")
        kind, _, options = fields[fields.index("-") + 1 :]
        if kind in ("cgroup", "cgroup2"):
            root, target = (
                _OCTAL.sub(lambda m: chr(int(m[1], 8)), f) for f in fields[3:5]
            )
            found = set(options.split(",")) if kind == "cgroup" else None
            yield found, root, target
