"""A host as stored."""

import dataclasses
import datetime
from typing import Any

from caas.model import spec
from caas.model.states import HostStatus


@dataclasses.dataclass(frozen=True)
class Host:
    """:ivar facts: :class:`caas.model.wire.HostFacts` as a dict.

    :ivar capacity: before the allocation ratios of the conductor.
    :ivar used: sum of the claims on it.
    :ivar zone: of its aggregates, else the one its agent names.
    """

    id: str
    name: str
    enabled: bool
    disabled_reason: str | None
    zone: str
    capacity: spec.Resources
    used: spec.Resources
    used_sets: int
    facts: dict[str, Any]
    version: int
    seen_version: int
    last_seen: datetime.datetime | None
    created_at: datetime.datetime
    forced_down: bool = False

    def status(self, now: datetime.datetime, timeout: float) -> HostStatus:
        """Up while it reported less than ``timeout`` seconds ago, unless
        operators say that it is down."""
        if self.forced_down:
            return HostStatus.DOWN
        return liveness(self.last_seen, now, timeout)


def liveness(
    last_seen: datetime.datetime | None,
    now: datetime.datetime,
    timeout: float,
) -> HostStatus:
    """Up if ``last_seen`` is less than ``timeout`` seconds before ``now``."""
    if last_seen is None or (now - last_seen).total_seconds() > timeout:
        return HostStatus.DOWN
    return HostStatus.UP
