"""What can be done about a set: one small value for each thing.

:func:`caas.agent.converge.converge` names actions, the worker carries them
out and :class:`caas.agent.found.Found` notes how they ended.
"""

import dataclasses

from caas.model.spec import HealthCheck


@dataclasses.dataclass(frozen=True)
class Action:
    """Equal actions are the same work: one in progress is not begun again."""


@dataclasses.dataclass(frozen=True)
class EnsureImage(Action):
    digest: str


@dataclasses.dataclass(frozen=True)
class MakeVolume(Action):
    """:ivar sub_paths: folders that are to be there."""

    sub_paths: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class MakeGroup(Action):
    """:ivar boost: CPU time is not capped yet, see :class:`Limit`."""

    boost: bool = False


@dataclasses.dataclass(frozen=True)
class Limit(Action):
    """Give the cgroup, and containers that have others, all their limits."""


@dataclasses.dataclass(frozen=True)
class Show(Action):
    """Write what containers are told of their set, and what its user handed
    in, where they find it.

    :ivar digest: of all of it, see :func:`caas.agent.told.digest`.
    """

    digest: str


@dataclasses.dataclass(frozen=True)
class PrepareNetwork(Action):
    pass


@dataclasses.dataclass(frozen=True)
class Plug(Action):
    """:ivar pid: of the infra container; another one is another run of it."""

    pid: int


@dataclasses.dataclass(frozen=True)
class Create(Action):
    name: str


@dataclasses.dataclass(frozen=True)
class Start(Action):
    """:ivar round: of starts it belongs to, see :class:`NewRound`.
    :ivar again: by the restart policy, not because somebody asked.
    """

    name: str
    round: int
    again: bool = False


@dataclasses.dataclass(frozen=True)
class Stop(Action):
    name: str
    grace_period: int


@dataclasses.dataclass(frozen=True)
class Remove(Action):
    name: str
    runtime_id: str


@dataclasses.dataclass(frozen=True)
class Rename(Action):
    """:ivar new: its name within the set from now on."""

    name: str
    runtime_id: str
    new: str


@dataclasses.dataclass(frozen=True)
class Pause(Action):
    """:ivar paused: False: its processes go on."""

    name: str
    paused: bool


@dataclasses.dataclass(frozen=True)
class Signal(Action):
    """:ivar member: id of the container it is for.
    :ivar epoch: which of those asked for it is.
    """

    name: str
    member: str
    epoch: int
    signal: str


@dataclasses.dataclass(frozen=True)
class Probe(Action):
    """Find out whether a container is healthy.

    :ivar run: when it was started; another time is another run of it.
    """

    name: str
    run: float
    check: HealthCheck


@dataclasses.dataclass(frozen=True)
class Release(Action):
    """Give back network, volume and cgroup; the containers are gone."""


@dataclasses.dataclass(frozen=True)
class Refresh(Action):
    """Ask the engine what there is of the set."""


@dataclasses.dataclass(frozen=True)
class Note(Action):
    """Changes what is remembered and nothing else; done at once."""


@dataclasses.dataclass(frozen=True)
class NewRound(Note):
    """From here on every business container is to be started once more.

    :ivar cause: ``restart``, ``stop``, ``start`` or ``infra``.
    :ivar epoch: restart_epoch this carries out.
    """

    cause: str
    epoch: int


@dataclasses.dataclass(frozen=True)
class Adopt(Note):
    """Restarts asked for up to here are not this host's business.

    They were carried out before, or there was nothing to restart.

    :ivar epoch: restart_epoch of what is wanted.
    """

    epoch: int


@dataclasses.dataclass(frozen=True)
class Begin(Note):
    """Nothing of another incarnation is left: this one's turn."""

    incarnation: int


@dataclasses.dataclass(frozen=True)
class Meet(Note):
    """A container the books do not know: what was asked of it so far is no
    business of this host.

    :ivar member: id of the container.
    """

    name: str
    member: str
    epoch: int
    signal_epoch: int


@dataclasses.dataclass(frozen=True)
class Again(Note):
    """One container is to be started once more.

    :ivar epoch: restart_epoch of the container this carries out.
    """

    name: str
    epoch: int


@dataclasses.dataclass(frozen=True)
class Signaled(Note):
    """There is nothing a signal could be sent to."""

    name: str
    epoch: int


@dataclasses.dataclass(frozen=True)
class Try(Note):
    """From here on a container has to show that it does its work.

    :ivar key: what it has to show, see :func:`caas.agent.health.key`.
    """

    name: str
    key: str
    at: float


@dataclasses.dataclass(frozen=True)
class Prove(Note):
    """It has."""

    name: str


#: Those that bring something up: a set is not taken down while one runs.
BUILDING = (
    MakeVolume,
    MakeGroup,
    Limit,
    Show,
    PrepareNetwork,
    Plug,
    Create,
    Start,
)

#: Those after which what the engine has is as it was.
HARMLESS = (EnsureImage, Probe, Show)
