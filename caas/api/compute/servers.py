"""Servers: sets."""

import dataclasses
from typing import Any

from caas import exception
from caas.api.compute import filters, lists, wanted
from caas.api.compute.operation import Answer, Call, route
from caas.api.compute.schemas import servers as schemas
from caas.api.compute.schemas.common import boolean
from caas.api.compute.views import common
from caas.api.compute.views.servers import Viewer, addresses
from caas.core import inputs, recycling, sets
from caas.model.sets import Set

SERVER = "/servers/{server_id}"


def load(call: Call, project_id: str | None) -> Set:
    """The set a path names.

    :raises NotFound: in Nova's words.
    """
    return find(call, call.args["server_id"], project_id)


def load_tagged(call: Call, project_id: str | None) -> Set:
    """As :func:`load`, with the tags that answers of this version have."""
    return find(
        call, call.args["server_id"], project_id, with_tags=_has_tags(call)
    )


def _has_tags(call: Call) -> bool:
    return call.at_least(26)


def find(
    call: Call,
    server_id: str,
    project_id: str | None,
    *,
    with_tags: bool = False,
) -> Set:
    try:
        return sets.get(
            call.deps, call.ctx, server_id, project_id, with_tags=with_tags
        )
    except exception.NotFound:
        raise exception.NotFound(
            f"Instance {server_id[:100]} could not be found."
        ) from None


def viewer(call: Call, items: list[Set]) -> Viewer:
    tags = {}
    if _has_tags(call):
        tags = {
            item.id: list(item.tags) for item in items if item.tags is not None
        }
        missing = [item.id for item in items if item.id not in tags]
        if missing:
            tags |= sets.tags_of(call.deps, missing)
    made = Viewer.of(call, tags)
    if made.host and call.at_least(3):
        ids = [item.id for item in items if item.has_user_data]
        if ids:
            told = inputs.user_data(call.deps, ids)
            made = dataclasses.replace(made, user_data=told)
    return made


def one(call: Call, item: Set) -> dict[str, Any]:
    return {"server": viewer(call, [item]).detail(item)}


@route(
    "POST",
    "/servers",
    policy="caas:sets:create",
    body=schemas.CREATE,
    status=202,
)
def create(call: Call) -> Answer:
    """Create servers."""
    try:
        body = wanted.of_request(call)
        items = sets.create(call.deps, call.ctx, body)
    except exception.BadRequest as error:
        flavor = str(call.body["server"]["flavorRef"])
        raise exception.BadRequest(words(error, flavor)) from None
    first = items[0]
    if boolean(call.body["server"].get("return_reservation_id", False)):
        return Answer({"reservation_id": first.reservation_id})
    self_link, bookmark = common.links(call.url, "servers", first.id)
    return Answer(
        {
            "server": {
                "id": first.id,
                "links": [self_link, bookmark],
                "OS-DCF:diskConfig": "AUTO",
                "security_groups": [{"name": "default"}],
            }
        },
        headers={"Location": self_link["href"]},
    )


def words(error: exception.CaasError, flavor: str) -> str:
    """Nova's, where clients look for them."""
    if error.message.startswith("There is no flavor "):
        return f"Flavor {flavor} could not be found."
    if error.message.startswith("There is no image "):
        return "Can not find requested image"
    if error.message.startswith("There is no key pair "):
        return "Invalid key_name provided."
    return error.message


@route("GET", "/servers", policy="caas:sets:list", query=filters.KNOWN)
def list_(call: Call) -> dict[str, Any]:
    """List servers in short."""
    items = _list(call, detail=False)
    view = Viewer.of(call).summary
    return lists.page(call, "servers", "/servers", items, view)


@route("GET", "/servers/detail", policy="caas:sets:list", query=filters.KNOWN)
def detail(call: Call) -> dict[str, Any]:
    """List servers with all there is to know of them."""
    items = _list(call, detail=True)
    view = viewer(call, items).in_list
    return lists.page(call, "servers", "/servers/detail", items, view)


def _list(call: Call, *, detail: bool) -> list[Set]:
    return lists.fetch(
        filters.query(call),
        lambda query: sets.list_(
            call.deps,
            call.ctx,
            query,
            detail=detail,
            infra=False,
            with_tags=detail and _has_tags(call),
        ),
    )


@route("GET", SERVER, policy="caas:sets:get", load=load_tagged)
def get(call: Call) -> dict[str, Any]:
    """Show a server."""
    return one(call, call.target)


@route(
    "PUT",
    SERVER,
    policy="caas:sets:update",
    load=load,
    body=schemas.UPDATE,
)
def update(call: Call) -> dict[str, Any]:
    """Change name, description or host name."""
    changes = wanted.words(call.body["server"])
    item = sets.update(call.deps, call.ctx, call.target, changes)
    return {"server": changed(call, item)}


def changed(call: Call, item: Set) -> dict[str, Any]:
    """The answer to a change: in short before 2.75."""
    view = viewer(call, [item]).detail(item)
    if call.at_least(75):
        return view
    short = {k: v for k, v in view.items() if not _later(k)}
    return {**short, "addresses": _ips(item)}


def _later(key: str) -> bool:
    """Whether the answer to a change has it only from 2.75 on."""
    return key.startswith(
        ("OS-EXT-", "OS-SRV-USG", "os-extended-volumes")
    ) or key in (
        *("config_drive", "key_name", "security_groups", "host_status"),
    )


@route("DELETE", SERVER, policy="caas:sets:delete", load=load, status=204)
def delete(call: Call) -> None:
    """Delete a server."""
    recycling.delete(call.deps, call.ctx, call.target)


@route("GET", f"{SERVER}/ips", policy="caas:sets:get", load=load)
def ips(call: Call) -> dict[str, Any]:
    """List its addresses by network."""
    return {"addresses": _ips(call.target)}


@route("GET", f"{SERVER}/ips/{{label}}", policy="caas:sets:get", load=load)
def ip(call: Call) -> dict[str, Any]:
    """List its addresses in one network."""
    found = _ips(call.target)
    label = call.args["label"]
    if label not in found:
        raise exception.NotFound(
            "Instance is not a member of specified network"
        )
    return {label: found[label]}


def _ips(item: Set) -> dict[str, list[dict[str, Any]]]:
    return {
        label: [{k: each[k] for k in ("version", "addr")} for each in entries]
        for label, entries in addresses(item).items()
    }
