"""What lists of servers are asked for, as the store understands it."""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from oslo_utils import strutils, uuidutils

from caas import exception
from caas.api.compute import lists, order
from caas.api.compute.operation import Call, forbidden
from caas.api.compute.views.servers import OF_STATE, SHOWN, chosen
from caas.api.schema import parse_time
from caas.model import patterns
from caas.model.query import Query
from caas.model.states import Ranks

_TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")
#: What needs a later microversion than the first; of everybody.
_SINCE = {**dict.fromkeys(_TAGS, 26), "changes-before": 66, "locked": 73}
#: What counts of members, since which one.  All else they say is as if it
#: were not said.
_OF_MEMBERS = {
    **_SINCE,
    **dict.fromkeys(
        (
            *("all_tenants", "changes-since", "flavor", "image", "ip"),
            *("name", "reservation_id", "status"),
            # these count beside all_tenants
            *("project_id", "tenant_id"),
        ),
        1,
    ),
    "ip6": 5,
    **dict.fromkeys(
        (
            *("availability_zone", "config_drive", "created_at", "key_name"),
            *("launched_at", "power_state", "progress", "task_state"),
            *("terminated_at", "user_id", "vm_state"),
        ),
        83,
    ),
    "hostname": 90,
}

#: Filters that are regular expressions, by their names in the store.
_PATTERNS = {
    "access_ip_v4": "access_ipv4",
    "access_ip_v6": "access_ipv6",
    "availability_zone": "zone",
    "description": "description",
    "display_description": "description",
    "display_name": "pattern",
    "hostname": "hostname",
    "ip": "address",
    "key_name": "key_name",
    "locked_by": "locked_by",
    "name": "pattern",
    "node": "node",
    "reservation_id": "reservation",
}
#: Likewise times, which may also be given as such.
_MOMENTS = {
    "created_at": "created_at",
    "launched_at": "launched_at",
    "terminated_at": "deleted_at",
}
#: Expressions for what is the same for all servers: as it is shown, or as
#: Nova keeps it; none where Nova keeps none.
_CONSTANTS = {
    "auto_disk_config": ("AUTO", "1"),
    "config_drive": ("",),
    "ip6": (),
    "kernel_id": ("",),
    "launch_index": ("0",),
    "ramdisk_id": ("",),
    "root_device_name": (),
}
#: Those that have to be the very text; old clients name some by their URLs.
_PLAIN = {"host": "server_host", "user_id": "user"}
_BY_URL = {"flavor": "flavor", "image": "image", "image_ref": "image"}
_STATE_PATTERNS = frozenset({"power_state", "progress"})
#: Looked at whoever asks.
_EXPRESSIONS = (
    _PATTERNS.keys() | _MOMENTS.keys() | _CONSTANTS.keys() | _STATE_PATTERNS
)
#: Nova wants regular expressions of these, too, and makes no use of that: a
#: tag may be called "c++".
_SAID = frozenset({"flavor", *_TAGS})
#: What Nova has in tables of their own, and refuses.
_JOINED = frozenset(
    {
        *("block_device_mapping", "info_cache", "metadata", "pci_devices"),
        *("security_groups", "services", "system_metadata"),
    }
)
KNOWN = frozenset(
    {
        *("limit", "marker", "sort_dir", "sort_key"),
        *("changes-since", "deleted", "soft_deleted", "status"),
        *("all_tenants", "project_id", "tenant_id", "uuid"),
        *_SINCE,
        *_PATTERNS,
        *_MOMENTS,
        *_CONSTANTS,
        *_PLAIN,
        *_BY_URL,
        *OF_STATE,
        *_JOINED,
    }
)


def query(call: Call) -> Query:
    """:raises BadRequest: a filter, or the order, is malformed.

    :raises Forbidden: something only operators may ask for is asked for.
    """
    _check(call)
    asked = dataclasses.replace(call, query=_counting(call))
    filters = dict(
        [
            *_patterns(asked),
            *_others(asked),
            *_deleted(asked),
            *_times(asked),
            *_states(asked),
        ]
    )
    return Query(
        filters=filters,
        limit=lists.limit(call) + 1,
        marker=call.one("marker"),
        project_id=_project(asked),
        **order.asked(call),
    )


def _check(call: Call) -> None:
    """Some is refused although it would not count.

    :raises BadRequest: a filter is malformed.
    """
    for name, values in call.query.items():
        if not call.at_least(_SINCE.get(name, 1)):
            continue
        for value in values:
            if name in _EXPRESSIONS:
                _pattern(value)
            elif name in _SAID and not value:
                raise exception.BadRequest(f"{name} has no value.")
            elif name in ("changes-since", "changes-before"):
                time(name, value)


def _counting(call: Call) -> dict[str, list[str]]:
    """Those that count, of who asks and in the microversion.

    :raises BadRequest: one cannot be.
    """
    operator = order.operator(call)
    found = {}
    for name, values in call.query.items():
        since = _SINCE.get(name, 1) if operator else _OF_MEMBERS.get(name)
        if since is None or not call.at_least(since):
            continue
        if name in _JOINED or name.startswith("_"):
            raise exception.BadRequest(f"Invalid filter field: {name[:50]}.")
        found[name] = values
    return found


def _project(call: Call) -> str | None:
    """The one whose servers are listed, None for all."""
    asked = call.one("all_tenants")
    if asked is None or not _flag("all_tenants", asked or "1"):
        return call.ctx.project_scope
    rule = "caas:sets:list:all_projects"
    if not call.allows(rule):
        raise forbidden(rule)
    return call.one("project_id") or call.one("tenant_id")


def _patterns(call: Call) -> Iterator[tuple[str, Any]]:
    for name, key in _PATTERNS.items():
        value = call.one(name)
        if value is None:
            continue
        if key == "reservation" and uuidutils.is_uuid_like(value):
            # all of one, which has an index
            key = "reservation_id"
        yield key, value
    for name, key in _MOMENTS.items():
        value = call.one(name)
        if value is not None:
            yield key, _moment(name, value)


def _others(call: Call) -> Iterator[tuple[str, Any]]:
    for name, key in (*_PLAIN.items(), *_BY_URL.items()):
        value = call.one(name)
        if value is not None:
            yield key, value.rpartition("/")[2] if name in _BY_URL else value
    if "uuid" in call.query:
        yield "ids", call.query["uuid"]
    if "locked" in call.query:
        yield "locked", _flag("locked", call.query["locked"][-1])
    for name in _TAGS:
        value = call.one(name)
        if value is not None:
            yield name.replace("-", "_"), value.split(",")


def _deleted(call: Call) -> Iterator[tuple[str, Any]]:
    """Which count of those that are deleted, and in the recycle bin."""
    if "deleted" in call.query:
        yield "deleted", strutils.bool_from_string(call.query["deleted"][-1])
    if _statuses(call) == {"DELETED"}:
        if not order.operator(call):
            raise exception.Forbidden(
                "Only administrators may list deleted instances"
            )
        yield "deleted", True
    # what is asked for by name is not hidden, as it is by Nova
    if "SOFT_DELETED" in _statuses(call) or (
        call.one("vm_state") == "soft-delete"
    ):
        yield "binned", True
    elif "soft_deleted" in call.query:
        # to Nova even "False" is a yes
        text = call.query["soft_deleted"][-1]
        yield "binned", strutils.bool_from_string(text)


def _times(call: Call) -> Iterator[tuple[str, Any]]:
    times = {
        name: time(name, call.query[name][-1])
        for name in ("changes-since", "changes-before")
        if name in call.query
    }
    if len(times) == 2 and times["changes-before"] < times["changes-since"]:
        raise exception.BadRequest(
            "The value of changes-since must be less than or equal to "
            "changes-before."
        )
    for name, value in times.items():
        yield name.replace("-", "_"), value


def _states(call: Call) -> Iterator[tuple[str, Ranks]]:
    """What is a matter of cases, and what none of them is.

    All of it has to hold, where to Nova a status counts instead of a
    vm_state.
    """
    statuses = _statuses(call)
    if "status" in call.query and not statuses and call.at_least(38):
        raise exception.BadRequest("Invalid status value")
    asked = {
        name: call.query[name][-1] for name in OF_STATE if name in call.query
    }
    if not all(
        any(patterns.found(call.query[name][-1], each) for each in values)
        for name, values in _CONSTANTS.items()
        if name in call.query
    ):
        yield "cases", ()
    elif asked or "status" in call.query:
        yield (
            "cases",
            chosen(
                lambda shown: (
                    ("status" not in call.query or shown.status in statuses)
                    and all(
                        _shows(name, OF_STATE[name](shown), value)
                        for name, value in asked.items()
                    )
                )
            ),
        )


def _shows(name: str, shown: Any, wanted: str) -> bool:
    if shown is None:
        return False
    if name in _STATE_PATTERNS:
        return patterns.found(wanted, str(shown))
    return bool(shown == wanted)


def _statuses(call: Call) -> set[str]:
    """Those asked for that there are."""
    asked = {each.upper() for each in call.query.get("status", ())}
    return asked & (SHOWN | _NOVAS)


#: What Nova has beyond what a set can be.
_NOVAS = frozenset({"HARD_REBOOT", "MIGRATING", "PASSWORD", "SHELVED"})


def _flag(name: str, text: str) -> bool:
    try:
        return strutils.bool_from_string(text, strict=True)
    except ValueError:
        raise exception.BadRequest(
            f"Invalid value for '{name}': {text[:50]!r}."
        ) from None


def _pattern(text: str) -> str:
    """:raises BadRequest: it is no regular expression, or says nothing."""
    try:
        patterns.check(text)
    except ValueError as error:
        raise exception.BadRequest(
            f"Invalid regular expression: {text[:100]!r}. {error}"
        ) from None
    return text


def _moment(name: str, text: str) -> datetime.datetime | str:
    """A time if it is a whole one, as it is shown, else a pattern."""
    if "T" not in text:
        return text
    try:
        return time(name, text)
    except exception.BadRequest:
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
