"""Answers about what stands around servers, for old clients most of all."""

from caas.api.compute.schemas.answers.shapes import (
    BOTH,
    MAYBE,
    MAYBE_TIME,
    NULL,
    NUMBER,
    PAIRS,
    TEXT,
    TIME,
    UUID,
    Make,
    always,
    array,
    body,
    nothing,
    one_of,
    page,
    shape,
    since,
)
from caas.api.schema import Definition

_SERVER = "/servers/{server_id}"
_IMAGE = "/images/{image_id}"

_IMAGE_LINKS: Definition = {
    "type": "array",
    "items": shape(
        {"rel": one_of("self", "bookmark", "alternate"), "href": TEXT},
        {"type": TEXT},
    ),
    "minItems": 3,
    "maxItems": 3,
}


def _image_in_short(_minor: int) -> Definition:
    return shape({"id": UUID, "name": MAYBE, "links": _IMAGE_LINKS})


def _image(minor: int) -> Definition:
    return shape(
        {
            **_image_in_short(minor)["properties"],
            "minRam": NUMBER,
            "minDisk": NUMBER,
            "metadata": PAIRS,
            "created": TEXT,
            "updated": TEXT,
            "status": one_of(
                "ACTIVE", "SAVING", "DELETED", "ERROR", "UNKNOWN"
            ),
            "progress": NUMBER,
            "OS-EXT-IMG-SIZE:size": {"type": ["integer", "null"]},
        },
        {"server": shape({"id": TEXT, "links": BOTH})},
    )


_NETWORK = shape(
    {
        "id": UUID,
        "label": TEXT,
        **dict.fromkeys(
            (
                *("cidr", "netmask", "gateway", "broadcast", "dns1", "dns2"),
                *("cidr_v6", "gateway_v6", "netmask_v6"),
            ),
            NULL,
        ),
    }
)
_TENANT_NETWORK = shape({"id": UUID, "label": TEXT, "cidr": TEXT})
_GROUP = shape(
    {
        "id": UUID,
        **dict.fromkeys(("name", "description", "tenant_id"), TEXT),
        "rules": {"type": "array", "maxItems": 0},
    }
)
#: Of what there is nothing.
_EMPTY: Definition = {"type": "array", "maxItems": 0}


def interface(minor: int) -> Definition:
    return shape(
        {
            "net_id": UUID,
            "port_id": UUID,
            "mac_addr": TEXT,
            "port_state": one_of("ACTIVE", "DOWN"),
            "fixed_ips": array(shape({"ip_address": TEXT, "subnet_id": UUID})),
            **since(minor, 70, {"tag": NULL}),
        }
    )


def _migration(minor: int) -> Definition:
    return shape(
        {
            "id": NUMBER,
            "instance_uuid": UUID,
            "status": TEXT,
            "source_compute": TEXT,
            "source_node": TEXT,
            **dict.fromkeys(("dest_compute", "dest_node"), MAYBE),
            "dest_host": NULL,
            "old_instance_type_id": NULL,
            "new_instance_type_id": NULL,
            "created_at": TIME,
            "updated_at": MAYBE_TIME,
            **since(
                minor,
                23,
                {"migration_type": one_of("migration", "evacuation")},
            ),
            **since(minor, 59, {"uuid": UUID}),
            **since(minor, 80, {"project_id": TEXT, "user_id": TEXT}),
        }
    )


#: What has no body.
_NOTHING = (
    *(f"DELETE {_IMAGE}", f"DELETE {_IMAGE}/metadata/{{key}}"),
    f"DELETE {_SERVER}/os-server-password",
    f"POST {_SERVER}/action/addSecurityGroup",
    f"POST {_SERVER}/action/os-resetState",
    f"POST {_SERVER}/action/unrescue",
)

ANSWERS: dict[str, Make] = {
    **dict.fromkeys(_NOTHING, nothing),
    # there is no password to tell
    f"POST {_SERVER}/action/rescue": always(shape({})),
    "GET /images": page("images", _image_in_short),
    "GET /images/detail": page("images", _image),
    f"GET {_IMAGE}": body("image", _image),
    f"GET {_IMAGE}/metadata": body("metadata", always(PAIRS)),
    f"POST {_IMAGE}/metadata": body("metadata", always(PAIRS)),
    f"PUT {_IMAGE}/metadata": body("metadata", always(PAIRS)),
    f"GET {_IMAGE}/metadata/{{key}}": body("meta", always(PAIRS)),
    f"PUT {_IMAGE}/metadata/{{key}}": body("meta", always(PAIRS)),
    "GET /os-networks": body("networks", always(array(_NETWORK))),
    "GET /os-networks/{network}": body("network", always(_NETWORK)),
    "GET /os-tenant-networks": body(
        "networks", always(array(_TENANT_NETWORK))
    ),
    "GET /os-tenant-networks/{network}": body(
        "network", always(_TENANT_NETWORK)
    ),
    "GET /os-security-groups": body("security_groups", always(array(_GROUP))),
    "GET /os-security-groups/{group}": body("security_group", always(_GROUP)),
    "GET /os-floating-ip-pools": body("floating_ip_pools", always(_EMPTY)),
    "GET /os-floating-ips": body("floating_ips", always(_EMPTY)),
    "GET /os-volumes": body("volumes", always(_EMPTY)),
    "GET /os-volumes/detail": body("volumes", always(_EMPTY)),
    "GET /os-snapshots": body("snapshots", always(_EMPTY)),
    "GET /os-snapshots/detail": body("snapshots", always(_EMPTY)),
    "GET /os-migrations": page("migrations", _migration),
    f"GET {_SERVER}/migrations": body("migrations", always(_EMPTY)),
    f"GET {_SERVER}/os-interface/{{port}}": body(
        "interfaceAttachment", interface
    ),
    f"GET {_SERVER}/os-server-password": body("password", always(TEXT)),
    f"GET {_SERVER}/topology": always(
        shape({"nodes": _EMPTY, "pagesize_kb": NULL})
    ),
}
