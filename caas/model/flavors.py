"""A flavor: a named size of sets."""

import dataclasses
import datetime

from caas.model import spec


@dataclasses.dataclass(frozen=True)
class Flavor:
    """:ivar cpu_burst: sets may use CPU time beyond ``resources`` that nobody
    else on the host wants.
    """

    id: str
    name: str
    description: str
    resources: spec.Resources
    cpu_burst: bool
    created_at: datetime.datetime
