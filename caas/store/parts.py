"""Records in Glance that are no blob: parts of uploads, and waste.

Each is written down here before it is made in Glance, and forgotten after it
was deleted there, so that none is ever lost.
"""

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.model.jobs import ACTIVE
from caas.store.engine import utcnow
from caas.store.tables import jobs, uploads
from caas.store.tables import upload_parts as t


def _from_row(row: Any) -> model.Part:
    return model.Part(
        id=row.id,
        upload_id=row.upload_id,
        offset=row.offset,
        size=row.size,
        stored=row.stored,
        content=(
            model.Content.from_dict(row.content) if row.content else None
        ),
        published=row.published,
    )


def insert(
    conn: sa.Connection, part_id: str, upload_id: str, offset: int
) -> None:
    conn.execute(
        t.insert().values(
            id=part_id,
            upload_id=upload_id,
            offset=offset,
            created_at=utcnow(),
        )
    )


def stored(
    conn: sa.Connection,
    part_id: str,
    size: int,
    content: model.Content | None,
    *,
    published: bool,
) -> bool:
    """All of its bytes are in Glance.

    :param published: its record says what it is.
    :returns: whether it is still there.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == part_id, t.c.upload_id != "")
        .values(
            size=size,
            stored=True,
            published=published,
            content=content.to_dict() if content else {},
        )
    )
    return done.rowcount == 1


def of(conn: sa.Connection, upload_id: str) -> list[model.Part]:
    """The parts of an upload that are whole, from the first byte on."""
    rows = conn.execute(
        sa.select(t)
        .where(t.c.upload_id == upload_id, t.c.stored)
        .order_by(t.c.offset)
    )
    return [_from_row(row) for row in rows]


def take(conn: sa.Connection, part_id: str, upload_id: str) -> bool:
    """It becomes a blob.

    :returns: whether it is still wanted.
    """
    done = conn.execute(
        t.delete().where(t.c.id == part_id, t.c.upload_id == upload_id)
    )
    return done.rowcount == 1


def promise(conn: sa.Connection, record_id: str, job_id: str) -> None:
    """A record is to be the image that a job makes; when the job has ended
    without that, it is waste."""
    insert(conn, record_id, job_id, 0)


def promised(conn: sa.Connection, job_id: str) -> str | None:
    """The record that is to be the image a job makes."""
    found: str | None = conn.execute(
        sa.select(t.c.id).where(t.c.upload_id == job_id)
    ).scalar_one_or_none()
    return found


def give_back(conn: sa.Connection, record_id: str, job_id: str) -> None:
    """A record of a job has not become its image yet."""
    conn.execute(
        t.update()
        .where(t.c.id == record_id, t.c.upload_id == "")
        .values(upload_id=job_id)
    )


def leave(conn: sa.Connection, upload_id: str) -> list[str]:
    """Nobody wants the parts of this upload any more.

    :returns: their ids.
    """
    ids = list(
        conn.execute(
            sa.select(t.c.id).where(t.c.upload_id == upload_id)
        ).scalars()
    )
    abandon(conn, ids)
    return ids


def abandon(conn: sa.Connection, part_ids: Collection[str]) -> None:
    """Nobody wants these parts any more."""
    if part_ids:
        conn.execute(
            t.update().where(t.c.id.in_(part_ids)).values(upload_id="")
        )


def discard(conn: sa.Connection, record_ids: Iterable[str]) -> None:
    """Records that were something else are waste now."""
    now = utcnow()
    rows = [
        {"id": record_id, "upload_id": "", "offset": 0, "created_at": now}
        for record_id in record_ids
    ]
    if rows:
        conn.execute(t.insert(), rows)


def lose(conn: sa.Connection) -> None:
    """What no upload wants any more is waste: its upload is gone, or another
    body has taken its place; and what a job was to make, which has ended."""
    wanted = sa.exists().where(
        uploads.c.id == t.c.upload_id,
        sa.or_(t.c.stored, uploads.c.writing == t.c.id),
    )
    to_be = sa.exists().where(
        jobs.c.id == t.c.upload_id, jobs.c.state.in_(ACTIVE)
    )
    conn.execute(
        t.update()
        .where(t.c.upload_id != "", ~wanted, ~to_be)
        .values(upload_id="")
    )


def waste(conn: sa.Connection, limit: int, after: str = "") -> list[str]:
    """Ids of records nobody wants, in order.

    :param after: only those that follow this one.
    """
    return list(
        conn.execute(
            sa.select(t.c.id)
            .where(t.c.upload_id == "", t.c.id > after)
            .order_by(t.c.id)
            .limit(limit)
        ).scalars()
    )


def forget(conn: sa.Connection, part_ids: Collection[str]) -> None:
    """Their records are deleted."""
    conn.execute(t.delete().where(t.c.id.in_(part_ids)))
