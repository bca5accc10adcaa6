"""Hosts with Docker, as hypervisors and in availability zones."""

import uuid
from collections.abc import Callable
from typing import Any

from caas import exception
from caas.api.compute import lists
from caas.api.compute.operation import Call, route
from caas.api.compute.schemas.common import BOOLEAN, boolean
from caas.api.compute.views import hosts as host_views
from caas.core import hosts
from caas.model.hosts import Host
from caas.model.query import Query

_View = Callable[[Host], dict[str, Any]]

_WORDS = frozenset(str(each).lower() for each in BOOLEAN["enum"])
_PAGE = frozenset({"limit", "marker"})
_HYPERVISORS = _PAGE | {"hypervisor_hostname_pattern", "with_servers"}


def every(call: Call) -> list[Host]:
    query = Query(limit=10**6, sort_key="name", sort_dir="asc")
    return hosts.list_(call.deps, call.ctx, query)


def viewer(call: Call) -> host_views.Viewer:
    return host_views.Viewer.of(call)


@route("GET", "/os-availability-zone", policy="caas:flavors:list")
def zones(call: Call) -> dict[str, Any]:
    """List the zones that have hosts."""
    return {"availabilityZoneInfo": viewer(call).zones(every(call), False)}


@route("GET", "/os-availability-zone/detail", policy="caas:hosts:list")
def zones_in_detail(call: Call) -> dict[str, Any]:
    """List the zones with their hosts."""
    return {"availabilityZoneInfo": viewer(call).zones(every(call), True)}


@route("GET", "/os-hypervisors", policy="caas:hosts:list", query=_HYPERVISORS)
def list_(call: Call) -> dict[str, Any]:
    """List hosts in short."""
    return _page(call, "/os-hypervisors", viewer(call).hypervisor)


@route(
    "GET",
    "/os-hypervisors/detail",
    policy="caas:hosts:list",
    query=_HYPERVISORS,
)
def detail(call: Call) -> dict[str, Any]:
    """List hosts with all there is to know of them."""
    view = viewer(call).hypervisor_detail
    return _page(call, "/os-hypervisors/detail", view)


def _page(call: Call, path: str, view: _View) -> dict[str, Any]:
    found = every(call)
    pattern = call.one("hypervisor_hostname_pattern")
    if not call.at_least(53):
        pattern = None
    if not call.at_least(33):
        return {"hypervisors": [view(each) for each in found]}
    marker = call.one("marker")
    if pattern is not None:
        if marker is not None or "limit" in call.query:
            raise exception.BadRequest(
                "Paging over hypervisors with the "
                "hypervisor_hostname_pattern query parameter is not supported."
            )
        found = _matching(found, pattern)
        shown = _with_servers(call, found, view)
        return {"hypervisors": [shown(each) for each in found]}
    if marker is not None:
        names = [str(host_views.ident(h, call.version.minor)) for h in found]
        if marker not in names:
            raise lists.no_marker(marker)
        found = found[names.index(marker) + 1 :]
    found = found[: lists.limit(call) + 1]
    return lists.page(
        call,
        "hypervisors",
        path,
        found,
        _with_servers(call, found, view),
        lambda item: str(host_views.ident(item, call.version.minor)),
    )


def _matching(found: list[Host], pattern: str) -> list[Host]:
    """Those with this in their name, as a database finds it."""
    found = [each for each in found if pattern.lower() in each.name.lower()]
    if not found:
        raise exception.NotFound(
            f"No hypervisor matching '{pattern[:100]}' could be found."
        )
    return found


def _with_servers(call: Call, found: list[Host], view: _View) -> _View:
    """The same view, with the servers on them if that is asked for."""
    text = call.one("with_servers") if call.at_least(53) else None
    if text is None:
        return view
    if text.lower() not in _WORDS:
        raise exception.BadRequest(
            "Invalid input for query parameters with_servers. It must be a "
            "boolean."
        )
    if not boolean(text):
        return view
    there = hosts.sets_on(call.deps, call.ctx, [each.id for each in found])

    def shown(item: Host) -> dict[str, Any]:
        servers = host_views.servers(there[item.id])
        more = {"servers": servers} if servers or call.at_least(75) else {}
        return {**view(item), **more}

    return shown


@route(
    "GET",
    "/os-hypervisors/statistics",
    policy="caas:hosts:list",
    versions=("2.1", "2.87"),
)
def statistics(call: Call) -> dict[str, Any]:
    """Sum up all hosts."""
    return {"hypervisor_statistics": viewer(call).statistics(every(call))}


@route(
    "GET",
    "/os-hypervisors/{hypervisor}",
    policy="caas:hosts:get",
    query={"with_servers"},
)
def get(call: Call) -> dict[str, Any]:
    """Show a host."""
    item = _find(call)
    view = _with_servers(call, [item], viewer(call).hypervisor_detail)
    return {"hypervisor": view(item)}


def _find(call: Call) -> Host:
    name = call.args["hypervisor"]
    if call.at_least(53):
        check_uuid(name)
    for each in every(call):
        if str(host_views.ident(each, call.version.minor)) == name:
            return each
    raise exception.NotFound(
        f"Hypervisor with ID '{name[:100]}' could not be found."
    )


def check_uuid(text: str) -> None:
    """:raises BadRequest: in Nova's words."""
    try:
        uuid.UUID(text)
    except ValueError:
        raise exception.BadRequest(f"Invalid uuid {text[:100]}") from None


@route(
    "GET",
    "/os-hypervisors/{hypervisor}/uptime",
    policy="caas:hosts:get",
    versions=("2.1", "2.87"),
)
def uptime(call: Call) -> dict[str, Any]:
    """Show for how long a host has been up."""
    item = _find(call)
    view = viewer(call)
    text = view.uptime(item)
    if text is None:
        raise exception.BadRequest(
            f"Compute service of {item.name} is unavailable at this time."
        )
    return {"hypervisor": {**view.hypervisor(item), "uptime": text}}


@route(
    "GET",
    "/os-hypervisors/{hypervisor}/search",
    policy="caas:hosts:list",
    versions=("2.1", "2.52"),
)
def search(call: Call) -> dict[str, Any]:
    """List hosts that have this in their name."""
    found = _matching(every(call), call.args["hypervisor"])
    view = viewer(call)
    return {"hypervisors": [view.hypervisor(each) for each in found]}


@route(
    "GET",
    "/os-hypervisors/{hypervisor}/servers",
    policy="caas:hosts:list",
    versions=("2.1", "2.52"),
)
def servers(call: Call) -> dict[str, Any]:
    """List them with the servers on each."""
    found = _matching(every(call), call.args["hypervisor"])
    there = hosts.sets_on(call.deps, call.ctx, [each.id for each in found])
    view = viewer(call)
    answer = []
    for each in found:
        on_it = host_views.servers(there[each.id])
        more = {"servers": on_it} if on_it else {}
        answer.append({**view.hypervisor(each), **more})
    return {"hypervisors": answer}
