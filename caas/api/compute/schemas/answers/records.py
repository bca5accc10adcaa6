"""Answers about consoles, use over time, and what other services say."""

from caas.api.compute.schemas.answers.shapes import (
    MAYBE,
    MAYBE_TIME,
    NUMBER,
    TEXT,
    TEXTS,
    TIME,
    UUID,
    Make,
    always,
    array,
    body,
    links,
    one_of,
    shape,
    since,
)
from caas.api.schema import Definition

_AMOUNT: Definition = {"type": "number"}

_OF_SERVER = shape(
    {
        "instance_id": UUID,
        **dict.fromkeys(("name", "tenant_id", "flavor"), TEXT),
        "hours": _AMOUNT,
        **dict.fromkeys(("memory_mb", "local_gb", "vcpus", "uptime"), NUMBER),
        "started_at": TIME,
        "ended_at": MAYBE_TIME,
        "state": one_of("active", "terminated"),
    }
)
_TOTALS = ("total_local_gb_usage", "total_vcpus_usage")
_OF_PROJECT = shape(
    {
        "tenant_id": TEXT,
        **dict.fromkeys(
            (*_TOTALS, "total_memory_mb_usage", "total_hours"), _AMOUNT
        ),
        "start": TIME,
        "stop": TIME,
    },
    {"server_usages": array(_OF_SERVER)},
)


def _usages(minor: int) -> Definition:
    more = since(minor, 40, {"tenant_usages_links": links("next")})
    return shape({"tenant_usages": array(_OF_PROJECT)}, more)


def _usage(minor: int) -> Definition:
    """Of one project; empty if it had no server."""
    found = {"anyOf": [_OF_PROJECT, shape({})]}
    more = since(minor, 40, {"tenant_usage_links": links("next")})
    return shape({"tenant_usage": found}, more)


_COUNTS = ("num_hosts", "num_hosts_done", "num_hosts_running")
_AUDIT = shape(
    {
        **dict.fromkeys(("period_beginning", "period_ending"), TEXT),
        **dict.fromkeys((*_COUNTS, "num_hosts_not_run"), NUMBER),
        "hosts_not_run": TEXTS,
        **dict.fromkeys(("total_instances", "total_errors"), NUMBER),
        "overall_status": TEXT,
        "log": {"type": "object"},
    }
)

_OLD_CONSOLE = body("console", always(shape({"type": TEXT, "url": TEXT})))
_CONSOLE = shape({"protocol": TEXT, "type": TEXT, "url": TEXT})
_TOKEN = shape(
    {
        "instance_uuid": UUID,
        "host": MAYBE,
        "port": {"type": ["integer", "null"]},
        "internal_access_path": MAYBE,
    }
)
_HOST = "/os-hosts/{host}"
_SIZES = ("cpu", "memory_mb", "disk_gb")
_RESOURCE = shape(
    {
        **dict.fromkeys(("host", "project"), TEXT),
        **dict.fromkeys(_SIZES, NUMBER),
    }
)
_IN_SHORT = shape(dict.fromkeys(("host_name", "service", "zone"), TEXT))
_EVENT = shape(
    {
        **dict.fromkeys(("name", "server_uuid", "status"), TEXT),
        "code": NUMBER,
    },
    {"tag": TEXT},
)

_ACTION = "POST /servers/{server_id}/action/"

ANSWERS: dict[str, Make] = {
    "GET /os-simple-tenant-usage": _usages,
    "GET /os-simple-tenant-usage/{quota_project}": _usage,
    "GET /os-instance_usage_audit_log": body(
        "instance_usage_audit_logs", always(_AUDIT)
    ),
    "GET /os-instance_usage_audit_log/{before}": body(
        "instance_usage_audit_log", always(_AUDIT)
    ),
    "POST /os-server-external-events": body("events", always(array(_EVENT))),
    **{
        f"{_ACTION}os-get{kind}Console": _OLD_CONSOLE
        for kind in ("VNC", "SPICE", "Serial")
    },
    "POST /servers/{server_id}/remote-consoles": body(
        "remote_console", always(_CONSOLE)
    ),
    "GET /os-console-auth-tokens/{console_token}": body(
        "console", always(_TOKEN)
    ),
    "GET /os-hosts": body("hosts", always(array(_IN_SHORT))),
    f"GET {_HOST}": body(
        "host", always(array(shape({"resource": _RESOURCE})))
    ),
    f"PUT {_HOST}": always(shape({"host": TEXT, "status": TEXT})),
}
