"""Manifests, and what they refer to.

Who makes something that refers to a manifest calls :func:`touch` in the same
transaction, as with blobs.
"""

import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.store import namespaces as namespaces_
from caas.store.blobs import from_row
from caas.store.engine import utcnow
from caas.store.tables import (
    blobs,
    containers,
    manifest_blobs,
    manifest_children,
    namespaces,
    tags,
)
from caas.store.tables import layers as layers_
from caas.store.tables import manifests as t

_COLUMNS = [column for column in t.c if column.name != "used_at"]


def _from_row(row: Any) -> model.Manifest:
    m = dict(row._mapping)
    m["state"] = model.State(m["state"])
    m["body"] = bytes(m["body"])
    m["annotations"] = m["annotations"] or {}
    m["config"] = m["config"] or {}
    return model.Manifest(**m)


def insert(
    conn: sa.Connection,
    manifest: model.Manifest,
    refers: Iterable[tuple[int, str, str]],
    children: Sequence[str],
) -> None:
    """:param refers: position, id of the blob, id of the layer or "".
    :param children: ids of manifests, in order.
    :raises DBDuplicateEntry: it is there already.
    """
    values = {c.name: getattr(manifest, c.name) for c in _COLUMNS}
    conn.execute(t.insert().values(used_at=utcnow(), **values))
    rows = [
        {
            "manifest_id": manifest.id,
            "position": position,
            "blob_id": blob_id,
            "layer_id": layer_id,
        }
        for position, blob_id, layer_id in refers
    ]
    if rows:
        conn.execute(manifest_blobs.insert(), rows)
    under = [
        {"manifest_id": manifest.id, "child_id": child_id, "position": n}
        # an index may name one twice
        for n, child_id in enumerate(dict.fromkeys(children))
    ]
    if under:
        conn.execute(manifest_children.insert(), under)


def get(
    conn: sa.Connection, namespace_id: str, repository: str, digest: str
) -> model.Manifest | None:
    """Deleted ones too."""
    row = conn.execute(
        sa.select(*_COLUMNS).where(
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
            t.c.digest == digest,
        )
    ).one_or_none()
    return None if row is None else _from_row(row)


def by_id(
    conn: sa.Connection, ids: Collection[str]
) -> dict[str, model.Manifest]:
    rows = conn.execute(sa.select(*_COLUMNS).where(t.c.id.in_(set(ids))))
    return {row.id: _from_row(row) for row in rows}


def about(
    conn: sa.Connection, ids: Collection[str]
) -> dict[str, tuple[str, int]]:
    """Media type and bytes of manifests, by id."""
    rows = conn.execute(
        sa.select(
            t.c.id, t.c.media_type, sa.func.length(t.c.body).label("size")
        ).where(t.c.id.in_(set(ids)))
    )
    return {row.id: (row.media_type, row.size) for row in rows}


def repositories_of(
    conn: sa.Connection, digest: str, project_id: str, limit: int
) -> list[model.Name]:
    """Repositories with a manifest, of those a project may pull from; its
    own first."""
    rows = conn.execute(
        sa.select(namespaces.c.name, t.c.repository)
        .join(namespaces, namespaces.c.id == t.c.namespace_id)
        .where(
            t.c.digest == digest,
            t.c.state == model.State.LIVE,
            namespaces_.readable(project_id),
        )
        .order_by(
            sa.case((namespaces.c.project_id == project_id, 0), else_=1),
            t.c.created_at,
            t.c.id,
        )
        .limit(limit)
    )
    return [model.Name(row.name, row.repository) for row in rows]


def ids(
    conn: sa.Connection,
    namespace_id: str,
    repository: str,
    digests: Collection[str],
) -> dict[str, str]:
    """Of those that are there and not deleted, by digest."""
    rows = conn.execute(
        sa.select(t.c.digest, t.c.id).where(
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
            t.c.digest.in_(set(digests)),
            t.c.state == model.State.LIVE,
        )
    )
    return {row.digest: row.id for row in rows}


def touch(
    conn: sa.Connection, manifest_ids: Collection[str], now: datetime.datetime
) -> bool:
    """Say that somebody relies on manifests, which undeletes them.

    :returns: whether all of them are there.
    """
    for manifest_id in sorted(set(manifest_ids)):
        done = conn.execute(
            t.update()
            .where(t.c.id == manifest_id)
            .values(used_at=now, state=model.State.LIVE)
        )
        if done.rowcount != 1:
            return False
    return True


def delete(conn: sa.Connection, manifest_id: str) -> bool:
    """Users do not find it any more; what it takes is collected later.

    :returns: whether they found it before.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == manifest_id, t.c.state == model.State.LIVE)
        .values(state=model.State.DELETED, used_at=utcnow())
    )
    return done.rowcount == 1


def children(conn: sa.Connection, manifest_id: str) -> list[str]:
    """Ids, in order."""
    return list(
        conn.execute(
            sa.select(manifest_children.c.child_id)
            .where(manifest_children.c.manifest_id == manifest_id)
            .order_by(manifest_children.c.position)
        ).scalars()
    )


def parents(conn: sa.Connection, manifest_ids: Collection[str]) -> list[str]:
    """Ids of the indexes that name one of these."""
    return list(
        conn.execute(
            sa.select(manifest_children.c.manifest_id).where(
                manifest_children.c.child_id.in_(set(manifest_ids))
            )
        ).scalars()
    )


def live_parents(conn: sa.Connection, manifest_id: str) -> bool:
    """Whether an index that is not deleted names it."""
    row = conn.execute(
        sa.select(t.c.id)
        .join(manifest_children, manifest_children.c.manifest_id == t.c.id)
        .where(
            manifest_children.c.child_id == manifest_id,
            t.c.state == model.State.LIVE,
        )
        .limit(1)
    ).one_or_none()
    return row is not None


def family(conn: sa.Connection, manifest_id: str) -> set[str]:
    """Ids of a manifest and all it names, indexes of indexes too."""
    found = {manifest_id}
    last = found
    while last:
        rows = conn.execute(
            sa.select(manifest_children.c.child_id).where(
                manifest_children.c.manifest_id.in_(last)
            )
        ).scalars()
        last = set(rows) - found
        found |= last
    return found


def ancestors(conn: sa.Connection, manifest_ids: Collection[str]) -> set[str]:
    """Ids of these and of all indexes that name them."""
    found = set(manifest_ids)
    last = found
    while last:
        last = set(parents(conn, last)) - found
        found |= last
    return found


def blob(
    conn: sa.Connection, manifest_ids: Collection[str], digest: str
) -> model.Blob | None:
    """The blob with a digest that one of these refers to."""
    row = conn.execute(
        sa.select(blobs)
        .join(manifest_blobs, manifest_blobs.c.blob_id == blobs.c.id)
        .where(
            manifest_blobs.c.manifest_id.in_(set(manifest_ids)),
            blobs.c.digest == digest,
        )
        .limit(1)
    ).one_or_none()
    return None if row is None else from_row(row)


def with_blob(
    conn: sa.Connection, namespace_id: str, repository: str, digest: str
) -> set[str]:
    """Ids of manifests of a repository that refer to a blob."""
    return set(
        conn.execute(
            sa.select(t.c.id)
            .join(manifest_blobs, manifest_blobs.c.manifest_id == t.c.id)
            .join(blobs, blobs.c.id == manifest_blobs.c.blob_id)
            .where(
                t.c.namespace_id == namespace_id,
                t.c.repository == repository,
                t.c.state == model.State.LIVE,
                blobs.c.digest == digest,
            )
        ).scalars()
    )


def unpublished(
    conn: sa.Connection, manifest_id: str
) -> list[tuple[str, str]]:
    """Blob and layer ("" for none) of what Glance does not know yet of a
    manifest, the bottom first."""
    rows = conn.execute(
        sa.select(manifest_blobs.c.blob_id, manifest_blobs.c.layer_id)
        .join(blobs, blobs.c.id == manifest_blobs.c.blob_id)
        .outerjoin(layers_, layers_.c.id == manifest_blobs.c.layer_id)
        .where(
            manifest_blobs.c.manifest_id == manifest_id,
            sa.or_(~blobs.c.published, ~layers_.c.published),
        )
        .order_by(manifest_blobs.c.position)
    )
    return list(dict.fromkeys((row.blob_id, row.layer_id) for row in rows))


def referrers(
    conn: sa.Connection, namespace_id: str, repository: str, digest: str
) -> list[model.Manifest]:
    """Those with this subject, the oldest first."""
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
            t.c.subject == digest,
            t.c.state == model.State.LIVE,
        )
        .order_by(t.c.created_at, t.c.id)
    )
    return [_from_row(row) for row in rows]


def topped(
    conn: sa.Connection,
    names: Collection[str],
    chain_ids: Collection[str],
    project_id: str | None,
) -> bool:
    """Whether the uppermost layer of one of these is one of a chain.

    :param names: ``namespace/repository@digest``.
    :param project_id: which may pull them; None for whoever.
    """
    named = []
    for name in names:
        where, _, digest = name.rpartition("@")
        namespace, _, repository = where.partition("/")
        named.append(
            sa.and_(
                namespaces.c.name == namespace,
                t.c.repository == repository,
                t.c.digest == digest,
            )
        )
    seen = [] if project_id is None else [namespaces_.readable(project_id)]
    row = conn.execute(
        sa.select(t.c.id)
        .join(namespaces, namespaces.c.id == t.c.namespace_id)
        .join(layers_, layers_.c.id == t.c.top_layer_id)
        .where(
            sa.or_(*named),
            layers_.c.chain_id.in_(set(chain_ids)),
            t.c.state == model.State.LIVE,
            *seen,
        )
        .limit(1)
    ).one_or_none()
    return row is not None


def exists(conn: sa.Connection, namespace_id: str, repository: str) -> bool:
    """Whether there is anything in a repository for users to find."""
    row = conn.execute(
        sa.select(t.c.id)
        .where(
            t.c.namespace_id == namespace_id,
            t.c.repository == repository,
            t.c.state == model.State.LIVE,
        )
        .limit(1)
    ).one_or_none()
    return row is not None


def repositories(
    conn: sa.Connection, readable: sa.ColumnElement[bool]
) -> list[str]:
    """Full names of repositories with a tag, in order of their bytes.

    :param readable: of the namespaces to look in.
    """
    rows = conn.execute(
        sa.select(namespaces.c.name, tags.c.repository)
        .join(tags, tags.c.namespace_id == namespaces.c.id)
        .where(readable, tags.c.former == "")
        .distinct()
    )
    return sorted(f"{row.name}/{row.repository}" for row in rows)


def unused(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[tuple[str, str, int]]:
    """Id, namespace and bytes of manifests nothing refers to, for long."""
    rows = conn.execute(
        sa.select(t.c.id, t.c.namespace_id, sa.func.length(t.c.body))
        .where(t.c.used_at < before, *_unwanted(t.c.id), ~_subject(t))
        .order_by(t.c.used_at)
        .limit(limit)
    )
    return [tuple(row) for row in rows]


def collect(
    conn: sa.Connection, manifest_id: str, before: datetime.datetime
) -> bool:
    """Forget a manifest if still nothing refers to it.

    :returns: whether it was.
    """
    # held first: MariaDB does not let the table be asked in the DELETE, and
    # PostgreSQL, if it has to wait for the row, looks at other tables as they
    # were before
    held = conn.execute(
        t.update()
        .where(t.c.id == manifest_id, t.c.used_at < before)
        .values(state=t.c.state)
    )
    if held.rowcount != 1:
        return False
    referring = t.alias("referring")
    kept = sa.select(referring.c.id).where(
        referring.c.id == manifest_id, _subject(referring)
    )
    if conn.execute(kept).one_or_none() is not None:
        return False
    done = conn.execute(
        t.delete().where(t.c.id == manifest_id, *_unwanted(manifest_id))
    )
    if done.rowcount != 1:
        return False
    conn.execute(
        manifest_blobs.delete().where(
            manifest_blobs.c.manifest_id == manifest_id
        )
    )
    conn.execute(
        manifest_children.delete().where(
            manifest_children.c.manifest_id == manifest_id
        )
    )
    return True


def _unwanted(manifest_id: Any) -> list[sa.ColumnElement[bool]]:
    """No tag, index or container wants it."""
    return [
        ~sa.exists().where(tags.c.manifest_id == manifest_id),
        ~sa.exists().where(manifest_children.c.child_id == manifest_id),
        # of one without a tag, see core.images
        ~sa.exists().where(
            containers.c.image_id == manifest_id,
            containers.c.deleted_at.is_(None),
        ),
    ]


def _subject(of: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether the manifest it refers to is there."""
    subject = t.alias("subject")
    return sa.exists().where(
        subject.c.namespace_id == of.c.namespace_id,
        subject.c.repository == of.c.repository,
        subject.c.digest == of.c.subject,
    )
