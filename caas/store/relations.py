"""Which images stand on which: by the chains of their layers.

Two images share a layer if its chain id is the same, whoever's they are: each
project has its own record of it.
"""

import dataclasses
from collections.abc import Collection, Iterable

import sqlalchemy as sa

from caas.model import images as model
from caas.store.images import LIVE
from caas.store.namespaces import readable
from caas.store.tables import (
    blobs,
    layers,
    manifest_blobs,
    manifest_children,
    manifests,
    namespaces,
    tags,
)


@dataclasses.dataclass(frozen=True)
class Found:
    """:ivar manifest_id: whose layers are meant: that of the tag, or one in
    its index.
    """

    tag_id: str
    manifest_id: str


def chain(conn: sa.Connection, manifest_id: str) -> list[model.PlacedLayer]:
    """The layers of a manifest, from the bottom."""
    rows = conn.execute(
        sa.select(
            layers.c.id,
            layers.c.parent_id,
            blobs.c.digest,
            blobs.c.diff_id,
            layers.c.chain_id,
            blobs.c.size,
            blobs.c.unpacked_size,
            blobs.c.missing,
        )
        .select_from(manifest_blobs)
        .join(blobs, blobs.c.id == manifest_blobs.c.blob_id)
        .join(layers, layers.c.id == manifest_blobs.c.layer_id)
        .where(manifest_blobs.c.manifest_id == manifest_id)
        .order_by(manifest_blobs.c.position)
    )
    return [model.PlacedLayer(**row._mapping) for row in rows]


def chains(
    conn: sa.Connection, manifest_ids: Collection[str]
) -> dict[str, list[str]]:
    """Chain ids of the layers of manifests, from the bottom."""
    t = manifest_blobs
    found: dict[str, list[str]] = {ident: [] for ident in manifest_ids}
    if found:
        for row in conn.execute(
            sa.select(t.c.manifest_id, layers.c.chain_id)
            .join(layers, layers.c.id == t.c.layer_id)
            .where(t.c.manifest_id.in_(list(found)))
            .order_by(t.c.manifest_id, t.c.position)
        ):
            found[row.manifest_id].append(row.chain_id)
    return found


def topped(
    conn: sa.Connection,
    chain_ids: Iterable[str],
    project_id: str | None,
    limit: int,
) -> list[Found]:
    """Images whose uppermost layer is one of these.

    :param project_id: of those that it may pull; None for all.
    """
    top = sa.and_(
        layers.c.chain_id.in_(list(chain_ids)),
        layers.c.id == manifests.c.top_layer_id,
    )
    return _found(conn, layers.join(manifests, top), project_id, limit)


def standing_on(
    conn: sa.Connection, chain_id: str, project_id: str | None, limit: int
) -> list[Found]:
    """Images that have more layers on this one; the latest first.

    :param project_id: of those that it may pull; None for all.
    """
    source = layers.join(
        manifest_blobs,
        sa.and_(
            manifest_blobs.c.layer_id == layers.c.id,
            layers.c.chain_id == chain_id,
        ),
    ).join(
        manifests,
        sa.and_(
            manifests.c.id == manifest_blobs.c.manifest_id,
            manifests.c.top_layer_id != layers.c.id,
        ),
    )
    return _found(conn, source, project_id, limit)


def _found(
    conn: sa.Connection,
    source: sa.Join,
    project_id: str | None,
    limit: int,
) -> list[Found]:
    """By their own tag, or by that of an index they are in."""
    seen = [LIVE, *([] if project_id is None else [readable(project_id)])]
    columns = (
        tags.c.id,
        manifests.c.id.label("manifest_id"),
        tags.c.updated_at,
    )
    space = namespaces.c.id == tags.c.namespace_id
    direct = (
        sa.select(*columns)
        .select_from(
            source.join(tags, tags.c.manifest_id == manifests.c.id).join(
                namespaces, space
            )
        )
        .where(*seen)
    )
    within = (
        sa.select(*columns)
        .select_from(
            source.join(
                manifest_children,
                manifest_children.c.child_id == manifests.c.id,
            )
            .join(tags, tags.c.manifest_id == manifest_children.c.manifest_id)
            .join(namespaces, space)
        )
        .where(*seen)
    )
    both = sa.union(direct, within).subquery()
    rows = conn.execute(
        sa.select(both.c.id, both.c.manifest_id)
        .order_by(both.c.updated_at.desc(), both.c.id)
        .limit(limit)
    )
    return [Found(row.id, row.manifest_id) for row in rows]
