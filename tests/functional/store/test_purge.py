"""Old tombstones and events go, what is young or alive stays."""

import datetime
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from caas.model.states import Desired, Phase, Placement
from caas.store import purge, tables
from caas.store.engine import Store, utcnow
from tests import fixtures


def _insert(store: Store, table: sa.Table, **fields: Any) -> None:
    with store.writer() as conn:
        conn.execute(table.insert().values(**fields))


def _set(store: Store, deleted_at: datetime.datetime | None) -> str:
    ident = str(uuid.uuid4())
    now = utcnow()
    _insert(
        store,
        tables.sets,
        id=ident,
        project_id="p",
        user_id="u",
        name="s",
        hostname="s",
        metadata={},
        flavor_id="f",
        flavor_name="f",
        millicpus=1,
        memory_mb=1,
        disk_gb=1,
        reservation_id="r",
        min_count=1,
        desired=Desired.RUNNING,
        created_at=now,
        updated_at=now,
        deleted_at=deleted_at,
        placement=Placement.PENDING,
        phase=Phase.NONE,
    )
    for name in ("infra", "web"):
        _insert(
            store,
            tables.containers,
            id=str(uuid.uuid4()),
            set_id=ident,
            project_id="p",
            name=name,
            role="business",
            spec={},
            created_at=now,
            status="pending",
        )
    for revision in (1, 2):
        _insert(
            store,
            tables.history,
            set_id=ident,
            revision=revision,
            at=now,
            action="update",
            content={},
        )
    return ident


def _event(store: Store, at: datetime.datetime) -> str:
    ident = str(uuid.uuid4())
    _insert(
        store,
        tables.events,
        id=ident,
        at=at,
        object_type="set",
        object_id="s",
        action="set.create",
        result="success",
        details={},
    )
    return ident


def _session(store: Store, at: datetime.datetime) -> None:
    ident = str(uuid.uuid4())
    _insert(
        store,
        tables.sessions,
        id=ident,
        project_id="p",
        set_id="s",
        set_name="s",
        user_id="u",
        verb="exec",
        arguments={},
        incarnation=1,
        host_id="h",
        token_hash=ident,
        created_at=at,
        expires_at=at,
    )
    for piece in (0, 1):
        _insert(
            store,
            tables.recordings,
            session_id=ident,
            piece=piece,
            data=b"x",
        )


def _job(store: Store, ended_at: datetime.datetime | None) -> str:
    ident = str(uuid.uuid4())
    at = utcnow()
    _insert(
        store,
        tables.jobs,
        id=ident,
        kind="commit",
        project_id="p",
        user_id="u",
        subject=ident,
        state="running",
        lease_until=at,
        deadline=at,
        created_at=at,
        updated_at=at,
        ended_at=ended_at,
    )
    return ident


def _ids(store: Store, table: sa.Table, column: str = "id") -> set[str]:
    with store.reader() as conn:
        return set(conn.execute(sa.select(table.c[column])).scalars())


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_purge(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # several rounds, the last one part full
    monkeypatch.setattr(purge, "BATCH", 2)
    now = utcnow()
    old = now - datetime.timedelta(days=40)
    young = now - datetime.timedelta(days=20)
    for _ in range(3):
        _set(store, deleted_at=old)
        _event(store, at=old)
    for at in (old, old, young):
        _session(store, at)
    stays = {_set(store, deleted_at=young), _set(store, deleted_at=None)}
    event = _event(store, at=young)
    jobs = {_job(store, ended_at=at) for at in (old, young, None)}

    before = now - datetime.timedelta(days=30)
    assert purge.purge(store, before, before) == (
        {"sets": 3, "containers": 6, "events": 3, "sessions": 2, "jobs": 1},
        True,
    )
    assert _ids(store, tables.sets) == stays
    assert _ids(store, tables.containers, "set_id") == stays
    assert _ids(store, tables.history, "set_id") == stays
    assert _ids(store, tables.events) == {event}
    assert len(_ids(store, tables.sessions)) == 1
    assert len(_ids(store, tables.jobs)) == 2
    assert _ids(store, tables.jobs) < jobs
    assert _ids(store, tables.recordings, "session_id") == _ids(
        store, tables.sessions
    )
