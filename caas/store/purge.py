"""Remove what nobody asks for any more: old tombstones and events."""

import datetime
from typing import Any

import sqlalchemy as sa

from caas.store.engine import Store
from caas.store.tables import containers, events, history, sets

#: Rows of one transaction: few enough to keep others from waiting.
BATCH = 500


def purge(store: Store, before: datetime.datetime) -> dict[str, int]:
    """Remove sets deleted before a time, with their containers and
    history, and events from before it.

    :param before: UTC without zone.
    :returns: number of rows removed by table.
    """
    removed = {"sets": 0, "containers": 0, "events": 0}
    while True:
        with store.writer() as conn:
            ids = _ids(conn, sets, sets.c.deleted_at < before)
            gone = conn.execute(
                containers.delete().where(containers.c.set_id.in_(ids))
            )
            removed["containers"] += gone.rowcount
            conn.execute(history.delete().where(history.c.set_id.in_(ids)))
            conn.execute(sets.delete().where(sets.c.id.in_(ids)))
            removed["sets"] += len(ids)
        if len(ids) < BATCH:
            break
    while True:
        with store.writer() as conn:
            ids = _ids(conn, events, events.c.at < before)
            conn.execute(events.delete().where(events.c.id.in_(ids)))
            removed["events"] += len(ids)
        if len(ids) < BATCH:
            return removed


def _ids(
    conn: sa.Connection, table: sa.Table, old: sa.ColumnElement[Any]
) -> list[str]:
    # MariaDB knows no LIMIT in a subquery of DELETE: read the ids first
    statement = sa.select(table.c.id).where(old).limit(BATCH)
    return list(conn.execute(statement).scalars())
