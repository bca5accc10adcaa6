"""Schemas of events."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common

_RESULTS = ["accepted", "success", "error"]

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "at": common.TIME,
        "object_type": common.STRING,
        "object_id": common.STRING,
        "action": {**common.STRING, "description": "Such as set.create."},
        "result": {"enum": _RESULTS},
        "reason": common.STRING,
        "user_id": common.OPTIONAL_STRING,
        "request_id": common.STRING,
        "project_id": common.OPTIONAL_STRING,
        "details": {"type": "object"},
        "host": {
            **common.STRING,
            "description": "Where it happened; for operators.",
        },
    },
    title="Event",
)
VIEW["required"].remove("host")

MANY = common.many("events", VIEW)

_OF_OBJECT: dict[str, Definition] = {
    "action": common.NAME,
    "result": {"type": "string", "enum": _RESULTS},
    "request_id": common.NAME,
    "since": {**common.TIME, "description": "At or after this time."},
}
LIST_OF_SET = common.listing(VIEW, sort_keys=["at"], filters=_OF_OBJECT)
LIST = common.listing(
    VIEW,
    sort_keys=["at"],
    filters={
        "object_type": {
            "type": "string",
            "enum": ["set", "host", "flavor", "keypair", "quota"],
        },
        "object_id": common.NAME,
        **_OF_OBJECT,
        **common.PROJECTS,
    },
)
