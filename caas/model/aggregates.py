"""A group of hosts, made by operators."""

import dataclasses
import datetime

#: The pair of metadata that is the zone of its hosts.
ZONE = "availability_zone"


@dataclasses.dataclass(frozen=True)
class Aggregate:
    """:ivar hosts: names by id.
    :ivar revision: rises with each change.
    """

    id: int
    uuid: str
    name: str
    metadata: dict[str, str]
    hosts: dict[str, str]
    revision: int
    created_at: datetime.datetime
    updated_at: datetime.datetime | None

    @property
    def zone(self) -> str | None:
        return self.metadata.get(ZONE)
