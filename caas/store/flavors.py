"""Flavors."""

from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.model import flavors as model
from caas.model import spec
from caas.model.query import Query
from caas.store import paging
from caas.store.tables import flavors as t

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
    "memory_mb": t.c.memory_mb,
    "vcpus": t.c.millicpus,
}


def from_row(row: Any) -> model.Flavor:
    return model.Flavor(
        id=row.id,
        name=row.name,
        description=row.description,
        resources=spec.Resources(row.millicpus, row.memory_mb, row.disk_gb),
        cpu_burst=row.cpu_burst,
        created_at=row.created_at,
    )


def insert(conn: sa.Connection, flavor: model.Flavor) -> None:
    """:raises Conflict: the name or id is taken."""
    try:
        conn.execute(
            t.insert().values(
                id=flavor.id,
                name=flavor.name,
                description=flavor.description,
                millicpus=flavor.resources.millicpus,
                memory_mb=flavor.resources.memory_mb,
                disk_gb=flavor.resources.disk_gb,
                cpu_burst=flavor.cpu_burst,
                created_at=flavor.created_at,
            )
        )
    except db_exception.DBDuplicateEntry:
        raise exception.Conflict(
            f"There is a flavor named {flavor.name!r} already."
        ) from None


def find(conn: sa.Connection, ident: str) -> model.Flavor | None:
    """By id, else by name."""
    rows = conn.execute(
        sa.select(t).where(sa.or_(t.c.id == ident, t.c.name == ident))
    ).all()
    rows = sorted(rows, key=lambda row: row.id != ident)
    return from_row(rows[0]) if rows else None


def list_(conn: sa.Connection, query: Query) -> list[model.Flavor]:
    """One page of flavors.  Filter: ``name``."""
    statement = sa.select(t)
    if "name" in query.filters:
        statement = statement.where(t.c.name == query.filters["name"])
    statement = paging.page(conn, statement, t, query, _SORT)
    return [from_row(row) for row in conn.execute(statement)]


def describe(conn: sa.Connection, flavor_id: str, description: str) -> None:
    conn.execute(
        t.update().where(t.c.id == flavor_id).values(description=description)
    )


def delete(conn: sa.Connection, flavor_id: str) -> bool:
    """Sets keep what they were made with.  :returns: whether it was there."""
    return conn.execute(t.delete().where(t.c.id == flavor_id)).rowcount == 1
