"""Quotas: limits, and what is used of them by guarded counters."""

from collections.abc import Mapping

import sqlalchemy as sa

from caas.model.quotas import RESOURCES, Quota, Usage
from caas.store.tables import quota_usages, quotas

#: In place of a project: limits of all that have none of their own.
CLASS = ""


def class_limits(conn: sa.Connection) -> dict[str, int]:
    """Those that differ from what is configured."""
    rows = conn.execute(
        sa.select(quotas.c.resource, quotas.c.limit).where(
            quotas.c.project_id == CLASS
        )
    )
    return {row.resource: row.limit for row in rows}


def get(
    conn: sa.Connection, project_id: str, defaults: Mapping[str, int]
) -> Quota:
    """:param defaults: limits as configured, of projects that have none of
    their own where there are no other ones for all of them.
    """
    own = conn.execute(
        sa.select(quotas.c.resource, quotas.c.limit).where(
            quotas.c.project_id == project_id
        )
    )
    limits = {
        **defaults,
        **class_limits(conn),
        **{row.resource: row.limit for row in own},
    }
    used = {
        row.resource: row.used
        for row in conn.execute(
            sa.select(quota_usages.c.resource, quota_usages.c.used).where(
                quota_usages.c.project_id == project_id
            )
        )
    }
    return Quota(
        project_id,
        {r: Usage(limits[r], used.get(r, 0)) for r in RESOURCES},
    )


def set_limits(
    conn: sa.Connection, project_id: str, limits: Mapping[str, int]
) -> None:
    """Replace the given limits, keep the others."""
    conn.execute(
        quotas.delete().where(
            quotas.c.project_id == project_id,
            quotas.c.resource.in_(list(limits)),
        )
    )
    conn.execute(
        quotas.insert(),
        [
            {"project_id": project_id, "resource": r, "limit": n}
            for r, n in sorted(limits.items())
        ],
    )


def reset(conn: sa.Connection, project_id: str) -> None:
    """Back to the defaults."""
    conn.execute(quotas.delete().where(quotas.c.project_id == project_id))


def prepare(conn: sa.Connection, project_id: str) -> None:
    """Make the counters of a project; a repeated or parallel call may raise
    an integrity error, which means that they are there."""
    conn.execute(
        quota_usages.insert(),
        [
            {"project_id": project_id, "resource": r, "used": 0}
            for r in RESOURCES
        ],
    )


def claim(
    conn: sa.Connection,
    project_id: str,
    amounts: Mapping[str, int],
    limits: Mapping[str, int],
) -> str | None:
    """Take from the quota by guarded UPDATE.

    :returns: None, or the resource there is too little of; then the caller
        must roll back.
    """
    u = quota_usages
    for resource, amount in sorted(amounts.items()):
        statement = u.update().where(
            u.c.project_id == project_id, u.c.resource == resource
        )
        limit = limits[resource]
        if limit >= 0:
            statement = statement.where(u.c.used + amount <= limit)
        done = conn.execute(statement.values(used=u.c.used + amount))
        if done.rowcount != 1:
            return resource
    return None


def release(
    conn: sa.Connection, project_id: str, amounts: Mapping[str, int]
) -> None:
    """Give back what :func:`claim` took; never below zero."""
    u = quota_usages
    for resource, amount in sorted(amounts.items()):
        conn.execute(
            u.update()
            .where(u.c.project_id == project_id, u.c.resource == resource)
            .values(
                used=sa.case((u.c.used > amount, u.c.used - amount), else_=0)
            )
        )
