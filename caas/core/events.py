"""Use cases of events: reading them.  They are written where state changes."""

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.events import Event
from caas.model.query import Query
from caas.store import events as store


def get(
    deps: Deps, ctx: RequestContext, event_id: str, project_id: str | None
) -> Event:
    """:param project_id: only an event of this project; None for any.
    :raises NotFound: there is none (or only in another project).
    """
    with deps.store.reader() as conn:
        found = store.get(conn, event_id)
    if found is None or project_id not in (None, found.project_id):
        raise exception.NotFound(f"There is no event with the id {event_id}.")
    return found


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Event]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)
