"""What a user asks for: flavors and the containers of a set."""

import dataclasses
import functools
from typing import Any, TypeVar


@dataclasses.dataclass(frozen=True)
class RestartPolicy:
    """When the agent starts an ended container again.

    The names and their meaning are Docker's; the agent carries them out, with
    back-off, because Docker's own restarts race across the set.

    :ivar name: ``no``, ``on-failure``, ``always`` or ``unless-stopped``.
    :ivar max_retries: give up after so many restarts in a row, 0 for never.
    """

    name: str = "on-failure"
    max_retries: int = 0


@dataclasses.dataclass(frozen=True)
class Port:
    """A port the container listens on, at the address of the set."""

    port: int
    protocol: str = "tcp"
    name: str | None = None


@dataclasses.dataclass(frozen=True)
class Mount:
    """A place of the set's one volume in a container.

    :ivar path: absolute path in the container.
    :ivar sub_path: folder below the volume's root, "" for the root itself.
    """

    path: str
    sub_path: str = ""
    read_only: bool = False


@dataclasses.dataclass(frozen=True)
class HealthCheck:
    """How the agent finds out whether a container does its work.

    Times in seconds.

    :ivar type: ``exec`` runs ``command`` in the container and expects exit
        code 0; ``http`` expects a status of 200 to 399 from ``path`` at
        ``port``; ``tcp`` a connection to ``port``.
    :ivar interval: between two checks.
    :ivar timeout: of one check.
    :ivar retries: checks in a row that fail before it is unhealthy.
    :ivar start_period: failures so long after a start do not count.
    :ivar restart: start it again when it has become unhealthy, if its restart
        policy is not ``no``.
    """

    type: str
    command: tuple[str, ...] | None = None
    port: int | None = None
    path: str = "/"
    interval: float = 10.0
    timeout: float = 3.0
    retries: int = 3
    start_period: float = 0.0
    restart: bool = True

    @property
    def patience(self) -> float:
        """How long after its start it may take to be healthy at first."""
        return self.start_period + self.retries * (
            self.interval + self.timeout
        )


@dataclasses.dataclass(frozen=True)
class Hook:
    """:ivar timeout: seconds after which it counts as failed."""

    command: tuple[str, ...]
    timeout: float = 30.0


@dataclasses.dataclass(frozen=True)
class Hooks:
    """Commands the agent runs for a container.

    :ivar pre_start: before each start, in a container of its own made like
        the one to be started; if it fails, that does not start.
    :ivar pre_stop: in the container before it is stopped; it is stopped
        whatever comes of it.
    """

    pre_start: Hook | None = None
    pre_stop: Hook | None = None


@dataclasses.dataclass(frozen=True)
class Ulimit:
    """See setrlimit(2); -1 for no limit."""

    name: str
    soft: int
    hard: int


@dataclasses.dataclass(frozen=True)
class BlockIo:
    """Caps on reading from and writing to disks, per second; None for none."""

    read_bps: int | None = None
    write_bps: int | None = None
    read_iops: int | None = None
    write_iops: int | None = None


@dataclasses.dataclass(frozen=True)
class ImageRef:
    """An image as resolved when the set was created.

    :ivar ref: what the user wrote (id, ``name:tag`` or digest).
    :ivar id: Glance id.
    :ivar digest: ``sha256:hex`` of its manifest; the identity of what runs.
    :ivar size: bytes of its layers as stored.
    :ivar repository: ``namespace/repository`` the manifest is in.
    :ivar unpacked_size: bytes of its layers unpacked, 0 if not known; of an
        index that of its largest image.
    """

    ref: str
    id: str
    digest: str
    name: str = ""
    size: int = 0
    repository: str = ""
    unpacked_size: int = 0


@dataclasses.dataclass(frozen=True)
class ContainerSpec:
    """One business container.

    :ivar index: start order; equal ones start in parallel.
    :ivar cpu_percent: cap in percent of the set's CPU, 1..100.
    :ivar memory_percent: cap in percent of the set's memory, 1..100.
    :ivar run_to_completion: it does its work and ends; a later Index starts
        when it has ended with exit code 0.
    :ivar pids_limit: most processes and threads; None for the host's default.
    :ivar cpuset: CPUs of the host it may run on, as ``0-3,6``; None for all.
    :ivar tty: its first process has a terminal.
    :ivar stdin: its first process can be written to by who attaches.
    :ivar builds: how often it was to be made anew of what it was made of; for
        nobody to see.
    """

    name: str
    image: ImageRef
    index: int = 0
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    working_dir: str | None = None
    user: str | None = None
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    restart_policy: RestartPolicy = RestartPolicy()
    cpu_percent: int = 100
    memory_percent: int = 100
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    health_check: HealthCheck | None = None
    hooks: Hooks = Hooks()
    run_to_completion: bool = False
    ulimits: tuple[Ulimit, ...] = ()
    pids_limit: int | None = None
    cpuset: str | None = None
    block_io: BlockIo | None = None
    tty: bool = False
    stdin: bool = False
    builds: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, the form on the wire and in the database."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "ContainerSpec":
        """The inverse of :meth:`to_dict`; unknown keys are ignored."""
        known = {f.name for f in dataclasses.fields(cls)}
        args = {k: v for k, v in data.items() if k in known}
        args["image"] = pick(ImageRef, data["image"])
        args["restart_policy"] = pick(
            RestartPolicy, data.get("restart_policy") or {}
        )
        args["ports"] = tuple(pick(Port, p) for p in data.get("ports") or ())
        args["mounts"] = tuple(
            pick(Mount, m) for m in data.get("mounts") or ()
        )
        for key in ("command", "entrypoint"):
            if args.get(key) is not None:
                args[key] = tuple(args[key])
        if args.get("health_check"):
            args["health_check"] = _with_command(
                HealthCheck, args["health_check"]
            )
        args["hooks"] = Hooks(
            **{
                when: _with_command(Hook, hook)
                for when, hook in (args.get("hooks") or {}).items()
                if when in ("pre_start", "pre_stop") and hook
            }
        )
        args["ulimits"] = tuple(
            pick(Ulimit, u) for u in data.get("ulimits") or ()
        )
        if args.get("block_io"):
            args["block_io"] = pick(BlockIo, args["block_io"])
        return cls(**args)


@dataclasses.dataclass(frozen=True)
class Resources:
    """What a set takes of a host; also what a host has.

    :ivar millicpus: thousandths of one CPU.
    :ivar memory_mb: MiB.
    :ivar disk_gb: GiB of the set's volume.
    """

    millicpus: int
    memory_mb: int
    disk_gb: int

    def or_more(self, other: "Resources") -> "Resources":
        """The larger one of each."""
        return Resources(
            max(self.millicpus, other.millicpus),
            max(self.memory_mb, other.memory_mb),
            max(self.disk_gb, other.disk_gb),
        )

    def plus(self, other: "Resources") -> "Resources":
        return Resources(
            self.millicpus + other.millicpus,
            self.memory_mb + other.memory_mb,
            self.disk_gb + other.disk_gb,
        )

    def beyond(self, other: "Resources") -> "Resources":
        """What this is more than another, of each; 0 where it is not."""
        return Resources(
            max(0, self.millicpus - other.millicpus),
            max(0, self.memory_mb - other.memory_mb),
            max(0, self.disk_gb - other.disk_gb),
        )


NOTHING = Resources(millicpus=0, memory_mb=0, disk_gb=0)

T = TypeVar("T")


def pick(cls: type[T], data: dict[str, Any]) -> T:
    """Build a dataclass from a dict, ignoring keys it does not know."""
    known = _fields(cls)  # type: ignore[arg-type]
    return cls(**{k: v for k, v in data.items() if k in known})


@functools.cache
def _fields(cls: type[Any]) -> frozenset[str]:
    """Of a dataclass; looking them up takes longer than filling them in."""
    return frozenset(field.name for field in dataclasses.fields(cls))


def _with_command(cls: type[T], data: dict[str, Any]) -> T:
    command = data.get("command")
    return pick(
        cls, {**data, "command": None if command is None else tuple(command)}
    )
