"""Containers: the queries of the API side."""

import datetime
import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from caas.model import containers as model
from caas.model import spec
from caas.model.query import Query
from caas.model.states import ContainerStatus
from caas.store import paging
from caas.store.tables import containers as t

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
}


def json_pair(key: str, value: str) -> str:
    """How a pair of a dict looks inside a JSON column."""
    return json.dumps({key: value})[1:-1]


def from_row(row: Any) -> model.Container:
    m = row._mapping
    return model.Container(
        id=m["id"],
        set_id=m["set_id"],
        project_id=m["project_id"],
        name=m["name"],
        role=m["role"],
        index=m["idx"],
        spec=spec.ContainerSpec.from_dict(m["spec"]) if m["spec"] else None,
        created_at=m["created_at"],
        status=ContainerStatus(m["status"]),
        reason=m["reason"],
        exit_code=m["exit_code"],
        oom_killed=m["oom_killed"],
        restarts=m["restarts"],
        started_at=m["started_at"],
        finished_at=m["finished_at"],
        runtime_id=m["runtime_id"],
    )


def insert(conn: sa.Connection, items: Sequence[model.Container]) -> None:
    conn.execute(
        t.insert(),
        [
            {
                "id": c.id,
                "set_id": c.set_id,
                "project_id": c.project_id,
                "name": c.name,
                "role": c.role,
                "idx": c.index,
                "spec": c.spec.to_dict() if c.spec else {},
                "image_id": c.spec.image.id if c.spec else None,
                "created_at": c.created_at,
                "status": c.status.value,
            }
            for c in items
        ],
    )


def of_sets(
    conn: sa.Connection, set_ids: Collection[str]
) -> dict[str, list[model.Container]]:
    """Containers by set: infra first, then by Index and name."""
    found: dict[str, list[model.Container]] = {i: [] for i in set_ids}
    if not set_ids:
        return found
    statement = (
        sa.select(t)
        .where(t.c.set_id.in_(set_ids))
        .order_by(t.c.set_id, t.c.role.desc(), t.c.idx, t.c.name)
    )
    for row in conn.execute(statement):
        found[row.set_id].append(from_row(row))
    return found


def get(
    conn: sa.Connection, set_id: str, ident: str
) -> model.Container | None:
    """A container of a set by name or id."""
    row = conn.execute(
        sa.select(t).where(
            t.c.set_id == set_id,
            sa.or_(t.c.id == ident, t.c.name == ident),
            t.c.deleted_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else from_row(row)


def list_(conn: sa.Connection, query: Query) -> list[model.Container]:
    """One page of containers.

    Filters: ``set_id``, ``name``, ``status``, ``image`` (Glance id).
    """
    statement = sa.select(t).where(t.c.deleted_at.is_(None))
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        statement = statement.where(_FILTERS[key](value))
    statement = paging.page(conn, statement, t, query, _SORT)
    return [from_row(row) for row in conn.execute(statement)]


_FILTERS: dict[str, Any] = {
    "set_id": lambda v: t.c.set_id == v,
    "name": lambda v: t.c.name == v,
    "status": lambda v: t.c.status == v,
    "image": lambda v: t.c.image_id == v,
}


def tombstone(
    conn: sa.Connection, set_ids: Collection[str], now: datetime.datetime
) -> dict[str, int]:
    """Mark the containers of sets deleted.

    :returns: number of business containers among them by project: only
        these count against the quota.
    """
    mine = sa.and_(t.c.set_id.in_(set_ids), t.c.deleted_at.is_(None))
    counted = conn.execute(
        sa.select(t.c.project_id, sa.func.count())
        .where(mine, t.c.role == model.BUSINESS)
        .group_by(t.c.project_id)
    ).all()
    conn.execute(t.update().where(mine).values(deleted_at=now))
    return {row[0]: row[1] for row in counted}
