"""Uploads under way.  Their bytes are in :mod:`caas.store.parts`."""

import datetime
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.store import parts
from caas.store.engine import utcnow
from caas.store.tables import uploads as t

_COLUMNS = (
    t.c.id,
    t.c.namespace_id,
    t.c.repository,
    t.c.project_id,
    t.c.size,
)


def _from_row(row: Any) -> model.Upload:
    return model.Upload(**row._mapping)


def insert(conn: sa.Connection, upload: model.Upload, user_id: str) -> None:
    now = utcnow()
    conn.execute(
        t.insert().values(
            id=upload.id,
            namespace_id=upload.namespace_id,
            repository=upload.repository,
            project_id=upload.project_id,
            size=upload.size,
            user_id=user_id,
            created_at=now,
            updated_at=now,
        )
    )


def get(
    conn: sa.Connection, upload_id: str, namespace_id: str, repository: str
) -> model.Upload | None:
    row = conn.execute(
        sa.select(*_COLUMNS).where(
            t.c.id == upload_id,
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
        )
    ).one_or_none()
    return None if row is None else _from_row(row)


def write(conn: sa.Connection, upload: model.Upload, part_id: str) -> bool:
    """Begin a body: what was on its way before is lost.

    :returns: whether the upload is as it was read.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == upload.id, t.c.size == upload.size)
        .values(writing=part_id, updated_at=utcnow())
    )
    if done.rowcount == 1:
        parts.insert(conn, part_id, upload.id, upload.size)
    return done.rowcount == 1


def beat(conn: sa.Connection, upload_id: str, part_id: str) -> bool:
    """Bytes of a body still come.

    :returns: whether they are still wanted.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == upload_id, t.c.writing == part_id)
        .values(updated_at=utcnow())
    )
    return done.rowcount == 1


def written(
    conn: sa.Connection, upload_id: str, part_id: str, size: int
) -> bool:
    """A body is safe.

    :param size: of all that is safe now.
    :returns: False: another one has taken its place.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == upload_id, t.c.writing == part_id)
        .values(writing="", size=size, updated_at=utcnow())
    )
    return done.rowcount == 1


def end(
    conn: sa.Connection,
    upload_id: str,
    *,
    size: int | None = None,
    before: datetime.datetime | None = None,
) -> list[str] | None:
    """Forget an upload; its parts are waste, but for one that was taken.

    :param size: only if it still is of this size.
    :param before: only if nothing happened since.
    :returns: the ids of those, None if it was not there, or not so.
    """
    statement = t.delete().where(t.c.id == upload_id)
    if size is not None:
        statement = statement.where(t.c.size == size)
    if before is not None:
        statement = statement.where(t.c.updated_at < before)
    if conn.execute(statement).rowcount != 1:
        return None
    return parts.leave(conn, upload_id)


def total(conn: sa.Connection, project_id: str) -> int:
    """Bytes of all uploads under way of a project."""
    return int(
        conn.execute(
            sa.select(sa.func.coalesce(sa.func.sum(t.c.size), 0)).where(
                t.c.project_id == project_id
            )
        ).scalar_one()
    )


def stale(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[str]:
    """Ids of uploads nobody went on with."""
    return list(
        conn.execute(
            sa.select(t.c.id)
            .where(t.c.updated_at < before)
            .order_by(t.c.updated_at)
            .limit(limit)
        ).scalars()
    )
