"""Answers about what users have besides servers, and about the API."""

from caas.api.compute.schemas.answers.shapes import (
    BOTH,
    FLAG,
    MAYBE,
    MAYBE_TIME,
    NONE,
    NUMBER,
    TEXT,
    TEXTS,
    TIME,
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

_SPECS: Definition = {"type": "object", "additionalProperties": TEXT}


def _flavor_in_short(minor: int) -> Definition:
    return shape(
        {
            **dict.fromkeys(("id", "name"), TEXT),
            "links": BOTH,
            **since(minor, 55, {"description": MAYBE}),
        }
    )


def _flavor(minor: int) -> Definition:
    return shape(
        {
            **_flavor_in_short(minor)["properties"],
            **dict.fromkeys(("vcpus", "ram", "disk"), NUMBER),
            "OS-FLV-EXT-DATA:ephemeral": NUMBER,
            # no number for none, once
            "swap": NUMBER if minor >= 75 else {"type": ["integer", "string"]},
            "rxtx_factor": {"type": "number"},
            "OS-FLV-DISABLED:disabled": FLAG,
            "os-flavor-access:is_public": FLAG,
            **since(minor, 61, {"extra_specs": _SPECS}),
        }
    )


def _keypair(minor: int) -> Definition:
    return shape(
        {
            **dict.fromkeys(("name", "public_key", "fingerprint"), TEXT),
            **since(minor, 2, {"type": one_of("ssh", "x509")}),
        }
    )


def _keypair_made(minor: int) -> Definition:
    return shape(
        {**_keypair(minor)["properties"], "user_id": TEXT},
        {"private_key": TEXT},
    )


def _keypair_alone(minor: int) -> Definition:
    return shape(
        {
            **_keypair(minor)["properties"],
            "user_id": TEXT,
            "id": NUMBER,
            "created_at": TIME,
            "updated_at": MAYBE_TIME,
            "deleted": FLAG,
            "deleted_at": MAYBE_TIME,
        }
    )


def _keypairs(minor: int) -> Definition:
    """Pages came with 2.35."""
    more = since(minor, 35, {"keypairs_links": links("next")})
    return shape(
        {"keypairs": array(shape({"keypair": _keypair(minor)}))}, more
    )


def _quota(minor: int, each: Definition) -> Definition:
    """:param each: schema of what is told of one resource."""
    names = ["instances", "cores", "ram", "key_pairs", "metadata_items"]
    names += ["server_groups", "server_group_members"]
    if minor <= 35:
        names += ["fixed_ips", "floating_ips", "security_groups"]
        names += ["security_group_rules"]
    if minor <= 56:
        names += ["injected_files", "injected_file_content_bytes"]
        names += ["injected_file_path_bytes"]
    return shape(dict.fromkeys(names, each))


def _limits_of(minor: int) -> Definition:
    return _named(_quota(minor, NUMBER))


def _limits_and_use(minor: int) -> Definition:
    names = ("limit", "in_use", "reserved")
    return _named(_quota(minor, shape(dict.fromkeys(names, NUMBER))))


def _class(minor: int) -> Definition:
    """Of projects that have no limits of their own."""
    first = ("instances", "cores", "ram", "key_pairs", "metadata_items")
    found = _quota(minor, NUMBER)["properties"]
    more = {k: v for k, v in found.items() if k not in first}
    if minor < 50:
        # those of projects lost them earlier
        more |= dict.fromkeys(
            (
                *("fixed_ips", "floating_ips", "security_groups"),
                "security_group_rules",
            ),
            NUMBER,
        )
    return shape(dict.fromkeys(first, NUMBER), {**more, "id": TEXT})


def _named(found: Definition) -> Definition:
    return shape({"id": TEXT, **found["properties"]})


def _limits(minor: int) -> Definition:
    parts = ("Instances", "Cores", "RAM", "ServerGroups")
    names = ["maxTotalInstances", "maxTotalCores", "maxTotalRAMSize"]
    names += [f"total{each}Used" for each in parts]
    names += ["maxTotalKeypairs", "maxServerMeta", "maxServerGroups"]
    names += ["maxServerGroupMembers"]
    networks = ("maxTotalFloatingIps", "totalFloatingIpsUsed")
    groups = ("maxSecurityGroups", "totalSecurityGroupsUsed")
    files = dict.fromkeys(("maxPersonality", "maxPersonalitySize"), NUMBER)
    old = dict.fromkeys((*networks, *groups, "maxSecurityGroupRules"), NUMBER)
    absolute = {
        **dict.fromkeys(names, NUMBER),
        **until(minor, 38, {"maxImageMeta": NUMBER}),
        **until(minor, 35, old),
        **until(minor, 56, files),
    }
    return shape({"rate": NONE, "absolute": shape(absolute)})


def _group(minor: int) -> Definition:
    many = {"policies": TEXTS, "metadata": _SPECS}
    rules = shape({}, {"max_server_per_host": NUMBER})
    return shape(
        {
            **dict.fromkeys(("id", "name"), TEXT),
            "members": TEXTS,
            **since(minor, 13, dict.fromkeys(("project_id", "user_id"), TEXT)),
            **until(minor, 63, many),
            **since(minor, 64, {"policy": TEXT, "rules": rules}),
        }
    )


def _groups(minor: int) -> Definition:
    return array(_group(minor))


_LINK = shape({"rel": TEXT, "href": TEXT}, {"type": TEXT})
_ALIKE: Definition = {
    "id": TEXT,
    "status": one_of("CURRENT", "SUPPORTED", "DEPRECATED"),
    "version": TEXT,
    "min_version": TEXT,
    "updated": ZULU,
    "links": array(_LINK),
}
_VERSION = always(
    shape(
        {**_ALIKE, "media-types": array(shape({"base": TEXT, "type": TEXT}))}
    )
)
_VERSIONS = always(array(shape(_ALIKE)))
_EXTENSION = always(
    shape(
        {
            **dict.fromkeys(("alias", "name", "description"), TEXT),
            **dict.fromkeys(("namespace", "updated"), TEXT),
            "links": array(_LINK),
        }
    )
)
_ACCESS = always(array(shape(dict.fromkeys(("flavor_id", "tenant_id"), TEXT))))

#: As they were given, which Nova echoes.
_GIVEN: Definition = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number"]},
}

_FLAVOR = "/flavors/{flavor_id}"
_KEYPAIR = "/os-keypairs/{keypair}"
_QUOTA = "/os-quota-sets/{quota_project}"
_GROUP = "/os-server-groups/{group_id}"

ANSWERS: dict[str, Make] = {
    "GET /": body("versions", _VERSIONS),
    "GET /v2": body("version", _VERSION),
    "GET /v2.1": body("version", _VERSION),
    "GET /versions/{version_id}": body("version", _VERSION),
    "GET /extensions": body(
        "extensions", lambda minor: array(_EXTENSION(minor))
    ),
    "GET /extensions/{alias}": body("extension", _EXTENSION),
    "GET /flavors": page("flavors", _flavor_in_short),
    "GET /flavors/detail": page("flavors", _flavor),
    "POST /flavors": body("flavor", _flavor),
    f"GET {_FLAVOR}": body("flavor", _flavor),
    f"PUT {_FLAVOR}": body("flavor", _flavor),
    f"DELETE {_FLAVOR}": nothing,
    f"GET {_FLAVOR}/os-extra_specs": body("extra_specs", always(_SPECS)),
    f"POST {_FLAVOR}/os-extra_specs": body("extra_specs", always(_GIVEN)),
    f"GET {_FLAVOR}/os-extra_specs/{{spec}}": always(_SPECS),
    f"PUT {_FLAVOR}/os-extra_specs/{{spec}}": always(_GIVEN),
    f"DELETE {_FLAVOR}/os-extra_specs/{{spec}}": nothing,
    f"GET {_FLAVOR}/os-flavor-access": body("flavor_access", _ACCESS),
    f"POST {_FLAVOR}/action/addTenantAccess": body("flavor_access", _ACCESS),
    f"POST {_FLAVOR}/action/removeTenantAccess": body(
        "flavor_access", _ACCESS
    ),
    "GET /os-keypairs": _keypairs,
    "POST /os-keypairs": body("keypair", _keypair_made),
    f"GET {_KEYPAIR}": body("keypair", _keypair_alone),
    f"DELETE {_KEYPAIR}": nothing,
    f"GET {_QUOTA}": body("quota_set", _limits_of),
    f"GET {_QUOTA}/detail": body("quota_set", _limits_and_use),
    f"GET {_QUOTA}/defaults": body("quota_set", _limits_of),
    f"PUT {_QUOTA}": body("quota_set", lambda minor: _quota(minor, NUMBER)),
    f"DELETE {_QUOTA}": nothing,
    "GET /os-quota-class-sets/{quota_class}": body("quota_class_set", _class),
    "PUT /os-quota-class-sets/{quota_class}": body("quota_class_set", _class),
    "GET /limits": body("limits", _limits),
    "GET /os-server-groups": body("server_groups", _groups),
    "POST /os-server-groups": body("server_group", _group),
    f"GET {_GROUP}": body("server_group", _group),
    f"DELETE {_GROUP}": nothing,
}
