"""What all parts of the simulation share."""

import dataclasses
import datetime

from caas.model import spec
from caas.model.server_groups import Policy

START = datetime.datetime(2026, 1, 1)

#: Sets one host has room for.
ROOM = 4
SIZE = spec.Resources(1000, 512, 1)
#: By name; sets begin with the first and are resized to any.
FLAVORS = {
    "f": SIZE,
    "small": spec.Resources(500, 256, 1),
    "large": spec.Resources(1500, 1024, 1),
}
#: Seconds in the recycle bin.
RECLAIM = 45.0
#: Server groups there are, with how many of one may be on a host.
GROUPS: dict[Policy, int | None] = {
    Policy.AFFINITY: None,
    Policy.ANTI_AFFINITY: 2,
}
#: What containers are made of; one that is made of this one does not run.
BAD = "bad"
IMAGES = ("i", "j", BAD)
FULL = spec.Resources(1000 * ROOM, 512 * ROOM, 100)


class Broken(AssertionError):
    """A rule of the protocol was broken."""


class Crash(BaseException):
    """The process ends here and now.  Nothing of caas catches it."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A container in the engine of a host.

    :ivar epoch: of its last restart.
    """

    name: str
    image: str
    epoch: int
    paused: bool


@dataclasses.dataclass(frozen=True)
class Faults:
    """Probabilities, and how often something bad happens (per second).

    :ivar between: that other things happen between two transactions, and
        ``most``, how many.
    """

    loss: float = 0.25
    repeat: float = 0.1
    slow: float = 0.2
    between: float = 0.3
    most: int = 5
    crash_at_commit: float = 0.01
    crash: float = 0.02
    disk_lost: float = 0.3
    cut: float = 0.02
