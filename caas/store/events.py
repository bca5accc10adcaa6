"""Events: written in the transaction that changes the state."""

import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from caas.model import events as model
from caas.model.query import Query
from caas.store import paging
from caas.store.engine import utcnow
from caas.store.tables import events as t

_SORT: dict[str, sa.ColumnElement[Any]] = {"at": t.c.at, "id": t.c.id}

_EMPTY: dict[str, Any] = {
    "project_id": None,
    "user_id": None,
    "result": "success",
    "reason": "",
    "request_id": "",
    "host": "",
}


def add(conn: sa.Connection, **fields: Any) -> None:
    """Write one event; see :func:`add_many`."""
    add_many(conn, [fields])


def add_many(conn: sa.Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Write events; keys are columns, ``id`` and ``at`` come by themselves."""
    now = utcnow()
    full = [
        {"id": str(uuid.uuid4()), "at": now, "details": {}, **_EMPTY, **row}
        for row in rows
    ]
    if full:
        conn.execute(t.insert(), full)


def list_(conn: sa.Connection, query: Query) -> list[model.Event]:
    """One page of events.

    Filters: ``object_type``, ``object_id``, ``action``, ``result``,
    ``request_id``, ``since`` (datetime).
    """
    statement = sa.select(t)
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        if key == "since":
            statement = statement.where(t.c.at >= value)
        else:
            statement = statement.where(t.c[key] == value)
    statement = paging.page(conn, statement, t, query, _SORT)
    return [model.Event(**row._mapping) for row in conn.execute(statement)]
