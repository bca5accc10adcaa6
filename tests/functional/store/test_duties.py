"""Of several who try, one does what is to be done now and then."""

import concurrent.futures
import datetime
import threading

import pytest
from oslo_db import exception as db_exception

from caas.store import duties
from caas.store.engine import Store, retry
from tests import fixtures

NOW = datetime.datetime(2026, 11, 20, 12)
LEASE = datetime.timedelta(minutes=5)


def _take(store: Store, now: datetime.datetime) -> bool:
    with store.writer() as conn:
        return duties.take(conn, "sweep", now, now + LEASE)


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_one_at_a_time_in_turn(store: Store) -> None:
    later = NOW + datetime.timedelta(hours=1)
    assert _take(store, NOW)
    assert not _take(store, NOW)
    with store.writer() as conn:
        duties.end(conn, "sweep", NOW + LEASE, later)
    assert not _take(store, later - LEASE)
    assert _take(store, later)
    # who took it died
    assert not _take(store, later + LEASE / 2)
    assert _take(store, later + LEASE)
    # and was only slow: it is not its own any more
    with store.writer() as conn:
        duties.end(conn, "sweep", later + LEASE, NOW)
    assert not _take(store, later + LEASE)


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_many_at_once(store: Store) -> None:
    ready = threading.Barrier(4)

    @retry
    def one(now: datetime.datetime) -> bool:
        try:
            return _take(store, now)
        except db_exception.DBDuplicateEntry:
            return False

    def run(_number: int) -> list[bool]:
        done = []
        for turn in range(5):
            ready.wait(30)
            done.append(one(NOW + turn * LEASE))
        return done

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))
    assert [sum(turn) for turn in zip(*results, strict=True)] == [1] * 5
