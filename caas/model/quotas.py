"""Limits of a project and what it uses of them."""

import dataclasses

#: What is limited; ``millicpus`` is shown to users as ``vcpus``.
RESOURCES = ("containers", "disk_gb", "memory_mb", "millicpus", "sets")


@dataclasses.dataclass(frozen=True)
class Usage:
    """:ivar limit: -1 for none."""

    limit: int
    used: int


@dataclasses.dataclass(frozen=True)
class Quota:
    """:ivar resources: by the names of ``RESOURCES``."""

    project_id: str
    resources: dict[str, Usage]
