"""Events: written in the transaction that changes the state."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from caas.model import events as model
from caas.model.query import Query
from caas.store import paging
from caas.store.engine import WRITTEN, utcnow
from caas.store.tables import events as t

_SORT: dict[str, sa.ColumnElement[Any]] = {"at": t.c.at}

_EMPTY: dict[str, Any] = {
    "project_id": None,
    "user_id": None,
    "container": "",
    "container_id": "",
    "result": "success",
    "reason": "",
    "request_id": "",
    "host": "",
}


def add(conn: sa.Connection, **fields: Any) -> None:
    """Write one event; see :func:`add_many`."""
    add_many(conn, [fields])


def add_many(conn: sa.Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Write events; keys are columns, ``id`` and ``at`` come by themselves.

    Once the transaction is committed they also go to whoever the Store was
    told to publish them to.
    """
    now = utcnow()
    full = [
        {"id": str(uuid.uuid4()), "at": now, "details": {}, **_EMPTY, **row}
        for row in rows
    ]
    if full:
        conn.execute(t.insert(), full)
        written = conn.get_execution_options().get(WRITTEN)
        if written is not None:
            written.extend(full)


def get(conn: sa.Connection, event_id: str) -> model.Event | None:
    row = conn.execute(sa.select(t).where(t.c.id == event_id)).one_or_none()
    return None if row is None else model.Event(**row._mapping)


def list_(conn: sa.Connection, query: Query) -> list[model.Event]:
    """One page of events.

    Filters: ``object_type``, ``object_id``, ``container`` (name or id),
    ``action`` (or what it begins with, as ``set.`` or ``set.*``),
    ``actions`` (one of these), ``not_actions`` (none of these),
    ``result``, ``user_id``, ``request_id``, ``host`` (name), ``since``
    (datetime), ``until`` (datetime, not included), ``asked`` (whether a user
    asked for it).
    """
    statement = sa.select(t)
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        clause = _FILTERS.get(key)
        statement = statement.where(
            t.c[key] == value if clause is None else clause(value)
        )
    statement = paging.page(conn, statement, t, query, _SORT)
    return [model.Event(**row._mapping) for row in conn.execute(statement)]


def _by_action(value: str) -> sa.ColumnElement[bool]:
    start = value.removesuffix("*")
    if start != value or value.endswith("."):
        return t.c.action.startswith(start, autoescape=True)
    return t.c.action == value


_FILTERS: dict[str, Callable[[Any], sa.ColumnElement[bool]]] = {
    "action": _by_action,
    "actions": t.c.action.in_,
    "not_actions": t.c.action.not_in,
    "container": lambda v: sa.or_(t.c.container == v, t.c.container_id == v),
    "asked": lambda v: (
        t.c.user_id.is_not(None) if v else t.c.user_id.is_(None)
    ),
    "since": lambda v: t.c.at >= v,
    "until": lambda v: t.c.at < v,
}
