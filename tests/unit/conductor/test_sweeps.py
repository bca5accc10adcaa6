import dataclasses
import datetime

import pytest

from caas.conductor import sweeps
from caas.core import changes, flavors, sets
from caas.model.states import SetStatus
from caas.store import events, purge, tables
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
    monkeypatch.setattr(sweeper, "hosts", lambda: 1 / 0)
    monkeypatch.setattr(sweeper, "purge", sweeper._stopping.set)
    sweeper._run()
    assert ran == ["sets"]


def old_event(cloud, days):
    with cloud.store.writer() as conn:
        events.add(
            conn,
            at=cloud.clock() - datetime.timedelta(days=days),
            object_type="host",
            object_id="h",
            action="host.add",
        )


def ages(cloud):
    now = cloud.clock()
    return sorted((now - e.at).days for e in cloud.rows(tables.events))


def test_what_is_too_old_goes_once_an_hour(cloud, sweeper):
    other = Cloud(cloud.store, "c2").conductor.sweeper
    other._clock = sweeper._clock
    for days in (100, 91, 89):
        old_event(cloud, days)
    other.purge()
    assert ages(cloud) == [89]
    old_event(cloud, 95)
    for _ in range(2):
        sweeper.purge()
        other.purge()
        cloud.later(600)
    assert ages(cloud) == [89, 95]
    cloud.later(3600)
    sweeper.purge()
    assert ages(cloud) == [89]


def test_much_is_removed_a_little_at_a_time(cloud, sweeper, monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 2)
    monkeypatch.setattr(sweeps, "_PURGE_FOR", -1)
    for _ in range(5):
        old_event(cloud, 100)
    left = []
    for _ in range(4):
        sweeper.purge()
        left.append(len(ages(cloud)))
    assert left == [3, 1, 0, 0]


def test_zero_days_are_for_ever(cloud, sweeper):
    sweeper._settings = dataclasses.replace(
        sweeper._settings, event_retention=0, deleted_set_retention=0
    )
    old_event(cloud, 10_000)
    sweeper.purge()
    assert ages(cloud) == [10_000]


@pytest.fixture
def patient(store):
    """A cloud in which resizes wait for ten minutes at most."""
    return Cloud(store, resize_confirm_window=600)


def resized(cloud):
    """A set whose resize waits to be confirmed."""
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1")
    flavors.create(
        cloud.deps,
        cloud.ctx(),
        {"name": "large", "vcpus": 1, "memory_mb": 2048, "disk_gb": 1},
    )
    changes.resize(
        cloud.deps, cloud.ctx(), cloud.get(item.id), "large", hold=True
    )
    cloud.work()
    return cloud.get(item.id)


def test_a_resize_is_confirmed_in_the_end(patient):
    item = resized(patient)
    sweeper = patient.conductor.sweeper
    patient.later(601)
    # not while it is under way
    sweeper.resizes()
    assert patient.get(item.id).status == SetStatus.RESIZE
    patient.carry_out("h1")
    patient.offset = datetime.timedelta(seconds=590)
    sweeper.resizes()
    assert patient.get(item.id).status == SetStatus.VERIFY_RESIZE
    patient.later(20)
    other = Cloud(patient.store, "c2", resize_confirm_window=600)
    other.offset = patient.offset
    for one in (sweeper, other.conductor.sweeper, sweeper):
        one.resizes()
    found = patient.get(item.id)
    assert found.status == SetStatus.ACTIVE
    assert found.flavor_name == "large"
    told = [
        e for e in patient.events(item.id) if e.action == "set.confirm-resize"
    ]
    assert [e.result for e in told] == ["success"]
    assert told[0].reason


def test_without_a_window_it_waits_for_ever(cloud, sweeper):
    item = resized(cloud)
    cloud.carry_out("h1")
    cloud.later(10**6)
    sweeper.resizes()
    assert cloud.get(item.id).status == SetStatus.VERIFY_RESIZE


def test_hosts_are_told_what_is_no_new_revision(cloud, sweeper):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1")
    cloud.sent.clear()
    cloud.told.clear()
    item = cloud.get(item.id)
    sets.change_metadata(cloud.deps, cloud.ctx(), item, {"a": "1"})
    assert cloud.told == [item.id]
    # though the hint is lost
    cloud.told.clear()
    sweeper.sets()
    assert cloud.told == [item.id]
    cloud.work()
    ((host, message),) = cloud.sent
    assert host == "h1"
    (wanted,) = message["sets"]
    assert wanted["metadata"] == {"a": "1"}
    assert wanted["revision"] == item.revision
    cloud.told.clear()
    sweeper.sets()
    assert cloud.told == []
    found = cloud.get(item.id)
    assert (found.status, found.reason) == (SetStatus.ACTIVE, "")


def test_what_was_handed_in_is_for_its_host_only(cloud):
    for host in ("h1", "h2"):
        cloud.host(host)
    (item,) = cloud.create(user_data="eA==")
    (item,) = [cloud.get(item.id)]
    here = item.host_name
    (other,) = {"h1", "h2"} - {here}
    found = cloud.agents.inputs(here, item.id)
    assert found == {"user_data": "eA==", "files": ()}
    assert cloud.agents.inputs(other, item.id) is None
    assert cloud.agents.inputs("nobody", item.id) is None
    assert cloud.agents.inputs(here, "no-set") is None
