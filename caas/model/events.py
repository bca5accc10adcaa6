"""Something that happened: who, what, when, with which result and why."""

import dataclasses
import datetime
from typing import Any


@dataclasses.dataclass(frozen=True)
class Event:
    id: str
    at: datetime.datetime
    project_id: str | None
    user_id: str | None
    object_type: str
    object_id: str
    action: str
    result: str
    reason: str
    request_id: str
    host: str
    details: dict[str, Any]
