"""Use cases of key pairs.

A pair belongs to a user and to no project: whoever has the private half may
do, at the SSH gateway, what that user may.
"""

import uuid
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core import sshkeys
from caas.core.deps import Deps
from caas.model.keypairs import SSH, Keypair
from caas.model.query import Query
from caas.store import events
from caas.store import keypairs as store
from caas.store.engine import retry, utcnow


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Keypair]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def get(deps: Deps, ctx: RequestContext, user_id: str, ident: str) -> Keypair:
    """:param ident: name or id.

    :raises NotFound: the user has none of this name.
    """
    with deps.store.reader() as conn:
        found = store.find(conn, user_id, ident)
    if found is None:
        raise _not_found(ident)
    return found


def create(
    deps: Deps,
    ctx: RequestContext,
    user_id: str,
    name: str,
    public_key: str | None = None,
) -> tuple[Keypair, str | None]:
    """Take in a public key, or make a pair.

    :returns: the key pair, and the private key if it was made here: the only
        time that anybody sees it.
    :raises BadRequest: the name or the key is of no use.
    :raises Conflict: the name is taken.
    :raises QuotaExceeded: the user has as many as may be.
    """
    if name in (".", ".."):
        raise exception.BadRequest(
            f"A key pair cannot be named {name!r}, which means something else "
            "in a URL."
        )
    private_key = None
    if public_key is None:
        key, private_key = sshkeys.generate(name)
    else:
        key = sshkeys.parse(public_key)
    keypair = Keypair(
        id=str(uuid.uuid4()),
        user_id=user_id,
        name=name,
        type=SSH,
        public_key=key.line,
        fingerprint=key.md5,
        sha256=key.sha256,
        created_at=utcnow(),
    )
    _insert(deps, ctx, keypair, made=private_key is not None)
    return keypair, private_key


@retry
def _insert(
    deps: Deps, ctx: RequestContext, keypair: Keypair, *, made: bool
) -> None:
    with deps.store.writer() as conn:
        store.insert(conn, keypair, deps.keypairs_limit, _over)
        events.add(
            conn, **_event(ctx, keypair, "keypair.create", generated=made)
        )


def _over(count: int) -> exception.QuotaExceeded:
    return exception.QuotaExceeded(
        f"You have {count} key pairs, which is as many as a user may have; "
        "delete what is not needed."
    )


def delete(deps: Deps, ctx: RequestContext, user_id: str, ident: str) -> None:
    """Nobody gets in with the key any more; who is in stays.

    :param ident: name or id.
    :raises NotFound: the user has none of this name.
    """
    keypair = get(deps, ctx, user_id, ident)
    with deps.store.writer() as conn:
        if not store.delete(conn, keypair.id):
            raise _not_found(ident)
        events.add(conn, **_event(ctx, keypair, "keypair.delete"))


def _not_found(ident: str) -> exception.NotFound:
    return exception.NotFound(
        f"There is no key pair with the name or id {ident!r}."
    )


def _event(
    ctx: RequestContext, keypair: Keypair, action: str, **details: Any
) -> dict[str, Any]:
    return {
        "user_id": ctx.user_id,
        "object_type": "keypair",
        "object_id": keypair.id,
        "action": action,
        "request_id": ctx.request_id or "",
        "details": {
            "name": keypair.name,
            "owner": keypair.user_id,
            "fingerprint": keypair.sha256,
            **details,
        },
    }
