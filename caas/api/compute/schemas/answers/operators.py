"""Answers about hosts, and about what else operators look at."""

from caas.api.compute.schemas.answers.shapes import (
    FLAG,
    MAYBE,
    MAYBE_TIME,
    NUMBER,
    PAIRS,
    TEXT,
    TEXTS,
    TIME,
    UUID,
    Make,
    array,
    body,
    nothing,
    one_of,
    page,
    shape,
    since,
    until,
)
from caas.api.schema import Definition

_RESOURCES = (
    *("vcpus", "vcpus_used", "memory_mb", "memory_mb_used"),
    *("free_ram_mb", "local_gb", "local_gb_used", "free_disk_gb"),
    *("disk_available_least", "running_vms", "current_workload"),
)
_UP = one_of("up", "down")
_ENABLED = one_of("enabled", "disabled")


def _id(minor: int) -> Definition:
    """Numbers were ids before 2.53."""
    return UUID if minor >= 53 else NUMBER


def _hypervisor(minor: int) -> Definition:
    return shape(
        {
            "id": _id(minor),
            "hypervisor_hostname": TEXT,
            "state": _UP,
            "status": _ENABLED,
        },
        since(minor, 53, {"servers": _SERVERS}),
    )


_SERVERS = array(shape(dict.fromkeys(("name", "uuid"), TEXT)))


def _hypervisor_in_full(minor: int) -> Definition:
    short = _hypervisor(minor)
    service = shape({"id": _id(minor), "host": TEXT, "disabled_reason": MAYBE})
    info: Definition = {"type": "object"} if minor >= 28 else TEXT
    old = {**dict.fromkeys(_RESOURCES, NUMBER), "cpu_info": info}
    named = {k: short["properties"][k] for k in short["required"]}
    return shape(
        {
            **named,
            "hypervisor_type": TEXT,
            "hypervisor_version": NUMBER,
            "host_ip": MAYBE,
            "service": service,
            **until(minor, 87, old),
            **since(minor, 88, {"uptime": MAYBE}),
        },
        since(minor, 53, {"servers": _SERVERS}),
    )


def _matching(minor: int) -> Definition:
    """Before 2.53, with the servers on them."""
    short = _hypervisor(minor)
    return array(shape(short["properties"], {"servers": _SERVERS}))


def _uptime(minor: int) -> Definition:
    short = _hypervisor(minor)
    named = {k: short["properties"][k] for k in short["required"]}
    return shape({**named, "uptime": TEXT})


def _service(minor: int) -> Definition:
    return shape(
        {
            "id": _id(minor),
            **dict.fromkeys(("binary", "host", "zone"), TEXT),
            "status": _ENABLED,
            "state": _UP,
            "updated_at": MAYBE_TIME,
            "disabled_reason": MAYBE,
            **since(minor, 11, {"forced_down": FLAG}),
        }
    )


def _service_changed(minor: int) -> Definition:
    """Before 2.53, what was asked for."""
    if minor >= 53:
        return _service(minor)
    return shape(
        {"host": TEXT, "binary": TEXT},
        {"status": _ENABLED, "disabled_reason": TEXT, "forced_down": FLAG},
    )


def _zone(hosts: Definition) -> Definition:
    return array(
        shape(
            {
                "zoneName": TEXT,
                "zoneState": shape({"available": FLAG}),
                "hosts": hosts,
            }
        )
    )


_SEEN = shape({"active": FLAG, "available": FLAG, "updated_at": MAYBE_TIME})
_BY_NAME: Definition = {
    "type": ["object", "null"],
    "additionalProperties": {
        "type": "object",
        "additionalProperties": _SEEN,
    },
}


def _zones(_minor: int) -> Definition:
    return _zone({"type": "null"})


def _zones_in_full(_minor: int) -> Definition:
    return _zone(_BY_NAME)


def _statistics(_minor: int) -> Definition:
    return shape(dict.fromkeys((*_RESOURCES, "count"), NUMBER))


def _aggregate(minor: int) -> Definition:
    return shape(
        {
            "id": NUMBER,
            "name": TEXT,
            "availability_zone": MAYBE,
            "created_at": TIME,
            "updated_at": MAYBE_TIME,
            "deleted": FLAG,
            "deleted_at": MAYBE_TIME,
            "hosts": TEXTS,
            "metadata": PAIRS,
            **since(minor, 41, {"uuid": UUID}),
        }
    )


def _aggregate_made(minor: int) -> Definition:
    """Of a new one: it has no host yet, and does not say so."""
    found = dict(_aggregate(minor)["properties"])
    more = {key: found.pop(key) for key in ("hosts", "metadata")}
    return shape(found, more)


_AGGREGATE = "/os-aggregates/{aggregate}"
_HYPERVISOR = "/os-hypervisors/{hypervisor}"

ANSWERS: dict[str, Make] = {
    "GET /os-hypervisors": page("hypervisors", _hypervisor),
    "GET /os-hypervisors/detail": page("hypervisors", _hypervisor_in_full),
    "GET /os-hypervisors/statistics": body(
        "hypervisor_statistics", _statistics
    ),
    f"GET {_HYPERVISOR}/uptime": body("hypervisor", _uptime),
    f"GET {_HYPERVISOR}/search": body("hypervisors", _matching),
    f"GET {_HYPERVISOR}/servers": body("hypervisors", _matching),
    f"GET {_HYPERVISOR}": body("hypervisor", _hypervisor_in_full),
    "GET /os-services": body("services", lambda minor: array(_service(minor))),
    "PUT /os-services/{service_id}": body("service", _service_changed),
    "DELETE /os-services/{service_id}": nothing,
    "GET /os-availability-zone": body("availabilityZoneInfo", _zones),
    "GET /os-availability-zone/detail": body(
        "availabilityZoneInfo", _zones_in_full
    ),
    "GET /os-aggregates": body(
        "aggregates", lambda minor: array(_aggregate(minor))
    ),
    "POST /os-aggregates": body("aggregate", _aggregate_made),
    f"GET {_AGGREGATE}": body("aggregate", _aggregate),
    f"PUT {_AGGREGATE}": body("aggregate", _aggregate),
    f"DELETE {_AGGREGATE}": nothing,
    **{
        f"POST {_AGGREGATE}/action/{each}": body("aggregate", _aggregate)
        for each in ("add_host", "remove_host", "set_metadata")
    },
}
