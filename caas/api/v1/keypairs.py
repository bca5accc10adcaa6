"""Key pairs: what users sign in with at the SSH gateway."""

import dataclasses
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import keypairs as schemas
from caas.api.v1.views import keypairs as views
from caas.core import keypairs


@dataclasses.dataclass(frozen=True)
class _Owner:
    """Whose key pairs are meant; they are of no project."""

    user_id: str
    project_id: str | None


def _owner(call: Call, _project_id: str | None) -> _Owner:
    own = call.ctx.user_id or ""
    return _Owner(call.query.get("user_id", own), call.ctx.project_id)


@operation(
    "GET",
    "/v1/keypairs",
    policy="caas:keypairs:list",
    load=_owner,
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List your key pairs.

    Operators may ask for those of another user.
    """
    query = lists.query_of(call, "created_at")
    query.filters["user_id"] = call.target.user_id
    items = keypairs.list_(call.deps, call.ctx, query)
    return lists.page(
        call,
        "keypairs",
        "/v1/keypairs",
        items,
        lambda item: views.keypair(item, call.url),
    )


@operation(
    "GET",
    "/v1/keypairs/{keypair}",
    policy="caas:keypairs:get",
    load=_owner,
    query=schemas.OF_USER,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a key pair, by name or id."""
    item = keypairs.get(
        call.deps, call.ctx, call.target.user_id, call.args["keypair"]
    )
    return {"keypair": views.keypair(item, call.url)}


@operation(
    "POST",
    "/v1/keypairs",
    policy="caas:keypairs:create",
    load=_owner,
    body=schemas.CREATE,
    response=schemas.NEW,
    status=201,
)
def create(call: Call) -> dict[str, Any]:
    """Take in a public key, or make a key pair.

    With ``public_key`` that is taken in: Ed25519, ECDSA, RSA of 2048 bits or
    more, and those of security keys. Without, an Ed25519 pair is made, and
    the answer has its ``private_key``, which is not kept here.
    """
    asked = call.body["keypair"]
    item, private_key = keypairs.create(
        call.deps,
        call.ctx,
        call.target.user_id,
        asked["name"],
        asked.get("public_key"),
    )
    return {"keypair": views.keypair(item, call.url, private_key)}


@operation(
    "DELETE",
    "/v1/keypairs/{keypair}",
    policy="caas:keypairs:delete",
    load=_owner,
    query=schemas.OF_USER,
    status=204,
)
def delete(call: Call) -> None:
    """Delete a key pair, by name or id.

    Nobody gets in with it any more; who is in stays.
    """
    keypairs.delete(
        call.deps, call.ctx, call.target.user_id, call.args["keypair"]
    )
