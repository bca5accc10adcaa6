"""Flavors."""

from typing import Any

from oslo_utils import strutils

from caas import exception
from caas.api.compute import lists
from caas.api.compute.operation import Answer, Call, Part, route
from caas.api.compute.schemas import common
from caas.api.compute.schemas.common import integer
from caas.api.compute.views import flavors as views
from caas.core import flavors
from caas.model.flavors import Flavor

FLAVOR = "/flavors/{flavor_id}"
_QUERY = lists.PAGING | {"is_public", "minRam", "minDisk"}
_SORT = {
    "flavorid": "id",
    "id": "id",
    "name": "name",
    "memory_mb": "memory_mb",
    "vcpus": "vcpus",
    "created_at": "created_at",
}

_CREATE = common.request(
    "flavor",
    common.obj(
        {
            "name": common.NAME,
            "id": {
                "type": ["string", "number", "null"],
                "minLength": 1,
                "maxLength": 255,
                "pattern": r"^(?! )[a-zA-Z0-9. _-]+(?<! )\Z",
                "x-must": "have letters, digits, '.', '_', '-' and blanks "
                "between only",
            },
            "ram": common.count(1, 2147483647),
            "vcpus": common.count(1, 2147483647),
            "disk": common.count(0, 2147483647),
            "OS-FLV-EXT-DATA:ephemeral": common.count(0, 2147483647),
            "swap": common.count(0, 2147483647),
            "rxtx_factor": {
                "type": ["number", "string"],
                "pattern": r"^[0-9]+(\.[0-9]+)?\Z",
                "x-must": "be a number",
                "exclusiveMinimum": 0,
                "maximum": 3.40282e38,
            },
            "os-flavor-access:is_public": common.BOOLEAN,
            "description": Part(common.DESCRIPTION, since=55),
        },
        ["name", "ram", "vcpus", "disk"],
    ),
)
_UPDATE = common.request(
    "flavor", common.obj({"description": common.DESCRIPTION}, ["description"])
)


def find(call: Call) -> Flavor:
    """By id only: clients that have a name list, and look themselves."""
    ident = call.args["flavor_id"]
    try:
        found = flavors.get(call.deps, call.ctx, ident)
    except exception.NotFound:
        raise _missing(ident) from None
    if found.id != ident:
        raise _missing(ident)
    return found


def _missing(ident: str) -> exception.NotFound:
    return exception.NotFound(f"Flavor {ident[:100]} could not be found.")


@route("GET", "/flavors", policy="caas:flavors:list", query=_QUERY)
def list_(call: Call) -> dict[str, Any]:
    """List flavors in short."""
    minor = call.version.minor
    return lists.page(
        call,
        "flavors",
        "/flavors",
        _list(call),
        lambda item: views.summary(call.url, item, minor),
    )


@route("GET", "/flavors/detail", policy="caas:flavors:list", query=_QUERY)
def detail(call: Call) -> dict[str, Any]:
    """List flavors with all there is to know of them."""
    minor = call.version.minor
    return lists.page(
        call,
        "flavors",
        "/flavors/detail",
        _list(call),
        lambda item: views.detail(call.url, item, minor),
    )


def _list(call: Call) -> list[Flavor]:
    filters: dict[str, Any] = {}
    for name, key in (("minRam", "min_memory_mb"), ("minDisk", "min_disk_gb")):
        text = call.one(name)
        if text is None:
            continue
        least = lists.number(text)
        if least is None:
            raise exception.BadRequest(f"Invalid {name} [{text[:20]}]")
        filters[key] = least
    filters |= _access(call)
    query = lists.query_of(call, filters, None, _SORT, "created_at")
    if "sort_dir" not in call.query:
        query = query.ascending()
    return lists.fetch(
        query, lambda query: flavors.list_(call.deps, call.ctx, query)
    )


def _access(call: Call) -> dict[str, Any]:
    """Operators list all flavors there are by ``is_public=None``; others do
    not ask, and see those they may use."""
    text = call.one("is_public")
    if not call.ctx.all_flavors() or (text or "").lower() == "none":
        return {}
    try:
        public = text is None or strutils.bool_from_string(text, strict=True)
    except ValueError:
        raise exception.BadRequest(
            f"Invalid is_public filter [{text!r:.50}]"
        ) from None
    if public:
        return {"usable_by": call.ctx.project_id or ""}
    return {"private": True}


@route("GET", FLAVOR, policy="caas:flavors:get")
def get(call: Call) -> dict[str, Any]:
    """Show a flavor."""
    item = find(call)
    return {"flavor": views.detail(call.url, item, call.version.minor)}


@route("POST", "/flavors", policy="caas:flavors:create", body=_CREATE)
def create(call: Call) -> dict[str, Any]:
    """Make a flavor."""
    asked = call.body["flavor"]
    for key in ("OS-FLV-EXT-DATA:ephemeral", "swap"):
        if integer(asked.get(key) or 0):
            raise exception.BadRequest(
                f"{key} is not supported for container sets: a set has one "
                "volume, of the size of 'disk'."
            )
    item = flavors.create(
        call.deps,
        call.ctx,
        {
            "id": _id(asked.get("id")),
            "name": asked["name"],
            "description": asked.get("description") or "",
            "vcpus": integer(asked["vcpus"]),
            "memory_mb": integer(asked["ram"]),
            "disk_gb": integer(asked["disk"]),
            "public": common.boolean(
                asked.get("os-flavor-access:is_public", True)
            ),
        },
    )
    return {"flavor": views.detail(call.url, item, call.version.minor)}


def _id(value: Any) -> str | None:
    """Clients that want one made say ``auto``, or nothing."""
    if value in (None, "auto"):
        return None
    text = str(value)
    if len(text) > 36:
        raise exception.BadRequest(
            "Invalid input for field/attribute id. It must have 36 characters "
            "at most."
        )
    return text


@route(
    "PUT",
    FLAVOR,
    policy="caas:flavors:update",
    body=_UPDATE,
    versions=("2.55", None),
)
def update(call: Call) -> dict[str, Any]:
    """Change the description."""
    item = flavors.update(
        call.deps, call.ctx, find(call).id, call.body["flavor"]
    )
    return {"flavor": views.detail(call.url, item, call.version.minor)}


@route("DELETE", FLAVOR, policy="caas:flavors:delete", status=202)
def delete(call: Call) -> Answer:
    """Delete a flavor; servers made with it keep their size."""
    flavors.delete(call.deps, call.ctx, find(call).id)
    return Answer(None)
