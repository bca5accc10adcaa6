"""Jobs: one at work on a thing, one at it, and one end."""

import dataclasses
import datetime
import uuid

import pytest
from oslo_db import exception as db_exception

from caas.model.jobs import Commit, Job, Kind, State
from caas.model.query import Query
from caas.store import jobs
from caas.store.engine import Store
from tests import fixtures

NOW = datetime.datetime(2026, 11, 20, 12)
LEASE = datetime.timedelta(minutes=5)

every_database = pytest.mark.parametrize("database", fixtures.DATABASES)


def job(subject: str = "s", kind: Kind = Kind.IMPORT, **fields: object) -> Job:
    made = Job(
        id=str(uuid.uuid4()),
        kind=kind,
        project_id="p",
        user_id="u",
        request_id="req-1",
        subject=subject,
        created_at=NOW,
        updated_at=NOW,
        deadline=NOW + 10 * LEASE,
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def add(store: Store, item: Job) -> Job:
    with store.writer() as conn:
        jobs.insert(conn, item)
    return item


def read(store: Store, item: Job) -> Job:
    with store.reader() as conn:
        found = jobs.get(conn, item.id)
    assert found is not None
    return found


@every_database
def test_one_at_work_on_a_thing(store: Store) -> None:
    commit = Commit("web", 1, "a/b", "1", changes=("ENV A=b",))
    first = add(store, job(arguments=commit.to_dict()))
    with pytest.raises(db_exception.DBDuplicateEntry):
        add(store, job())
    add(store, job(kind=Kind.COMMIT))
    add(store, job("another"))
    assert read(store, first) == first
    assert Commit.from_dict(read(store, first).arguments) == commit
    with store.reader() as conn:
        assert jobs.at_work(conn, Kind.IMPORT, "s") == first
        assert jobs.at_work(conn, Kind.IMPORT, "none") is None
        assert jobs.get(conn, first.id, "q") is None
        assert len(jobs.list_(conn, Query(project_id="p"))) == 3
        query = Query(filters={"kind": "commit", "since": NOW})
        assert len(jobs.list_(conn, query)) == 1
    with store.writer() as conn:
        assert jobs.end(conn, first.id, State.FAILED, NOW, reason="Why.")
        assert not jobs.end(conn, first.id, State.DONE, NOW)
    ended = read(store, first)
    assert (ended.state, ended.reason) == (State.FAILED, "Why.")
    assert ended.ended_at == NOW
    assert not ended.active
    add(store, job())


@every_database
def test_leases(store: Store) -> None:
    first = add(store, job())
    second = add(store, job("2", created_at=NOW + LEASE))
    until = NOW + 2 * LEASE

    def take(owner: str, now: datetime.datetime) -> str | None:
        with store.writer() as conn:
            found = jobs.take(conn, Kind.IMPORT, owner, now, now + LEASE)
        return found.id if found else None

    assert take("a", NOW) == first.id
    assert take("b", NOW) is None
    assert take("b", NOW + LEASE / 2) is None
    with store.writer() as conn:
        assert jobs.renew(conn, first.id, "a", NOW, until, "1 of 2 MB")
        assert not jobs.renew(conn, first.id, "b", NOW, until, "")
    assert read(store, first).progress == "1 of 2 MB"
    assert take("b", NOW + LEASE) == second.id
    # the first one's holder has died
    assert take("c", until) in (first.id, second.id)
    assert take("d", until) in (first.id, second.id)
    assert read(store, first).attempts == 2
    with store.writer() as conn:
        assert not jobs.renew(conn, first.id, "a", until, until, "")
        assert not jobs.end(conn, first.id, State.DONE, until, owner="a")
        for owner in ("c", "d"):
            jobs.put_off(
                conn, first.id, owner, until + LEASE, "Glance is away."
            )
    waiting = read(store, first)
    assert (waiting.state, waiting.reason) == (
        State.PENDING,
        "Glance is away.",
    )
    with store.reader() as conn:
        late = NOW + 11 * LEASE
        found = jobs.overdue(conn, Kind.IMPORT, late, 10)
        assert {one.id for one in found} == {first.id, second.id}
        assert not jobs.overdue(conn, Kind.COMMIT, late, 10)
        assert not jobs.overdue(conn, Kind.IMPORT, NOW, 10)


@every_database
def test_what_hosts_are_told(store: Store) -> None:
    one = add(store, job("c1", Kind.COMMIT, set_id="a", to_tell=True))
    two = add(store, job("c2", Kind.COMMIT, set_id="b", to_tell=True))
    with store.writer() as conn:
        assert set(jobs.sets_to_tell(conn, 10)) == {"a", "b"}
        assert list(jobs.tell(conn, ["a", "c"])) == ["a"]
        assert jobs.sets_to_tell(conn, 10) == ["b"]
        jobs.progress(conn, one.id, NOW + LEASE, "x" * 300, "Waits.")
    with store.reader() as conn:
        found = jobs.of_sets(conn, ["a", "b", "c"])
        assert {k: [j.id for j in v] for k, v in found.items()} == {
            "a": [one.id],
            "b": [two.id],
        }
        assert found["a"][0].state == State.RUNNING
        assert found["a"][0].progress == "x" * 255
    with store.writer() as conn:
        assert jobs.end(conn, one.id, State.CANCELLED, NOW, tell=True)
        assert set(jobs.sets_to_tell(conn, 10)) == {"a", "b"}
        jobs.progress(conn, one.id, NOW, "late", "")
    assert read(store, one).state == State.CANCELLED
    with store.reader() as conn:
        assert set(jobs.of_sets(conn, ["a", "b"])) == {"b"}
