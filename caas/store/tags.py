"""Tags: images by their names, and those that had them."""

import datetime
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.store import parts
from caas.store.tables import backups, containers, image_aliases
from caas.store.tables import tags as t

_COLUMNS = [column for column in t.c if column.name != "former"]


def _from_row(row: Any) -> model.Tag:
    return model.Tag(**row._mapping)


def insert(conn: sa.Connection, tag: model.Tag) -> None:
    """One that does not have its name yet; see :func:`switch`."""
    values = {c.name: getattr(tag, c.name) for c in _COLUMNS}
    conn.execute(t.insert().values(former=tag.id, **values))


def get(
    conn: sa.Connection, namespace_id: str, repository: str, name: str
) -> model.Tag | None:
    """The one that has the name."""
    row = conn.execute(
        sa.select(*_COLUMNS).where(
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
            t.c.name == name,
            t.c.former == "",
        )
    ).one_or_none()
    return None if row is None else _from_row(row)


def names(
    conn: sa.Connection,
    namespace_id: str,
    repository: str,
    last: str,
    limit: int | None,
) -> list[str]:
    """In order of their bytes.

    :param last: only those that follow this one.
    """
    found = conn.execute(
        sa.select(t.c.name).where(
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
            t.c.former == "",
        )
    ).scalars()
    # sorted here: databases differ in what comes first
    after = sorted(name for name in found if name > last)
    return after if limit is None else after[:limit]


def of_manifests(
    conn: sa.Connection, manifest_ids: Collection[str]
) -> list[model.Tag]:
    """Those that have their names, and show one of these manifests."""
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(t.c.manifest_id.in_(set(manifest_ids)), t.c.former == "")
        .order_by(t.c.created_at, t.c.id)
    )
    return [_from_row(row) for row in rows]


def by_image(
    conn: sa.Connection, image_ids: Collection[str]
) -> dict[str, model.Tag]:
    """By the ids of their Glance records, or of archives they came from;
    those in the recycle bin too."""
    wanted = set(image_ids)
    found = {
        row.image_id: _from_row(row)
        for row in conn.execute(
            sa.select(*_COLUMNS).where(t.c.image_id.in_(wanted))
        )
    }
    rows = conn.execute(
        sa.select(image_aliases.c.old_id, *_COLUMNS)
        .join(image_aliases, image_aliases.c.tag_id == t.c.id)
        .where(image_aliases.c.old_id.in_(wanted))
    )
    for row in rows:
        values = dict(row._mapping)
        old_id = values.pop("old_id")
        found[old_id] = model.Tag(**values)
    return found


def of_repository(
    conn: sa.Connection, namespace_id: str, repository: str
) -> list[model.Tag]:
    """Those that have their names."""
    rows = conn.execute(
        sa.select(*_COLUMNS).where(
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
            t.c.former == "",
        )
    )
    return [_from_row(row) for row in rows]


def give_up(conn: sa.Connection, tag: model.Tag) -> list[str]:
    """Forget one that was never given its name.

    :returns: ids of records that are waste now.
    """
    done = conn.execute(
        t.delete().where(
            t.c.id == tag.id, t.c.former == tag.id, t.c.deleted_at.is_(None)
        )
    )
    if done.rowcount != 1:
        return []
    parts.discard(conn, [tag.image_id])
    return [tag.image_id]


def alias(conn: sa.Connection, old_id: str, tag_id: str) -> None:
    """Have an id by which an image was known before mean a tag."""
    conn.execute(
        image_aliases.delete().where(image_aliases.c.old_id == old_id)
    )
    conn.execute(image_aliases.insert().values(old_id=old_id, tag_id=tag_id))


def switch(
    conn: sa.Connection, tag: model.Tag, now: datetime.datetime
) -> model.Tag | None:
    """Give a tag its name; the one that had it goes to the recycle bin.

    :returns: that one.
    :raises DBDuplicateEntry: somebody else moved the name just now.
    :raises LookupError: the tag is not there: it took too long.
    """
    former = get(conn, tag.namespace_id, tag.repository, tag.name)
    if former is not None and not bin_(conn, former.id, now):
        former = None
    done = conn.execute(
        t.update()
        .where(t.c.id == tag.id, t.c.former == tag.id)
        .values(former="", deleted_at=None, published=False, updated_at=now)
    )
    if done.rowcount != 1:
        raise LookupError(tag.id)
    return former


def bin_(conn: sa.Connection, tag_id: str, now: datetime.datetime) -> bool:
    """Put a tag that has its name into the recycle bin.

    Its record still has to be told, so it is not published.

    :returns: whether it had it.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == tag_id, t.c.former == "")
        .values(former=tag_id, deleted_at=now, updated_at=now, published=False)
    )
    return done.rowcount == 1


def unbin(conn: sa.Connection, tag_id: str, now: datetime.datetime) -> bool:
    """Give a tag its name again.

    :returns: whether it was in the recycle bin.
    :raises DBDuplicateEntry: another one has the name.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == tag_id, t.c.former == tag_id, t.c.deleted_at.is_not(None)
        )
        .values(former="", deleted_at=None, updated_at=now, published=False)
    )
    return done.rowcount == 1


def by_id(conn: sa.Connection, tag_id: str) -> tuple[model.Tag, bool] | None:
    """And whether it has its name."""
    row = conn.execute(
        sa.select(*_COLUMNS, t.c.former).where(t.c.id == tag_id)
    ).one_or_none()
    return None if row is None else _named(row)


def _named(row: Any) -> tuple[model.Tag, bool]:
    values = dict(row._mapping)
    has_name = values.pop("former") == ""
    return model.Tag(**values), has_name


def publish(conn: sa.Connection, tag: model.Tag, *, has_name: bool) -> bool:
    """Its record shows that it has its name, or not.

    :returns: whether that is so, and it is its record.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == tag.id,
            t.c.image_id == tag.image_id,
            t.c.former == ("" if has_name else tag.id),
        )
        .values(published=True)
    )
    return done.rowcount == 1


def renew(
    conn: sa.Connection, tag: model.Tag, image_id: str, now: datetime.datetime
) -> bool:
    """Give one that has its name another record; the former is waste then.

    :param image_id: of the other record, which shows all there is to show,
        and is waste by now.
    :returns: False: it has not got its name any more, or sets use it.
    """
    # touched at any rate, so that it is not tried again at once
    done = conn.execute(
        t.update()
        .where(
            t.c.id == tag.id,
            t.c.image_id == tag.image_id,
            t.c.former == "",
        )
        .values(updated_at=now)
    )
    if done.rowcount != 1:
        return False
    if not parts.take(conn, image_id, ""):
        return False
    done = conn.execute(
        t.update()
        .where(t.c.id == tag.id, _no_container(tag.image_id))
        .values(image_id=image_id, published=True)
    )
    if done.rowcount != 1:
        parts.discard(conn, [image_id])
        return False
    parts.discard(conn, [tag.image_id])
    alias(conn, tag.image_id, tag.id)
    conn.execute(
        backups.update()
        .where(backups.c.image_id == tag.image_id)
        .values(image_id=image_id)
    )
    return True


def unpublished(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[str]:
    """Ids of those whose records do not show what is written here, for long;
    not of those that never had their names."""
    rows = conn.execute(
        sa.select(t.c.id)
        .where(
            ~t.c.published,
            t.c.updated_at < before,
            sa.or_(t.c.former == "", t.c.deleted_at.is_not(None)),
        )
        .order_by(t.c.updated_at)
        .limit(limit)
    )
    return list(rows.scalars())


def next_(conn: sa.Connection, after: str, limit: int) -> list[model.Tag]:
    """Those that have their names, shown in Glance, and follow an id."""
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(t.c.id > after, t.c.former == "", t.c.published)
        .order_by(t.c.id)
        .limit(limit)
    )
    return [_from_row(row) for row in rows]


def over(
    conn: sa.Connection,
    binned: datetime.datetime,
    begun: datetime.datetime,
    limit: int,
) -> list[model.Tag]:
    """Those nobody wants back: in the recycle bin since before ``binned``
    and used by no set, or made before ``begun`` and never given a name."""
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(_over(binned, begun), _no_container(t.c.image_id))
        .order_by(t.c.updated_at)
        .limit(limit)
    )
    return [_from_row(row) for row in rows]


def collect(
    conn: sa.Connection,
    tag: model.Tag,
    binned: datetime.datetime,
    begun: datetime.datetime,
) -> bool:
    """Forget a tag if still nobody wants it; its record is to be deleted.

    :returns: whether it was.
    """
    done = conn.execute(
        t.delete().where(
            t.c.id == tag.id,
            _over(binned, begun),
            _no_container(tag.image_id),
        )
    )
    if done.rowcount != 1:
        return False
    conn.execute(
        image_aliases.delete().where(image_aliases.c.tag_id == tag.id)
    )
    parts.discard(conn, [tag.image_id])
    return True


def _over(
    binned: datetime.datetime, begun: datetime.datetime
) -> sa.ColumnElement[bool]:
    return sa.and_(
        t.c.former != "",
        sa.or_(
            t.c.deleted_at < binned,
            sa.and_(t.c.deleted_at.is_(None), t.c.updated_at < begun),
        ),
    )


def _no_container(image_id: Any) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(
        containers.c.image_id == image_id, containers.c.deleted_at.is_(None)
    )
