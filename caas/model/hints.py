"""What a user asks of where a set comes to be, beyond flavor and zone."""

import dataclasses
import json
from typing import Any

#: What is known of a host to who writes a query, and what it is.
FIGURES = {
    "free_ram_mb": "memory left (MiB)",
    "total_usable_ram_mb": "memory it has (MiB)",
    "free_disk_mb": "disk left (MiB)",
    "disk_mb_used": "disk taken (MiB)",
    "total_usable_disk_gb": "disk it has (GiB)",
    "vcpus_total": "CPUs it has",
    "vcpus_used": "CPUs taken",
    "num_instances": "sets it has",
    "hypervisor_type": "docker",
    "availability_zone": "its zone",
}

#: Only who may see on which host a set is may ask by these.
NAMES = ("host", "hypervisor_hostname", "nodename")

#: Operators, and to how much each is applied at least.
OPERATORS = {
    **dict.fromkeys(("=", "<", ">", "in", "<=", ">="), 2),
    **dict.fromkeys(("not", "or", "and"), 1),
}

#: Characters, and lists within lists.
_LONGEST = 2048
_DEEPEST = 16


@dataclasses.dataclass(frozen=True)
class Hints:
    """:ivar same_host: ids of sets; it has to be where one of them is.
    :ivar different_host: ids of sets; it must not be where one of them is.
    :ivar query: what a host has to be like, see :func:`parse`; "" for
        anything.
    :ivar host: name of the one it is to be on at first; "" for any.
    """

    same_host: tuple[str, ...] = ()
    different_host: tuple[str, ...] = ()
    query: str = ""
    host: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Without what is not said."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Hints":
        return cls(
            same_host=tuple(data.get("same_host", ())),
            different_host=tuple(data.get("different_host", ())),
            query=data.get("query", ""),
            host=data.get("host", ""),
        )


NONE = Hints()


def parse(query: str, *, names: bool = False) -> list[Any]:
    """A query as lists: an operator, then what it is applied to.

    ``[">=", "$free_ram_mb", 1024]``, or ``["and", [...], [...]]``, as
    Nova's JsonFilter has it.

    :param names: hosts may be named in it.
    :raises ValueError: it is none, and why.
    """
    if len(query) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters")
    try:
        tree = json.loads(query)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(tree, list):
        raise ValueError("it is not a list")
    if tree:
        _check(tree, {*FIGURES, *(NAMES if names else ())}, 1)
    return tree


def _check(tree: list[Any], known: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    operator = tree[0] if tree else None
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise ValueError(
            "a list in it does not begin with one of "
            f"{', '.join(sorted(OPERATORS))}"
        )
    for each in tree[1:]:
        if isinstance(each, list):
            _check(each, known, depth + 1)
        elif isinstance(each, str):
            if each.startswith("$") and each[1:] not in known:
                raise ValueError(
                    f"{each[:50]} is not known of hosts; there are "
                    f"{', '.join(sorted('$' + name for name in known))}"
                )
        elif not isinstance(each, int | float):
            raise ValueError("it holds more than texts, numbers and lists")
    least = OPERATORS[operator]
    if len(tree) - 1 < least:
        raise ValueError(
            f"{operator!r} in it has to be followed by {least} or more values"
        )
