"""What a server has written, what it uses, and what was done to it."""

from collections.abc import Iterator
from typing import Any

from caas import exception
from caas.api.compute import filters, lists, servers
from caas.api.compute.operation import Call, action, route
from caas.api.compute.schemas import servers as schemas
from caas.api.compute.views import actions as action_views
from caas.api.compute.views import servers as views
from caas.core import events, sessions
from caas.model.query import Query
from caas.model.sets import Set
from caas.model.streams import Look, Verb

#: Power states, as :class:`views.State` has them, in which it uses something.
_RUNNING = (1, 3)

_ACTIONS = f"{servers.SERVER}/os-instance-actions"
#: Who looks inside does nothing to a server.
_LOOKS = [
    f"{noun}.{verb}"
    for noun in ("set", "container")
    for verb in (*Verb, *Look)
]


@action(
    servers.SERVER,
    "os-getConsoleOutput",
    policy="caas:containers:logs",
    load=servers.load,
    body=schemas.CONSOLE_OUTPUT,
    status=200,
)
def output(call: Call) -> dict[str, Any]:
    """Show the last lines its containers have written."""
    length = call.body["os-getConsoleOutput"].get("length")
    lines = None if length is None else int(str(length))
    if lines is not None and lines < 0:
        # as Nova: all of it
        lines = None
    try:
        text = sessions.output(call.deps, call.ctx, call.target, lines)
    except exception.Conflict:
        raise _not_ready(call.target) from None
    # what no JSON of old clients takes
    return {"output": "".join(c for c in text if c >= " " or c in "\n\r\t")}


def _not_ready(item: Set) -> exception.Conflict:
    return exception.Conflict(f"Instance {item.id} is not ready")


@route(
    "GET",
    f"{servers.SERVER}/diagnostics",
    policy="caas:containers:stats",
    load=servers.load,
)
def diagnostics(call: Call) -> dict[str, Any]:
    """Show what it uses now, from its control groups."""
    item = call.target
    if item.host_id is None:
        raise _not_ready(item)
    power = views.state(item).power
    if power not in _RUNNING:
        raise exception.Conflict(
            f"Cannot 'get_diagnostics' instance {item.id} while it is in "
            f"power state {views.POWER[power]}"
        )
    found = sessions.look(call.deps, call.ctx, item, None, Look.STATS)
    return action_views.diagnostics(item, found, call.version.minor)


@route(
    "GET",
    _ACTIONS,
    policy="caas:events:list",
    load=servers.load,
    query=lists.PAGING | {"changes-since", "changes-before"},
)
def list_(call: Call) -> dict[str, Any]:
    """List what was asked of it, the latest first."""
    size = lists.limit(call)
    after = _marker(call)
    query = _asked(call, size + 1, after, **dict(_since(call)))
    found = events.list_(call.deps, call.ctx, query)
    errors = _query(call, 1000, result="error", action="set.")
    failed = {
        each.request_id
        for each in events.list_(call.deps, call.ctx, errors)
        if each.request_id
    }
    view: dict[str, Any] = {
        "instanceActions": [
            action_views.action(
                each,
                call.target,
                call.version.minor,
                failed=each.request_id in failed,
            )
            for each in found[:size]
        ]
    }
    if call.at_least(58) and len(found) > size:
        view["links"] = lists.next_page(
            call,
            f"/servers/{call.target.id}/os-instance-actions",
            found[size - 1].request_id,
        )
    return view


@route(
    "GET",
    f"{_ACTIONS}/{{request_id}}",
    policy="caas:events:list",
    load=servers.load,
)
def get(call: Call) -> dict[str, Any]:
    """Show one thing that was asked of it, and how it went."""
    wanted = call.args["request_id"]
    found = events.list_(
        call.deps, call.ctx, _query(call, 100, request_id=wanted)
    )
    asked = [each for each in found if each.result == "accepted"] or found
    if not asked:
        raise exception.NotFound(f"Action {wanted[:100]} not found")
    return {
        "instanceAction": action_views.with_events(
            asked[-1], found, call.target, call.version.minor
        )
    }


def _marker(call: Call) -> str | None:
    """The event that the last action of the page before is.

    :raises BadRequest: there is no such action.
    """
    request_id = call.one("marker") if call.at_least(58) else None
    if request_id is None:
        return None
    asked = _asked(call, 1000, request_id=request_id)
    found = events.list_(call.deps, call.ctx, asked)
    if not found:
        raise exception.BadRequest(
            f"Marker {request_id[:100]} could not be found."
        )
    return found[-1].id


def _since(call: Call) -> Iterator[tuple[str, Any]]:
    for name, key, first in (
        ("changes-since", "since", 58),
        ("changes-before", "until", 66),
    ):
        text = call.one(name) if call.at_least(first) else None
        if text:
            yield key, filters.time(name, text)


def _asked(
    call: Call, limit: int, marker: str | None = None, **wanted: Any
) -> Query:
    """Without what conductor and host did of themselves."""
    return _query(
        call, limit, marker, asked=True, not_actions=_LOOKS, **wanted
    )


def _query(
    call: Call, limit: int, marker: str | None = None, **wanted: Any
) -> Query:
    return Query(
        filters={"object_id": call.target.id, **wanted},
        limit=limit,
        marker=marker,
        sort_key="at",
        sort_dir="desc",
    )
