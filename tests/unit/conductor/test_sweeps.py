import pytest

from caas.store import tables
from tests.unit.conductor.cloud import Cloud


@pytest.fixture
def sweeper(cloud):
    cloud.conductor.sweeper._look_again = lambda ids: cloud.told.extend(ids)
    return cloud.conductor.sweeper


def test_sets_no_message_told_about(cloud, sweeper):
    cloud.host("h1")
    (item,) = cloud.ask()
    cloud.told.clear()
    sweeper.sets()
    assert cloud.told == [item.id]
    cloud.work()
    sweeper.sets()
    assert cloud.told == []
    cloud.later(101)
    sweeper.sets()
    assert cloud.told == [item.id]


def test_a_silent_host_is_news_once_each_time(cloud, sweeper):
    cloud.host("h1")
    other = Cloud(cloud.store, "c2").conductor.sweeper
    host = cloud.row(tables.hosts)
    sweeper.hosts()
    for _ in range(2):
        cloud.later(46)
        other._clock = sweeper._clock
        for one in (sweeper, other, sweeper):
            one.hosts()
        cloud.report("h1")
    assert [e.action for e in cloud.events(host.id)] == [
        "host.add",
        "host.down",
        "host.up",
        "host.down",
        "host.up",
    ]


def test_it_reports_itself(cloud, sweeper):
    for _ in range(2):
        sweeper.beat()
    row = cloud.row(tables.services)
    assert (row.binary, row.host, row.version) == (
        "caas-conductor",
        "c1",
        "1.0",
    )
    first = row.last_seen
    cloud.later(10)
    sweeper.beat()
    assert cloud.row(tables.services).last_seen > first


def test_one_task_that_fails_keeps_no_other_from_running(
    cloud, sweeper, monkeypatch
):
    ran = []
    monkeypatch.setattr(sweeper, "beat", lambda: 1 / 0)
    monkeypatch.setattr(sweeper, "sets", lambda: ran.append("sets"))
    monkeypatch.setattr(sweeper, "hosts", sweeper._stopping.set)
    sweeper._run()
    assert ran == ["sets"]
