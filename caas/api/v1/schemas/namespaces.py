"""Schemas of namespaces."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.images import Role

NAME: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 63,
    "pattern": r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*\Z",
    "x-must": "consist of lower-case letters and digits, with '.', '_' or "
    "'-' between them",
}

_PUBLIC: Definition = {
    **common.BOOLEAN,
    "description": "Everybody with an account may pull.",
}

CREATE = common.request(
    "namespace",
    common.obj(
        {
            "name": NAME,
            "description": common.DESCRIPTION,
            "public": {**_PUBLIC, "default": False},
        },
        ["name"],
    ),
)

UPDATE = common.request(
    "namespace",
    common.obj(
        {"description": common.DESCRIPTION, "public": _PUBLIC},
        [],
        minProperties=1,
    ),
)

_ROLE: Definition = {
    "enum": [role.value for role in Role],
    "description": "push includes pull.",
}

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "description": common.STRING,
        "public": _PUBLIC,
        "project_id": {**common.STRING, "description": "The owner."},
        "created_at": common.TIME,
        "links": common.LINKS,
    },
    title="Namespace",
)

ONE = common.one("namespace", VIEW)
MANY = common.many("namespaces", VIEW)
LIST = common.listing(
    VIEW,
    sort_keys=["name", "created_at", "id"],
    filters={
        "name": NAME,
        "public": common.BOOLEAN,
        **common.PROJECTS,
    },
)

MEMBER: Definition = common.obj(
    {"project_id": common.STRING, "role": _ROLE}, title="NamespaceMember"
)
SHARE = common.request("member", common.obj({"role": _ROLE}))
ONE_MEMBER = common.one("member", MEMBER)
MEMBERS = common.obj({"members": {"type": "array", "items": MEMBER}})
