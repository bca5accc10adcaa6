"""Volume attachments of servers: the containers of a set.

To attach an image is to add a container made from it, to detach a container
is to remove it, and to put another image in its place is to make it anew.
"""

from typing import Any

from caas import exception
from caas.api.compute import lists, servers, wanted
from caas.api.compute.operation import Answer, Call, Part, route
from caas.api.compute.schemas import common
from caas.core import changes
from caas.model.containers import Container
from caas.model.sets import Set

_ALL = f"{servers.SERVER}/os-volume_attachments"
_ONE = f"{_ALL}/{{volume_id}}"

_ID = {"type": "string", "minLength": 1, "maxLength": 255}
_ATTACH = common.request(
    "volumeAttachment",
    common.obj(
        {
            "volumeId": _ID,
            "device": {"type": ["string", "null"], "maxLength": 255},
            "tag": Part(common.TAG, since=49),
            "delete_on_termination": Part(common.BOOLEAN, since=79),
        },
        ["volumeId"],
    ),
)
_SWAP = common.request(
    "volumeAttachment",
    common.obj(
        {
            "volumeId": _ID,
            "id": Part({}, since=85),
            "device": Part({}, since=85),
            "serverId": Part({}, since=85),
            "tag": Part({}, since=85),
            "delete_on_termination": Part(common.BOOLEAN, since=85),
        },
        ["volumeId"],
    ),
)


def _view(call: Call, item: Set, container: Container) -> dict[str, Any]:
    view: dict[str, Any] = {
        "serverId": item.id,
        "volumeId": container.id,
        # no device, though Nova's own schema wants one: what users look for
        "device": f"/containers/{container.name}",
    }
    if not call.at_least(89):
        view["id"] = container.id
    if call.at_least(70):
        view["tag"] = container.name
    if call.at_least(79):
        view["delete_on_termination"] = True
    if call.at_least(89):
        view["attachment_id"] = container.id
        view["bdm_uuid"] = container.id
    return view


@route(
    "GET",
    _ALL,
    policy="caas:sets:get",
    load=servers.load,
    query={"limit", "offset"},
)
def list_(call: Call) -> dict[str, Any]:
    """List the containers of a server."""
    item = call.target
    start = lists.offset(call)
    found = [each for each in item.containers if each.spec is not None]
    found = found[start:][: lists.limit(call)]
    return {"volumeAttachments": [_view(call, item, each) for each in found]}


@route("GET", _ONE, policy="caas:sets:get", load=servers.load)
def get(call: Call) -> dict[str, Any]:
    """Show a container of a server."""
    return {"volumeAttachment": _view(call, call.target, _find(call))}


def _find(call: Call) -> Container:
    ident = call.args["volume_id"]
    for each in call.target.containers:
        if each.spec is not None and each.id == ident:
            found: Container = each
            return found
    raise exception.NotFound(
        f"Instance {call.target.id} is not attached to volume {ident[:100]}"
    )


@route(
    "POST",
    _ALL,
    policy="caas:sets:update_containers",
    load=servers.load,
    body=_ATTACH,
)
def attach(call: Call) -> Answer:
    """Add a container made from an image."""
    asked = call.body["volumeAttachment"]
    before = call.target
    device = (asked.get("device") or "").rpartition("/")[2]
    name = wanted.container_name(
        asked.get("tag") or device, [each.name for each in before.containers]
    )
    business = [each for each in before.containers if each.spec is not None]
    last = max(each.index for each in business)
    after = changes.update(
        call.deps,
        call.ctx,
        before,
        "update",
        add=[
            {
                "name": name,
                "image": asked["volumeId"],
                "index": last,
                "env": wanted.env_of(before.metadata),
            }
        ],
    )
    (added,) = (each for each in after.containers if each.name == name)
    return Answer({"volumeAttachment": _view(call, after, added)})


@route(
    "PUT",
    _ONE,
    policy="caas:sets:update_containers",
    load=servers.load,
    body=_SWAP,
    status=202,
)
def swap(call: Call) -> Answer:
    """Make a container anew, from another image."""
    one = _find(call)
    image = call.body["volumeAttachment"]["volumeId"]
    if image != one.id:
        changes.rebuild(call.deps, call.ctx, call.target, one.id, image)
    return Answer(None)


@route(
    "DELETE",
    _ONE,
    policy="caas:sets:update_containers",
    load=servers.load,
    status=202,
)
def detach(call: Call) -> Answer:
    """Remove a container."""
    one = _find(call)
    business = [each for each in call.target.containers if each.spec]
    if len(business) == 1:
        raise exception.Conflict(
            "Can't detach root device volume: a server has at least one "
            "container; delete the server instead."
        )
    changes.update(call.deps, call.ctx, call.target, "update", remove=[one.id])
    return Answer(None)
