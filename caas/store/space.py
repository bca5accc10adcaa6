"""What images take of the store of their project, shared layers once.

Tags in the recycle bin count: their bytes are still there.
"""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from caas.model.images import Space
from caas.store.tables import (
    blobs,
    manifest_blobs,
    manifest_children,
    namespaces,
    tags,
)

_REPOSITORY = namespaces.c.name + "/" + tags.c.repository

#: What is told apart: by what identifies it, and its name.
_KINDS: Mapping[str, tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]] = {
    "namespace": (namespaces.c.id, namespaces.c.name),
    "repository": (_REPOSITORY, _REPOSITORY),
    "image": (tags.c.image_id, _REPOSITORY + ":" + tags.c.name),
}

BY = tuple(_KINDS)


def total(conn: sa.Connection, project_id: str) -> int:
    """Bytes a project has in the image store."""
    return _sum(
        conn,
        sa.select(blobs.c.size).where(blobs.c.project_id == project_id),
    )


def by(
    conn: sa.Connection,
    project_id: str,
    what: str,
    limit: int,
    *,
    namespace: str | None = None,
    repository: str | None = None,
) -> list[Space]:
    """The largest first.

    :param what: one of ``BY``.
    :param namespace: only within this one.
    :param repository: only within this one of all namespaces.
    """
    key, name = _KINDS[what]
    within = []
    if namespace is not None:
        within.append(namespaces.c.name == namespace)
    if repository is not None:
        within.append(tags.c.repository == repository)
    sizes = _sizes(conn, _refs(project_id, key, *within), limit)
    alone = _alone(conn, project_id, _refs(project_id, key))
    rows = conn.execute(
        sa.select(
            key.label("key"),
            sa.func.min(name).label("name"),
            sa.func.count().label("images"),
        )
        .select_from(tags)
        .join(namespaces, namespaces.c.id == tags.c.namespace_id)
        .where(namespaces.c.project_id == project_id, key.in_(sizes))
        .group_by(key)
    )
    named = {row.key: row for row in rows}
    return [
        Space(
            named[each].name,
            "" if what == "repository" else each,
            named[each].images,
            size,
            alone.get(each, 0),
        )
        for each, size in sizes.items()
    ]


def _sizes(
    conn: sa.Connection, refs: sa.CompoundSelect[Any], limit: int
) -> dict[str, int]:
    """By key, the largest first."""
    each = refs.subquery()
    rows = conn.execute(
        sa.select(each.c.key, sa.func.sum(blobs.c.size).label("size"))
        .join(blobs, blobs.c.id == each.c.blob_id)
        .group_by(each.c.key)
        .order_by(sa.desc("size"), each.c.key)
        .limit(limit)
    )
    return {row.key: int(row.size) for row in rows}


def _alone(
    conn: sa.Connection, project_id: str, refs: sa.CompoundSelect[Any]
) -> dict[str, int]:
    """By key, bytes of blobs that only it needs.

    A public blob of another project, which was mounted, stays with that.
    """
    each = refs.subquery()
    single = (
        sa.select(each.c.blob_id, sa.func.min(each.c.key).label("key"))
        .group_by(each.c.blob_id)
        .having(sa.func.count() == 1)
        .subquery()
    )
    rows = conn.execute(
        sa.select(single.c.key, sa.func.sum(blobs.c.size).label("size"))
        .join(blobs, blobs.c.id == single.c.blob_id)
        .where(blobs.c.project_id == project_id)
        .group_by(single.c.key)
    )
    return {row.key: int(row.size) for row in rows}


def alone(
    conn: sa.Connection, project_id: str, tag_ids: Collection[str]
) -> int:
    """Bytes that would be free if all these were gone."""
    going = sa.case((tags.c.id.in_(list(tag_ids)), 1), else_=0)
    return _sum(conn, _only(project_id, going))


def deleted(conn: sa.Connection, project_id: str) -> int:
    """Bytes that only images in the recycle bin need."""
    binned = sa.case((tags.c.deleted_at.is_(None), 0), else_=1)
    return _sum(conn, _only(project_id, binned))


def _only(
    project_id: str, going: sa.ColumnElement[int]
) -> sa.Select[tuple[int]]:
    """Sizes of its blobs that are in nothing for which ``going`` is 0."""
    refs = _refs(project_id, going).subquery()
    found = (
        sa.select(refs.c.blob_id)
        .group_by(refs.c.blob_id)
        .having(sa.func.min(refs.c.key) == 1)
        .subquery()
    )
    return (
        sa.select(blobs.c.size)
        .join(found, found.c.blob_id == blobs.c.id)
        .where(blobs.c.project_id == project_id)
    )


def _sum(conn: sa.Connection, sizes: sa.Select[tuple[int]]) -> int:
    each = sizes.subquery()
    found = conn.execute(sa.select(sa.func.sum(each.c.size))).scalar_one()
    return int(found or 0)


def _refs(
    project_id: str,
    key: sa.ColumnElement[Any],
    *within: sa.ColumnElement[bool],
) -> sa.CompoundSelect[Any]:
    """Each blob once for each key that needs it, itself or in an index."""
    columns = (key.label("key"), manifest_blobs.c.blob_id)
    source = tags.join(
        namespaces,
        sa.and_(
            namespaces.c.id == tags.c.namespace_id,
            namespaces.c.project_id == project_id,
            *within,
        ),
    )
    direct = sa.select(*columns).select_from(
        source.join(
            manifest_blobs,
            manifest_blobs.c.manifest_id == tags.c.manifest_id,
        )
    )
    inside = sa.select(*columns).select_from(
        source.join(
            manifest_children,
            manifest_children.c.manifest_id == tags.c.manifest_id,
        ).join(
            manifest_blobs,
            manifest_blobs.c.manifest_id == manifest_children.c.child_id,
        )
    )
    return sa.union(direct, inside)
