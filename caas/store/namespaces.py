"""Namespaces of images, and the projects that may pull or push."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from caas.model import images as model
from caas.model.query import Query
from caas.store import paging
from caas.store.engine import utcnow
from caas.store.tables import manifests, retentions, uploads
from caas.store.tables import namespace_members as members
from caas.store.tables import namespaces as t

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
}


def _from_row(row: Any) -> model.Namespace:
    return model.Namespace(**row._mapping)


def insert(conn: sa.Connection, namespace: model.Namespace) -> None:
    """:raises DBDuplicateEntry: there is one of this name."""
    conn.execute(
        t.insert().values({c.name: getattr(namespace, c.name) for c in t.c})
    )


def get(conn: sa.Connection, name: str) -> model.Namespace | None:
    row = conn.execute(sa.select(t).where(t.c.name == name)).one_or_none()
    return None if row is None else _from_row(row)


def by_id(conn: sa.Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Namespaces by their ids."""
    rows = conn.execute(sa.select(t).where(t.c.id.in_(set(ids))))
    return {row.id: _from_row(row) for row in rows}


def role(
    conn: sa.Connection, namespace_id: str, project_id: str
) -> model.Role | None:
    """Of a member."""
    found = conn.execute(
        sa.select(members.c.role).where(
            members.c.namespace_id == namespace_id,
            members.c.project_id == project_id,
        )
    ).scalar_one_or_none()
    return None if found is None else model.Role(found)


def readable(project_id: str) -> sa.ColumnElement[bool]:
    """Of namespaces a project may pull from."""
    mine = sa.select(members.c.namespace_id).where(
        members.c.project_id == project_id
    )
    return sa.or_(t.c.project_id == project_id, t.c.public, t.c.id.in_(mine))


def writable(project_id: str) -> sa.ColumnElement[bool]:
    """Of namespaces a project may push to."""
    mine = sa.select(members.c.namespace_id).where(
        members.c.project_id == project_id,
        members.c.role == model.Role.PUSH,
    )
    return sa.or_(t.c.project_id == project_id, t.c.id.in_(mine))


def list_(
    conn: sa.Connection, query: Query, reader: str | None
) -> list[model.Namespace]:
    """One page of namespaces.  Filters: ``name``, ``public``.

    :param reader: only those this project may pull from; None for all.
    """
    statement = sa.select(t)
    if reader is not None:
        statement = statement.where(readable(reader))
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        statement = statement.where(t.c[key] == value)
    statement = paging.page(conn, statement, t, query, _SORT)
    return [_from_row(row) for row in conn.execute(statement)]


def update(
    conn: sa.Connection, namespace_id: str, values: Mapping[str, Any]
) -> bool:
    """:returns: whether it is there."""
    done = conn.execute(
        t.update().where(t.c.id == namespace_id).values(**values)
    )
    return done.rowcount == 1


def delete(conn: sa.Connection, namespace_id: str) -> bool:
    """Delete an empty one.

    What comes into it at the same moment is collected: it has no namespace.

    :returns: whether it was there, and empty.
    """
    done = conn.execute(
        t.delete().where(
            t.c.id == namespace_id,
            ~sa.exists().where(manifests.c.namespace_id == namespace_id),
            ~sa.exists().where(uploads.c.namespace_id == namespace_id),
        )
    )
    if done.rowcount != 1:
        return False
    conn.execute(
        members.delete().where(members.c.namespace_id == namespace_id)
    )
    conn.execute(
        retentions.delete().where(retentions.c.namespace_id == namespace_id)
    )
    return True


def members_of(
    conn: sa.Connection, namespace_id: str
) -> list[tuple[str, model.Role]]:
    """Projects and their roles, the oldest first."""
    rows = conn.execute(
        sa.select(members.c.project_id, members.c.role)
        .where(members.c.namespace_id == namespace_id)
        .order_by(members.c.created_at, members.c.project_id)
    )
    return [(row.project_id, model.Role(row.role)) for row in rows]


def set_member(
    conn: sa.Connection,
    namespace_id: str,
    project_id: str,
    role: model.Role,
) -> None:
    """:raises DBDuplicateEntry: somebody else added it just now."""
    done = conn.execute(
        members.update()
        .where(
            members.c.namespace_id == namespace_id,
            members.c.project_id == project_id,
        )
        .values(role=role)
    )
    if done.rowcount == 0:
        conn.execute(
            members.insert().values(
                namespace_id=namespace_id,
                project_id=project_id,
                role=role,
                created_at=utcnow(),
            )
        )


def remove_member(
    conn: sa.Connection, namespace_id: str, project_id: str
) -> bool:
    """:returns: whether it was one."""
    done = conn.execute(
        members.delete().where(
            members.c.namespace_id == namespace_id,
            members.c.project_id == project_id,
        )
    )
    return done.rowcount == 1
