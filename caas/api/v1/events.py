"""Events: who did what when, how it ended and why."""

import functools
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1 import sets as sets_api
from caas.api.v1.schemas import events as schemas
from caas.api.v1.views import events as views
from caas.core import events
from caas.model.events import Event
from caas.model.query import Query

_HOST = "caas:events:list:host"


def load(call: Call, project_id: str | None) -> Event:
    return events.get(call.deps, call.ctx, call.args["event_id"], project_id)


def _page(call: Call, query: Query, path: str) -> dict[str, Any]:
    if "host" in query.filters:
        call.require(_HOST)
    view = functools.partial(views.event, host=call.allows(_HOST))
    items = events.list_(call.deps, call.ctx, query)
    return lists.page(call, "events", path, items, view)


@operation(
    "GET",
    "/v1/events",
    policy="caas:events:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List events, the newest first.

    What an event says never changes.  Events that come while pages are
    fetched are on none of them when they are listed newest first, and none
    that was there is left out.
    """
    query = lists.query_of(call, "at", "caas:events:list:all_projects")
    return _page(call, query, "/v1/events")


@operation(
    "GET",
    "/v1/events/{event_id}",
    policy="caas:events:get",
    load=load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show an event."""
    return {"event": views.event(call.target, host=call.allows(_HOST))}


@operation(
    "GET",
    "/v1/sets/{set_id}/events",
    policy="caas:events:list",
    load=sets_api.load,
    query=schemas.LIST_OF_SET,
    response=schemas.MANY,
)
def list_of_set(call: Call) -> dict[str, Any]:
    """List the events of a set and its containers, the newest first."""
    set_id = call.target.id
    query = lists.query_of(call, "at")
    query.filters.update(object_type="set", object_id=set_id)
    return _page(call, query, f"/v1/sets/{set_id}/events")
