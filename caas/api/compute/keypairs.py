"""Key pairs: for the SSH gateway."""

import dataclasses
import re
from typing import Any

from caas import exception
from caas.api.compute import lists
from caas.api.compute.operation import Answer, Call, Part, route
from caas.api.compute.schemas import common
from caas.api.compute.views import common as views
from caas.core import keypairs
from caas.model.keypairs import Keypair

_KEYPAIR = "/os-keypairs/{keypair}"
#: What names may be made of, as they stand in paths: before 2.92, and since.
_SAFE, _SAFE_LATER = (
    re.compile(r"[\w -]+", re.A),
    re.compile(r"[\w @.-]+", re.A),
)
_QUERY = lists.PAGING | {"user_id"}
_CREATE = common.request(
    "keypair",
    common.obj(
        {
            "name": common.NAME,
            "public_key": {"type": "string", "maxLength": 16384},
            "type": Part({"enum": ["ssh", "x509"]}, since=2),
            "user_id": Part({"type": "string", "maxLength": 64}, since=10),
        },
        ["name"],
    ),
)


@dataclasses.dataclass(frozen=True)
class _Owner:
    """Whose key pairs are meant; they are of no project."""

    user_id: str
    project_id: str | None


def _owner(call: Call, _project_id: str | None) -> _Owner:
    own = call.ctx.user_id or ""
    asked = call.one("user_id") if call.at_least(10) else None
    if asked is None and isinstance(call.body, dict):
        asked = (call.body.get("keypair") or {}).get("user_id")
    return _Owner(asked or own, call.ctx.project_id)


def _view(call: Call, item: Keypair, *, alone: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "name": item.name,
        "public_key": item.public_key,
        "fingerprint": item.fingerprint,
    }
    if call.at_least(2):
        view["type"] = item.type
    if alone:
        view |= {
            "user_id": item.user_id,
            "id": views.number(item.id),
            "created_at": views.plain(item.created_at),
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
    return view


@route(
    "GET",
    "/os-keypairs",
    policy="caas:keypairs:list",
    load=_owner,
    query=_QUERY,
)
def list_(call: Call) -> dict[str, Any]:
    """List key pairs."""
    query = lists.query_of(call, {}, None, {}, "name").ascending()
    filters = {"user_id": call.target.user_id}
    marker = query.marker if call.at_least(35) else None
    if marker is not None:
        try:
            found = keypairs.get(
                call.deps, call.ctx, call.target.user_id, marker
            )
        except exception.NotFound:
            raise lists.no_marker(marker) from None
        marker = found.id
    items = keypairs.list_(
        call.deps,
        call.ctx,
        dataclasses.replace(query, filters=filters, marker=marker),
    )
    return lists.page(
        call,
        "keypairs",
        "/os-keypairs",
        items,
        lambda item: {"keypair": _view(call, item, alone=False)},
        lambda item: item.name,
    )


@route(
    "GET", _KEYPAIR, policy="caas:keypairs:get", load=_owner, query={"user_id"}
)
def get(call: Call) -> dict[str, Any]:
    """Show a key pair."""
    return {"keypair": _view(call, _find(call), alone=True)}


def _find(call: Call) -> Keypair:
    name, user_id = call.args["keypair"], call.target.user_id
    missing = exception.NotFound(
        f"Keypair {name[:100]} not found for user {user_id}"
    )
    try:
        found = keypairs.get(call.deps, call.ctx, user_id, name)
    except exception.NotFound:
        raise missing from None
    if found.name != name:
        raise missing
    return found


@route(
    "POST",
    "/os-keypairs",
    policy="caas:keypairs:create",
    load=_owner,
    body=_CREATE,
)
def create(call: Call) -> Answer:
    """Take in a public key, or make a key pair."""
    asked = call.body["keypair"]
    safe = _SAFE_LATER if call.at_least(92) else _SAFE
    if not safe.fullmatch(asked["name"]):
        raise exception.BadRequest(
            "Invalid input for field/attribute name. It may have letters, "
            "digits, blanks, '_' and '-', and from 2.92 on '@' and '.'."
        )
    if call.at_least(92) and "public_key" not in asked:
        raise exception.BadRequest(
            "Invalid input for field/attribute keypair. 'public_key' is a "
            "required property."
        )
    if asked.get("type") == "x509":
        raise exception.BadRequest(
            "Key pairs of type x509 are not supported for container sets."
        )
    try:
        item, private_key = keypairs.create(
            call.deps,
            call.ctx,
            call.target.user_id,
            asked["name"],
            asked.get("public_key"),
        )
    except exception.Conflict:
        raise exception.Conflict(
            f"Key pair '{asked['name']}' already exists."
        ) from None
    view = _view(call, item, alone=False) | {"user_id": item.user_id}
    if private_key is not None:
        view["private_key"] = private_key
    return Answer({"keypair": view}, status=201 if call.at_least(2) else 200)


@route(
    "DELETE",
    _KEYPAIR,
    policy="caas:keypairs:delete",
    load=_owner,
    query={"user_id"},
)
def delete(call: Call) -> Answer:
    """Delete a key pair."""
    keypairs.delete(call.deps, call.ctx, call.target.user_id, _find(call).id)
    return Answer(None, status=204 if call.at_least(2) else 202)
