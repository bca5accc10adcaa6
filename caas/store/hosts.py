"""Hosts: the queries of the API side, where operators enable and disable."""

import datetime
from typing import Any

import sqlalchemy as sa

from caas.model import hosts as model
from caas.model import spec
from caas.model.query import Query
from caas.store import paging
from caas.store.engine import utcnow
from caas.store.tables import aggregate_hosts, claims
from caas.store.tables import hosts as t

#: Of a host: what operators say counts more than what its agent does.
ZONE = sa.func.coalesce(t.c.aggregate_zone, t.c.zone)

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
}


def from_row(row: Any) -> model.Host:
    m = row._mapping
    return model.Host(
        id=m["id"],
        name=m["name"],
        enabled=m["enabled"],
        disabled_reason=m["disabled_reason"],
        # as ZONE
        zone=m["zone"] if m["aggregate_zone"] is None else m["aggregate_zone"],
        capacity=spec.Resources(m["millicpus"], m["memory_mb"], m["disk_gb"]),
        used=spec.Resources(
            m["used_millicpus"], m["used_memory_mb"], m["used_disk_gb"]
        ),
        used_sets=m["used_sets"],
        facts=m["facts"] or {},
        version=m["version"],
        seen_version=m["seen_version"],
        last_seen=m["last_seen"],
        forced_down=m["forced_down"],
        created_at=m["created_at"],
    )


def find(conn: sa.Connection, ident: str) -> model.Host | None:
    """By id or name."""
    rows = conn.execute(
        sa.select(t).where(sa.or_(t.c.id == ident, t.c.name == ident))
    ).all()
    rows = sorted(rows, key=lambda row: row.id != ident)
    return from_row(rows[0]) if rows else None


def list_(conn: sa.Connection, query: Query) -> list[model.Host]:
    """One page of hosts.

    Filters: ``name``, ``enabled``, ``availability_zone``.
    """
    statement = sa.select(t)
    for key, value in query.filters.items():
        column = ZONE if key == "availability_zone" else t.c[key]
        statement = statement.where(column == value)
    statement = paging.page(conn, statement, t, query, _SORT)
    return [from_row(row) for row in conn.execute(statement)]


def enable(
    conn: sa.Connection, host_id: str, enabled: bool, reason: str | None
) -> None:
    conn.execute(
        t.update()
        .where(t.c.id == host_id)
        .values(enabled=enabled, disabled_reason=reason, updated_at=utcnow())
    )


def force_down(conn: sa.Connection, host_id: str, down: bool) -> None:
    conn.execute(
        t.update()
        .where(t.c.id == host_id)
        .values(forced_down=down, updated_at=utcnow())
    )


def heard(conn: sa.Connection, after: datetime.datetime) -> bool:
    """Whether any host has reported after a time."""
    found = conn.execute(
        sa.select(t.c.id).where(t.c.last_seen > after).limit(1)
    )
    return found.first() is not None


def delete(conn: sa.Connection, host_id: str) -> bool:
    """Remove a host nothing is claimed on, also from aggregates.

    :returns: whether it went.
    """
    done = conn.execute(
        t.delete().where(
            t.c.id == host_id,
            ~sa.exists().where(claims.c.host_id == host_id),
        )
    )
    if done.rowcount != 1:
        return False
    conn.execute(
        aggregate_hosts.delete().where(aggregate_hosts.c.host_id == host_id)
    )
    return True
