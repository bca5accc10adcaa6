"""Which of the hosts that can take a set is to: the one that weighs most."""

from collections.abc import Callable

from caas.scheduler.filters import Request
from caas.scheduler.snapshot import Host

#: A number for one host, from 0 to 1; it must depend on nothing else.
Weigher = Callable[[Host, Request], float]


def spread(host: Host, request: Request) -> float:
    """Most where the scarcest resource is least used, with the set on it."""
    asked, capacity = request.resources, host.capacity
    return min(
        (host.free_millicpus - asked.millicpus) / (capacity.millicpus or 1),
        (host.free_memory_mb - asked.memory_mb) / (capacity.memory_mb or 1),
        (host.free_disk_gb - asked.disk_gb) / (capacity.disk_gb or 1),
    )


def pack(host: Host, request: Request) -> float:
    """The contrary: fill a host before the next, to keep some empty."""
    return 1 - spread(host, request)


WEIGHERS: dict[str, Weigher] = {"spread": spread, "pack": pack}
