"""The kernel: its version, namespaces, interfaces and control groups."""

import dataclasses
import errno
import os
import pathlib
import re
from collections.abc import Collection

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from caas.agent.fitness.finding import Finding, ok, unfit, warning
from caas.drivers.network import namespaces

#: What docker itself asks for at least.
OLDEST = (3, 10)
#: The oldest one that anybody keeps up.
OLD = (4, 19)

NAMESPACES = ("ipc", "mnt", "net", "pid", "uts")

#: Controllers without which sets have no limits, and the others by what
#: cannot be done then.
NEEDED = ("cpu", "memory", "pids")
NEEDED_V1 = (*NEEDED, "devices", "freezer")
WANTED = {
    "cpuset": "containers cannot be bound to CPUs",
    "blkio": "the use of disks cannot be limited",
    "cpuacct": "the use of CPU time cannot be told",
}
#: As version 2 calls them; it has the others of its own.
_V2 = {"blkio": "io"}


@dataclasses.dataclass(frozen=True)
class Groups:
    """:ivar version: of the hierarchy that has the controllers, 0 for none.
    :ivar controllers: that are mounted.
    """

    version: int
    controllers: frozenset[str]


def namespaces_of(proc: pathlib.Path = pathlib.Path("/proc")) -> list[str]:
    """What kinds of namespaces there are."""
    return sorted(path.name for path in (proc / "self/ns").iterdir())


def groups(mountinfo: str) -> Groups:
    """:param mountinfo: of /proc/self."""
    v1: set[str] = set()
    v2: set[str] = set()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        words, where = after.split(), before.split()[4]
        if words[0] == "cgroup":
            v1.update(words[2].split(","))
        elif words[0] == "cgroup2":
            try:
                text = pathlib.Path(where, "cgroup.controllers").read_text()
            except OSError:
                continue
            v2.update(text.split())
    if "memory" in v1 or not v2:
        return Groups(1 if v1 else 0, frozenset(v1))
    return Groups(2, frozenset(v2))


def try_links() -> str:
    """Make a bridge and a veth where nobody sees them.

    :returns: the kind that the kernel does not have; "" if it has both.
    """

    def work() -> str:
        with IPRoute() as ipr:
            for kind, more in (("bridge", {}), ("veth", {"peer": "t2"})):
                try:
                    ipr.link("add", ifname=f"t-{kind}", kind=kind, **more)
                except NetlinkError as e:
                    if e.code == errno.EOPNOTSUPP:
                        return kind
                    raise OSError(e.code, os.strerror(e.code)) from e
        return ""

    return namespaces.call_apart(work)


# What is judged.


def release(found: str) -> Finding:
    match = re.match(r"(\d+)\.(\d+)", found)
    number = (int(match[1]), int(match[2])) if match else (0, 0)
    if number < OLDEST:
        return unfit(
            "kernel",
            f"Linux {found} is too old for containers; it has to be 4.19 or "
            "later.",
        )
    if number < OLD:
        return warning(
            "kernel",
            f"Linux {found} is old; it should be 4.19 or later.",
        )
    return ok("kernel", f"Linux {found}.")


def kinds(found: Collection[str]) -> Finding:
    """:param found: kinds of namespaces."""
    lacking = [kind for kind in NAMESPACES if kind not in found]
    if lacking:
        return unfit(
            "namespaces",
            f"The kernel has no namespaces of {', '.join(lacking)}; it needs "
            "all of " + ", ".join(NAMESPACES) + ".",
        )
    return ok("namespaces", "All kinds of namespaces are there.")


def links(lacking: str) -> Finding:
    if lacking:
        return unfit(
            "links",
            f"The kernel cannot make interfaces of kind {lacking}, which the "
            f"network of sets is made of; load the module {lacking}.",
        )
    return ok("links", "The kernel can make bridges and veths.")


def controllers(found: Groups, engine_version: int | None) -> list[Finding]:
    """:param engine_version: of the hierarchy that the engine uses."""
    name = "cgroups"
    if found.version == 0:
        return [
            unfit(
                name,
                "No control groups are mounted; mount version 2 at "
                "/sys/fs/cgroup.",
            )
        ]
    if engine_version not in (None, found.version):
        return [
            unfit(
                name,
                f"The engine uses version {engine_version} of control groups, "
                f"this host has version {found.version} mounted; restart the "
                "engine.",
            )
        ]
    v2 = found.version == 2
    lacking = [
        c for c in (NEEDED if v2 else NEEDED_V1) if c not in found.controllers
    ]
    if lacking:
        return [
            unfit(
                name,
                f"The controllers {', '.join(lacking)} are not there, so sets "
                "cannot be kept within their limits; mount them, or enable "
                "them on the kernel's command line (cgroup_enable=).",
            )
        ]
    less = [
        warning(
            name,
            f"The controller {controller} is not there: {what}.",
        )
        for controller, what in WANTED.items()
        if (_V2.get(controller, controller) if v2 else controller)
        not in found.controllers
        # part of cpu
        and not (v2 and controller == "cpuacct")
    ]
    return less or [
        ok(
            name,
            f"Version {found.version} with all controllers that are needed.",
        )
    ]


def driver(name: str, systemd: bool) -> Finding:
    """Who makes control groups: the engine, or systemd.

    :param systemd: it is the first process of this host.
    """
    if name == "systemd" and not systemd:
        return unfit(
            "cgroup-driver",
            "The engine leaves control groups to systemd, which does not run "
            'here; put "exec-opts": ["native.cgroupdriver=cgroupfs"] into '
            "daemon.json.",
        )
    if name not in ("systemd", "cgroupfs"):
        return unfit(
            "cgroup-driver",
            f"The engine makes no control groups (driver {name}), so sets "
            "have no limits; run it as root with systemd or cgroupfs.",
        )
    return ok("cgroup-driver", f"{name} makes the control groups.")


def swap(accounted: bool, swap_mb: int) -> Finding:
    if swap_mb == 0:
        return ok("swap", "There is no swap.")
    if not accounted:
        return warning(
            "swap",
            "Swap is not accounted for: sets can use more than their memory, "
            "in swap. Boot with swapaccount=1, or switch swap off.",
        )
    return ok("swap", "Sets are kept from swap.")
