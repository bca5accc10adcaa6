"""Use cases of quotas."""

import sqlalchemy as sa

from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.quotas import Quota
from caas.store import events
from caas.store import quotas as store


def get(deps: Deps, ctx: RequestContext, project_id: str) -> Quota:
    """Limits and use of a project; the defaults for one never seen."""
    with deps.store.reader() as conn:
        return store.get(conn, project_id, deps.quota_defaults)


def set_(
    deps: Deps, ctx: RequestContext, project_id: str, limits: dict[str, int]
) -> Quota:
    """Set limits by resource, -1 for none; those not named stay.

    A limit below what is used stops new sets and touches no running one.
    """
    if limits:
        with deps.store.writer() as conn:
            store.set_limits(conn, project_id, limits)
            _event(conn, ctx, project_id, "quota.update", limits)
    return get(deps, ctx, project_id)


def reset(deps: Deps, ctx: RequestContext, project_id: str) -> None:
    """Back to the defaults."""
    with deps.store.writer() as conn:
        store.reset(conn, project_id)
        _event(conn, ctx, project_id, "quota.reset", {})


def _event(
    conn: sa.Connection,
    ctx: RequestContext,
    project_id: str,
    action: str,
    limits: dict[str, int],
) -> None:
    events.add(
        conn,
        project_id=project_id,
        user_id=ctx.user_id,
        object_type="quota",
        object_id=project_id,
        action=action,
        request_id=ctx.request_id or "",
        details=limits,
    )
