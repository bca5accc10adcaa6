"""Limits of a project and what it uses of them."""

import dataclasses

#: Bytes of images and their manifests, each stored once; shown to users as
#: ``images_mb``.
IMAGE_BYTES = "image_bytes"

#: Sets of one server group: each group is limited by itself, so that of the
#: project as a whole nothing is ever used.
GROUP_MEMBERS = "server_group_members"

#: What is limited; ``millicpus`` is shown to users as ``vcpus``.
RESOURCES = (
    "containers",
    "disk_gb",
    IMAGE_BYTES,
    "memory_mb",
    "millicpus",
    GROUP_MEMBERS,
    "server_groups",
    "sets",
)


@dataclasses.dataclass(frozen=True)
class Usage:
    """:ivar limit: -1 for none."""

    limit: int
    used: int


def plain(amount: int, size: int = 1) -> str:
    """Without an exponent, and no digits more than needed.

    :param size: how many of ours make one of what is shown.
    """
    whole, rest = divmod(amount, size)
    return str(amount / size) if rest else str(whole)


@dataclasses.dataclass(frozen=True)
class Quota:
    """:ivar resources: by the names of ``RESOURCES``."""

    project_id: str
    resources: dict[str, Usage]
