"""A flavor: a named size of sets."""

import dataclasses
import datetime

from caas.model import spec


@dataclasses.dataclass(frozen=True)
class Flavor:
    id: str
    name: str
    description: str
    resources: spec.Resources
    created_at: datetime.datetime
