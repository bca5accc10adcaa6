"""Use cases of events: reading them.  They are written where state changes."""

from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.events import Event
from caas.model.query import Query
from caas.store import events as store


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Event]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)
