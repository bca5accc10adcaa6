"""Events on real databases: filters, pages, and who is told of them."""

import datetime
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from caas.model.events import Event
from caas.model.query import Query
from caas.store import events
from caas.store.engine import Store, utcnow
from tests import conf, fixtures

NOW = datetime.datetime(2026, 11, 20, 12, 0, 0, 5)


def _add(store: Store, minute: int = 0, **fields: Any) -> str:
    ident = str(uuid.uuid4())
    row = {
        "id": ident,
        "at": NOW + datetime.timedelta(minutes=minute),
        "project_id": "p1",
        "object_type": "set",
        "object_id": "s1",
        "action": "set.create",
        **fields,
    }
    with store.writer() as conn:
        events.add(conn, **row)
    return ident


def _list(store: Store, **fields: Any) -> list[Event]:
    query = Query(sort_key="at", **fields)
    with store.reader() as conn:
        return events.list_(conn, query)


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_filters(store: Store) -> None:
    made = {
        "a": _add(store, 0),
        "b": _add(store, 1, action="set.start", result="error", host="h1"),
        "c": _add(
            store,
            2,
            action="container.exited",
            container="web",
            container_id="c-1",
        ),
        "d": _add(store, 3, action="set.s%t", user_id="u1", request_id="r1"),
        "e": _add(store, 4, project_id="p2", object_id="s2"),
    }
    names = {ident: name for name, ident in made.items()}

    def found(project_id: str | None = "p1", **filters: Any) -> str:
        rows = _list(store, project_id=project_id, filters=filters)
        return "".join(names[row.id] for row in rows)

    def minute(number: int) -> datetime.datetime:
        return NOW + datetime.timedelta(minutes=number)

    assert found() == "dcba"
    assert found(None) == "edcba"
    assert found(action="set.create") == "a"
    assert found(action="set.") == found(action="set.*") == "dba"
    assert found(action="set.st*") == "b"
    assert found(action="set.s%*") == "d"
    assert found(action="*") == "dcba"
    assert found(container="web") == found(container="c-1") == "c"
    assert found(container="web", action="container.") == "c"
    assert found(container="other") == ""
    assert found(result="error") == found(host="h1") == "b"
    assert found(user_id="u1") == found(request_id="r1") == "d"
    assert found(object_type="set", object_id="s2") == ""
    assert found(None, object_type="set", object_id="s2") == "e"
    assert found(since=minute(1), until=minute(3)) == "cb"


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_pages_leave_nothing_out_while_others_write(store: Store) -> None:
    # many of one moment, as of sets that are made together
    there = [_add(store, n // 4) for n in range(10)]
    for direction in ("desc", "asc"):
        got: list[str] = []
        marker = None
        while True:
            page = _list(store, sort_dir=direction, limit=3, marker=marker)
            # before, amid and behind what the page has
            late = [_add(store, n) for n in (-1, 1, 5)]
            got += [event.id for event in page]
            if len(page) < 3:
                break
            marker = got[-1]
        assert set(there) <= set(got)
        assert len(set(got)) == len(got)
        there += late


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_a_page_is_one_question(store: Store) -> None:
    marker = [_add(store, n) for n in range(5)][-1]
    asked: list[str] = []
    sa.event.listen(
        store.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: asked.append(statement),
    )
    assert len(_list(store, marker=marker)) == 4
    selects = [s for s in asked if s.startswith("SELECT events.")]
    # where the marker is, and the page
    assert len(selects) == 2


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_published_is_what_was_committed(migrated_url: str) -> None:
    told: list[list[dict[str, Any]]] = []
    store = Store(conf.database(migrated_url), told.append)
    try:
        with store.writer() as conn:
            events.add_many(
                conn,
                [
                    {"object_type": "set", "object_id": i, "action": "a"}
                    for i in ("1", "2")
                ],
            )
            events.add(conn, object_type="host", object_id="3", action="b")
            assert told == []
        with store.writer() as conn:
            conn.execute(sa.text("SELECT 1"))
        with pytest.raises(ZeroDivisionError):
            _roll_back(store)
        # a connection of the pool has forgotten what it was used for
        with store.writer() as conn:
            events.add(conn, object_type="set", object_id="5", action="d")
        assert [[row["object_id"] for row in rows] for rows in told] == [
            ["1", "2", "3"],
            ["5"],
        ]
        [row] = told[1]
        with store.reader() as conn:
            found = events.get(conn, row["id"])
        assert found == Event(**row)
    finally:
        store.engine.dispose()


def _roll_back(store: Store) -> None:
    with store.writer() as conn:
        events.add(conn, object_type="set", object_id="4", action="c")
        raise ZeroDivisionError


def test_who_publishes_nothing_keeps_nothing(store: Store) -> None:
    with store.writer() as conn:
        events.add(conn, object_type="set", object_id="1", action="a")
        assert not conn.get_execution_options().get("caas_events")
    with store.reader() as conn:
        [event] = events.list_(conn, Query(sort_key="at"))
    assert event.at <= utcnow()
