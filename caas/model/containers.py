"""A container as stored: what was asked for and what was last seen."""

import dataclasses
import datetime

from caas.model import spec
from caas.model.states import ContainerStatus, Health

INFRA = "infra"
BUSINESS = "business"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is wanted of a container besides what it is made of.

    :ivar restart_epoch: rises whenever a restart of it is asked for.
    :ivar signal_epoch: rises whenever ``signal`` is to be sent to it.
    """

    restart_epoch: int = 0
    paused: bool = False
    signal_epoch: int = 0
    signal: str = ""


@dataclasses.dataclass(frozen=True)
class Container:
    """:ivar spec: None for the infra container, which no user defines.
    :ivar health: as its health check found it; None where it has none.
    """

    id: str
    set_id: str
    project_id: str
    name: str
    role: str
    index: int
    spec: spec.ContainerSpec | None
    created_at: datetime.datetime
    asked: Asked = Asked()
    status: ContainerStatus = ContainerStatus.PENDING
    health: Health | None = None
    reason: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    restarts: int = 0
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None
    runtime_id: str | None = None
