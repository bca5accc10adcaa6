"""Whether containers do their work: what is to be shown, and when asked.

Pure; times in seconds since the epoch.
"""

import hashlib
import json

from caas.agent.found import Book, Container, ended
from caas.model import wire
from caas.model.spec import HealthCheck
from caas.model.states import Health

#: What has nothing to show but that it goes on running.
MONITOR = "monitor"

#: Waits between checks of what is not healthy yet (s): the first, the most.
FIRST_WAIT, LAST_WAIT = 0.1, 1.0


def key(container: wire.WantedContainer) -> str:
    """What a container has to show for its start to count; "" for nothing.

    Another value than before means: show it anew.
    """
    check = container.spec.health_check
    if container.paused:
        return ""
    if check is None:
        return MONITOR if container.monitor else ""
    text = json.dumps(
        [check.type, check.command, check.port, check.path, check.timeout]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def state(
    check: HealthCheck | None, there: Container | None, book: Book
) -> Health | None:
    """None where there is no check, or nothing runs."""
    if check is None or there is None or not there.running:
        return None
    if book.health and book.health_run == there.started:
        return Health(book.health)
    return Health.STARTING


def ill(there: Container, book: Book) -> bool:
    """The last check of this run found it unhealthy."""
    return book.health == Health.UNHEALTHY and book.health_run == there.started


def due(check: HealthCheck, there: Container, book: Book) -> float:
    """When to check next."""
    if there.probed is None:
        return there.started or 0.0
    wait = check.interval
    young = there.probed < (there.started or 0.0) + check.start_period
    well = state(check, there, book) == Health.HEALTHY
    if not well and (young or not book.proved):
        wait = min(wait, LAST_WAIT, FIRST_WAIT * 2 ** min(there.tries, 10))
    return there.probed + wait


def shown(
    container: wire.WantedContainer, there: Container, book: Book, now: float
) -> bool:
    """It has shown what it has to."""
    check = container.spec.health_check
    if check is not None:
        return state(check, there, book) == Health.HEALTHY
    if there.running:
        return now >= (there.started or 0.0) + container.monitor
    return there.well


def deadline(
    container: wire.WantedContainer, there: Container, book: Book
) -> float:
    """By when it has to have shown it, if it goes on running."""
    check = container.spec.health_check
    if check is None:
        return (there.started or 0.0) + container.monitor
    return book.asked + check.patience


def verdict(
    container: wire.WantedContainer,
    there: Container,
    book: Book,
    now: float,
    *,
    starts_again: bool,
) -> str:
    """Why it counts as failed though it was started; "" if it does not.

    :param starts_again: its restart policy will start it once more.
    """
    name = container.spec.name
    check = container.spec.health_check
    if check is None:
        if there.running or there.well:
            return ""
        return f"container {name} {ended(there)} soon after the change"
    if there.state == "exited" and not starts_again:
        return f"container {name} {ended(there)} before it was healthy"
    if now < deadline(container, there, book):
        return ""
    said = f": {there.said}" if there.said else ""
    return (
        f"container {name} was not healthy within {check.patience:g} s{said}"
    )
