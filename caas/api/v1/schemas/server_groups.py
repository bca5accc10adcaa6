"""Schemas of server groups."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.server_groups import Policy

_POLICY: Definition = {
    "type": "string",
    "enum": [policy.value for policy in Policy],
    "description": "`affinity`: all on one host; `anti-affinity`: no more "
    "than `max_per_host` on one; the soft ones: as near to that as there is "
    "room.",
}

_MOST: Definition = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": common.INT_MAX,
    "description": "Sets on one host, of `anti-affinity`; one when left out.",
}

CREATE = common.request(
    "server_group",
    common.obj(
        {"name": common.NAME, "policy": _POLICY, "max_per_host": _MOST},
        ["name", "policy"],
    ),
)

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "policy": _POLICY,
        "max_per_host": _MOST,
        "members": {
            "type": "array",
            "items": common.UUID,
            "description": "Ids of its sets, the oldest first.",
        },
        "project_id": common.STRING,
        "user_id": common.STRING,
        "created_at": common.TIME,
        "links": common.LINKS,
    },
    title="ServerGroup",
)

ONE = common.one("server_group", VIEW)
MANY = common.many("server_groups", VIEW)
LIST = common.listing(
    VIEW,
    sort_keys=["created_at", "name", "id"],
    filters={"name": common.NAME, **common.PROJECTS},
)
