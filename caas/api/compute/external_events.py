"""What other services tell of servers."""

from typing import Any

from caas import exception
from caas.api.compute.operation import Answer, Call, route
from caas.api.compute.schemas import common
from caas.core import sets

#: Those of which there may be something to do for a set.
_MEANT = frozenset(
    {"network-changed", "network-vif-plugged", "network-vif-unplugged"}
    | {"network-vif-deleted"}
)
#: By the microversion that brought them; nothing of the like is part of sets.
_OTHERS = {
    "volume-extended": 51,
    "power-update": 76,
    "accelerator-request-bound": 82,
    "volume-reimaged": 93,
}

_EVENT = common.obj(
    {
        "name": {"enum": [*sorted(_MEANT), *_OTHERS]},
        "server_uuid": {
            "type": "string",
            "pattern": r"^[0-9a-fA-F-]{32,36}\Z",
            "x-must": "be a UUID",
        },
        "tag": {"type": "string", "maxLength": 255},
        "status": {"enum": ["failed", "completed", "in-progress"]},
    },
    ["server_uuid", "name"],
)
_EVENTS = common.obj(
    {
        "events": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": _EVENT,
        }
    },
    ["events"],
)


@route(
    "POST",
    "/os-server-external-events",
    policy="caas:sets:tell",
    body=_EVENTS,
)
def create(call: Call) -> Answer:
    """Have conductors look at the servers again."""
    answers, told = [], set()
    for each in call.body["events"]:
        if each["name"] in _OTHERS and not call.at_least(
            _OTHERS[each["name"]]
        ):
            raise exception.BadRequest(
                f"Invalid input for field/attribute name. {each['name']} is "
                "not known in this version."
            )
        code = _code(call, each)
        if code == 200:
            told.add(each["server_uuid"])
        status = each.get("status", "completed") if code == 200 else "failed"
        answers.append({**each, "status": status, "code": code})
    if told:
        sets.look_again(call.deps, call.ctx, sorted(told))
    whole = all(each["code"] == 200 for each in answers)
    return Answer({"events": answers}, status=200 if whole else 207)


def _code(call: Call, event: dict[str, Any]) -> int:
    """404: there is no such server; 422: it is on no host yet; 400: it has
    nothing of this kind."""
    try:
        item = sets.get(call.deps, call.ctx, event["server_uuid"])
    except exception.NotFound:
        return 404
    if item.host_id is None:
        return 422
    return 200 if event["name"] in _MEANT else 400
