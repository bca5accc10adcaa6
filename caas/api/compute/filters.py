"""What lists of servers are asked for, as the store understands it."""

import datetime
from collections.abc import Iterator
from typing import Any

from caas import exception
from caas.api.compute import lists
from caas.api.compute.operation import Call, forbidden
from caas.api.compute.views.servers import SHOWN, cases
from caas.api.schema import parse_time
from caas.model import patterns
from caas.model.query import Query
from caas.model.states import Case, SetStatus

#: Filters that only operators may use; of others they are as if not given.
_ADMIN = frozenset({"host", "node", "deleted", "user_id"})
#: Filters of Nova that say nothing of sets: nothing is left out by them.
_IGNORED = frozenset(
    {
        *("access_ip_v4", "access_ip_v6", "auto_disk_config"),
        *("config_drive", "created_at", "description", "hostname"),
        *("instance_name", "ip6", "kernel_id", "key_name", "launch_index"),
        *("launched_at", "locked_by", "power_state", "progress"),
        *("ramdisk_id", "root_device_name", "soft_deleted", "task_state"),
        *("terminated_at", "vm_state"),
    }
)
_TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")
#: Those that are the same to the store, by their names there.
_PLAIN = {
    "availability_zone": "availability_zone",
    "flavor": "flavor",
    "image": "image",
    "reservation_id": "reservation_id",
}
KNOWN = (
    lists.PAGING
    | _ADMIN
    | _IGNORED
    | frozenset(_TAGS)
    | frozenset(_PLAIN)
    | {
        *("all_tenants", "changes-before", "changes-since", "display_name"),
        *("ip", "locked", "name", "status", "uuid"),
    }
)
_SORT = {
    "created_at": "created_at",
    "display_name": "name",
    "name": "name",
    "updated_at": "updated_at",
    "uuid": "id",
    "id": "id",
}


def query(call: Call) -> Query | None:
    """:returns: None: nothing can be found by it.
    :raises BadRequest: a filter is malformed.
    :raises Forbidden: all projects are asked for by who may not.
    """
    filters = dict(
        [
            *_names(call),
            *_of_operators(call),
            *_by_version(call),
            *_times(call),
        ]
    )
    found = _cases(call)
    if found is not None:
        if not found:
            return None
        filters["cases"] = found
        if Case(SetStatus.DELETED) in found and _operator(call):
            filters["deleted"] = True
    return lists.query_of(call, filters, _project(call), _SORT)


def _operator(call: Call) -> bool:
    return call.allows("caas:sets:get:host")


def _project(call: Call) -> str | None:
    """The one whose servers are listed, None for all."""
    if "all_tenants" not in call.query or not _flag(call, "all_tenants"):
        return call.ctx.project_scope
    rule = "caas:sets:list:all_projects"
    if not call.allows(rule):
        raise forbidden(rule)
    return call.one("project_id") or call.one("tenant_id")


def _names(call: Call) -> Iterator[tuple[str, Any]]:
    pattern = call.one("name") or call.one("display_name")
    if pattern:
        yield "pattern", _pattern(pattern)
    address = call.one("ip")
    if address:
        yield "address", _pattern(address)
    for name, key in _PLAIN.items():
        value = call.one(name)
        if value:
            # old clients name flavor and image by their URLs
            yield key, value.rpartition("/")[2]
    if call.query.get("uuid"):
        yield "ids", call.query["uuid"]


def _of_operators(call: Call) -> Iterator[tuple[str, Any]]:
    if not any(name in call.query for name in _ADMIN) or not _operator(call):
        return
    host = call.one("host") or call.one("node")
    if host:
        yield "host", host
    if call.one("user_id"):
        yield "user", call.one("user_id")
    if "deleted" in call.query and _flag(call, "deleted"):
        yield "deleted", True


def _by_version(call: Call) -> Iterator[tuple[str, Any]]:
    if call.at_least(73) and "locked" in call.query:
        yield "locked", _flag(call, "locked")
    if call.at_least(26):
        for name in _TAGS:
            value = call.one(name)
            if value:
                yield name.replace("-", "_"), value.split(",")


def _times(call: Call) -> Iterator[tuple[str, Any]]:
    names = ["changes-since"]
    if call.at_least(66):
        names.append("changes-before")
    for name in names:
        value = call.one(name)
        if value:
            yield name.replace("-", "_"), time(name, value)


def _cases(call: Call) -> list[Case] | None:
    """:returns: None: any; empty: there are none."""
    asked = [s.upper() for s in call.query.get("status", ()) if s]
    if not asked:
        return None
    for each in asked:
        if each not in SHOWN and each not in _NOVAS and call.at_least(38):
            raise exception.BadRequest(f"Invalid status value: {each[:50]}")
    return [case for each in asked for case in cases(each)]


#: What Nova has beyond what a set can be.
_NOVAS = frozenset(
    {
        *("HARD_REBOOT", "MIGRATING", "PASSWORD", "SHELVED", "UNKNOWN"),
    }
)


def _flag(call: Call, name: str) -> bool:
    text = call.one(name) or "1"
    if text.lower() in ("1", "true", "t", "on", "yes", "y"):
        return True
    if text.lower() in ("0", "false", "f", "off", "no", "n"):
        return False
    raise exception.BadRequest(f"Invalid value for '{name}': {text[:50]!r}.")


def _pattern(text: str) -> str:
    """:raises BadRequest: it is no regular expression."""
    try:
        patterns.check(text)
    except ValueError:
        raise exception.BadRequest(
            f"Invalid regular expression: {text[:100]!r}. It has to be one "
            "without look-around and references back."
        ) from None
    return text


def time(name: str, text: str) -> datetime.datetime:
    try:
        # a plus sign in a URL is a blank
        return parse_time(text.replace(" ", "+"))
    except ValueError:
        raise exception.BadRequest(
            f"Invalid input for query parameters {name}. {text[:50]!r} is "
            "not a time, such as 2026-11-28T10:00:00Z."
        ) from None
