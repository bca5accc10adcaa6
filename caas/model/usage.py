"""What sets used over a period, from their lives."""

import dataclasses
import datetime

from caas.model import spec


@dataclasses.dataclass(frozen=True)
class Life:
    """A set that was there in a period.

    :ivar resources: of its flavor, the one it has or had last.
    :ivar ended_at: None while it is there.
    """

    set_id: str
    project_id: str
    name: str
    flavor_name: str
    resources: spec.Resources
    launched_at: datetime.datetime
    ended_at: datetime.datetime | None

    def hours(
        self, start: datetime.datetime, stop: datetime.datetime
    ) -> float:
        """For how long it was there between two times."""
        begin = max(self.launched_at, start)
        end = stop if self.ended_at is None else min(self.ended_at, stop)
        return max(0.0, (end - begin).total_seconds() / 3600)
