"""Use cases of usage: what sets used over a period."""

import datetime

from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.usage import Life
from caas.store import usage as store


def lives(
    deps: Deps,
    ctx: RequestContext,
    start: datetime.datetime,
    stop: datetime.datetime,
    *,
    project_id: str | None,
    limit: int,
    marker: str | None = None,
) -> list[Life]:
    """Sets that were there between two times (UTC), by project and id.

    Deleted ones as long as they are remembered, see ``[conductor]
    deleted_set_retention_days``.

    :param project_id: None for all.
    :param marker: id of a set: those that follow it.
    :raises BadRequest: there is no such set.
    """
    with deps.store.reader() as conn:
        return store.lives(conn, start, stop, project_id, limit, marker)
