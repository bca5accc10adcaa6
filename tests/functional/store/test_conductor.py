"""What the conductor does to the database, on every kind of it."""

import contextlib
import random
import threading
from unittest import mock

import pytest
import sqlalchemy as sa

from caas.conductor.settings import Network
from caas.model import wire
from caas.model.spec import Resources
from caas.model.states import SetStatus
from caas.store import addresses, claims, engine, reports, tables
from tests import fixtures
from tests.unit.conductor.cloud import Cloud, NetworkConf

pytestmark = pytest.mark.parametrize("database", fixtures.DATABASES)

THREADS = 16


def together(run, count=THREADS):
    """Call ``run(number)`` in threads; all errors are the test's."""
    errors = []

    def call(number):
        try:
            run(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_life(store):
    """Everything a set goes through."""
    cloud = Cloud(store)
    cloud.host("h1")
    cloud.host("h2", memory=2048)
    items = cloud.create(5, least=2)
    assert {item.host_name for item in items} == {"h1", "h2"}
    for host in ("h1", "h2"):
        cloud.carry_out(host, received_at="2026-01-01T00:00:00.123456+00:00")
    assert {cloud.get(i.id).status for i in items} == {SetStatus.ACTIVE}
    cloud.verb("stop", items[0])
    cloud.verb("restart", items[1])
    cloud.verb("delete", items[2])
    cloud.verb("force_delete", items[3])
    for host in ("h1", "h2"):
        cloud.carry_out(host)
    assert cloud.get(items[0].id).status == SetStatus.SHUTOFF
    assert cloud.get(items[1].id).status == SetStatus.ACTIVE
    assert sum(row.used_sets for row in cloud.rows(tables.hosts)) == 3
    assert len(cloud.rows(tables.addresses)) == 3
    cloud.later(101)
    cloud.conductor.sweeper._look_again = lambda ids: cloud.told.extend(ids)
    for task in ("beat", "beat", "sets", "hosts", "hosts"):
        getattr(cloud.conductor.sweeper, task)()
    assert cloud.told == []
    refused = cloud.create(9)
    assert {item.status for item in refused} == {SetStatus.ERROR}
    assert "2 are down" in refused[0].reason


def test_nobody_takes_what_is_taken(store):
    """Guarded updates alone keep hosts from being over-committed."""
    cloud = Cloud(store)
    for name in ("h1", "h2", "h3"):
        cloud.host(name, memory=1000, cpus=1000, disk=1000)
    ids = sorted(row.id for row in cloud.rows(tables.hosts))
    since = cloud.worker._view.alive_since(cloud.clock())
    taken = []

    @engine.retry
    def take(host_id, asked):
        with store.writer() as conn:
            return claims.take(conn, host_id, [asked], claims.Ratios(), since)

    def run(number):
        rng = random.Random(number)
        for _ in range(30):
            host_id, memory = rng.choice(ids), rng.randrange(5, 30)
            if take(host_id, Resources(1, memory, 1)):
                taken.append((host_id, memory))

    together(run)
    for row in cloud.rows(tables.hosts):
        mine = [memory for host_id, memory in taken if host_id == row.id]
        assert row.used_memory_mb == sum(mine) <= 1000
        # and none was refused that would have fitted
        assert row.used_memory_mb > 1000 - 30
        assert (row.used_sets, row.version) == (len(mine), len(mine))


def test_conductors_at_once_place_each_set_once(store):
    """Several conductors are told of the same sets at the same moment."""
    clouds = [Cloud(store, f"c{n}") for n in range(4)]
    cloud = clouds[0]
    for number in range(3):
        cloud.host(f"h{number}", memory=1024 * 7)
    items = cloud.ask(24, least=1)
    told = [item.id for item in items]

    def run(number):
        for _ in range(3):
            clouds[number].worker.work(
                random.Random(number).sample(told, len(told))
            )

    together(run, len(clouds))
    for number in range(3):
        # the hints may have been used up while others held leases
        clouds[0].later(16)
        cloud.report(f"h{number}")
        clouds[0].worker.work(told)
    placed = [item for item in map(cloud.get, told) if item.host_id]
    assert len(placed) == 21
    assert {item.incarnation for item in placed} == {1}
    assert len({item.address for item in placed}) == 21
    for row in cloud.rows(tables.hosts):
        assert (row.used_sets, row.used_memory_mb) == (7, 7 * 1024)
        assert len(cloud.rows(tables.claims, host_id=row.id)) == 7


def test_addresses_are_given_once(store):
    network = Network.from_conf(NetworkConf(cidr="10.0.0.0/26")).cidr
    with store.writer() as conn:
        addresses.ensure_pool(conn, "p", network)
        addresses.ensure_pool(conn, "p", network)
    given = {}

    @engine.retry
    def take(ids):
        with store.writer() as conn:
            return addresses.take(conn, "p", network, {"10.0.0.1"}, ids)

    def run(number):
        for turn in range(3):
            given.update(take([f"{number}-{turn}-{n}" for n in range(2)]))

    together(run)
    # 62 addresses, one of them reserved
    assert len(given) == len(set(given.values())) == 61
    assert "10.0.0.1" not in given.values()


def test_a_freed_address_rests(store):
    network = Network.from_conf(NetworkConf(cidr="10.0.0.0/28")).cidr
    with store.writer() as conn:
        addresses.ensure_pool(conn, "p", network)
        first = addresses.take(conn, "p", network, (), ["a", "b"])
        conn.execute(tables.addresses.delete())
        second = addresses.take(conn, "p", network, (), ["c", "d"])
        assert not set(first.values()) & set(second.values())
        rest = addresses.take(conn, "p", network, (), list("efghijklmnop"))
        # all but the two that are in use, however often the pool turns
        assert len(rest) == 12
        assert addresses.take(conn, "p", network, (), ["z"]) == {}


def test_an_address_of_before_is_kept(store):
    """Another conductor may have placed a set whose lease ran out."""
    network = Network.from_conf(NetworkConf(cidr="10.0.0.0/28")).cidr
    with store.writer() as conn:
        addresses.ensure_pool(conn, "p", network)
        before = addresses.take(conn, "p", network, (), ["a", "b"])
        after = addresses.take(conn, "p", network, (), ["b", "c"])
        assert after["b"] == before["b"]
        assert len({*before.values(), *after.values()}) == 3
        assert addresses.take(conn, "p", network, (), ["a"]) == {
            "a": before["a"]
        }


def test_a_conductor_that_slept_takes_no_address_from_a_set(store):
    """It finds that it has lost the set, and gives back only its own."""
    cloud, slow = Cloud(store), Cloud(store, "c2")
    cloud.host("h1")
    (item,) = cloud.ask()
    commit = slow.worker._commit

    def late(batch, plan):
        # longer than its lease
        for each in (cloud, slow):
            each.later(60)
        cloud.report("h1")
        cloud.worker.work([item.id])
        return commit(batch, plan)

    with mock.patch.object(slow.worker, "_commit", late):
        slow.worker.work([item.id])
    item = cloud.get(item.id)
    assert item.host_id
    assert item.incarnation == 1
    (kept,) = cloud.rows(tables.addresses)
    assert kept.address == item.address
    (host,) = cloud.rows(tables.hosts)
    assert host.used_sets == 1


def test_only_one_report_of_those_at_once_is_taken_in(store):
    cloud = Cloud(store)
    cloud.host("h1")
    (row,) = cloud.rows(tables.hosts)
    report = wire.Report(host="h1", boot=2, seq=1, version=0)
    won = []

    @engine.retry
    def fence():
        with store.writer() as conn:
            return reports.fence(conn, row.id, report, cloud.clock())

    together(lambda number: won.append(fence()))
    assert sorted(won) == [False] * (THREADS - 1) + [True]


def test_a_new_host_that_reports_twice_at_once(store):
    cloud = Cloud(store)
    together(lambda number: cloud.report("h1", seq=number + 1))
    assert len(cloud.rows(tables.hosts)) == 1
    assert cloud.row(tables.hosts).seq == THREADS


def test_a_list_is_never_older_than_its_version(store):
    """Lists are read while versions rise; each has what its label says."""
    cloud = Cloud(store)
    cloud.host("h1", memory=1024 * 40, cpus=40)
    stop = threading.Event()
    # sets on the host at each version: the messages tell
    lists = []

    def read():
        while not stop.is_set():
            with contextlib.suppress(sa.exc.NoResultFound):
                answer = cloud.report("h1", version=-1)
                lists.append(
                    (
                        answer["version"],
                        {data["id"] for data in answer["sets"]},
                    )
                )

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        cloud.create()
    stop.set()
    reader.join()
    at = {0: set()}
    for version in range(1, 21):
        (message,) = (m for _, m in cloud.sent if m["version"] == version)
        at[version] = at[version - 1] | {d["id"] for d in message["sets"]}
    assert lists
    for version, found in lists:
        assert at[version] <= found
