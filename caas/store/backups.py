"""Backups of sets: images of which only the latest are kept."""

import datetime

import sqlalchemy as sa

from caas.model.images import Tag
from caas.store import tags
from caas.store.tables import backups as t
from caas.store.tables import tags as t_tags


def insert(
    conn: sa.Connection,
    image_id: str,
    set_id: str,
    kind: str,
    rotation: int,
    now: datetime.datetime,
) -> None:
    """An image is to be the backup of a set.

    :param kind: as the user calls it, such as ``daily``.
    :param rotation: how many of that kind and set are kept then.
    """
    conn.execute(
        t.insert().values(
            image_id=image_id,
            set_id=set_id,
            kind=kind,
            rotation=rotation,
            created_at=now,
        )
    )


def rotate(
    conn: sa.Connection, image_id: str, now: datetime.datetime
) -> list[Tag]:
    """A backup was made: those that are too many go to the recycle bin.

    :returns: these; none if the image is no backup.
    """
    new = conn.execute(
        sa.select(t).where(t.c.image_id == image_id)
    ).one_or_none()
    if new is None:
        return []
    ids = conn.execute(
        sa.select(t_tags.c.id)
        .join(t, t.c.image_id == t_tags.c.image_id)
        .where(
            t.c.set_id == new.set_id,
            t.c.kind == new.kind,
            t_tags.c.former == "",
        )
        .order_by(t.c.created_at.desc(), t.c.image_id)
    ).scalars()
    gone = []
    for tag_id in list(ids)[new.rotation :]:
        if tags.bin_(conn, tag_id, now) and (
            found := tags.by_id(conn, tag_id)
        ):
            gone.append(found[0])
    return gone
