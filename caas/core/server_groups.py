"""Use cases of server groups: sets that are to be on one host, or apart.

A set is in the group it was made in, or in none.
"""

import uuid
from typing import Any

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core import quotas as core_quotas
from caas.core.deps import Deps
from caas.model.query import Query
from caas.model.quotas import GROUP_MEMBERS, Quota
from caas.model.server_groups import Policy, ServerGroup
from caas.store import events, quotas
from caas.store import server_groups as store
from caas.store.engine import retry, utcnow

_RESOURCE = "server_groups"


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[ServerGroup]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def get(
    deps: Deps,
    ctx: RequestContext,
    group_id: str,
    project_id: str | None = None,
) -> ServerGroup:
    """:param project_id: only a group of this project; None for any.
    :raises NotFound: there is none (or only in another project).
    """
    with deps.store.reader() as conn:
        found = store.get(conn, group_id, project_id)
    if found is None:
        raise _not_found(group_id)
    return found


@retry
def create(
    deps: Deps,
    ctx: RequestContext,
    name: str,
    policy: Policy,
    max_per_host: int | None = None,
) -> ServerGroup:
    """Names need not be unique.

    :param max_per_host: sets of it on one host; of anti-affinity only.
    :raises BadRequest: it is of another policy.
    :raises QuotaExceeded: the project has as many as may be.
    """
    if max_per_host is not None and policy != Policy.ANTI_AFFINITY:
        raise exception.BadRequest("Only anti-affinity policy supports rules.")
    item = ServerGroup(
        id=str(uuid.uuid4()),
        project_id=ctx.project_scope,
        user_id=ctx.user_id or "",
        name=name,
        policy=policy,
        max_per_host=max_per_host,
        created_at=utcnow(),
    )
    limit = core_quotas.ready(deps, item.project_id).resources[_RESOURCE].limit
    with deps.store.writer() as conn:
        lacking = quotas.claim(
            conn, item.project_id, {_RESOURCE: 1}, {_RESOURCE: limit}
        )
        if lacking is not None:
            raise exception.QuotaExceeded(
                "Quota exceeded, too many server groups."
            )
        store.insert(conn, item)
        _event(
            conn,
            ctx,
            item,
            "server-group.create",
            policy=policy.value,
            **({"max_per_host": max_per_host} if max_per_host else {}),
        )
    return item


@retry
def delete(deps: Deps, ctx: RequestContext, item: ServerGroup) -> None:
    """Its sets stay where they are, and are of no group any more.

    :raises NotFound: somebody else deleted it.
    """
    with deps.store.writer() as conn:
        if not store.delete(conn, item.id):
            raise _not_found(item.id)
        quotas.release(conn, item.project_id, {_RESOURCE: 1})
        _event(conn, ctx, item, "server-group.delete")


def join(
    conn: sa.Connection,
    ctx: RequestContext,
    group_id: str,
    count: int,
    quota: Quota,
) -> None:
    """Make sure that so many new sets can be in a group.

    First of all in the transaction that makes them.

    :raises BadRequest: there is no such group in the project.
    :raises QuotaExceeded: it would have too many.
    """
    has = store.join(conn, group_id, ctx.project_scope, utcnow())
    if has is None:
        raise exception.BadRequest(
            f"Instance group {group_id[:100]} could not be found."
        )
    limit = quota.resources[GROUP_MEMBERS].limit
    if 0 <= limit < has + count:
        raise exception.QuotaExceeded(
            "Quota exceeded, too many servers in group"
        )


def _not_found(group_id: str) -> exception.NotFound:
    return exception.NotFound(
        f"Instance group {group_id[:100]} could not be found."
    )


def _event(
    conn: sa.Connection,
    ctx: RequestContext,
    item: ServerGroup,
    action: str,
    **details: Any,
) -> None:
    events.add(
        conn,
        project_id=item.project_id,
        user_id=ctx.user_id,
        object_type="server-group",
        object_id=item.id,
        action=action,
        request_id=ctx.request_id or "",
        details={"name": item.name, **details},
    )
