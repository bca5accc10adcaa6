"""Blobs: bytes in Glance, and the namespaces they are seen from.

Who makes something that refers to a blob calls :func:`touch` in the same
transaction: the row is then held against the collector, and known to be in
use afterwards.
"""

import datetime
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.store import parts
from caas.store.tables import blob_links as links
from caas.store.tables import blobs as t
from caas.store.tables import layers, manifest_blobs, manifests, namespaces


def from_row(row: Any) -> model.Blob:
    m = row._mapping
    return model.Blob(
        id=m["id"],
        data_id=m["data_id"],
        project_id=m["project_id"],
        content=model.Content(
            digest=m["digest"],
            size=m["size"],
            kind=model.Kind(m["kind"]),
            problem=m["problem"],
            diff_id=m["diff_id"],
            unpacked_size=m["unpacked_size"],
        ),
        missing=m["missing"],
        published=m["published"],
        created_at=m["created_at"],
    )


def insert(
    conn: sa.Connection, blob: model.Blob, now: datetime.datetime
) -> None:
    """:raises DBDuplicateEntry: the project has these bytes already."""
    conn.execute(
        t.insert().values(
            id=blob.id,
            data_id=blob.data_id,
            project_id=blob.project_id,
            **blob.content.to_dict(),
            missing=blob.missing,
            published=blob.published,
            used_at=now,
            created_at=blob.created_at,
        )
    )


def get(
    conn: sa.Connection, project_id: str, digest: str
) -> model.Blob | None:
    """The one of a project."""
    row = conn.execute(
        sa.select(t).where(t.c.project_id == project_id, t.c.digest == digest)
    ).one_or_none()
    return None if row is None else from_row(row)


def by_id(conn: sa.Connection, ids: Collection[str]) -> dict[str, model.Blob]:
    rows = conn.execute(sa.select(t).where(t.c.id.in_(set(ids))))
    return {row.id: from_row(row) for row in rows}


def find(
    conn: sa.Connection, namespace_id: str, digests: Collection[str]
) -> dict[str, model.Blob]:
    """What is seen from a namespace, by digest: what is linked there, else
    what is in a public one."""
    found: dict[str, model.Blob] = {}
    public = (
        sa.select(t)
        .join(links, links.c.blob_id == t.c.id)
        .join(namespaces, namespaces.c.id == links.c.namespace_id)
        .where(namespaces.c.public)
    )
    linked = (
        sa.select(t)
        .join(links, links.c.blob_id == t.c.id)
        .where(links.c.namespace_id == namespace_id)
    )
    # one that is linked takes the place of one that is public, and of
    # several the oldest that of the others
    for statement in (public, linked):
        rows = conn.execute(
            statement.where(
                t.c.digest.in_(set(digests)), ~t.c.missing
            ).order_by(t.c.created_at.desc(), t.c.id)
        )
        found |= {row.digest: from_row(row) for row in rows}
    return found


def link(
    conn: sa.Connection, namespace_id: str, blob_ids: Iterable[str]
) -> None:
    """Have blobs be seen from a namespace.

    :raises DBDuplicateEntry: somebody else did that just now.
    """
    wanted = set(blob_ids)
    there = conn.execute(
        sa.select(links.c.blob_id).where(
            links.c.namespace_id == namespace_id, links.c.blob_id.in_(wanted)
        )
    ).scalars()
    new = wanted - set(there)
    if new:
        conn.execute(
            links.insert(),
            [
                {"namespace_id": namespace_id, "blob_id": blob_id}
                for blob_id in sorted(new)
            ],
        )


def unlink(conn: sa.Connection, namespace_id: str, digest: str) -> bool:
    """:returns: whether it was seen from there."""
    done = conn.execute(
        links.delete().where(
            links.c.namespace_id == namespace_id,
            links.c.blob_id.in_(sa.select(t.c.id).where(t.c.digest == digest)),
        )
    )
    return done.rowcount > 0


def users(
    conn: sa.Connection, namespace_id: str, blob_id: str
) -> list[tuple[str, str]]:
    """Repository and digest of manifests in a namespace that refer to it."""
    rows = conn.execute(
        sa.select(manifests.c.repository, manifests.c.digest)
        .join(manifest_blobs, manifest_blobs.c.manifest_id == manifests.c.id)
        .where(
            manifests.c.namespace_id == namespace_id,
            manifests.c.state == model.State.LIVE,
            manifest_blobs.c.blob_id == blob_id,
        )
        .order_by(manifests.c.repository, manifests.c.digest)
        .limit(10)
    )
    return [(row.repository, row.digest) for row in rows]


def touch(
    conn: sa.Connection, blob_ids: Collection[str], now: datetime.datetime
) -> bool:
    """Say that somebody relies on blobs.

    :returns: whether all of them are there.
    """
    # one by one in order: two who touch the same ones must not deadlock
    for blob_id in sorted(set(blob_ids)):
        done = conn.execute(
            t.update().where(t.c.id == blob_id).values(used_at=now)
        )
        if done.rowcount != 1:
            return False
    return True


def restore(conn: sa.Connection, blob: model.Blob, record_id: str) -> bool:
    """Bytes that were missing have been uploaded again.

    :param record_id: of the Glance record they are in.
    :returns: whether they still were missing.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == blob.id, t.c.data_id == blob.data_id, t.c.missing)
        .values(data_id=record_id, missing=False, published=False)
    )
    if done.rowcount == 1 and blob.data_id != blob.id:
        parts.discard(conn, [blob.data_id])
    return done.rowcount == 1


def miss(conn: sa.Connection, data_id: str, *, missing: bool) -> bool:
    """Note whether Glance has the bytes of a blob.

    :returns: whether that is news.
    """
    done = conn.execute(
        t.update()
        .where(t.c.data_id == data_id, t.c.missing.is_(not missing))
        .values(missing=missing)
    )
    return done.rowcount == 1


def next_(conn: sa.Connection, after: str, limit: int) -> list[model.Blob]:
    """Those that follow an id, in order."""
    rows = conn.execute(
        sa.select(t).where(t.c.id > after).order_by(t.c.id).limit(limit)
    )
    return [from_row(row) for row in rows]


def unpublished(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[model.Blob]:
    """Blobs with a place, or that had one, whose records do not say what
    they are, for long."""
    rows = conn.execute(
        sa.select(t)
        .where(
            ~t.c.published,
            ~t.c.missing,
            t.c.used_at < before,
            sa.or_(
                sa.exists().where(manifest_blobs.c.blob_id == t.c.id),
                sa.exists().where(layers.c.blob_id == t.c.id),
            ),
        )
        .order_by(t.c.used_at)
        .limit(limit)
    )
    return [from_row(row) for row in rows]


def leaving(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[str]:
    """Ids of those whose records say that they are where they are not."""
    return list(
        conn.execute(
            sa.select(t.c.id)
            .where(t.c.leaving, t.c.used_at < before)
            .order_by(t.c.id)
            .limit(limit)
        ).scalars()
    )


def left(conn: sa.Connection, blob_id: str) -> None:
    """Its record does not say so any more."""
    conn.execute(t.update().where(t.c.id == blob_id).values(leaving=False))


def publish(conn: sa.Connection, blob_ids: Collection[str]) -> None:
    """Their records in Glance say what they are."""
    conn.execute(
        t.update().where(t.c.id.in_(set(blob_ids))).values(published=True)
    )


def unused(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[model.Blob]:
    """Blobs nothing refers to and nobody has relied on for long."""
    rows = conn.execute(
        sa.select(t)
        .where(t.c.used_at < before, _free(t.c.id))
        .order_by(t.c.used_at)
        .limit(limit)
    )
    return [from_row(row) for row in rows]


def collect(
    conn: sa.Connection, blob: model.Blob, before: datetime.datetime
) -> bool:
    """Forget a blob if it is still unused; its records are to be deleted.

    :returns: whether it was.
    """
    # held first: PostgreSQL, if it has to wait for the row, looks at other
    # tables as they were before
    held = conn.execute(
        t.update()
        .where(
            t.c.id == blob.id,
            t.c.data_id == blob.data_id,
            t.c.used_at < before,
        )
        .values(published=t.c.published)
    )
    if held.rowcount != 1:
        return False
    done = conn.execute(t.delete().where(t.c.id == blob.id, _free(blob.id)))
    if done.rowcount != 1:
        return False
    conn.execute(links.delete().where(links.c.blob_id == blob.id))
    parts.discard(conn, {blob.id, blob.data_id})
    return True


def _free(blob_id: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        ~sa.exists().where(manifest_blobs.c.blob_id == blob_id),
        ~sa.exists().where(layers.c.blob_id == blob_id),
    )
