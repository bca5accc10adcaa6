"""What the report of an agent changes about a set.  Pure."""

import dataclasses
import datetime
import enum
from typing import Any

from caas.model import wire
from caas.model.states import Desired, Phase
from caas.store.reports import Seen

#: Phases in which what is wanted is reached, or can't be.
_SETTLED = {
    Desired.RUNNING: (Phase.RUNNING, Phase.FINISHED, Phase.FAILED),
    Desired.STOPPED: (Phase.STOPPED, Phase.FAILED),
    Desired.DELETED: (),
}

#: Action of an event that is named for what the user asked for last.
ASKED = "asked"
#: Action of an event of a set that runs again though nobody asked for it.
RECOVER = "set.recover"


@dataclasses.dataclass(frozen=True)
class Happening:
    """An event to write.

    :ivar action: or ``ASKED``.
    """

    action: str
    result: str = "success"
    reason: str = ""
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


class About(enum.Enum):
    """What a report on something claimed on its host is about."""

    #: Nothing is left of the incarnation: its claim can go.
    GONE = enum.auto()
    #: The present incarnation of a set.
    PRESENT = enum.auto()
    #: An earlier one, or a set that was ended: not of interest.
    PAST = enum.auto()


def about(before: Seen | None, one: wire.SetReport, host_id: str) -> About:
    """Sort a report of a host on something claimed on it.

    An agent only removes what it was told to; the claim of what is still
    wanted is kept whatever a report says.

    :param before: the set as stored, None if there is none any more.
    """
    if before is None or before.ended:
        wanted = present = False
    else:
        # one that is being moved has the old incarnation, but no host
        present = (before.host_id, before.incarnation) == (
            host_id,
            one.incarnation,
        )
        wanted = present and before.desired != Desired.DELETED
    if one.phase == Phase.GONE and not wanted:
        return About.GONE
    return About.PRESENT if present else About.PAST


def observe(
    before: Seen,
    one: wire.SetReport,
    now: datetime.datetime,
    settle_timeout: float,
) -> tuple[Seen, Happening | None]:
    """Take in a report on the present incarnation of a set.

    :param settle_timeout: seconds until it is asked again if it does not
        get any further.
    :returns: the set as seen now, and what is worth an event.
    """
    moved = (
        one.incarnation,
        one.revision,
        one.phase,
        one.reason,
    ) != (
        before.seen_incarnation,
        before.seen_revision,
        before.phase,
        before.phase_reason,
    )
    after = dataclasses.replace(
        before,
        phase=one.phase,
        phase_reason=one.reason,
        seen_incarnation=one.incarnation,
        seen_revision=one.revision,
    )
    if one.phase == Phase.RUNNING and before.launched_at is None:
        after = dataclasses.replace(after, launched_at=now)
    if after.left:
        # a conductor has something to do about it now
        after = dataclasses.replace(after, deadline=now)
    elif settled(after):
        after = dataclasses.replace(
            after, deadline=None, attempts=0, placement_reason=""
        )
    elif moved or before.deadline is None:
        after = dataclasses.replace(
            after,
            deadline=now + datetime.timedelta(seconds=settle_timeout),
            attempts=0,
            placement_reason="",
        )
    return after, _happening(before, after, one)


def settled(item: Seen) -> bool:
    """Nothing more is to be waited for."""
    if item.leaving:
        return False
    return item.current and item.phase in _SETTLED[item.desired]


def _happening(
    before: Seen, after: Seen, one: wire.SetReport
) -> Happening | None:
    if before.launched_at is None and after.launched_at is not None:
        return Happening(
            "set.create",
            details={
                "received_at": one.received_at,
                "ready_at": one.ready_at,
            },
        )
    if not settled(after):
        return None
    if before.current and before.phase == after.phase:
        return None
    if after.phase == Phase.FAILED:
        return Happening("set.error", "error", one.reason)
    if after.phase == Phase.FINISHED:
        result = "error" if one.reason else "success"
        return Happening("set.finish", result, one.reason)
    if settled(before) and after.phase == Phase.RUNNING:
        return Happening(RECOVER)
    return Happening(ASKED)
