"""The machine: clock, space, memory, descriptors, and programs it needs."""

import ctypes
import dataclasses
import email.utils
import os
import pathlib
import resource
import time

import requests

from caas.agent.fitness.finding import Finding, ok, unfit, warning
from caas.drivers.runtime import infra
from caas.drivers.runtime.base import EngineError

_GIB = 1 << 30
#: Free bytes below which a folder is full, and below which it soon is.
FULL, LOW = 1 * _GIB, 5 * _GIB
#: The same for inodes, in percent of all.
FULL_INODES, LOW_INODES = 1, 5
#: What sets need at least (MiB).
LEAST_MEMORY = 128
#: Seconds between two clocks that make no difference, and that make
#: certificates and times of events wrong.
CLOSE, FAR = 5.0, 300.0
#: Descriptors of an agent besides its streams, and for each of those.
FILES, FILES_PER_STREAM = 512, 2

_TIME_ERROR = 5
_TIMEX_SIZE = 512


@dataclasses.dataclass(frozen=True)
class Space:
    """Of the file system a folder is on; inodes are 0 where it counts none."""

    path: str
    free: int
    inodes: int = 0
    inodes_free: int = 0


def space_of(path: str) -> Space:
    """Of a folder, or of the nearest one above it that is there."""
    place = pathlib.Path(path)
    while not place.exists():
        place = place.parent
    found = os.statvfs(place)
    return Space(
        path,
        found.f_bavail * found.f_frsize,
        found.f_files,
        found.f_favail,
    )


def memory(meminfo: str) -> dict[str, int]:
    """Figures of /proc/meminfo, in MiB."""
    found = {}
    for line in meminfo.splitlines():
        key, _, value = line.partition(":")
        words = value.split()
        if len(words) == 2 and words[1] == "kB":
            found[key] = int(words[0]) >> 10
    return found


def synchronised() -> bool:
    """Whether the kernel's clock is kept in step (adjtimex(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    # no modes: it only answers
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE))
    if state < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return bool(state != _TIME_ERROR)


class NoTimeError(OSError):
    """A web server (uWSGI by itself is one) sends no ``Date``."""


def ahead_of(url: str, ca_file: str | None, timeout: float) -> float:
    """Seconds this clock is ahead of that of a web server, to about one.

    :raises OSError: it does not answer (requests.RequestException), or does
        not say what time it is.
    """
    before = time.time()
    answer = requests.get(
        f"{url.rstrip('/')}/healthcheck",
        timeout=timeout,
        verify=ca_file or True,
    )
    after = time.time()
    said = answer.headers.get("Date")
    if said is None:
        raise NoTimeError("it does not say what time it is")
    date = email.utils.parsedate_to_datetime(said)
    # it names whole seconds, on average half a one ago
    return (before + after) / 2 - (date.timestamp() + 0.5)


def files_of(pid: int | None) -> int:
    """The soft limit on descriptors of a process; None: of this one."""
    return resource.prlimit(pid or 0, resource.RLIMIT_NOFILE)[0]


def infra_binary(path: str) -> Finding:
    try:
        infra.read_binary(path)
    except EngineError as error:
        return unfit("infra", error.message)
    return ok("infra", f"{path} is a static program.")


@dataclasses.dataclass(frozen=True)
class Lxcfs:
    """:ivar path: "" to leave it alone.
    :ivar mounted: something is mounted there.
    """

    path: str
    mounted: bool = False


def lxcfs_at(path: str) -> Lxcfs:
    if not path:
        return Lxcfs("")
    mounted = os.path.ismount(path)
    if mounted:
        # hangs if lxcfs does, as containers would
        pathlib.Path(path, "proc/meminfo").read_bytes()
    return Lxcfs(path, mounted)


# What is judged.


def space(found: Space, what: str) -> Finding:
    """:param what: the folder is for."""
    at = f"{found.path} ({what})"
    free = f"{found.free / _GIB:.1f} GiB"
    if found.free < FULL:
        return unfit(
            "space",
            f"{at} has {free} left; make room, it should be more than "
            f"{LOW >> 30} GiB.",
        )
    percent = 100 * found.inodes_free // found.inodes if found.inodes else 100
    if percent < FULL_INODES:
        return unfit(
            "space",
            f"{at} has {found.inodes_free} inodes left for files, less than "
            f"{FULL_INODES} %; make room.",
        )
    if found.free < LOW:
        return warning(
            "space",
            f"{at} has only {free} left; it should be more than "
            f"{LOW >> 30} GiB.",
        )
    if percent < LOW_INODES:
        return warning(
            "space",
            f"{at} has only {found.inodes_free} inodes left for files.",
        )
    return ok("space", f"{at} has {free} left.")


def clock(in_step: bool) -> Finding:
    if in_step:
        return ok("clock", "The clock is kept in step.")
    return warning(
        "clock",
        "Nothing keeps the clock in step; run chrony or systemd-timesyncd.",
    )


def compared(ahead: float | Exception | None, url: str) -> Finding:
    """:param ahead: seconds, or why the API could not be asked; None if it
    has not answered in time.
    """
    if isinstance(ahead, NoTimeError):
        return ok("registry", f"caas-registry answers at {url}.")
    if not isinstance(ahead, float):
        return warning(
            "registry",
            f"caas-registry does not answer at {url} ([pull] endpoint), so "
            "this host cannot fetch images: "
            + (_said(ahead) if ahead else "it took too long."),
        )
    apart = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'}"
    if abs(ahead) > FAR:
        return unfit(
            "registry",
            f"The clock is {apart} that of caas-registry: certificates and "
            "times are not to be relied upon; set it.",
        )
    if abs(ahead) > CLOSE:
        return warning(
            "registry", f"The clock is {apart} that of caas-registry."
        )
    return ok(
        "registry", f"caas-registry answers at {url}, and has the same time."
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}."


def memory_for_sets(total_mb: int, free_mb: int, reserved_mb: int) -> Finding:
    """:param reserved_mb: kept from sets by [agent] reserved_memory_mb."""
    if total_mb - reserved_mb < LEAST_MEMORY:
        return unfit(
            "memory",
            f"Of {total_mb} MiB, {reserved_mb} MiB are reserved ([agent] "
            "reserved_memory_mb): nothing is left for sets.",
        )
    if free_mb < min(reserved_mb, total_mb // 20):
        return warning(
            "memory",
            f"Only {free_mb} of {total_mb} MiB can be had; what runs beside "
            "sets needs more than [agent] reserved_memory_mb allows for.",
        )
    return ok("memory", f"{free_mb} of {total_mb} MiB can be had.")


def files(limit: int, streams: int) -> Finding:
    """:param streams: at once, as [streams] max_streams has it."""
    needed = FILES + FILES_PER_STREAM * streams
    if 0 <= limit < needed:
        return warning(
            "files",
            f"The agent may have {limit} files open, and needs {needed} for "
            f"{streams} streams: set LimitNOFILE of its unit.",
        )
    return ok("files", f"The agent may have {limit} files open.")


def lxcfs(found: Lxcfs | None, path: str) -> Finding:
    """:param found: None if it did not answer."""
    if found is None:
        return unfit(
            "lxcfs",
            f"lxcfs at {path} does not answer, and so will containers not; "
            "restart it.",
        )
    if not found.path:
        return ok("lxcfs", "[docker] lxcfs is empty: it is left alone.")
    if not found.mounted:
        return warning(
            "lxcfs",
            f"lxcfs is not mounted at {found.path}: programs in containers "
            "see memory and CPUs of the whole host in /proc. Install it, or "
            "empty [docker] lxcfs.",
        )
    return ok("lxcfs", f"lxcfs answers at {found.path}.")
