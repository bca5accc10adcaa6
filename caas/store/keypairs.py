"""Key pairs."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.model import keypairs as model
from caas.model.query import Query
from caas.store import paging
from caas.store.tables import keypairs as t

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
}

_COLUMNS = [column for column in t.c if column.name != "slot"]


def _from_row(row: Any) -> model.Keypair:
    return model.Keypair(**row._mapping)


def insert(
    conn: sa.Connection,
    keypair: model.Keypair,
    limit: int,
    over: Callable[[int], exception.QuotaExceeded],
) -> None:
    """:param limit: of key pairs of one user, -1 for none.
    :param over: what to raise when there are as many, given the number.
    :raises Conflict: its user has one of this name.
    :raises RetryRequest: another one was made at the same moment.
    """
    rows = conn.execute(
        sa.select(t.c.name, t.c.slot).where(t.c.user_id == keypair.user_id)
    ).all()
    if keypair.name in {row.name for row in rows}:
        raise exception.Conflict(
            f"There is a key pair named {keypair.name!r} already."
        )
    if 0 <= limit <= len(rows):
        raise over(len(rows))
    taken = {row.slot for row in rows}
    # two at once take the same slot, which is unique, so that the limit
    # holds without a lock
    slot = next(n for n in range(len(rows) + 1) if n not in taken)
    values = {c.name: getattr(keypair, c.name) for c in _COLUMNS}
    try:
        conn.execute(t.insert().values(slot=slot, **values))
    except db_exception.DBDuplicateEntry as error:
        raise db_exception.RetryRequest(error) from None


def find(
    conn: sa.Connection, user_id: str, ident: str
) -> model.Keypair | None:
    """One of a user, by name, else by id."""
    rows = conn.execute(
        sa.select(*_COLUMNS).where(
            t.c.user_id == user_id,
            sa.or_(t.c.name == ident, t.c.id == ident),
        )
    ).all()
    rows = sorted(rows, key=lambda row: row.name != ident)
    return _from_row(rows[0]) if rows else None


def list_(conn: sa.Connection, query: Query) -> list[model.Keypair]:
    """One page of key pairs.  Filters: ``user_id``, ``name``."""
    statement = sa.select(*_COLUMNS)
    for key, value in query.filters.items():
        statement = statement.where(t.c[key] == value)
    statement = paging.page(conn, statement, t, query, _SORT)
    return [_from_row(row) for row in conn.execute(statement)]


def by_fingerprint(conn: sa.Connection, sha256: str) -> list[model.Keypair]:
    """Those with this key, whoever's they are, the oldest first."""
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(t.c.sha256 == sha256)
        .order_by(t.c.created_at, t.c.id)
    )
    return [_from_row(row) for row in rows]


def delete(conn: sa.Connection, keypair_id: str) -> bool:
    """:returns: whether it was there."""
    done = conn.execute(t.delete().where(t.c.id == keypair_id))
    return done.rowcount == 1
