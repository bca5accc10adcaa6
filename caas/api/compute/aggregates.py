"""Aggregates of hosts."""

from collections.abc import Callable
from typing import Any, NoReturn

from caas import exception
from caas.api.compute import lists
from caas.api.compute.operation import Answer, Call, action, route
from caas.api.compute.schemas import common
from caas.api.compute.views import common as views
from caas.core import aggregates
from caas.model.aggregates import ZONE, Aggregate

_ALL = "/os-aggregates"
_ONE = f"{_ALL}/{{aggregate}}"

_ZONE = {
    **common.NAME,
    "type": ["string", "null"],
    "pattern": r"^[^:]*\Z",
    "x-must": "have printable characters only, no colon, and no blanks at its "
    "ends",
}
_CREATE = common.request(
    "aggregate",
    common.obj({"name": common.NAME, ZONE: _ZONE}, ["name"]),
)
_UPDATE = common.request(
    "aggregate",
    {**common.obj({"name": common.NAME, ZONE: _ZONE}), "minProperties": 1},
)
_HOST = common.obj(
    {"host": {"type": "string", "minLength": 1, "maxLength": 255}}, ["host"]
)
_METADATA = common.obj(
    {
        "metadata": {
            **common.METADATA,
            "additionalProperties": {
                "type": ["string", "null"],
                "maxLength": 255,
            },
        }
    },
    ["metadata"],
)
_IMAGES = common.obj(
    {
        "cache": {
            "type": "array",
            "minItems": 1,
            "items": common.obj({"id": {"type": "string"}}, ["id"]),
        }
    },
    ["cache"],
)


def _number(call: Call) -> int:
    found = lists.number(call.args["aggregate"])
    if found is None:
        raise exception.BadRequest(
            "Invalid input received: id must be an integer"
        )
    return found


def _view(call: Call, item: Aggregate) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "hosts": list(item.hosts.values()),
        "metadata": item.metadata,
        "availability_zone": item.zone,
        "created_at": views.plain(item.created_at),
        "updated_at": views.plain(item.updated_at),
        "deleted": False,
        "deleted_at": None,
    }
    if call.at_least(41):
        view["uuid"] = item.uuid
    return view


def _refusing(run: Callable[[], Any]) -> Any:
    """Nova says 400 of some conflicts."""
    try:
        return run()
    except exception.Conflict as error:
        if error.message.startswith("Cannot "):
            raise exception.BadRequest(error.message) from None
        raise


@route("GET", _ALL, policy="caas:aggregates:list")
def list_(call: Call) -> dict[str, Any]:
    """List aggregates."""
    found = aggregates.list_(call.deps, call.ctx)
    return {"aggregates": [_view(call, each) for each in found]}


@route("GET", _ONE, policy="caas:aggregates:list")
def get(call: Call) -> dict[str, Any]:
    """Show an aggregate."""
    item = aggregates.get(call.deps, call.ctx, _number(call))
    return {"aggregate": _view(call, item)}


@route("POST", _ALL, policy="caas:aggregates:change", body=_CREATE)
def create(call: Call) -> dict[str, Any]:
    """Make an aggregate."""
    asked = call.body["aggregate"]
    item = aggregates.create(
        call.deps, call.ctx, asked["name"], asked.get(ZONE)
    )
    view = _view(call, item)
    return {
        "aggregate": {
            k: v for k, v in view.items() if k not in ("hosts", "metadata")
        }
    }


@route("PUT", _ONE, policy="caas:aggregates:change", body=_UPDATE)
def update(call: Call) -> dict[str, Any]:
    """Change name or zone."""
    asked, number = call.body["aggregate"], _number(call)
    name = asked.get("name")
    zone = {ZONE: asked[ZONE]} if ZONE in asked else None
    item = _refusing(
        lambda: aggregates.update(
            call.deps, call.ctx, number, name=name, metadata=zone
        )
    )
    return {"aggregate": _view(call, item)}


@route("DELETE", _ONE, policy="caas:aggregates:change")
def delete(call: Call) -> Answer:
    """Delete an aggregate that has no hosts."""
    number = _number(call)
    _refusing(lambda: aggregates.delete(call.deps, call.ctx, number))
    return Answer(None)


@action(
    _ONE,
    "add_host",
    policy="caas:aggregates:change",
    body=_HOST,
    status=200,
)
def add_host(call: Call) -> dict[str, Any]:
    """Put a host into it."""
    item = aggregates.add_host(
        call.deps, call.ctx, _number(call), call.body["add_host"]["host"]
    )
    return {"aggregate": _view(call, item)}


@action(
    _ONE,
    "remove_host",
    policy="caas:aggregates:change",
    body=_HOST,
    status=200,
)
def remove_host(call: Call) -> dict[str, Any]:
    """Take a host out of it."""
    item = aggregates.remove_host(
        call.deps, call.ctx, _number(call), call.body["remove_host"]["host"]
    )
    return {"aggregate": _view(call, item)}


@action(
    _ONE,
    "set_metadata",
    policy="caas:aggregates:change",
    body=_METADATA,
    status=200,
)
def set_metadata(call: Call) -> dict[str, Any]:
    """Change pairs of its metadata; null takes one away."""
    number, pairs = _number(call), call.body["set_metadata"]["metadata"]
    item = _refusing(
        lambda: aggregates.update(call.deps, call.ctx, number, metadata=pairs)
    )
    return {"aggregate": _view(call, item)}


@route(
    "POST",
    f"{_ONE}/images",
    policy="caas:aggregates:change",
    body=_IMAGES,
    status=202,
    versions=("2.81", None),
)
def images(call: Call) -> NoReturn:
    """Refused: hosts fetch what their sets are made of."""
    aggregates.get(call.deps, call.ctx, _number(call))
    raise exception.BadRequest(
        "Caching of images is not supported for container sets: hosts fetch "
        "layers as sets need them, each once."
    )
