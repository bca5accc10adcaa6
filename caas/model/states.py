"""The one table of states: what users see follows from what is stored.

Three writers fill three columns: the API writes ``desired``, the conductor
``placement``, and the report of the agent ``phase``.  No status is stored:
``RULES`` derives it, in Python (:func:`set_status`) and, through
:mod:`caas.store.sets`, in SQL.
"""

import dataclasses
import enum


class Desired(enum.StrEnum):
    """What the user wants of a set."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class Placement(enum.StrEnum):
    """What the conductor decided about the host of a set."""

    PENDING = "pending"
    PLACED = "placed"
    #: No host fits; ``placement_reason`` says why.  Final until a new start.
    FAILED = "failed"


class Phase(enum.StrEnum):
    """What the agent last reported of one incarnation of a set."""

    #: Nothing reported yet for the present incarnation.
    NONE = "none"
    #: Images are on their way to the host.
    PREPARING = "preparing"
    #: Containers are being created or started.
    STARTING = "starting"
    #: Every Index has been started.
    RUNNING = "running"
    #: Containers are stopped and will be started again (restart_epoch).
    RESTARTING = "restarting"
    #: Every business container ended and none is to be restarted.
    FINISHED = "finished"
    STOPPING = "stopping"
    STOPPED = "stopped"
    #: It cannot run until somebody changes something; ``reason`` says what.
    FAILED = "failed"
    #: Nothing of the incarnation is left on the host.
    GONE = "gone"


#: In which its host has nothing more to do about a set that is to leave it.
LEFT = (Phase.STOPPED, Phase.FAILED)


class Frozen(enum.StrEnum):
    """In which word the freezing of a whole set was asked for; the same is
    done for both."""

    PAUSED = "paused"
    SUSPENDED = "suspended"


class Move(enum.StrEnum):
    """How a set leaves its host for another one."""

    #: It is stopped there first.
    MIGRATE = "migrate"
    #: The host is down: it is taken for gone.
    EVACUATE = "evacuate"


class LockedBy(enum.StrEnum):
    """Who locked a set, as in Nova: somebody of its project, or not."""

    OWNER = "owner"
    ADMIN = "admin"


class Shelved(enum.StrEnum):
    """Of a set that is put away."""

    #: It is stopped; CPUs and memory of its host are free for others, what
    #: it has on the disk stays.
    AWAY = "away"
    #: It is to run again, as soon as its host has that much left.
    RETURNING = "returning"


class SetStatus(enum.StrEnum):
    """What users see.  The words are Nova's where Nova has one."""

    BUILD = "BUILD"
    ACTIVE = "ACTIVE"
    STARTING = "STARTING"
    RESTARTING = "RESTARTING"
    RESIZE = "RESIZE"
    VERIFY_RESIZE = "VERIFY_RESIZE"
    UPDATING = "UPDATING"
    MIGRATING = "MIGRATING"
    RESCUE = "RESCUE"
    PAUSED = "PAUSED"
    SUSPENDED = "SUSPENDED"
    SHELVED_OFFLOADED = "SHELVED_OFFLOADED"
    SOFT_DELETED = "SOFT_DELETED"
    STOPPING = "STOPPING"
    SHUTOFF = "SHUTOFF"
    ERROR = "ERROR"
    DELETING = "DELETING"
    DELETED = "DELETED"


class ContainerStatus(enum.StrEnum):
    """State of one container as the agent reports it."""

    PENDING = "pending"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    #: It ended and waits for its next start under its restart policy.
    BACKOFF = "backoff"
    #: It ended and will not be started again by itself.
    EXITED = "exited"
    #: The engine refused to create or start it.
    FAILED = "failed"


class Health(enum.StrEnum):
    """What the health check of a container found."""

    #: Not healthy yet since it was started.
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


#: The change that shows as ``RESIZE``; all others show as ``UPDATING``.
RESIZING = "resize"


class HostStatus(enum.StrEnum):
    UP = "up"
    DOWN = "down"


@dataclasses.dataclass(frozen=True)
class Rule:
    """One line of the table; an empty tuple or None matches everything.

    :ivar current: True: the last report is about the present incarnation and
        revision; False: it is older; None: either.
    :ivar issued: True: the conductor has dealt with the present revision.
    :ivar launched: whether the set has ever been running.
    :ivar resizing: True: it was given another flavor, and has not all of it
        yet; False: another change of what it is made of is under way.
    :ivar resized: its resize waits to be confirmed or reverted.
    :ivar frozen: its containers are to be frozen, in one of these words.
    :ivar shelved: it is put away, or was until now.
    :ivar marked: operators say that it is broken.
    :ivar moving: it is on its way to another host.
    :ivar rescued: a shell stands in for its first container.
    :ivar binned: it is in the recycle bin.
    """

    status: SetStatus
    deleted: bool | None = False
    desired: tuple[Desired, ...] = ()
    placement: tuple[Placement, ...] = ()
    phase: tuple[Phase, ...] = ()
    current: bool | None = None
    issued: bool | None = None
    launched: bool | None = None
    resizing: bool | None = None
    resized: bool | None = None
    frozen: tuple[Frozen, ...] = ()
    shelved: tuple[Shelved, ...] = ()
    marked: bool | None = None
    moving: bool | None = None
    rescued: bool | None = None
    binned: bool | None = None


#: First match wins; the last line matches whatever is left.
RULES: tuple[Rule, ...] = (
    Rule(SetStatus.DELETED, deleted=True),
    Rule(SetStatus.DELETING, desired=(Desired.DELETED,)),
    Rule(SetStatus.SOFT_DELETED, binned=True),
    Rule(SetStatus.MIGRATING, moving=True),
    Rule(SetStatus.ERROR, marked=True),
    Rule(SetStatus.ERROR, placement=(Placement.FAILED,), issued=True),
    Rule(SetStatus.ERROR, phase=(Phase.FAILED,), current=True),
    Rule(SetStatus.SHELVED_OFFLOADED, shelved=(Shelved.RETURNING,)),
    Rule(
        SetStatus.SHELVED_OFFLOADED,
        shelved=(Shelved.AWAY,),
        placement=(Placement.PENDING,),
    ),
    Rule(
        SetStatus.SHELVED_OFFLOADED,
        shelved=(Shelved.AWAY,),
        phase=(Phase.STOPPED,),
        current=True,
    ),
    Rule(SetStatus.RESIZE, resizing=True, launched=True),
    Rule(SetStatus.UPDATING, resizing=False, launched=True),
    Rule(SetStatus.VERIFY_RESIZE, resized=True, launched=True),
    Rule(
        SetStatus.SHUTOFF,
        desired=(Desired.STOPPED,),
        placement=(Placement.PENDING,),
    ),
    Rule(
        SetStatus.SHUTOFF,
        desired=(Desired.STOPPED,),
        phase=(Phase.STOPPED,),
        current=True,
    ),
    Rule(SetStatus.STOPPING, desired=(Desired.STOPPED,)),
    Rule(
        SetStatus.PAUSED,
        frozen=(Frozen.PAUSED,),
        phase=(Phase.RUNNING,),
        current=True,
    ),
    Rule(
        SetStatus.SUSPENDED,
        frozen=(Frozen.SUSPENDED,),
        phase=(Phase.RUNNING,),
        current=True,
    ),
    # as long as they are not yet
    Rule(
        SetStatus.ACTIVE,
        frozen=(Frozen.PAUSED, Frozen.SUSPENDED),
        phase=(Phase.RUNNING,),
    ),
    Rule(SetStatus.RESCUE, rescued=True, phase=(Phase.RUNNING,), current=True),
    Rule(SetStatus.ACTIVE, phase=(Phase.RUNNING,), current=True),
    Rule(SetStatus.SHUTOFF, phase=(Phase.FINISHED,), current=True),
    Rule(SetStatus.BUILD, launched=False),
    Rule(SetStatus.RESTARTING, phase=(Phase.RESTARTING,)),
    Rule(SetStatus.RESTARTING, phase=(Phase.RUNNING,), current=False),
    Rule(SetStatus.STARTING),
)


@dataclasses.dataclass(frozen=True)
class Case:
    """Sets of one status, or those of them for which more holds; None: either
    way.

    :ivar launched: it has been running before.
    :ivar change: this change of what it is made of is under way.
    :ivar stopped: it is to be stopped.
    :ivar resized: its resize waits to be confirmed or reverted.
    :ivar frozen: its containers are to be frozen, in this word.
    :ivar shelved: it is put away, or was until now, as this word says.
    :ivar move: it is on its way to another host in this way.
    :ivar thawing: it was frozen in this word, and one of its containers still
        is.
    """

    status: SetStatus
    launched: bool | None = None
    change: str | None = None
    stopped: bool | None = None
    resized: bool | None = None
    frozen: str | None = None
    shelved: str | None = None
    move: str | None = None
    thawing: str | None = None


#: Numbers of cases; a set has that of the first one it is, 0 if it is none.
Ranks = tuple[tuple[Case, int], ...]


#: States a set stays in until somebody or something acts.
FINAL = frozenset(
    {
        SetStatus.ACTIVE,
        SetStatus.SHUTOFF,
        SetStatus.PAUSED,
        SetStatus.SUSPENDED,
        SetStatus.SHELVED_OFFLOADED,
        SetStatus.SOFT_DELETED,
        SetStatus.RESCUE,
        SetStatus.VERIFY_RESIZE,
        SetStatus.ERROR,
        SetStatus.DELETED,
    }
)


def set_status(
    *,
    deleted: bool,
    desired: Desired,
    placement: Placement,
    phase: Phase,
    current: bool,
    issued: bool,
    launched: bool,
    change: str,
    resized: bool = False,
    frozen: str = "",
    shelved: str = "",
    marked: bool = False,
    moving: bool = False,
    rescued: bool = False,
    binned: bool = False,
) -> SetStatus:
    """The status a user sees.

    :param deleted: the row is a tombstone.
    :param current: the report in ``phase`` is about the present incarnation
        and revision of the set.
    :param issued: the conductor has dealt with the present revision.
    :param launched: the set has been running before.
    :param change: the change of it that is under way, "" for none.
    :param resized: a resize waits to be confirmed.
    :param frozen: see :class:`Frozen`, "" for not at all.
    :param shelved: see :class:`Shelved`, "" for not at all.
    :param marked: operators say that it is broken.
    :param moving: it is on its way to another host.
    :param rescued: a shell stands in for its first container.
    :param binned: it is in the recycle bin.
    """
    for rule in RULES:
        if (
            rule.deleted in (None, deleted)
            and (not rule.desired or desired in rule.desired)
            and (not rule.placement or placement in rule.placement)
            and (not rule.phase or phase in rule.phase)
            and rule.current in (None, current)
            and rule.issued in (None, issued)
            and rule.launched in (None, launched)
            and (
                rule.resizing is None
                or (change != "" and rule.resizing == (change == RESIZING))
            )
            and rule.resized in (None, resized)
            and (not rule.frozen or frozen in rule.frozen)
            and (not rule.shelved or shelved in rule.shelved)
            and rule.marked in (None, marked)
            and rule.moving in (None, moving)
            and rule.rescued in (None, rescued)
            and rule.binned in (None, binned)
        ):
            return rule.status
    raise AssertionError("RULES ends with a rule that matches everything")
