import datetime

import pytest
import sqlalchemy as sa

from caas import pull
from caas.conductor import worker
from caas.conductor.settings import Network
from caas.model import wire
from caas.model.states import Desired, SetStatus
from caas.store import hosts as hosts_store
from caas.store import placements, tables
from tests.unit.conductor.cloud import Cloud, NetworkConf


def test_a_set_gets_a_host_which_is_told(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    assert (item.host_name, item.incarnation, item.issued) == ("h1", 1, 1)
    assert item.address == "10.89.0.2"
    ((host, message),) = cloud.sent
    assert host == message["host"] == "h1"
    assert (message["base"], message["version"]) == (0, 1)
    (wanted,) = (wire.Wanted.from_dict(data) for data in message["sets"])
    assert (wanted.id, wanted.incarnation, wanted.revision) == (item.id, 1, 1)
    assert wanted.desired == Desired.RUNNING
    assert wanted.resources == item.resources
    assert wanted.hostname == "s"
    assert wanted.nic == wire.Nic(
        "10.89.0.2", 16, "10.89.0.1", "02:ca:0a:59:00:02", 1450
    )
    assert [c.spec.name for c in wanted.containers] == ["app", "web"]
    assert [c.id for c in wanted.containers] == [
        c.id for c in item.containers if c.role == "business"
    ]
    for container in wanted.containers:
        image = container.spec.image
        leave = pull.Leave(image.repository, image.digest)
        assert cloud.tokens.read(container.pull.token) == leave
    (event,) = cloud.events(item.id, "success")
    assert (event.action, event.host) == ("set.schedule", "h1")
    assert event.request_id == item.request_id
    assert event.details["queued_ms"] >= 0


def test_claims_and_use_of_the_host(cloud):
    cloud.host("h1")
    cloud.create(3)
    row = cloud.row(tables.hosts)
    assert (row.used_sets, row.used_millicpus) == (3, 3000)
    assert (row.used_memory_mb, row.used_disk_gb) == (3072, 3)
    assert len(cloud.rows(tables.claims, host_id=row.id)) == 3


def test_one_message_for_each_host_of_a_batch(cloud):
    cloud.host("h1")
    cloud.host("h2")
    items = cloud.create(6)
    assert sorted(host for host, _ in cloud.sent) == ["h1", "h2"]
    for host, message in cloud.sent:
        assert {data["id"] for data in message["sets"]} == {
            item.id for item in items if item.host_name == host
        }


def test_a_batch_takes_few_statements(cloud):
    """The number does not grow with the number of sets."""
    cloud.host("h1", memory=1024 * 200, cpus=200, disk=200)
    counts = [0]

    @sa.event.listens_for(cloud.store.engine, "before_cursor_execute")
    def count(*args):
        counts[-1] += 1

    for number in (1, 100):
        counts.append(0)
        cloud.ask(number)
        counts.append(0)
        cloud.work()
    _, _, one, _, hundred = counts
    assert one <= 25
    # leasing the rest of a reservation takes some more
    assert hundred <= one + 6


def test_no_host_at_all(cloud):
    (item,) = cloud.create()
    assert item.status == SetStatus.ERROR
    assert item.reason == (
        "No host can take this set: there are no hosts yet."
    )
    (event,) = cloud.events(item.id, "error")
    assert (event.action, event.reason) == ("set.schedule", item.reason)
    assert cloud.sent == []


def test_a_refused_set_is_placed_when_started_again(cloud):
    (item,) = cloud.create()
    cloud.host("h1")
    cloud.verb("start", item)
    assert cloud.get(item.id).host_name == "h1"
    assert cloud.get(item.id).status == SetStatus.BUILD


def test_the_reason_counts_hosts(cloud):
    cloud.host("h1", memory=512)
    cloud.host("h2")
    with cloud.store.writer() as conn:
        host = hosts_store.find(conn, "h2")
        hosts_store.enable(conn, host.id, False, "repair")
    (item,) = cloud.create()
    assert item.reason == (
        "No host can take this set: 2 hosts looked at; 1 is disabled, "
        "1 lacks memory (asked 1024 MiB, most free 512 MiB)."
    )


def test_a_host_disabled_a_moment_ago_gets_nothing(cloud):
    """The view of the scheduler is older; the claim is the final word."""
    cloud.host("h1")
    cloud.host("h2")
    cloud.create(2)
    with cloud.store.writer() as conn:
        host = hosts_store.find(conn, "h1")
        hosts_store.enable(conn, host.id, False, None)
    items = cloud.create(2)
    assert [item.host_name for item in items] == ["h2", "h2"]


def test_what_another_conductor_took_is_planned_anew(store):
    one, two = Cloud(store, "c1"), Cloud(store, "c2")
    one.host("h1", memory=1024)
    one.host("h2", memory=1024)
    # what one places from now on, two does not see
    two.worker._view.refresh()
    (a,) = one.create()
    (b,) = one.create()
    (c,) = two.create()
    assert {a.host_name, b.host_name} == {"h1", "h2"}
    assert "2 lack memory" in c.reason
    for row in one.rows(tables.hosts):
        assert row.used_memory_mb == 1024


def test_all_or_none(cloud):
    cloud.host("h1")
    items = cloud.create(5)
    assert {item.host_id for item in items} == {None}
    assert all(
        item.reason.startswith("Only 4 of at least 5 sets asked for together")
        for item in items
    )
    assert cloud.row(tables.hosts).used_sets == 0
    assert cloud.sent == []


def test_as_many_as_fit(cloud):
    cloud.host("h1")
    items = cloud.create(6, least=2)
    assert sum(item.host_id is not None for item in items) == 4
    assert sum(item.status == SetStatus.ERROR for item in items) == 2


def test_a_reservation_is_placed_as_a_whole_however_it_is_told(cloud):
    cloud.host("h1")
    cloud.ask(4)
    cloud.told = cloud.told[:1]
    cloud.work()
    assert cloud.row(tables.hosts).used_sets == 4


def test_a_reservation_another_conductor_has_part_of_is_left(cloud):
    cloud.host("h1")
    items = cloud.ask(3)
    now = cloud.clock()
    until = now + datetime.timedelta(seconds=15)
    with cloud.store.writer() as conn:
        placements.lease(conn, [items[0].id], "other/1", now, until)
    cloud.work()
    assert cloud.row(tables.hosts).used_sets == 0
    cloud.later(16)
    cloud.report("h1")
    cloud.told = [item.id for item in items]
    cloud.work()
    assert cloud.row(tables.hosts).used_sets == 3


def test_started_alone_a_set_of_a_refused_reservation_needs_no_others(cloud):
    items = cloud.create(3)
    cloud.host("h1", memory=1024)
    cloud.verb("start", items[0])
    assert cloud.get(items[0].id).host_name == "h1"


def test_hosts_that_are_down_are_waited_for_a_while(cloud):
    cloud.host("h1")
    cloud.later(60)
    (item,) = cloud.ask()
    with cloud.store.writer() as conn:
        conn.execute(tables.sets.update().values(updated_at=cloud.clock()))
    cloud.work()
    item = cloud.get(item.id)
    assert item.status == SetStatus.BUILD
    assert "1 is down" in item.reason
    assert cloud.events(item.id, "error") == []
    # it is back in time
    cloud.report("h1")
    cloud.conductor.sweeper._look_again = lambda ids: cloud.told.extend(ids)
    cloud.conductor.sweeper.sets()
    cloud.work()
    assert cloud.get(item.id).host_name == "h1"


def test_hosts_that_stay_down_are_not_waited_for_for_ever(cloud):
    cloud.host("h1")
    (item,) = cloud.ask()
    cloud.later(60)
    cloud.work()
    item = cloud.get(item.id)
    assert item.status == SetStatus.ERROR
    assert item.reason == (
        "No host can take this set: 1 host looked at; 1 is down."
    )


def test_stopped_and_deleted_before_there_was_a_host(cloud):
    (item,) = cloud.ask()
    cloud.verb("stop", item)
    assert cloud.get(item.id).status == SetStatus.SHUTOFF
    assert cloud.get(item.id).issued == 2
    assert [e.action for e in cloud.events(item.id, "success")] == ["set.stop"]
    cloud.verb("delete", item)
    row = cloud.row(tables.sets, id=item.id)
    assert row.deleted_at is not None
    assert [e.action for e in cloud.events(item.id, "success")] == [
        "set.stop",
        "set.delete",
    ]
    assert {r.used for r in cloud.rows(tables.quota_usages)} == {0}


def test_verbs_reach_the_host_as_new_versions(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    for number, (verb, desired) in enumerate(
        (
            ("stop", Desired.STOPPED),
            ("start", Desired.RUNNING),
            ("restart", Desired.RUNNING),
            ("delete", Desired.DELETED),
        ),
        2,
    ):
        cloud.verb(verb, item)
        _, message = cloud.sent[-1]
        assert (message["base"], message["version"]) == (number - 1, number)
        (wanted,) = (wire.Wanted.from_dict(data) for data in message["sets"])
        assert (wanted.desired, wanted.revision) == (desired, number)
        if desired == Desired.STOPPED:
            assert [c.pull for c in wanted.containers] == [None, None]
    assert wanted.containers == ()


def test_nothing_to_do_tells_nobody(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.told = [item.id, "no such set"]
    cloud.work()
    assert len(cloud.sent) == 1
    assert cloud.row(tables.hosts).version == 1


def test_a_silent_host_is_asked_again_with_longer_pauses(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    for attempt, pause in enumerate((100, 200, 400, 800, 800), 1):
        cloud.told = [item.id]
        cloud.later(pause - 5)
        cloud.report("h1", version=cloud.row(tables.hosts).version)
        cloud.work()
        assert len(cloud.sent) == attempt
        cloud.later(6)
        cloud.told = [item.id]
        cloud.work()
        assert len(cloud.sent) == attempt + 1
        assert f"asked again ({attempt})." in cloud.get(item.id).reason
    # progress counts
    cloud.carry_out("h1")
    row = cloud.row(tables.sets)
    assert (row.deadline, row.attempts) == (None, 0)
    assert cloud.get(item.id).reason == ""


def test_a_host_that_is_down_is_not_told_but_finds_out(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1")
    cloud.later(60)
    cloud.verb("stop", item)
    assert len(cloud.sent) == 1
    item = cloud.get(item.id)
    assert item.status == SetStatus.STOPPING
    assert item.reason.startswith("Its host is down since 20")
    answer = cloud.report("h1", version=1)
    assert answer["version"] == 2
    assert answer["sets"][0]["desired"] == "stopped"


def test_a_revision_settled_before_it_was_issued_is_not_waited_for(cloud):
    """The host had it from its full list."""
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1")
    cloud.ask_for("stop", item)
    cloud.carry_out("h1")
    cloud.work()
    row = cloud.row(tables.sets)
    assert (row.issued, row.seen_revision, row.deadline) == (2, 2, None)


def test_addresses_can_run_out(store):
    cloud = Cloud(
        store, network=Network.from_conf(NetworkConf(cidr="10.0.0.0/29"))
    )
    cloud.host("h1", memory=20480, cpus=20)
    items = cloud.create(7, least=1)
    # six addresses, one of them the gateway's
    assert sorted(item.address for item in items if item.address) == [
        f"10.0.0.{n}" for n in range(2, 7)
    ]
    (reason,) = {item.reason for item in items if not item.address}
    assert reason == (
        "All addresses of the pool default (10.0.0.0/29) are in use."
    )
    assert cloud.row(tables.hosts).used_sets == 5


def test_what_another_conductor_leased_is_left_alone(store):
    one, two = Cloud(store, "c1"), Cloud(store, "c2")
    one.host("h1")
    (item,) = one.ask()
    now = one.clock()
    with store.writer() as conn:
        placements.lease(
            conn,
            [item.id],
            f"{two.worker._owner}x",
            now,
            now + datetime.timedelta(seconds=15),
        )
    one.work()
    assert one.get(item.id).host_id is None
    # its next life gives up what the last one held
    two.worker.begin()
    one.told = [item.id]
    one.work()
    assert one.get(item.id).host_name == "h1"


def test_a_batch_that_fails_is_taken_up_when_the_lease_ends(
    cloud, monkeypatch
):
    cloud.host("h1")
    (item,) = cloud.ask()
    with monkeypatch.context() as patch:
        patch.setattr(placements, "place", _boom)
        with pytest.raises(RuntimeError):
            cloud.work()
    assert cloud.row(tables.hosts).used_sets == 0
    cloud.told = [item.id]
    cloud.work()
    assert cloud.get(item.id).host_id is None
    cloud.later(16)
    cloud.report("h1")
    cloud.told = [item.id]
    cloud.work()
    assert cloud.get(item.id).host_name == "h1"
    assert len(cloud.rows(tables.claims)) == 1
    assert len(cloud.rows(tables.addresses)) == 1


def _boom(*args):
    raise RuntimeError


@pytest.mark.parametrize("verb", ["stop", "delete", "force_delete"])
def test_a_set_wanted_otherwise_while_it_was_planned(cloud, monkeypatch, verb):
    """The user was quicker than the claim: nothing of it stays taken."""
    cloud.host("h1")
    (item,) = cloud.ask()
    plan = cloud.worker._view.plan

    def and_meanwhile(groups):
        monkeypatch.setattr(cloud.worker._view, "plan", plan)
        found = plan(groups)
        cloud.verb(verb, item)
        return found

    monkeypatch.setattr(cloud.worker._view, "plan", and_meanwhile)
    cloud.work()
    row = cloud.row(tables.hosts)
    assert (row.used_sets, row.used_memory_mb) == (0, 0)
    assert cloud.rows(tables.claims) == []
    assert cloud.rows(tables.addresses) == []
    assert cloud.sent == []
    cloud.later(16)
    cloud.report("h1")
    cloud.told = [item.id]
    cloud.work()
    row = cloud.row(tables.sets)
    assert row.issued == row.revision
    assert (row.deleted_at is None) == (verb == "stop")


def test_zone(cloud):
    cloud.host("h1", zone="z1")
    cloud.host("h2", zone="z2")
    items = cloud.create(3, availability_zone="z2")
    assert {item.host_name for item in items} == {"h2"}


def test_a_verb_that_comes_while_another_is_noted_is_not_lost(
    cloud, monkeypatch
):
    (item,) = cloud.ask()
    cloud.ask_for("stop", item)
    lease = worker.lease

    def and_meanwhile(*args):
        found = lease(*args)
        cloud.ask_for("delete", item)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(worker, "lease", and_meanwhile)
        cloud.work()
    row = cloud.row(tables.sets)
    assert (row.issued, row.revision, row.deleted_at) == (2, 3, None)
    cloud.told = [item.id]
    cloud.work()
    assert cloud.row(tables.sets).deleted_at is not None
