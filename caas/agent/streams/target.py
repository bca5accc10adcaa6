"""Which container, or set, a stream is about."""

from collections.abc import Sequence

from caas.agent.streams.link import Refused, Seen, Sets
from caas.model import streams


def containers(sets: Sets, ask: streams.Ask) -> Sequence[Seen]:
    """The business containers of the set; the infra container is none.

    :raises Refused: the set is not here.
    """
    found = sets.seen(ask.set_id, ask.incarnation)
    if found is None:
        raise Refused(404, f"Set {ask.set_id} is not on this host (any more).")
    return found


def container(sets: Sets, ask: streams.Ask) -> Seen:
    """The one that is asked for, in whatever state.

    :raises Refused: it is not here.
    """
    found = [c for c in containers(sets, ask) if c.member == ask.container]
    if not found:
        raise Refused(
            404,
            f"Container {ask.container or '(none)'} of set {ask.set_id} is "
            "not on this host (yet, or any more).",
        )
    # while it is replaced there may be two
    return max(found, key=lambda c: c.state in ("running", "paused"))


def running(sets: Sets, ask: streams.Ask, *, paused: bool = False) -> Seen:
    """Likewise, and it runs.

    :param paused: it may be paused.
    """
    found = container(sets, ask)
    if found.state == "paused" and not paused:
        raise Refused(
            409, f"Container {found.name} is paused; unpause it first."
        )
    if found.state not in ("running", "paused"):
        raise Refused(409, f"Container {found.name} does not run.")
    return found
