"""In which state of a server Nova lets a thing be done."""

from caas import exception
from caas.api.compute.operation import Call
from caas.api.compute.views import servers as views
from caas.core import sets
from caas.model.sets import Set
from caas.model.states import SetStatus


def wrong_state(item: Set, verb: str) -> exception.Conflict:
    """In Nova's words."""
    shown = views.state(item)
    what, value = (
        ("task_state", shown.task) if shown.task else ("vm_state", shown.vm)
    )
    return exception.Conflict(
        f"Cannot '{verb}' instance {item.id} while it is in {what} {value}"
    )


def expect(
    call: Call, verb: str, *allowed: SetStatus, changes: bool = True
) -> Set:
    """The set, in one of the statuses in which Nova lets it be done.

    :param changes: locks are there against it.
    :raises Conflict: it is in another, or locked.
    """
    item: Set = call.target
    if changes:
        sets.check_unlocked(call.ctx, item, binned=True)
    if item.status not in allowed:
        raise wrong_state(item, verb)
    return item
