"""What the scheduler knows of hosts, in memory, and what it assumes of it."""

import dataclasses
import itertools
import random
from collections.abc import Collection, Iterable

from caas.model.spec import Resources


@dataclasses.dataclass(slots=True, eq=False)
class Host:
    """A host as the scheduler sees it.

    :ivar capacity: what sets may take of it, allocation ratios applied.
    :ivar free: and what of that is left.
    :ivar up: it reported lately.
    :ivar sets: how many it has.
    :ivar unfit: names of checks it does not pass; "" if it is fit.
    :ivar tie: order among equally good hosts; random, so that conductors
        with the same view do not all choose the same one.
    :ivar stamp: rises with every change, so that what was computed from an
        older state can be told.
    :ivar gone: it is not in the snapshot any more.
    """

    id: str
    name: str
    zone: str
    enabled: bool
    up: bool
    capacity: Resources
    free_millicpus: int
    free_memory_mb: int
    free_disk_gb: int
    tie: float = dataclasses.field(default_factory=random.random)
    stamp: int = 0
    gone: bool = False
    unfit: str = ""
    sets: int = 0

    def _state(self) -> tuple[object, ...]:
        return (
            self.name,
            self.zone,
            self.enabled,
            self.up,
            self.unfit,
            self.capacity,
            self.free_millicpus,
            self.free_memory_mb,
            self.free_disk_gb,
            self.sets,
        )

    def become(self, other: "Host") -> bool:
        """Take over the state of a newer view; False if nothing differs."""
        if self._state() == other._state():
            return False
        self.name = other.name
        self.zone = other.zone
        self.enabled = other.enabled
        self.up = other.up
        self.unfit = other.unfit
        self.capacity = other.capacity
        self.free_millicpus = other.free_millicpus
        self.free_memory_mb = other.free_memory_mb
        self.free_disk_gb = other.free_disk_gb
        self.sets = other.sets
        return True


class Snapshot:
    """All hosts, and a journal of which of them changed.

    Readers remember how far they have read; see :meth:`changes`.
    """

    def __init__(self, hosts: Iterable[Host] = ()) -> None:
        self.hosts: dict[str, Host] = {}
        self._journal: list[Host] = []
        self._dropped = 0
        self.replace(hosts)

    @property
    def position(self) -> int:
        """The end of the journal."""
        return self._dropped + len(self._journal)

    def changes(self, position: int) -> Collection[Host] | None:
        """Hosts that changed since ``position``, each once.

        None when there are so many that a fresh look at all is cheaper.
        """
        start = position - self._dropped
        if start < 0 or len(self._journal) - start > len(self.hosts) // 4 + 8:
            return None
        return dict.fromkeys(itertools.islice(self._journal, start, None))

    def replace(self, hosts: Iterable[Host]) -> None:
        """Take over a fresh view of all hosts."""
        fresh = {host.id: host for host in hosts}
        for host_id in self.hosts.keys() - fresh.keys():
            self._remove(host_id)
        self.update(fresh.values())

    def update(self, hosts: Iterable[Host]) -> None:
        """Take over a fresh view of some hosts."""
        for new in hosts:
            host = self.hosts.setdefault(new.id, new)
            if host is new or host.become(new):
                self._changed(host)

    def drop(self, host_ids: Iterable[str]) -> None:
        """Forget hosts that are no more."""
        for host_id in host_ids:
            self._remove(host_id)

    def assume(self, host: Host, asked: Resources) -> None:
        """Count ``asked`` as taken, before the claim in the database."""
        self._take(host, asked, 1)

    def forget(self, host: Host, asked: Resources) -> None:
        """Undo :meth:`assume`."""
        self._take(host, asked, -1)

    def _take(self, host: Host, asked: Resources, sign: int) -> None:
        host.free_millicpus -= sign * asked.millicpus
        host.free_memory_mb -= sign * asked.memory_mb
        host.free_disk_gb -= sign * asked.disk_gb
        host.sets += sign
        self._changed(host)

    def _remove(self, host_id: str) -> None:
        host = self.hosts.pop(host_id, None)
        if host is not None:
            host.gone = True
            self._changed(host)

    def _changed(self, host: Host) -> None:
        host.stamp += 1
        self._journal.append(host)
        if len(self._journal) > 2 * len(self.hosts) + 1000:
            self._dropped += len(self._journal)
            self._journal.clear()
