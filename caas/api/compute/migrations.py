"""Servers that went to other hosts.

Sets do not move while they run, so that no live migration is ever in progress,
which is all that is told of one server.
"""

import datetime
from typing import Any, NoReturn

from caas import exception
from caas.api.compute import filters, lists, servers
from caas.api.compute.operation import Call, action, route
from caas.api.compute.views import common as views
from caas.core import migrations
from caas.core.migrations import Migration
from caas.model.states import Move

_OF_SERVER = f"{servers.SERVER}/migrations"
_ONE = f"{_OF_SERVER}/{{migration}}"

#: Nova's words.
_TYPES = {Move.MIGRATE: "migration", Move.EVACUATE: "evacuation"}
_QUERY = frozenset(
    {
        *("hidden", "host", "instance_uuid", "source_compute", "status"),
        *("migration_type", "limit", "marker", "changes-since"),
        *("changes-before", "user_id"),
    }
)
#: From which microversion on lists are asked for by a time.
_SINCE = {"changes-since": 59, "changes-before": 66}


def _view(call: Call, item: Migration) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": views.number(item.id),
        "instance_uuid": item.set_id,
        "status": item.status,
        "source_compute": item.source,
        "source_node": item.source,
        "dest_compute": item.dest,
        "dest_node": item.dest,
        "dest_host": None,
        # a flavor has no number here, and stays the same
        "old_instance_type_id": None,
        "new_instance_type_id": None,
        "created_at": views.plain(item.created_at),
        "updated_at": views.plain(item.updated_at),
    }
    if call.at_least(23):
        view["migration_type"] = _TYPES[item.how]
    if call.at_least(59):
        view["uuid"] = item.id
    if call.at_least(80):
        view |= {"project_id": item.project_id, "user_id": item.user_id}
    return view


def _wanted(call: Call, item: Migration) -> bool:
    """Whether the filters of the request let it through."""
    shown = {
        "instance_uuid": item.set_id,
        "status": item.status,
        "source_compute": item.source,
        "migration_type": _TYPES[item.how],
    }
    if call.at_least(80):
        shown |= {"project_id": item.project_id, "user_id": item.user_id}
    for key, value in shown.items():
        if key in call.query and value not in call.query[key]:
            return False
    host = call.one("host")
    if host is not None and host not in (item.source, item.dest):
        return False
    when = item.updated_at or item.created_at
    since, before = _time(call, "changes-since"), _time(call, "changes-before")
    return (since is None or when >= since) and (
        before is None or when <= before
    )


def _time(call: Call, key: str) -> datetime.datetime | None:
    text = call.one(key)
    if text is None or not call.at_least(_SINCE[key]):
        return None
    return filters.time(key, text)


@route(
    "GET",
    "/os-migrations",
    policy="caas:sets:migrations",
    query=_QUERY,
)
def everywhere(call: Call) -> dict[str, Any]:
    """List servers that went to another host, the latest first."""
    found = [
        each
        for each in migrations.list_(call.deps, call.ctx)
        if _wanted(call, each)
    ]
    if not call.at_least(59):
        return {"migrations": [_view(call, each) for each in found]}
    marker = call.one("marker")
    if marker is not None:
        ids = [each.id for each in found]
        if marker not in ids:
            raise exception.BadRequest(
                f"Marker {marker[:100]} could not be found."
            )
        found = found[ids.index(marker) + 1 :]
    return lists.page(
        call,
        "migrations",
        "/os-migrations",
        found[: lists.limit(call) + 1],
        lambda item: _view(call, item),
    )


@route(
    "GET",
    _OF_SERVER,
    policy="caas:sets:migrations",
    load=servers.load,
    versions=("2.23", None),
)
def list_(call: Call) -> dict[str, Any]:
    """List live migrations of a server that are in progress."""
    return {"migrations": []}


def _missing(call: Call) -> exception.NotFound:
    return exception.NotFound(
        f"In-progress live migration {call.args['migration'][:100]} is not "
        f"found for server {call.target.id}."
    )


@route(
    "GET",
    _ONE,
    policy="caas:sets:migrations",
    load=servers.load,
    versions=("2.23", None),
)
def get(call: Call) -> NoReturn:
    """There are none."""
    raise _missing(call)


@route(
    "DELETE",
    _ONE,
    policy="caas:sets:migrations",
    load=servers.load,
    versions=("2.24", None),
)
def abort(call: Call) -> NoReturn:
    """There are none."""
    raise _missing(call)


@action(
    _ONE,
    "force_complete",
    policy="caas:sets:migrations",
    load=servers.load,
    body={"type": "null"},
    versions=("2.22", None),
)
def force_complete(call: Call) -> NoReturn:
    """There are none."""
    raise _missing(call)
