"""The control group that all containers of a set live in.

Where the engine writes cgroups itself (driver cgroupfs) so do we, for both
versions of the hierarchy; where systemd does, a set is a slice.
"""

import errno
import logging
import os
import pathlib
import re
import shutil
import subprocess
import time
from collections.abc import Sequence

from caas.drivers.runtime import usage
from caas.drivers.runtime.base import EngineError, Limits, Usage
from caas.model import spec

LOG = logging.getLogger(__name__)

_PAGE = os.sysconf("SC_PAGE_SIZE")
MOUNT = pathlib.Path("/sys/fs/cgroup")
#: How long processes may take to leave a group that is being removed, in s.
REMOVE_TIMEOUT = 10.0
_PERIOD = 100_000
#: Files of a memory group, by version of the hierarchy.
_LIMIT = {1: "memory.limit_in_bytes", 2: "memory.max"}
#: Its value for no limit; of version 1, the greatest number of pages.
_UNLIMITED = 2**63 - 1
_USAGE = {1: "memory.usage_in_bytes", 2: "memory.current"}
_SET_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
#: Where systemd keeps the properties it was told: for good, until a reboot.
_CONTROL = (
    pathlib.Path("/etc/systemd/system.control"),
    pathlib.Path("/run/systemd/system.control"),
)


def cpu_cap(millicpus: int) -> tuple[int, int]:
    """Quota and period in microseconds; the kernel's least quota is 1000."""
    period = _PERIOD if millicpus >= 10 else 1_000_000
    return millicpus * period // 1000, period


def cpu_shares(millicpus: int) -> int:
    """Weight under contention, 1024 for one CPU."""
    return min(max(millicpus * 1024 // 1000, 2), 262_144)


def alike(one: Limits, other: Limits, slack: int) -> bool:
    """Whether they are the same but for what is rounded.

    :param slack: thousandths of a CPU that make no difference.
    """
    if one.memory_bytes // _PAGE != other.memory_bytes // _PAGE:
        return False
    if one.millicpus is None or other.millicpus is None:
        return one.millicpus == other.millicpus
    return abs(one.millicpus - other.millicpus) <= slack


class Groups:
    """For an engine with the cgroup driver ``cgroupfs``.

    :param version: of the hierarchy, 1 or 2.
    :param root: parent of all groups, from the root of the hierarchy.
    """

    #: Thousandths of a CPU by which caps in force differ from those given.
    SLACK = 1

    def __init__(
        self, version: int, root: str, mount: pathlib.Path = MOUNT
    ) -> None:
        self._version = version
        self._root = root.strip("/")
        self._mount = mount

    def set(
        self, set_id: str, resources: spec.Resources, *, boost: bool = False
    ) -> str:
        """Make the group with its limits, or change them.

        :param boost: without a cap on CPU time.
        """
        name = f"{self._root}/{_checked(set_id)}"
        try:
            if self._version == 1:
                self._set_v1(name, resources, boost)
            else:
                self._set_v2(name, resources, boost)
        except OSError as e:
            raise EngineError(
                f"The limits of the set cannot be set: {e.strerror}."
            ) from e
        return f"/{name}"

    def memory(self, set_id: str) -> int | None:
        """The cap on memory in bytes; None if there is no group."""
        group = self._memory / self._root / _checked(set_id)
        return usage.number(group / _LIMIT[self._version])

    def used(self, set_id: str, container: str = "") -> int:
        """Memory in use, in bytes, that the kernel cannot simply drop.

        :param container: engine id, "" for the whole group.
        """
        group = self._memory / self._root / _checked(set_id) / container
        return _used(group, self._version)

    def limits(self, set_id: str, container: str = "") -> Limits | None:
        """What is in force; None if there is no such group.

        :param container: engine id, "" for the whole group.
        """
        name = pathlib.Path(self._root, _checked(set_id), container)
        return _limits(self._version, self._mount, name)

    def usage(self, set_id: str, container: str = "") -> Usage | None:
        """What it has counted; None if there is no such group."""
        name = pathlib.Path(self._root, _checked(set_id), container)
        if not (self._memory / name).is_dir():
            return None
        return usage.read(self._version, self._mount, name)

    def folder(self, set_id: str, container: str) -> pathlib.Path:
        """Of the group of a container, where its processes are listed."""
        return self._memory / self._root / _checked(set_id) / container

    @property
    def _memory(self) -> pathlib.Path:
        return self._mount / "memory" if self._version == 1 else self._mount

    def remove(self, set_id: str) -> None:
        """Remove it once its last process is gone."""
        name = f"{self._root}/{_checked(set_id)}"
        for hierarchy in self._hierarchies():
            self._remove(hierarchy / name)

    def _hierarchies(self) -> list[pathlib.Path]:
        """Every mount a group of ours may be in, each once."""
        if self._version == 2:
            return [self._mount]
        found = {p.resolve() for p in self._mount.iterdir() if p.is_dir()}
        return sorted(found)

    def _set_v1(
        self, name: str, resources: spec.Resources, boost: bool
    ) -> None:
        memory = self._mount / "memory"
        self._make_root_v1(memory)
        (memory / name).mkdir(exist_ok=True)
        limit = resources.memory_mb << 20
        files = [memory / name / "memory.limit_in_bytes"]
        with_swap = memory / name / "memory.memsw.limit_in_bytes"
        if with_swap.exists():
            files.append(with_swap)
        try:
            _write(files, limit)
        except OSError as e:
            # memory with swap can never be below memory: raise it first
            if e.errno != errno.EINVAL:
                raise
            _write(files[::-1], limit)
        cpu = self._mount / "cpu" / name
        cpu.mkdir(parents=True, exist_ok=True)
        quota, period = cpu_cap(resources.millicpus)
        (cpu / "cpu.cfs_period_us").write_text(str(period))
        (cpu / "cpu.cfs_quota_us").write_text("-1" if boost else str(quota))
        (cpu / "cpu.shares").write_text(str(cpu_shares(resources.millicpus)))

    def _make_root_v1(self, memory: pathlib.Path) -> None:
        root = memory / self._root
        if not root.is_dir():
            root.mkdir(parents=True, exist_ok=True)
            whole = root / "memory.use_hierarchy"
            if whole.exists() and whole.read_text().strip() == "0":
                whole.write_text("1")

    def _set_v2(
        self, name: str, resources: spec.Resources, boost: bool
    ) -> None:
        group = self._mount / name
        group.parent.mkdir(parents=True, exist_ok=True)
        for parent in reversed(group.parents):
            if parent.is_relative_to(self._mount):
                control = parent / "cgroup.subtree_control"
                control.write_text("+cpu +memory")
        group.mkdir(exist_ok=True)
        (group / "memory.max").write_text(str(resources.memory_mb << 20))
        swap = group / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")
        quota, period = cpu_cap(resources.millicpus)
        (group / "cpu.max").write_text(f"{'max' if boost else quota} {period}")
        (group / "cpu.weight").write_text(
            str(_weight(cpu_shares(resources.millicpus)))
        )

    def _remove(self, group: pathlib.Path) -> None:
        deadline = time.monotonic() + REMOVE_TIMEOUT
        pause = 0.001
        while group.is_dir():
            try:
                for child in sorted(group.rglob("*/"), reverse=True):
                    child.rmdir()
                group.rmdir()
            except FileNotFoundError:
                continue
            except OSError as e:
                # the kernel lets go of ended processes a little later
                if e.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise EngineError(
                        "The control group of the set cannot be removed: "
                        f"{e.strerror}."
                    ) from e
                time.sleep(pause)
                pause = min(pause * 2, 0.2)


class Slices:
    """For an engine with the cgroup driver ``systemd``.

    The limits are runtime properties of the slice: systemd applies them when
    the engine starts the first container in it, and keeps them if it reloads.

    :param control: folders of properties, the one that prevails first and
        that of runtime properties last.
    """

    #: The engine tells systemd of the caps of containers in hundredths of a
    #: CPU, rounded up, and the kernel exactly.  A reload sets the former.
    SLACK = 9

    def __init__(
        self,
        command: str = "/usr/bin/systemctl",
        control: Sequence[pathlib.Path] = _CONTROL,
    ) -> None:
        self._command = command
        self._control = control

    def set(
        self, set_id: str, resources: spec.Resources, *, boost: bool = False
    ) -> str:
        """Set the limits of the slice; return its name.

        :param boost: without a cap on CPU time.
        """
        name = self._name(set_id)
        quota, period = cpu_cap(resources.millicpus)
        # what somebody set for good would prevail from the next reload on
        _forget(name, self._control[:-1])
        self._systemctl(
            "set-property",
            "--runtime",
            name,
            # empty takes an earlier one back
            "CPUQuota=" + ("" if boost else f"{quota * 100 / period:g}%"),
            f"CPUWeight={_weight(cpu_shares(resources.millicpus))}",
            f"MemoryMax={resources.memory_mb << 20}",
            "MemorySwapMax=0",
        )
        return name

    def memory(self, set_id: str) -> int | None:
        """The cap on memory in bytes; None if there is no group."""
        version, group = self._group(set_id)
        return usage.number(group / _LIMIT[version])

    def used(self, set_id: str, container: str = "") -> int:
        """As :meth:`Groups.used`."""
        version, group = self._group(set_id)
        scope = f"docker-{container}.scope" if container else ""
        return _used(group / scope, version)

    def limits(self, set_id: str, container: str = "") -> Limits | None:
        """As :meth:`Groups.limits`."""
        scope = f"docker-{container}.scope" if container else ""
        name = pathlib.Path("caas.slice", self._name(set_id), scope)
        version, _ = self._group(set_id)
        return _limits(version, MOUNT, name)

    def usage(self, set_id: str, container: str = "") -> Usage | None:
        """As :meth:`Groups.usage`."""
        version, group = self._group(set_id)
        scope = f"docker-{container}.scope" if container else ""
        if not (group / scope).is_dir():
            return None
        name = pathlib.Path("caas.slice", self._name(set_id), scope)
        return usage.read(version, MOUNT, name)

    def folder(self, set_id: str, container: str) -> pathlib.Path:
        """As :meth:`Groups.folder`."""
        return self._group(set_id)[1] / f"docker-{container}.scope"

    def _group(self, set_id: str) -> tuple[int, pathlib.Path]:
        path = pathlib.Path("caas.slice") / self._name(set_id)
        if (MOUNT / "cgroup.controllers").exists():
            return 2, MOUNT / path
        return 1, MOUNT / "memory" / path

    def remove(self, set_id: str) -> None:
        """Stop the slice and forget its limits.

        Not by ``revert``: that has systemd reload all units of the host, and
        give all running containers the limits it remembers, which are not
        quite theirs.
        """
        name = self._name(set_id)
        self._systemctl("stop", name)
        _forget(name, self._control)

    def _name(self, set_id: str) -> str:
        # a dash in the name of a slice stands for a level of the tree
        return f"caas-{_checked(set_id).replace('-', '')}.slice"

    def _systemctl(self, *args: str) -> None:
        try:
            subprocess.run(  # noqa: S603 - no part of it is a user's
                (self._command, *args),
                check=True,
                capture_output=True,
                timeout=60,
                text=True,
            )
        except subprocess.CalledProcessError as e:
            raise EngineError(
                f"systemd did not {args[0]} the slice of the set: "
                f"{e.stderr.strip()}."
            ) from e
        except (OSError, subprocess.TimeoutExpired) as e:
            raise EngineError(
                f"systemd cannot be asked to {args[0]} the slice of the set:"
                f" {e}."
            ) from e


def _forget(name: str, control: Sequence[pathlib.Path]) -> None:
    """Remove the properties of a unit."""
    for folder in control:
        try:
            shutil.rmtree(folder / f"{name}.d")
        except FileNotFoundError:
            continue
        except OSError as e:
            raise EngineError(
                "The limits of the set cannot be taken from systemd: "
                f"{e.strerror}."
            ) from e


def _limits(
    version: int, mount: pathlib.Path, name: pathlib.Path
) -> Limits | None:
    try:
        if version == 1:
            memory = mount / "memory" / name / _LIMIT[1]
            cpu = mount / "cpu" / name
            quota = (cpu / "cpu.cfs_quota_us").read_text().strip()
            period = (cpu / "cpu.cfs_period_us").read_text()
        else:
            memory = mount / name / _LIMIT[2]
            quota, period = (mount / name / "cpu.max").read_text().split()
        limit = memory.read_text().strip()
    except OSError:
        return None
    return Limits(
        millicpus=(
            None
            if quota in ("-1", "max")
            else int(quota) * 1000 // int(period)
        ),
        memory_bytes=_UNLIMITED if limit == "max" else int(limit),
    )


def _used(group: pathlib.Path, version: int) -> int:
    total = usage.number(group / _USAGE[version])
    if total is None:
        return 0
    prefix = "total_" if version == 1 else ""
    stat = usage.pairs(group / "memory.stat")
    files = (f"{prefix}inactive_file", f"{prefix}active_file")
    return max(0, total - sum(stat.get(name, 0) for name in files))


def _write(files: list[pathlib.Path], value: int) -> None:
    for file in files:
        file.write_text(str(value))


def _weight(shares: int) -> int:
    """Shares of version 1 (2..262144) as a weight of version 2 (1..10000)."""
    return 1 + (shares - 2) * 9999 // 262_142


def _checked(set_id: str) -> str:
    if not _SET_ID.fullmatch(set_id):
        raise EngineError(f"{set_id!r} is no id of a set.", permanent=True)
    return set_id
