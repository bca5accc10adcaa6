"""What a user asks for: flavors and the containers of a set."""

import dataclasses
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
class ImageRef:
    """An image as resolved when the set was created.

    :ivar ref: what the user wrote (id, ``name:tag`` or digest).
    :ivar id: Glance id.
    :ivar digest: ``algorithm:hex`` of the stored bytes; the identity of what
        runs.
    :ivar size: bytes.
    """

    ref: str
    id: str
    digest: str
    name: str = ""
    size: int = 0


@dataclasses.dataclass(frozen=True)
class ContainerSpec:
    """One business container.

    :ivar index: start order; equal ones start in parallel.
    :ivar cpu_percent: cap in percent of the set's CPU, 1..100.
    :ivar memory_percent: cap in percent of the set's memory, 1..100.
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
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return cls(**{k: v for k, v in data.items() if k in known})
