"""A flavor: a named size of sets."""

import dataclasses
import datetime

from caas.model import spec


@dataclasses.dataclass(frozen=True)
class Flavor:
    """:ivar cpu_burst: sets may use CPU time beyond ``resources`` that nobody
    else on the host wants.
    :ivar public: all projects may use it.
    :ivar extra_specs: see :mod:`caas.model.extra_specs`.
    :ivar revision: rises with each change of them.
    """

    id: str
    name: str
    description: str
    resources: spec.Resources
    cpu_burst: bool
    created_at: datetime.datetime
    public: bool = True
    extra_specs: dict[str, str] = dataclasses.field(default_factory=dict)
    revision: int = 0
