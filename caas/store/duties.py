"""Duties: what one conductor at a time does now and then.

A duty is taken by moving the time it is next due, which one of those who try
can do.  Who dies at it leaves it to others once that time has come.
"""

import datetime

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas.store.engine import Store
from caas.store.tables import duties as t


def claim(
    store: Store, name: str, now: datetime.datetime, until: datetime.datetime
) -> bool:
    """:func:`take` in a transaction of its own."""
    try:
        return store.write(lambda conn: take(conn, name, now, until))
    except db_exception.DBDuplicateEntry:
        return False


def take(
    conn: sa.Connection,
    name: str,
    now: datetime.datetime,
    until: datetime.datetime,
) -> bool:
    """Take a duty if it is due.

    :param until: the others leave it alone so long.
    :returns: whether it is ours to do now.
    :raises DBDuplicateEntry: it was never done before, and another took it
        at the same moment.
    """
    done = conn.execute(
        t.update()
        .where(t.c.name == name, t.c.next_at <= now)
        .values(next_at=until)
    )
    if done.rowcount == 1:
        return True
    known = conn.execute(sa.select(t.c.name).where(t.c.name == name))
    if known.one_or_none() is not None:
        return False
    conn.execute(t.insert().values(name=name, next_at=until))
    return True


def end(
    conn: sa.Connection,
    name: str,
    until: datetime.datetime,
    next_at: datetime.datetime,
) -> None:
    """It is done for now; nothing, if another has taken it over.

    :param until: as it was taken.
    :param next_at: when it is due again.
    """
    conn.execute(
        t.update()
        .where(t.c.name == name, t.c.next_at == until)
        .values(next_at=next_at)
    )
