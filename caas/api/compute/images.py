"""Images, for clients that ask here and not at Glance."""

from collections.abc import Callable
from typing import Any

from caas import exception
from caas.api.compute import lists
from caas.api.compute.operation import Answer, Call, Versions, route
from caas.api.compute.schemas import servers as schemas
from caas.api.compute.views import common as views
from caas.core import records
from caas.core.records import Record
from caas.core.sets import MAX_METADATA

_VERSIONS: Versions = ("2.1", "2.35")
_LATER: Versions = ("2.1", "2.38")
_ONE = "/images/{image_id}"
_METADATA = f"{_ONE}/metadata"

#: What Glance calls what lists are asked for by here.
_FILTERS = {
    "name": "name",
    "minRam": "min_ram",
    "minDisk": "min_disk",
    "status": "status",
    "server": "instance_uuid",
    "type": "image_type",
    "changes-since": "updated_at",
}
_STATUS = {
    "active": "ACTIVE",
    "queued": "SAVING",
    "saving": "SAVING",
    "importing": "SAVING",
    "uploading": "SAVING",
    "deleted": "DELETED",
    "pending_delete": "DELETED",
    "killed": "ERROR",
}
_PROGRESS = {"queued": 25, "saving": 50, "active": 100}


def _links(call: Call, item: Record) -> list[dict[str, str]]:
    return [
        *views.links(call.url, "images", item.id),
        {
            "rel": "alternate",
            "type": "application/vnd.openstack.image",
            "href": views.bookmark(call.url, "images", item.id),
        },
    ]


def _short(call: Call, item: Record) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.values.get("name"),
        "links": _links(call, item),
    }


def _long(call: Call, item: Record) -> dict[str, Any]:
    values = item.values
    status = str(values.get("status"))
    view = {
        **_short(call, item),
        "minRam": int(values.get("min_ram") or 0),
        "minDisk": int(values.get("min_disk") or 0),
        "metadata": item.properties,
        "created": values.get("created_at"),
        "updated": values.get("updated_at") or values.get("created_at"),
        "status": _STATUS.get(status, "UNKNOWN"),
        "progress": _PROGRESS.get(status, 0),
        "OS-EXT-IMG-SIZE:size": int(values.get("size") or 0),
    }
    server = item.properties.get("instance_uuid")
    if server:
        view["server"] = {
            "id": server,
            "links": views.links(call.url, "servers", server),
        }
    return view


def _list(
    call: Call, path: str, view: Callable[[Call, Record], dict[str, Any]]
) -> dict[str, Any]:
    query = {}
    for key, text in ((k, call.one(k)) for k in call.query):
        if key in _FILTERS and text:
            query[_FILTERS[key]] = text
        elif key.startswith("property-") and text:
            query[key.removeprefix("property-")] = text
    if "status" in query:
        query["status"] = query["status"].lower()
    if "name" in query:
        # Glance takes what stands before a colon for an operator
        query["name"] = f"eq:{query['name']}"
    if "updated_at" in query:
        query["updated_at"] = f"gte:{query['updated_at']}"
    if "instance_uuid" in query:
        # old clients name a server by its URL
        query["instance_uuid"] = query["instance_uuid"].rpartition("/")[2]
    size = lists.limit(call)
    query["limit"] = str(size)
    marker = call.one("marker")
    if marker is not None:
        query["marker"] = marker
    try:
        found = records.list_(call.deps, call.ctx, query)
    except exception.BadRequest:
        if marker is None:
            raise
        # the same whether it is not there or somebody else's
        raise exception.BadRequest(
            f"Marker {marker[:100]} could not be found."
        ) from None
    answer: dict[str, Any] = {"images": [view(call, each) for each in found]}
    if call.one("limit") and len(found) == size:
        answer["images_links"] = lists.next_page(call, path, found[-1].id)
    return answer


@route("GET", "/images", policy="caas:images:list", versions=_VERSIONS)
def list_(call: Call) -> dict[str, Any]:
    """List images in short."""
    return _list(call, "/images", _short)


@route("GET", "/images/detail", policy="caas:images:list", versions=_VERSIONS)
def detail(call: Call) -> dict[str, Any]:
    """List images with all there is to know of them."""
    return _list(call, "/images/detail", _long)


def _find(call: Call) -> Record:
    return records.get(call.deps, call.ctx, call.args["image_id"])


@route("GET", _ONE, policy="caas:images:list", versions=_VERSIONS)
def get(call: Call) -> dict[str, Any]:
    """Show an image."""
    return {"image": _long(call, _find(call))}


@route(
    "DELETE",
    _ONE,
    policy="caas:images:delete",
    status=204,
    versions=_VERSIONS,
)
def delete(call: Call) -> Answer:
    """Delete an image, if Glance lets the user."""
    try:
        records.delete(call.deps, call.ctx, call.args["image_id"])
    except (exception.Forbidden, exception.Conflict):
        raise exception.Forbidden(
            "You are not allowed to delete the image."
        ) from None
    return Answer(None)


@route("GET", _METADATA, policy="caas:images:list", versions=_LATER)
def metadata(call: Call) -> dict[str, Any]:
    """List its metadata."""
    return {"metadata": _find(call).properties}


@route(
    "POST",
    _METADATA,
    policy="caas:images:tag",
    body=schemas.METADATA_ALL,
    versions=_LATER,
)
def add(call: Call) -> dict[str, Any]:
    """Add pairs, or replace those of the same names."""
    item = _find(call)
    after = {**item.properties, **call.body["metadata"]}
    _write(call, item, after)
    return {"metadata": after}


@route(
    "PUT",
    _METADATA,
    policy="caas:images:tag",
    body=schemas.METADATA_ALL,
    versions=_LATER,
)
def replace(call: Call) -> dict[str, Any]:
    """Replace all of it."""
    _write(call, _find(call), call.body["metadata"])
    return {"metadata": call.body["metadata"]}


def _write(call: Call, item: Record, after: dict[str, str]) -> None:
    if len(after) > MAX_METADATA:
        raise exception.Forbidden(
            f"Maximum number of metadata items exceeds {MAX_METADATA}"
        )
    records.set_properties(call.deps, call.ctx, item, after)


@route(
    "GET", f"{_METADATA}/{{key}}", policy="caas:images:list", versions=_LATER
)
def get_pair(call: Call) -> dict[str, Any]:
    """Show one pair of it."""
    found, key = _find(call).properties, call.args["key"]
    if key not in found:
        raise exception.NotFound("Metadata item was not found")
    return {"meta": {key: found[key]}}


@route(
    "PUT",
    f"{_METADATA}/{{key}}",
    policy="caas:images:tag",
    body=schemas.METADATA_ONE,
    versions=_LATER,
)
def put_pair(call: Call) -> dict[str, Any]:
    """Add or replace one."""
    pair = call.body["meta"]
    if call.args["key"] not in pair:
        raise exception.BadRequest("Request body and URI mismatch")
    item = _find(call)
    _write(call, item, {**item.properties, **pair})
    return {"meta": pair}


@route(
    "DELETE",
    f"{_METADATA}/{{key}}",
    policy="caas:images:tag",
    status=204,
    versions=_LATER,
)
def delete_pair(call: Call) -> Answer:
    """Take one away."""
    item, key = _find(call), call.args["key"]
    if key not in item.properties:
        raise exception.NotFound("Invalid metadata key")
    after = {k: v for k, v in item.properties.items() if k != key}
    _write(call, item, after)
    return Answer(None)
