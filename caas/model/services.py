"""A process of caas that reports itself."""

import dataclasses
import datetime

from caas.model.hosts import liveness
from caas.model.states import HostStatus


@dataclasses.dataclass(frozen=True)
class Service:
    binary: str
    host: str
    version: str
    last_seen: datetime.datetime | None

    def status(self, now: datetime.datetime, timeout: float) -> HostStatus:
        """Up while it reported less than ``timeout`` seconds ago."""
        return liveness(self.last_seen, now, timeout)
