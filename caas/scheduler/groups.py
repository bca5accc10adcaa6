"""Where the sets of a server group may be, and where they had better be.

All of it asks of one host and one set, which itself does not count: so it
says the same of a set that is to be placed and of one that is to move.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from caas.model.server_groups import Policy
from caas.scheduler.filters import Filter, Request
from caas.scheduler.snapshot import Host


@dataclasses.dataclass
class ServerGroup:
    """A server group, with what a plan has placed so far.

    :ivar most: sets on one host, of anti-affinity.
    :ivar version: of what was read, see :mod:`caas.store.server_groups`.
    :ivar hosts: host ids of its sets that have one, by set id.
    """

    id: str
    name: str
    policy: Policy
    most: int
    version: int
    hosts: dict[str, str]

    def __post_init__(self) -> None:
        self._count = collections.Counter(self.hosts.values())

    def put(self, set_id: str, host_id: str) -> None:
        """A set of it gets a host."""
        self.take_away(set_id)
        self.hosts[set_id] = host_id
        self._count[host_id] += 1

    def take_away(self, set_id: str) -> None:
        """Undo :meth:`put`."""
        host_id = self.hosts.pop(set_id, None)
        if host_id is not None:
            self._count[host_id] -= 1

    def others(self, set_id: str) -> Mapping[str, int]:
        """How many others are on each host that has any."""
        own = self.hosts.get(set_id)
        return {
            host_id: left
            for host_id, count in self._count.items()
            if (left := count - (host_id == own)) > 0
        }


def rule(group: ServerGroup, others: Mapping[str, int]) -> Filter | None:
    """What a host must pass, None if it is only a wish.

    :param others: of :meth:`ServerGroup.others`.
    """
    named = f"of its server group {group.name!r} ({group.policy.value})"
    if group.policy == Policy.AFFINITY and others:

        def elsewhere(hosts: Sequence[Host], request: Request) -> str:
            verb = "has" if len(hosts) == 1 else "have"
            return f"{verb} none of the other sets {named}"

        return Filter(lambda host, request: host.id in others, elsewhere)
    if group.policy == Policy.ANTI_AFFINITY:
        most = group.most

        def full(hosts: Sequence[Host], request: Request) -> str:
            verb = "has" if len(hosts) == 1 else "have"
            sets = "a set" if most == 1 else f"{most} sets"
            return f"{verb} {sets} {named} already"

        return Filter(
            lambda host, request: others.get(host.id, 0) < most, full
        )
    return None
