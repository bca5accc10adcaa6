"""Wait for sets by looking at them, seldom and ever less often."""

import time
from collections.abc import Callable

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions

from caasclient.sdk.sets import Set

#: Seconds between two looks: at first, growth, at last.
FIRST_PAUSE = 0.2
GROWTH = 1.3
LAST_PAUSE = 2.0
#: Seconds in which a failure from before the wait may be left: a set in
#: ERROR that was just started stays in it until a conductor has looked.
PATIENCE = 3.0


def settle(
    look: Callable[[list[Set]], dict[str, Set]],
    sets: list[Set],
    status: str,
    failures: list[str] | None,
    wait: float | None,
    callback: Callable[[Set], None] | None,
) -> list[Set]:
    """Look at ``sets`` until nothing more is to be expected of any.

    An API that does not answer for a while is waited for like a set.

    :param look: gives the present state of sets by id, without those gone.
    :param wait: seconds, None for ever.
    :param callback: called with each set, and again when its status or reason
        has changed.
    :returns: the sets as last seen, in order.
    """
    begin = time.monotonic()
    seen = {each.id: each for each in sets}
    first = {each.id: _state(each) for each in sets}
    told: dict[str, tuple[str, str]] = {}

    def open_(each: Set) -> bool:
        failure = outcome(each, status, failures)
        if failure and _state(each) == first[each.id]:
            return time.monotonic() < begin + PATIENCE
        return failure is None

    pause = FIRST_PAUSE
    while True:
        for each in seen.values():
            if callback and each.status and told.get(each.id) != _state(each):
                told[each.id] = _state(each)
                callback(each)
        left = [each for each in seen.values() if open_(each)]
        if wait is not None:
            pause = min(pause, begin + wait - time.monotonic())
        if not left or pause <= 0:
            return [seen[each.id] for each in sets]
        time.sleep(pause)
        pause = min(pause * GROWTH, LAST_PAUSE)
        try:
            found = look(left)
        except (ksa_exceptions.ConnectFailure, exceptions.HttpException) as e:
            if (getattr(e, "status_code", None) or 503) < 500:
                raise
            continue
        for each in left:
            seen[each.id] = found.get(each.id) or _gone(each)


def check(each: Set, status: str, failures: list[str] | None) -> None:
    """Raise unless the set has got to ``status``.

    :raises: ResourceFailure, ResourceTimeout
    """
    failure = outcome(each, status, failures)
    if failure is None:
        raise exceptions.ResourceTimeout(_says(each, "is still"))
    if failure:
        raise exceptions.ResourceFailure(failure)


def outcome(each: Set, status: str, failures: list[str] | None) -> str | None:
    """What has come of waiting for ``status``.

    :returns: "" if it is reached, a sentence if it will not be, None while
        there is hope.
    """
    if each.status == status:
        return ""
    if status == "DELETED" and each.status == "SOFT_DELETED":
        # in the recycle bin
        return ""
    if (
        status == "ACTIVE"
        and each.status == "SHELVED_OFFLOADED"
        and each.desired == "stopped"
    ):
        why = (each.failure or {}).get("reason", "")
        return _says(each, "was put away and is", why)
    if status == "ACTIVE" and each.status == "SHUTOFF":
        # what is wanted running has run, and ended between two looks
        ran = each.desired == "running"
        return "" if ran else _says(each, "was stopped and is")
    if each.status in (["ERROR"] if failures is None else failures):
        return _says(each, "is")
    gone = ("DELETED", "DELETING", "SOFT_DELETED")
    if each.status in gone and status != "DELETED":
        return _says(each, "was deleted and is")
    return None


def _says(each: Set, what: str, why: str = "") -> str:
    text = f"Set {each.name or each.id} ({each.id}) {what} {each.status}"
    why = why or each.reason
    return f"{text}: {why}" if why else f"{text}."


def _state(each: Set) -> tuple[str, str]:
    return each.status, each.reason


def _gone(each: Set) -> Set:
    each._update(status="DELETED", desired="deleted", reason="")
    return each
