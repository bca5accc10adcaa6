"""What to do about a set, from nothing but what is written of it.  Pure."""

import enum

from caas.model.sets import Set
from caas.model.states import LEFT, Desired, Move


class Action(enum.Enum):
    #: Find a host, and tell it.
    PLACE = enum.auto()
    #: Find another host, and tell both.
    MOVE = enum.auto()
    #: Tell the hosts it is claimed on.
    TELL = enum.auto()
    #: Nothing of it is left: write that.
    END = enum.auto()
    #: Nobody has to know.
    NOTE = enum.auto()


def reconcile(item: Set, claimed: bool) -> Action:
    """:param claimed: a host may still hold something of it."""
    if item.deleted_at is not None:
        return Action.TELL if claimed else Action.NOTE
    if item.desired == Desired.DELETED:
        return Action.TELL if claimed else Action.END
    # its host has done what it has to
    left = item.current and item.phase in LEFT
    if item.leaving and (item.move == Move.EVACUATE or left):
        return Action.MOVE
    if item.host_id is not None:
        return Action.TELL
    return Action.PLACE if item.desired == Desired.RUNNING else Action.NOTE
