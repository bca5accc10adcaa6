"""Lives of sets, for what they used."""

import datetime

import sqlalchemy as sa

from caas import exception
from caas.model import spec
from caas.model.usage import Life
from caas.store.tables import sets as t


def lives(
    conn: sa.Connection,
    start: datetime.datetime,
    stop: datetime.datetime,
    project_id: str | None,
    limit: int,
    marker: str | None,
) -> list[Life]:
    """Of sets that were there between two times, by project and id.

    :param project_id: None for all.
    :param marker: id of a set: those that follow it.
    :raises BadRequest: there is no such set.
    """
    statement = sa.select(t).where(
        t.c.launched_at < stop,
        sa.or_(t.c.deleted_at.is_(None), t.c.deleted_at > start),
    )
    if project_id is not None:
        statement = statement.where(t.c.project_id == project_id)
    if marker is not None:
        row = conn.execute(
            sa.select(t.c.project_id).where(t.c.id == marker)
        ).one_or_none()
        if row is None:
            raise exception.BadRequest(f"marker [{marker[:100]}] not found")
        statement = statement.where(
            sa.or_(
                t.c.project_id > row.project_id,
                sa.and_(t.c.project_id == row.project_id, t.c.id > marker),
            )
        )
    rows = conn.execute(
        statement.order_by(t.c.project_id, t.c.id).limit(limit)
    )
    return [
        Life(
            set_id=row.id,
            project_id=row.project_id,
            name=row.name,
            flavor_name=row.flavor_name,
            resources=spec.Resources(
                row.millicpus, row.memory_mb, row.disk_gb
            ),
            launched_at=row.launched_at,
            ended_at=row.deleted_at,
        )
        for row in rows
    ]
