"""Layers: blobs at their places in the tree."""

import datetime
import hashlib
import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.store import parts
from caas.store.tables import blobs, manifest_blobs
from caas.store.tables import layers as t

_COLUMNS = (
    t.c.id,
    t.c.project_id,
    t.c.blob_id,
    t.c.parent_id,
    t.c.chain_id,
    t.c.published,
)


def _from_row(row: Any) -> model.Layer:
    return model.Layer(**row._mapping)


def chain(before: str, diff_id: str) -> str:
    """The chain id of a layer, as the OCI image specification has it.

    :param before: that of its parent, "" for none.
    """
    if not before:
        return diff_id
    text = f"{before} {diff_id}".encode()
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def ensure(
    conn: sa.Connection,
    project_id: str,
    stack: Sequence[model.Blob],
    now: datetime.datetime,
) -> list[model.Layer]:
    """The layers of an image: those there are, and new ones for the others.

    A place that the owner of a blob has for it already is the place for all
    who may use the blob.

    :param stack: blobs of tars, the bottom first; held by the caller.
    :raises DBDuplicateEntry: somebody else made one of them just now.
    """
    layers: list[model.Layer] = []
    parent = before = ""
    for blob in stack:
        before = chain(before, blob.content.diff_id)
        layer = _touch(conn, project_id, blob, parent, now)
        if layer is None:
            layer = _insert(conn, project_id, blob, parent, before, now)
        layers.append(layer)
        parent = layer.id
    return layers


def _touch(
    conn: sa.Connection,
    project_id: str,
    blob: model.Blob,
    parent_id: str,
    now: datetime.datetime,
) -> model.Layer | None:
    found = [
        _from_row(row)
        for row in conn.execute(
            sa.select(*_COLUMNS).where(
                t.c.blob_id == blob.id,
                t.c.parent_id == parent_id,
                t.c.project_id.in_({project_id, blob.project_id}),
            )
        )
    ]
    found.sort(key=lambda layer: layer.project_id != project_id)
    for layer in found:
        if touch(conn, layer.id, now):
            return layer
    return None


def touch(conn: sa.Connection, layer_id: str, now: datetime.datetime) -> bool:
    """Say that somebody relies on a layer.

    :returns: whether it is there.
    """
    done = conn.execute(
        t.update().where(t.c.id == layer_id).values(used_at=now)
    )
    return done.rowcount == 1


def _insert(
    conn: sa.Connection,
    project_id: str,
    blob: model.Blob,
    parent_id: str,
    chain_id: str,
    now: datetime.datetime,
) -> model.Layer:
    taken = conn.execute(
        sa.select(t.c.id).where(t.c.id == blob.id)
    ).one_or_none()
    leaving = conn.execute(
        sa.select(blobs.c.leaving).where(blobs.c.id == blob.id)
    ).scalar_one_or_none()
    own = blob.project_id == project_id and taken is None and leaving is False
    layer = model.Layer(
        id=blob.id if own else str(uuid.uuid4()),
        project_id=project_id,
        blob_id=blob.id,
        parent_id=parent_id,
        chain_id=chain_id,
        published=False,
    )
    conn.execute(
        t.insert().values(
            id=layer.id,
            project_id=project_id,
            blob_id=blob.id,
            parent_id=parent_id,
            chain_id=chain_id,
            published=False,
            used_at=now,
            created_at=now,
        )
    )
    if own:
        # its record has to be told, though it may have been told before
        conn.execute(
            blobs.update().where(blobs.c.id == blob.id).values(published=False)
        )
    return layer


def get(conn: sa.Connection, layer_id: str) -> model.Layer | None:
    row = conn.execute(
        sa.select(*_COLUMNS).where(t.c.id == layer_id)
    ).one_or_none()
    return None if row is None else _from_row(row)


def by_id(conn: sa.Connection, ids: Collection[str]) -> dict[str, model.Layer]:
    rows = conn.execute(sa.select(*_COLUMNS).where(t.c.id.in_(set(ids))))
    return {row.id: _from_row(row) for row in rows}


def publish(conn: sa.Connection, layer_ids: Collection[str]) -> None:
    """Their records in Glance say where they are."""
    conn.execute(
        t.update().where(t.c.id.in_(layer_ids)).values(published=True)
    )


def unpublished(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[model.Layer]:
    """Layers with records of their own that are not as they should be, for
    long."""
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(~t.c.published, t.c.used_at < before, t.c.id != t.c.blob_id)
        .order_by(t.c.used_at)
        .limit(limit)
    )
    return [_from_row(row) for row in rows]


def unused(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[model.Layer]:
    """Layers of no image and without children, for long."""
    child = t.alias()
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(
            t.c.used_at < before,
            ~sa.exists().where(manifest_blobs.c.layer_id == t.c.id),
            ~sa.exists().where(child.c.parent_id == t.c.id),
        )
        .order_by(t.c.used_at)
        .limit(limit)
    )
    return [_from_row(row) for row in rows]


def collect(
    conn: sa.Connection, layer: model.Layer, before: datetime.datetime
) -> bool:
    """Forget a layer if it is still unused.

    A record of its own is to be deleted then; that of the blob is to be told
    that it stands nowhere.

    :returns: whether it was.
    """
    # held first, so that nobody puts a child on it meanwhile: MariaDB does
    # not let the table be asked in the DELETE, and PostgreSQL, if it has to
    # wait for the row, looks at other tables as they were before
    held = conn.execute(
        t.update()
        .where(t.c.id == layer.id, t.c.used_at < before)
        .values(published=t.c.published)
    )
    if held.rowcount != 1:
        return False
    child = conn.execute(
        sa.select(t.c.id).where(t.c.parent_id == layer.id).limit(1)
    ).one_or_none()
    if child is not None:
        return False
    done = conn.execute(
        t.delete().where(
            t.c.id == layer.id,
            ~sa.exists().where(manifest_blobs.c.layer_id == layer.id),
        )
    )
    if done.rowcount != 1:
        return False
    if layer.id == layer.blob_id:
        conn.execute(
            blobs.update()
            .where(blobs.c.id == layer.blob_id)
            .values(leaving=True)
        )
    else:
        parts.discard(conn, [layer.id])
    return True
