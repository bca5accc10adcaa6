"""Something that happened: who, what, when, with which result and why."""

import dataclasses
import datetime
from typing import Any

#: What events are about.
OBJECT_TYPES = (
    "set",
    "host",
    "image",
    "image-policy",
    "namespace",
    "flavor",
    "aggregate",
    "quota",
    "keypair",
    "job",
    "server-group",
)

#: How it ended; ``accepted``: not known yet, another event will tell.
RESULTS = ("accepted", "success", "error")


@dataclasses.dataclass(frozen=True)
class Event:
    """The columns are explained in :mod:`caas.store.tables`."""

    id: str
    at: datetime.datetime
    project_id: str | None
    user_id: str | None
    object_type: str
    object_id: str
    container: str
    container_id: str
    action: str
    result: str
    reason: str
    request_id: str
    host: str
    details: dict[str, Any]
