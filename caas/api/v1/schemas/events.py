"""Schemas of events."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.events import OBJECT_TYPES, RESULTS

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "at": common.TIME,
        "object_type": common.STRING,
        "object_id": common.STRING,
        "container": {
            **common.STRING,
            "description": "Name of the container of the set it is about; "
            "empty where it is about no single one.",
        },
        "container_id": common.STRING,
        "action": {**common.STRING, "description": "Such as set.create."},
        "result": {
            "enum": list(RESULTS),
            "description": "accepted: another event of the same request "
            "tells how it ended.",
        },
        "reason": common.STRING,
        "user_id": {
            **common.OPTIONAL_STRING,
            "description": "Who asked for it; null for what the service did "
            "or found by itself.",
        },
        "request_id": {
            **common.STRING,
            "description": "The request it goes back to.",
        },
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

ONE = common.one("event", VIEW)
MANY = common.many("events", VIEW)

_OF_OBJECT: dict[str, Definition] = {
    "action": {
        "type": "string",
        "maxLength": 64,
        "pattern": r"^[a-z][a-z.-]*\*?\Z",
        "x-must": "be an action such as set.create, or what actions begin "
        "with, as set. or set.*",
        "description": "An action, or what actions begin with, with a dot "
        "or an asterisk at its end.",
    },
    "container": {
        **common.NAME,
        "description": "Name or id of a container.",
    },
    "result": {"type": "string", "enum": list(RESULTS)},
    "user_id": {**common.NAME, "description": "Who asked for it."},
    "request_id": common.NAME,
    "host": {
        **common.NAME,
        "description": "Name of the host it happened on; for operators.",
    },
    "since": {**common.TIME, "description": "At or after this time."},
    "until": {**common.TIME, "description": "Before this time."},
}
LIST_OF_SET = common.listing(VIEW, sort_keys=["at"], filters=_OF_OBJECT)
LIST = common.listing(
    VIEW,
    sort_keys=["at"],
    filters={
        "object_type": {"type": "string", "enum": list(OBJECT_TYPES)},
        "object_id": common.NAME,
        **_OF_OBJECT,
        **common.PROJECTS,
    },
)
