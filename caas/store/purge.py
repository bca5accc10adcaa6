"""Remove what nobody asks for any more: old events, sessions, tombstones."""

import datetime
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from caas.store.engine import Store
from caas.store.tables import (
    backups,
    containers,
    events,
    history,
    jobs,
    recordings,
    sessions,
    set_inputs,
    set_tags,
    sets,
)

#: Rows of one transaction: few enough to keep others from waiting.
BATCH = 500


def purge(
    store: Store,
    events_before: datetime.datetime | None,
    sets_before: datetime.datetime | None,
    go_on: Callable[[], bool] = lambda: True,
) -> tuple[dict[str, int], bool]:
    """Remove sets deleted before a time, with their containers and
    history, and events, sessions (with what was recorded of them) and jobs
    from before a time.

    Times are UTC without zone, None to keep all.

    :param go_on: asked between two transactions whether there is time for
        one more.
    :returns: number of rows removed by table, and whether that was all.
    """
    removed = {
        "sets": 0,
        "containers": 0,
        "events": 0,
        "sessions": 0,
        "jobs": 0,
    }
    for before, batch in (
        (sets_before, _sets),
        (events_before, _events),
        (events_before, _sessions),
        (events_before, _jobs),
    ):
        if before is None:
            continue
        while batch(store, before, removed) == BATCH:
            if not go_on():
                return removed, False
    return removed, True


def _sets(
    store: Store, before: datetime.datetime, removed: dict[str, int]
) -> int:
    with store.writer() as conn:
        ids = _ids(conn, sets, sets.c.deleted_at < before)
        gone = conn.execute(
            containers.delete().where(containers.c.set_id.in_(ids))
        )
        conn.execute(history.delete().where(history.c.set_id.in_(ids)))
        # of those that were ended while it was written
        conn.execute(set_inputs.delete().where(set_inputs.c.set_id.in_(ids)))
        conn.execute(set_tags.delete().where(set_tags.c.set_id.in_(ids)))
        # their images stay
        conn.execute(backups.delete().where(backups.c.set_id.in_(ids)))
        conn.execute(sets.delete().where(sets.c.id.in_(ids)))
    removed["containers"] += gone.rowcount
    removed["sets"] += len(ids)
    return len(ids)


def _events(
    store: Store, before: datetime.datetime, removed: dict[str, int]
) -> int:
    with store.writer() as conn:
        ids = _ids(conn, events, events.c.at < before)
        conn.execute(events.delete().where(events.c.id.in_(ids)))
    removed["events"] += len(ids)
    return len(ids)


def _sessions(
    store: Store, before: datetime.datetime, removed: dict[str, int]
) -> int:
    with store.writer() as conn:
        ids = _ids(conn, sessions, sessions.c.created_at < before)
        conn.execute(
            recordings.delete().where(recordings.c.session_id.in_(ids))
        )
        conn.execute(sessions.delete().where(sessions.c.id.in_(ids)))
    removed["sessions"] += len(ids)
    return len(ids)


def _jobs(
    store: Store, before: datetime.datetime, removed: dict[str, int]
) -> int:
    with store.writer() as conn:
        ids = _ids(conn, jobs, jobs.c.ended_at < before)
        conn.execute(jobs.delete().where(jobs.c.id.in_(ids)))
    removed["jobs"] += len(ids)
    return len(ids)


def _ids(
    conn: sa.Connection, table: sa.Table, old: sa.ColumnElement[Any]
) -> list[str]:
    # MariaDB knows no LIMIT in a subquery of DELETE: read the ids first
    statement = sa.select(table.c.id).where(old).limit(BATCH)
    return list(conn.execute(statement).scalars())
