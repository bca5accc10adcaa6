"""What a host has to be like, in the words of a user; see
:func:`caas.model.hints.parse`."""

import operator
from collections.abc import Callable
from typing import Any

from caas.scheduler.snapshot import Host

#: Of a host, by the names in :mod:`caas.model.hints`.
VALUES: dict[str, Callable[[Host], Any]] = {
    "free_ram_mb": lambda h: h.free_memory_mb,
    "total_usable_ram_mb": lambda h: h.capacity.memory_mb,
    "free_disk_mb": lambda h: h.free_disk_gb * 1024,
    "disk_mb_used": lambda h: (h.capacity.disk_gb - h.free_disk_gb) * 1024,
    "total_usable_disk_gb": lambda h: h.capacity.disk_gb,
    "vcpus_total": lambda h: h.capacity.millicpus / 1000,
    "vcpus_used": lambda h: (h.capacity.millicpus - h.free_millicpus) / 1000,
    "num_instances": lambda h: h.sets,
    "hypervisor_type": lambda h: "docker",
    "availability_zone": lambda h: h.zone,
    "host": lambda h: h.name,
    "hypervisor_hostname": lambda h: h.name,
    "nodename": lambda h: h.name,
}

#: The first value holds against each of the others.
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def matches(tree: list[Any], host: Host) -> bool:
    """Whether a host is as asked for.

    :param tree: of :func:`caas.model.hints.parse`.  A text compared with a
        number never is.
    """
    try:
        found = _value(tree, host)
    except TypeError:
        return False
    return any(found) if isinstance(found, list) else bool(found)


def _value(tree: list[Any], host: Host) -> Any:
    if not tree:
        return True
    name = tree[0]
    values = [_argument(each, host) for each in tree[1:]]
    match name:
        case "not":
            return [not each for each in values]
        case "or":
            return any(values)
        case "and":
            return all(values)
        case "in":
            return bool(values) and values[0] in values[1:]
    compare = _COMPARE[name]
    return len(values) > 1 and all(
        compare(values[0], each) for each in values[1:]
    )


def _argument(each: Any, host: Host) -> Any:
    if isinstance(each, list):
        return _value(each, host)
    if isinstance(each, str) and each.startswith("$"):
        return VALUES[each[1:]](host)
    return each
