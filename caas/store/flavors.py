"""Flavors."""

from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.model import extra_specs, spec
from caas.model import flavors as model
from caas.model.query import Query
from caas.store import paging
from caas.store.tables import flavor_access as access
from caas.store.tables import flavors as t

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
    "memory_mb": t.c.memory_mb,
    "vcpus": t.c.millicpus,
}


def from_row(row: Any) -> model.Flavor:
    specs = row.extra_specs or {}
    return model.Flavor(
        id=row.id,
        name=row.name,
        description=row.description,
        resources=spec.Resources(row.millicpus, row.memory_mb, row.disk_gb),
        cpu_burst=extra_specs.burst(specs, row.cpu_burst),
        created_at=row.created_at,
        public=row.public,
        extra_specs=specs,
        revision=row.revision,
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
                public=flavor.public,
                extra_specs=flavor.extra_specs,
                created_at=flavor.created_at,
            )
        )
    except db_exception.DBDuplicateEntry:
        raise exception.Conflict(
            f"There is a flavor named {flavor.name!r} already."
        ) from None


def _for(project_id: str) -> sa.ColumnElement[bool]:
    """Those a project may use."""
    return sa.or_(
        t.c.public,
        t.c.id.in_(
            sa.select(access.c.flavor_id).where(
                access.c.project_id == project_id
            )
        ),
    )


def find(
    conn: sa.Connection, ident: str, seen_by: str | None
) -> model.Flavor | None:
    """By id, else by name.

    :param seen_by: only what this project may use; None for all.
    """
    statement = sa.select(t).where(sa.or_(t.c.id == ident, t.c.name == ident))
    if seen_by is not None:
        statement = statement.where(_for(seen_by))
    rows = sorted(conn.execute(statement), key=lambda row: row.id != ident)
    return from_row(rows[0]) if rows else None


def list_(
    conn: sa.Connection, query: Query, seen_by: str | None
) -> list[model.Flavor]:
    """One page of flavors.

    Filters: ``name``, ``min_memory_mb``, ``min_disk_gb``, ``private``
    (those that are not public), ``usable_by`` (public ones, and others of
    this project).

    :param seen_by: only what this project may use; None for all.
    """
    statement = sa.select(t)
    if seen_by is not None:
        statement = statement.where(_for(seen_by))
    if "name" in query.filters:
        statement = statement.where(t.c.name == query.filters["name"])
    for column in (t.c.memory_mb, t.c.disk_gb):
        least = query.filters.get(f"min_{column.name}")
        if least is not None:
            statement = statement.where(column >= least)
    if query.filters.get("private"):
        statement = statement.where(sa.not_(t.c.public))
    if "usable_by" in query.filters:
        statement = statement.where(_for(query.filters["usable_by"]))
    statement = paging.page(conn, statement, t, query, _SORT)
    return [from_row(row) for row in conn.execute(statement)]


def describe(conn: sa.Connection, flavor_id: str, description: str) -> None:
    conn.execute(
        t.update().where(t.c.id == flavor_id).values(description=description)
    )


def specify(
    conn: sa.Connection, flavor: model.Flavor, specs: dict[str, str]
) -> None:
    """Replace its extra specs.

    :raises RetryRequest: they were changed since it was read.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == flavor.id, t.c.revision == flavor.revision)
        .values(extra_specs=specs, revision=flavor.revision + 1)
    )
    if done.rowcount != 1:
        raise db_exception.RetryRequest(
            RuntimeError("the flavor was changed by somebody else meanwhile")
        )


def projects(conn: sa.Connection, flavor_id: str) -> list[str]:
    """That may use it though it is not public."""
    rows = conn.execute(
        sa.select(access.c.project_id)
        .where(access.c.flavor_id == flavor_id)
        .order_by(access.c.project_id)
    )
    return list(rows.scalars())


def grant(conn: sa.Connection, flavor_id: str, project_id: str) -> bool:
    """:returns: False: it may use it already."""
    try:
        conn.execute(
            access.insert().values(flavor_id=flavor_id, project_id=project_id)
        )
    except db_exception.DBDuplicateEntry:
        return False
    return True


def revoke(conn: sa.Connection, flavor_id: str, project_id: str) -> bool:
    """:returns: whether it was allowed to."""
    done = conn.execute(
        access.delete().where(
            access.c.flavor_id == flavor_id, access.c.project_id == project_id
        )
    )
    return done.rowcount == 1


def delete(conn: sa.Connection, flavor_id: str) -> bool:
    """Sets keep what they were made with.  :returns: whether it was there."""
    conn.execute(access.delete().where(access.c.flavor_id == flavor_id))
    return conn.execute(t.delete().where(t.c.id == flavor_id)).rowcount == 1
