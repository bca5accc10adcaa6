"""Extra specs of flavors."""

from typing import Any

from caas import exception
from caas.api.compute.flavors import FLAVOR, find
from caas.api.compute.operation import Answer, Call, route
from caas.api.compute.schemas import common
from caas.core import flavors

_ALL = f"{FLAVOR}/os-extra_specs"
_ONE = f"{_ALL}/{{spec}}"

#: The length of a value is for the core to judge.
_SPECS = {
    "type": "object",
    "propertyNames": {
        "pattern": r"^[a-zA-Z0-9\-_:. ]{1,255}\Z",
        "x-must": "have letters, digits, '-', '_', ':', '.' and blanks only, "
        "255 at most",
    },
    "additionalProperties": {"type": ["string", "number"]},
}
_CREATE = common.request("extra_specs", _SPECS)
_UPDATE = {**_SPECS, "minProperties": 1, "maxProperties": 1}


def _texts(specs: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in specs.items()}


@route("GET", _ALL, policy="caas:flavors:get")
def list_(call: Call) -> dict[str, Any]:
    """List the extra specs of a flavor."""
    return {"extra_specs": find(call).extra_specs}


@route("GET", _ONE, policy="caas:flavors:get")
def get(call: Call) -> dict[str, Any]:
    """Show one of them."""
    item, name = find(call), call.args["spec"]
    if name not in item.extra_specs:
        raise exception.NotFound(
            f"Flavor {item.id} has no extra specs with key {name[:255]}."
        )
    return {name: item.extra_specs[name]}


@route("POST", _ALL, policy="caas:flavors:specify", body=_CREATE)
def create(call: Call) -> Any:
    """Add extra specs, or replace those of the same names."""
    specs = _texts(call.body["extra_specs"])
    flavors.specify(call.deps, call.ctx, find(call), specs)
    return call.body


@route("PUT", _ONE, policy="caas:flavors:specify", body=_UPDATE)
def update(call: Call) -> Any:
    """Add or replace one."""
    if call.args["spec"] not in call.body:
        raise exception.BadRequest("Request body and URI mismatch")
    flavors.specify(call.deps, call.ctx, find(call), _texts(call.body))
    return call.body


@route("DELETE", _ONE, policy="caas:flavors:specify")
def delete(call: Call) -> Answer:
    """Take one away."""
    flavors.unspecify(call.deps, call.ctx, find(call), call.args["spec"])
    return Answer(None)
