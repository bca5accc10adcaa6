"""Aggregates of hosts."""

import datetime
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.model import aggregates as model
from caas.store.tables import aggregate_hosts as members
from caas.store.tables import aggregates as t
from caas.store.tables import hosts


def list_(
    conn: sa.Connection, ids: Collection[int] | None = None
) -> list[model.Aggregate]:
    """By number; None for all there are."""
    statement = sa.select(t).order_by(t.c.id)
    if ids is not None:
        statement = statement.where(t.c.id.in_(ids))
    rows = conn.execute(statement).all()
    names: dict[int, dict[str, str]] = {row.id: {} for row in rows}
    found = conn.execute(
        sa.select(members.c.aggregate_id, hosts.c.id, hosts.c.name)
        .join(hosts, hosts.c.id == members.c.host_id)
        .where(members.c.aggregate_id.in_(names))
        .order_by(hosts.c.name)
    )
    for row in found:
        names[row.aggregate_id][row.id] = row.name
    return [
        model.Aggregate(**row._mapping, hosts=names[row.id]) for row in rows
    ]


def insert(
    conn: sa.Connection,
    uuid: str,
    name: str,
    metadata: dict[str, str],
    now: datetime.datetime,
) -> int:
    """:returns: its number.
    :raises Conflict: the name is taken.
    """
    try:
        done = conn.execute(
            t.insert().values(
                uuid=uuid, name=name, metadata=metadata, created_at=now
            )
        )
    except db_exception.DBDuplicateEntry:
        raise _taken(name) from None
    (number,) = done.inserted_primary_key or (0,)
    return int(number)


def _taken(name: str) -> exception.Conflict:
    return exception.Conflict(f"Aggregate {name} already exists.")


def update(
    conn: sa.Connection,
    item: model.Aggregate,
    now: datetime.datetime,
    **values: Any,
) -> None:
    """:raises Conflict: the name is taken.
    :raises RetryRequest: it was changed since it was read.
    """
    try:
        done = conn.execute(
            t.update()
            .where(t.c.id == item.id, t.c.revision == item.revision)
            .values(revision=item.revision + 1, updated_at=now, **values)
        )
    except db_exception.DBDuplicateEntry:
        raise _taken(str(values.get("name"))) from None
    if done.rowcount != 1:
        raise db_exception.RetryRequest(
            RuntimeError("the aggregate was changed by somebody else")
        )


def add_host(conn: sa.Connection, aggregate_id: int, host_id: str) -> None:
    """One that is not in it."""
    conn.execute(
        members.insert().values(aggregate_id=aggregate_id, host_id=host_id)
    )


def remove_host(conn: sa.Connection, aggregate_id: int, host_id: str) -> None:
    conn.execute(
        members.delete().where(
            members.c.aggregate_id == aggregate_id,
            members.c.host_id == host_id,
        )
    )


def delete(conn: sa.Connection, item: model.Aggregate) -> None:
    """One without hosts.

    :raises RetryRequest: it was changed since it was read.
    """
    done = conn.execute(
        t.delete().where(t.c.id == item.id, t.c.revision == item.revision)
    )
    if done.rowcount != 1:
        raise db_exception.RetryRequest(
            RuntimeError("the aggregate was changed by somebody else")
        )


def of_hosts(
    conn: sa.Connection, host_ids: Collection[str]
) -> list[model.Aggregate]:
    """Those that any of the hosts is in."""
    found = conn.execute(
        sa.select(members.c.aggregate_id)
        .where(members.c.host_id.in_(host_ids))
        .distinct()
    )
    return list_(conn, list(found.scalars()))


def set_zone(
    conn: sa.Connection, host_ids: Collection[str], zone: str | None
) -> None:
    """:param zone: None: the one that the agent of each names."""
    conn.execute(
        hosts.update()
        .where(hosts.c.id.in_(host_ids))
        .values(aggregate_zone=zone)
    )
