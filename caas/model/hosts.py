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

    def status(self, now: datetime.datetime, timeout: float) -> HostStatus:
        """Up while it reported less than ``timeout`` seconds ago."""
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
