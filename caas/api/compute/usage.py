"""Usage: what servers took over time, from their lives."""

import datetime
from collections.abc import Sequence
from typing import Any

from caas import exception
from caas.api.compute import limits, lists
from caas.api.compute.operation import Call, route
from caas.api.compute.views import common as views
from caas.core import usage
from caas.model.usage import Life
from caas.store.engine import utcnow

_ALL = "/os-simple-tenant-usage"
_ONE = f"{_ALL}/{{quota_project}}"
_QUERY = frozenset({"start", "end", "detailed", "limit", "marker"})

_FORMS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")


def _time(call: Call, key: str) -> datetime.datetime:
    text = call.one(key)
    if not text:
        return utcnow()
    for form in _FORMS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    raise exception.BadRequest(
        "Invalid datetime string: Datetime is in invalid format"
    )


def _asked(
    call: Call, project_id: str | None
) -> tuple[list[Life], datetime.datetime, datetime.datetime, int]:
    """:returns: one more than a page holds, the period, size of a page."""
    start, stop = _time(call, "start"), _time(call, "end")
    if not start < stop:
        raise exception.BadRequest(
            "Invalid start time. The start time cannot occur after the end "
            "time."
        )
    stop = min(stop, utcnow())
    paged = call.at_least(40)
    # before 2.40 all of it, however much that is
    size = lists.limit(call) if paged else 10**6
    found = usage.lives(
        call.deps,
        call.ctx,
        start,
        stop,
        project_id=project_id,
        limit=size + 1,
        marker=call.one("marker") if paged else None,
    )
    return found, start, stop, size


def _summary(
    found: Sequence[Life],
    start: datetime.datetime,
    stop: datetime.datetime,
    detailed: bool,
) -> dict[str, Any]:
    """:param found: of one project."""
    hours = [(each, each.hours(start, stop)) for each in found]
    view: dict[str, Any] = {
        "tenant_id": found[0].project_id,
        "total_local_gb_usage": sum(
            each.resources.disk_gb * n for each, n in hours
        ),
        "total_vcpus_usage": sum(
            each.resources.millicpus / 1000 * n for each, n in hours
        ),
        "total_memory_mb_usage": sum(
            each.resources.memory_mb * n for each, n in hours
        ),
        "total_hours": sum(n for _each, n in hours),
        "start": views.plain(start),
        "stop": views.plain(stop),
    }
    if detailed:
        view["server_usages"] = [_server(each, n) for each, n in hours]
    return view


def _server(item: Life, hours: float) -> dict[str, Any]:
    ended = item.ended_at or utcnow()
    return {
        "instance_id": item.set_id,
        "name": item.name,
        "tenant_id": item.project_id,
        "flavor": item.flavor_name,
        "hours": hours,
        "memory_mb": item.resources.memory_mb,
        "local_gb": item.resources.disk_gb,
        "vcpus": views.vcpus(item.resources.millicpus),
        "started_at": views.plain(item.launched_at),
        "ended_at": views.plain(item.ended_at),
        "state": "terminated" if item.ended_at else "active",
        "uptime": int((ended - item.launched_at).total_seconds()),
    }


def _links(
    call: Call, path: str, found: Sequence[Life], size: int
) -> list[dict[str, str]]:
    if len(found) <= size or not size:
        return []
    return lists.next_page(call, path, found[size - 1].set_id)


@route("GET", _ALL, policy="caas:usage:list", query=_QUERY)
def list_(call: Call) -> dict[str, Any]:
    """Show what the servers of each project took."""
    found, start, stop, size = _asked(call, None)
    detailed = call.one("detailed") == "1"
    by_project: dict[str, list[Life]] = {}
    for each in found[:size]:
        by_project.setdefault(each.project_id, []).append(each)
    answer: dict[str, Any] = {
        "tenant_usages": [
            _summary(mine, start, stop, detailed)
            for mine in by_project.values()
        ]
    }
    links = _links(call, _ALL, found, size)
    return answer | ({"tenant_usages_links": links} if links else {})


@route(
    "GET",
    _ONE,
    policy="caas:usage:get",
    load=limits.load,
    query=_QUERY - {"detailed"},
)
def get(call: Call) -> dict[str, Any]:
    """Show what the servers of a project took."""
    project_id = call.target.project_id
    found, start, stop, size = _asked(call, project_id)
    mine = found[:size]
    view = _summary(mine, start, stop, True) if mine else {}
    links = _links(call, f"{_ALL}/{project_id}", found, size)
    answer: dict[str, Any] = {"tenant_usage": view}
    return answer | ({"tenant_usage_links": links} if links else {})
