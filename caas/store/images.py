"""Images as users see them: tags with what they are names for.

One statement for a page and two to complete it, however many images there
are; bodies and configurations of manifests are read one at a time only.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.model.query import Query
from caas.store import paging
from caas.store.namespaces import readable, writable
from caas.store.tables import (
    containers,
    image_aliases,
    manifest_blobs,
    manifest_children,
    manifests,
    namespaces,
    tags,
)

_NAME = namespaces.c.name + "/" + tags.c.repository + ":" + tags.c.name

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "updated_at": tags.c.updated_at,
    "created_at": tags.c.created_at,
    "name": _NAME,
    "size": manifests.c.size,
}

_JOINED = tags.join(namespaces, namespaces.c.id == tags.c.namespace_id).join(
    manifests, manifests.c.id == tags.c.manifest_id
)

_COLUMNS = (
    tags.c.image_id.label("id"),
    tags.c.id.label("tag_id"),
    tags.c.manifest_id,
    tags.c.namespace_id,
    namespaces.c.project_id,
    namespaces.c.name.label("namespace"),
    namespaces.c.public,
    tags.c.repository,
    tags.c.name.label("tag"),
    manifests.c.digest,
    manifests.c.media_type,
    manifests.c.artifact_type,
    manifests.c.size,
    manifests.c.unpacked_size,
    manifests.c.top_layer_id,
    manifests.c.problem,
    tags.c.published,
    tags.c.user_id,
    tags.c.created_at,
    tags.c.updated_at,
    tags.c.deleted_at,
    manifests.c.os,
    manifests.c.architecture,
)

#: Those that have their name; not those that were deleted or moved away.
LIVE = tags.c.former == ""


def list_(conn: sa.Connection, query: Query) -> list[model.Image]:
    """One page of images; ``query.project_id`` sees only what it may pull,
    or, of the recycle bin, push.

    Filters: ``namespace``, ``repository``, ``tag``, ``digest``, ``name``
    (what it begins with), ``owner`` (project of the namespace), ``deleted``
    (True: those in the recycle bin), ``also`` (ids of more that it sees).
    """
    project_id = query.project_id
    if query.filters.get("deleted", False):
        statement = _select(tags.c.deleted_at.is_not(None))
        if project_id is not None:
            statement = statement.where(writable(project_id))
    else:
        statement = _select(LIVE)
        if project_id is not None:
            also = tags.c.image_id.in_(query.filters.get("also", ()))
            statement = statement.where(sa.or_(readable(project_id), also))
    for key, value in query.filters.items():
        if key == "name":
            statement = statement.where(*_begins(value))
        elif key not in ("deleted", "also"):
            statement = statement.where(_FILTERS[key] == value)
    if query.marker is not None:
        tag_id = conn.execute(
            sa.select(tags.c.id).where(tags.c.image_id == query.marker)
        ).scalar_one_or_none()
        if tag_id is not None:
            query = dataclasses.replace(query, marker=tag_id)
    # visibility is a clause; the columns of the marker are of all projects
    query = dataclasses.replace(query, project_id=None)
    return _read(
        conn, paging.page(conn, statement, tags, query, _SORT, _JOINED)
    )


_FILTERS: dict[str, sa.ColumnElement[Any]] = {
    "namespace": namespaces.c.name,
    "repository": tags.c.repository,
    "tag": tags.c.name,
    "digest": manifests.c.digest,
    "owner": namespaces.c.project_id,
}


def _begins(prefix: str) -> Iterable[sa.ColumnElement[bool]]:
    namespace, slash, rest = prefix.partition("/")
    if not slash:
        return (namespaces.c.name.startswith(prefix, autoescape=True),)
    repository, colon, tag = rest.partition(":")
    if colon:
        return (
            namespaces.c.name == namespace,
            tags.c.repository == repository,
            tags.c.name.startswith(tag, autoescape=True),
        )
    return (
        namespaces.c.name == namespace,
        tags.c.repository.startswith(repository, autoescape=True),
    )


def find(
    conn: sa.Connection, ident: str, project_id: str | None = None
) -> list[model.Image]:
    """Those meant: by id (also one of the recycle bin), former id,
    ``namespace/repository:tag``, ``namespace/repository@digest`` or digest.

    :param project_id: for a digest only, of those that it may pull.
    """
    if model.DIGEST.fullmatch(ident):
        statement = _select(LIVE, manifests.c.digest == ident)
        if project_id is not None:
            statement = statement.where(readable(project_id))
        return _read(conn, statement.order_by(_NAME).limit(_MOST_MEANT))
    name, at, digest = ident.partition("@")
    if at:
        return _read(
            conn, _select(LIVE, *_in(name), manifests.c.digest == digest)
        )
    name, colon, tag = ident.rpartition(":")
    if colon:
        return _read(conn, _select(LIVE, *_in(name), tags.c.name == tag))
    known = sa.or_(LIVE, tags.c.deleted_at.is_not(None))
    found = _read(conn, _select(known, tags.c.image_id == ident))
    if not found:
        former = sa.select(image_aliases.c.tag_id).where(
            image_aliases.c.old_id == ident
        )
        found = _read(conn, _select(known, tags.c.id.in_(former)))
    return found


#: Images that are told apart when one digest may mean several.
_MOST_MEANT = 20


def _in(name: str) -> tuple[sa.ColumnElement[bool], ...]:
    """In a repository."""
    namespace, _, repository = name.partition("/")
    return namespaces.c.name == namespace, tags.c.repository == repository


def by_tag(
    conn: sa.Connection, tag_ids: Iterable[str]
) -> dict[str, model.Image]:
    """By the id of their tag."""
    return {
        image.tag_id: image
        for some in _batches(tag_ids)
        for image in _read(conn, _select(tags.c.id.in_(some)))
    }


def ids_of(conn: sa.Connection, digest: str) -> list[str]:
    """By which containers may know a manifest: ids, past and present, of its
    images, and that of the manifest itself."""
    rows = conn.execute(
        sa.select(manifests.c.id.label("own"), tags.c.id, tags.c.image_id)
        .outerjoin(tags, manifests.c.id == tags.c.manifest_id)
        .where(manifests.c.digest == digest)
    ).all()
    former = [
        old
        for some in _batches(row.id for row in rows if row.id)
        for old in conn.execute(
            sa.select(image_aliases.c.old_id).where(
                image_aliases.c.tag_id.in_(some)
            )
        ).scalars()
    ]
    own = {row.own for row in rows}
    return [*own, *(row.image_id for row in rows if row.id), *former]


def of_namespace(conn: sa.Connection, namespace_id: str) -> list[model.Image]:
    return _read(conn, _select(LIVE, tags.c.namespace_id == namespace_id))


def used(conn: sa.Connection, image_ids: Iterable[str]) -> set[str]:
    """Which of these a set of anybody uses."""
    return {
        image_id
        for some in _batches(image_ids)
        for image_id in conn.execute(
            sa.select(containers.c.image_id)
            .distinct()
            .where(
                containers.c.image_id.in_(some),
                containers.c.deleted_at.is_(None),
            )
        ).scalars()
        if image_id
    }


def _select(*clauses: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(*_COLUMNS).select_from(_JOINED).where(*clauses)


def _read(conn: sa.Connection, statement: sa.Select[Any]) -> list[model.Image]:
    rows = [dict(row._mapping) for row in conn.execute(statement)]
    ids = {row["manifest_id"] for row in rows}
    layers = _layers(conn, ids)
    platforms, sizes = _children(conn, ids)
    found = []
    for row in rows:
        own = _platform(row.pop("os"), row.pop("architecture"))
        ident = row["manifest_id"]
        if ident in sizes:
            row["size"], row["unpacked_size"] = sizes[ident]
        found.append(
            model.Image(
                **row,
                layers=layers.get(ident, 0),
                platforms=platforms.get(ident, (own,) if own else ()),
            )
        )
    return found


def _layers(conn: sa.Connection, ids: Iterable[str]) -> dict[str, int]:
    t = manifest_blobs
    return {
        row.manifest_id: row.number
        for some in _batches(ids)
        for row in conn.execute(
            sa.select(t.c.manifest_id, sa.func.count().label("number"))
            .where(t.c.manifest_id.in_(some), t.c.layer_id != "")
            .group_by(t.c.manifest_id)
        )
    }


def _children(
    conn: sa.Connection, ids: Iterable[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[int, int]]]:
    """Of those that are indexes: platforms, and bytes stored and unpacked."""
    t = manifest_children
    platforms: dict[str, tuple[str, ...]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for some in _batches(ids):
        for row in conn.execute(
            sa.select(
                t.c.manifest_id,
                manifests.c.os,
                manifests.c.architecture,
                manifests.c.size,
                manifests.c.unpacked_size,
            )
            .join(manifests, manifests.c.id == t.c.child_id)
            .where(t.c.manifest_id.in_(some))
            .order_by(t.c.manifest_id, t.c.position)
        ):
            name = _platform(row.os, row.architecture)
            # of what is said about the others, as attestations
            name = "" if name == "unknown/unknown" else name
            known = platforms.get(row.manifest_id, ())
            platforms[row.manifest_id] = (*known, name) if name else known
            size, unpacked = sizes.get(row.manifest_id, (0, 0))
            sizes[row.manifest_id] = (
                size + row.size,
                unpacked + row.unpacked_size,
            )
    return platforms, sizes


def _batches(items: Iterable[str]) -> Iterator[list[str]]:
    """So that no statement has too many parameters."""
    left = list(items)
    for start in range(0, len(left), _BATCH):
        yield left[start : start + _BATCH]


_BATCH = 500


def _platform(os: str, architecture: str) -> str:
    return f"{os}/{architecture}" if os or architecture else ""
