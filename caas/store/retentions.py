"""Rules of retention, a row for each namespace that has some."""

import datetime
from typing import Any

import sqlalchemy as sa

from caas.model.retention import Retention
from caas.store.tables import namespaces
from caas.store.tables import retentions as t


def get(
    conn: sa.Connection, namespace_id: str
) -> tuple[Retention, datetime.datetime | None]:
    """And since when it has been as it is; None if there never was any."""
    row = conn.execute(
        sa.select(t).where(t.c.namespace_id == namespace_id)
    ).one_or_none()
    if row is None:
        return Retention(), None
    return Retention.from_dict(row.content), row.updated_at


def put(
    conn: sa.Connection,
    namespace_id: str,
    retention: Retention,
    now: datetime.datetime,
) -> None:
    """:raises DBDuplicateEntry: somebody else did so for the first time."""
    values: dict[str, Any] = {
        "content": retention.to_dict(),
        "updated_at": now,
    }
    done = conn.execute(
        t.update().where(t.c.namespace_id == namespace_id).values(**values)
    )
    if done.rowcount == 0:
        conn.execute(t.insert().values(namespace_id=namespace_id, **values))


def all_(conn: sa.Connection) -> list[tuple[str, Retention]]:
    """By id of namespace; of those that have rules."""
    rows = conn.execute(
        sa.select(t.c.namespace_id, t.c.content)
        .join(namespaces, namespaces.c.id == t.c.namespace_id)
        .order_by(t.c.namespace_id)
    )
    found = [
        (row.namespace_id, Retention.from_dict(row.content)) for row in rows
    ]
    return [
        (ident, retention) for ident, retention in found if retention.rules
    ]
