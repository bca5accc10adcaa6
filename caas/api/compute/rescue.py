"""Servers in rescue: a shell stands in for what does not start."""

from typing import Any

from caas import exception
from caas.api.compute import servers
from caas.api.compute.expected import expect
from caas.api.compute.operation import Call, action
from caas.api.compute.schemas import servers as schemas
from caas.core import changes
from caas.model.states import SetStatus

_POLICY = "caas:sets:rescue"


@action(
    servers.SERVER,
    "rescue",
    policy=_POLICY,
    load=servers.load,
    body=schemas.RESCUE,
    status=200,
)
def rescue(call: Call) -> dict[str, Any]:
    """Have a shell stand in for the first container."""
    item = expect(
        call, "rescue", SetStatus.ACTIVE, SetStatus.SHUTOFF, SetStatus.ERROR
    )
    asked = call.body["rescue"] or {}
    try:
        changes.rescue(
            call.deps, call.ctx, item, asked.get("rescue_image_ref")
        )
    except exception.BadRequest as error:
        raise exception.BadRequest(servers.words(error, "")) from None
    # there is no password to tell
    return {}


@action(servers.SERVER, "unrescue", policy=_POLICY, load=servers.load)
def unrescue(call: Call) -> None:
    """Have it be what it was."""
    # whoever stops sets by the other API may stop one in rescue
    stopped = (SetStatus.SHUTOFF,) if call.target.rescued else ()
    item = expect(call, "unrescue", SetStatus.RESCUE, *stopped)
    changes.unrescue(call.deps, call.ctx, item)
