"""Answers about servers."""

from caas.api.compute.schemas.answers.around import interface
from caas.api.compute.schemas.answers.shapes import (
    ANYTHING,
    BOTH,
    FLAG,
    MAYBE,
    MAYBE_TIME,
    NONE,
    NULL,
    NUMBER,
    PAIRS,
    TEXT,
    TEXTS,
    TIME,
    UUID,
    ZULU,
    Make,
    always,
    array,
    body,
    links,
    nothing,
    one_of,
    page,
    shape,
    since,
    until,
)
from caas.api.schema import Definition

_STATUS = one_of(
    *("ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "MIGRATING"),
    *("PASSWORD", "PAUSED", "REBOOT", "REBUILD", "RESCUE", "RESIZE"),
    *("REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED", "SHUTOFF"),
    *("SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE"),
)
_VM_STATE = one_of(
    *("active", "building", "paused", "suspended", "stopped", "rescued"),
    *("resized", "soft-delete", "deleted", "error", "shelved"),
    "shelved_offloaded",
)
_GROUPS = {"type": "array", "items": shape({"name": TEXT}), "minItems": 1}
_SHORT_ADDRESS = shape({"version": one_of(4, 6), "addr": TEXT})
_ADDRESS = shape(
    {
        "version": one_of(4, 6),
        "addr": TEXT,
        "OS-EXT-IPS:type": one_of("fixed", "floating"),
        "OS-EXT-IPS-MAC:mac_addr": TEXT,
    }
)
_SHORT_ADDRESSES: Definition = {
    "type": "object",
    "additionalProperties": array(_SHORT_ADDRESS),
}
_ADDRESSES: Definition = {
    "type": "object",
    "additionalProperties": array(_ADDRESS),
}
_IMAGE: Definition = {
    "anyOf": [one_of(""), shape({"id": UUID, "links": links("bookmark")})]
}
_FAULT = shape(
    {"code": NUMBER, "created": ZULU, "message": TEXT}, {"details": TEXT}
)


def summary(minor: int) -> Definition:
    return shape({"id": UUID, "name": TEXT, "links": BOTH})


def flavor(minor: int) -> Definition:
    """As a server shows it."""
    if minor < 47:
        return shape({"id": TEXT, "links": links("bookmark")})
    return shape(
        {
            **dict.fromkeys(("vcpus", "ram", "disk"), NUMBER),
            **dict.fromkeys(("ephemeral", "swap"), NUMBER),
            "original_name": TEXT,
            "extra_specs": PAIRS,
        }
    )


def _common(minor: int) -> Definition:
    """What answers to changes have in all versions."""
    return {
        "id": UUID,
        "name": TEXT,
        "links": BOTH,
        "status": _STATUS,
        "tenant_id": TEXT,
        "user_id": TEXT,
        "metadata": PAIRS,
        "hostId": TEXT,
        "image": _IMAGE,
        "flavor": flavor(minor),
        "created": ZULU,
        "updated": ZULU,
        "accessIPv4": TEXT,
        "accessIPv6": TEXT,
        "OS-DCF:diskConfig": one_of("AUTO", "MANUAL"),
        **since(minor, 9, {"locked": FLAG}),
        **since(minor, 19, {"description": MAYBE}),
        **since(minor, 26, {"tags": TEXTS}),
        **since(minor, 63, {"trusted_image_certificates": NULL}),
        **since(minor, 73, {"locked_reason": MAYBE}),
    }


_SOMETIMES: Definition = {"progress": NUMBER, "fault": _FAULT}


def _full(minor: int, more: Definition) -> Definition:
    """:param more: what only one alone shows."""
    attached = shape({"id": UUID, **since(minor, 3, _DELETED_WITH_IT)})
    return shape(
        {
            **_common(minor),
            "addresses": _ADDRESSES,
            "config_drive": one_of("", "True"),
            "key_name": MAYBE,
            "OS-EXT-AZ:availability_zone": TEXT,
            "OS-SRV-USG:launched_at": MAYBE_TIME,
            "OS-SRV-USG:terminated_at": MAYBE_TIME,
            "OS-EXT-STS:task_state": MAYBE,
            "OS-EXT-STS:vm_state": _VM_STATE,
            "OS-EXT-STS:power_state": one_of(0, 1, 3, 4, 6, 7),
            "os-extended-volumes:volumes_attached": array(attached),
            **since(minor, 90, {"OS-EXT-SRV-ATTR:hostname": TEXT}),
            **since(minor, 96, {"pinned_availability_zone": MAYBE}),
            **more,
        },
        {**_SOMETIMES, "security_groups": _GROUPS, **_of_operators(minor)},
    )


_DELETED_WITH_IT: Definition = {"delete_on_termination": FLAG}


def _of_operators(minor: int) -> Definition:
    names = ["host", "hypervisor_hostname", "instance_name"]
    if minor >= 3:
        names += ["reservation_id", "hostname", "kernel_id", "ramdisk_id"]
        names += ["root_device_name", "user_data"]
    shown: Definition = {f"OS-EXT-SRV-ATTR:{each}": MAYBE for each in names}
    return {
        **shown,
        **since(minor, 3, {"OS-EXT-SRV-ATTR:launch_index": NUMBER}),
        **since(
            minor,
            16,
            {
                "host_status": one_of(
                    "UP", "DOWN", "MAINTENANCE", "UNKNOWN", ""
                )
            },
        ),
    }


def server(minor: int) -> Definition:
    return _full(minor, since(minor, 71, {"server_groups": TEXTS}))


def in_list(minor: int) -> Definition:
    return _full(minor, {})


def changed(minor: int) -> Definition:
    """After a change, in short before 2.75."""
    if minor >= 75:
        return server(minor)
    more = since(minor, 71, {"server_groups": TEXTS})
    return shape(
        {**_common(minor), **more, "addresses": _SHORT_ADDRESSES}, _SOMETIMES
    )


def rebuilt(minor: int) -> Definition:
    found = changed(minor)
    more = {
        **since(minor, 54, {"key_name": MAYBE}),
        **since(minor, 57, {"user_data": MAYBE}),
    }
    properties = {**found["properties"], **more}
    optional = set(properties) - set(found["required"]) - set(more)
    return shape(
        {k: v for k, v in properties.items() if k not in optional},
        {k: properties[k] for k in optional} | {"adminPass": TEXT},
    )


def _made(_minor: int) -> Definition:
    """Of one, or where many were asked for."""
    made = shape(
        {
            "id": UUID,
            "links": BOTH,
            "OS-DCF:diskConfig": one_of("AUTO", "MANUAL"),
            "security_groups": _GROUPS,
        },
        {"adminPass": TEXT},
    )
    return {
        "anyOf": [shape({"server": made}), shape({"reservation_id": TEXT})]
    }


def _attachment(minor: int) -> Definition:
    return shape(
        {
            "serverId": UUID,
            "volumeId": UUID,
            "device": MAYBE,
            **until(minor, 88, {"id": UUID}),
            **since(minor, 70, {"tag": MAYBE}),
            **since(minor, 79, _DELETED_WITH_IT),
            **since(minor, 89, {"attachment_id": UUID, "bdm_uuid": UUID}),
        }
    )


def _evacuated(minor: int) -> Definition | None:
    return None if minor >= 14 else shape({}, {"adminPass": TEXT})


def _image_made(minor: int) -> Definition | None:
    return shape({"image_id": UUID}) if minor >= 45 else None


def _interface(minor: int) -> Definition:
    address = shape({"ip_address": TEXT, "subnet_id": UUID})
    return shape(
        {
            **dict.fromkeys(("net_id", "port_id"), UUID),
            **dict.fromkeys(("mac_addr", "port_state"), TEXT),
            "fixed_ips": array(address),
            **since(minor, 70, {"tag": MAYBE}),
        }
    )


def _action(minor: int) -> Definition:
    return shape(
        {
            **dict.fromkeys(("action", "request_id"), TEXT),
            **dict.fromkeys(("user_id", "project_id"), TEXT),
            "instance_uuid": UUID,
            "start_time": TIME,
            "message": MAYBE,
            **since(minor, 58, {"updated_at": TIME}),
        }
    )


def _with_events(minor: int) -> Definition:
    event = shape(
        {
            "event": TEXT,
            "start_time": TIME,
            "finish_time": MAYBE_TIME,
            "result": one_of("Success", "Error", None),
            "traceback": MAYBE,
            **since(minor, 62, {"hostId": TEXT}),
            **since(minor, 84, {"details": MAYBE}),
        },
        {"host": TEXT},
    )
    found = _action(minor)
    events = array(event)
    return shape(
        {**found["properties"], **since(minor, 51, {"events": events})}
    )


def _actions(minor: int) -> Definition:
    return shape(
        {"instanceActions": array(_action(minor))},
        since(minor, 58, {"links": links("next")}),
    )


def _diagnostics(minor: int) -> Definition:
    if minor < 48:
        # names without a meaning of their own
        return {
            "type": "object",
            "additionalProperties": {"type": ["integer", "null"]},
        }
    count: Definition = {"type": ["integer", "null"]}
    words = ("octets", "errors", "drop", "packets", "rate")
    nic = {f"{way}_{each}": count for way in ("rx", "tx") for each in words}
    cpu = shape({"id": NUMBER, "time": count, "utilisation": count})
    return shape(
        {
            **dict.fromkeys(("state", "driver", "hypervisor"), TEXT),
            "hypervisor_os": TEXT,
            **dict.fromkeys(("uptime", "num_cpus", "num_nics"), NUMBER),
            "num_disks": NUMBER,
            "config_drive": FLAG,
            "cpu_details": array(cpu),
            "nic_details": array(shape({"mac_address": MAYBE, **nic})),
            "disk_details": array(ANYTHING),
            "memory_details": shape({"maximum": NUMBER, "used": NUMBER}),
        }
    )


_SERVER = "/servers/{server_id}"
_VOLUMES = f"{_SERVER}/os-volume_attachments"
_DONE = f"{_SERVER}/os-instance-actions"
_PLAIN_ACTIONS = (
    *("confirmResize", "forceDelete", "lock", "migrate"),
    *("os-start", "os-stop", "pause", "reboot", "resize"),
    *("resume", "revertResize", "shelve", "suspend", "unlock", "unpause"),
    "unshelve",
    "restore",
)

ANSWERS: dict[str, Make] = {
    "GET /servers": page("servers", summary),
    "GET /servers/detail": page("servers", in_list),
    "POST /servers": _made,
    f"GET {_SERVER}": body("server", server),
    f"PUT {_SERVER}": body("server", changed),
    f"DELETE {_SERVER}": nothing,
    **{f"POST {_SERVER}/action/{each}": nothing for each in _PLAIN_ACTIONS},
    f"POST {_SERVER}/action/rebuild": body("server", rebuilt),
    f"POST {_SERVER}/action/evacuate": _evacuated,
    f"POST {_SERVER}/action/createImage": _image_made,
    f"POST {_SERVER}/action/createBackup": _image_made,
    f"POST {_SERVER}/action/os-getConsoleOutput": body("output", always(TEXT)),
    f"GET {_SERVER}/diagnostics": _diagnostics,
    f"GET {_DONE}": _actions,
    f"GET {_DONE}/{{request_id}}": body("instanceAction", _with_events),
    f"GET {_SERVER}/ips": body("addresses", always(_SHORT_ADDRESSES)),
    f"GET {_SERVER}/ips/{{label}}": always(_SHORT_ADDRESSES),
    f"GET {_SERVER}/os-security-groups": body("security_groups", always(NONE)),
    f"GET {_SERVER}/os-interface": body(
        "interfaceAttachments", lambda minor: array(interface(minor))
    ),
    f"GET {_SERVER}/metadata": body("metadata", always(PAIRS)),
    f"POST {_SERVER}/metadata": body("metadata", always(PAIRS)),
    f"PUT {_SERVER}/metadata": body("metadata", always(PAIRS)),
    f"GET {_SERVER}/metadata/{{key}}": body("meta", always(PAIRS)),
    f"PUT {_SERVER}/metadata/{{key}}": body("meta", always(PAIRS)),
    f"DELETE {_SERVER}/metadata/{{key}}": nothing,
    f"GET {_SERVER}/tags": body("tags", always(TEXTS)),
    f"PUT {_SERVER}/tags": body("tags", always(TEXTS)),
    f"DELETE {_SERVER}/tags": nothing,
    f"GET {_SERVER}/tags/{{tag}}": nothing,
    f"PUT {_SERVER}/tags/{{tag}}": nothing,
    f"DELETE {_SERVER}/tags/{{tag}}": nothing,
    f"GET {_VOLUMES}": body(
        "volumeAttachments", lambda minor: array(_attachment(minor))
    ),
    f"POST {_VOLUMES}": body("volumeAttachment", _attachment),
    f"GET {_VOLUMES}/{{volume_id}}": body("volumeAttachment", _attachment),
    f"PUT {_VOLUMES}/{{volume_id}}": nothing,
    f"DELETE {_VOLUMES}/{{volume_id}}": nothing,
}
