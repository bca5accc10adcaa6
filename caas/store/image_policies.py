"""What is demanded of images: a row for each project that does, and one for
the cloud."""

import datetime
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from caas.model.image_policies import Policy
from caas.store.tables import image_policies as t


def get(
    conn: sa.Connection, project_ids: Collection[str]
) -> dict[str, tuple[Policy, datetime.datetime]]:
    """By project, of those that have one; and since when it is as it is."""
    rows = conn.execute(
        sa.select(t).where(t.c.project_id.in_(set(project_ids)))
    )
    return {
        row.project_id: (Policy.from_dict(row.content), row.updated_at)
        for row in rows
    }


def put(
    conn: sa.Connection,
    project_id: str,
    policy: Policy,
    now: datetime.datetime,
) -> None:
    """:raises DBDuplicateEntry: somebody else did so for the first time."""
    values: dict[str, Any] = {
        "content": policy.to_dict(),
        "updated_at": now,
    }
    done = conn.execute(
        t.update().where(t.c.project_id == project_id).values(**values)
    )
    if done.rowcount == 0:
        conn.execute(t.insert().values(project_id=project_id, **values))


def delete(conn: sa.Connection, project_id: str) -> bool:
    """:returns: whether there was one."""
    done = conn.execute(t.delete().where(t.c.project_id == project_id))
    return done.rowcount == 1
