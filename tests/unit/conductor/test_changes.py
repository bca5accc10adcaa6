"""What the conductor makes of changes of what a set is made of."""

import dataclasses

import pytest

from caas.conductor import worker
from caas.core import changes, flavors
from caas.core import containers as core_containers
from caas.model import wire
from caas.model.states import ContainerStatus, Phase, SetStatus
from caas.store import placements, tables
from tests.unit.conductor.cloud import seen


@pytest.fixture
def item(cloud):
    """A set that runs on h1."""
    cloud.host("h1")
    (made,) = cloud.create()
    cloud.carry_out("h1")
    for name, memory in (("half", 512), ("double", 2048), ("huge", 9999)):
        flavors.create(
            cloud.deps,
            cloud.ctx(),
            {"name": name, "vcpus": 1, "memory_mb": memory, "disk_gb": 1},
        )
    cloud.sent.clear()
    return cloud.get(made.id)


def update(cloud, item, **how):
    return changes.update(
        cloud.deps, cloud.ctx(), cloud.get(item.id), "update", **how
    )


def resize(cloud, item, flavor):
    changes.resize(cloud.deps, cloud.ctx(), cloud.get(item.id), flavor)


def told(cloud):
    """What the host is told with the full list."""
    (data,) = cloud.report("h1")["sets"]
    return wire.Wanted.from_dict(data)


def plain(wanted):
    """Without what differs from message to message."""
    return dataclasses.replace(
        wanted,
        request_id="",
        containers=tuple(
            dataclasses.replace(c, pull=None) for c in wanted.containers
        ),
    )


def made_of(wanted):
    return [c.spec.name for c in wanted.containers]


def claimed(cloud):
    (row,) = cloud.rows(tables.claims)
    host = cloud.row(tables.hosts)
    assert host.used_memory_mb == row.memory_mb
    return row.memory_mb


def failing(wanted, *names, reason="It does not run."):
    """The report of a host where containers cannot run."""
    found = seen(wanted, Phase.FAILED, reason)
    return dataclasses.replace(
        found,
        containers=tuple(
            dataclasses.replace(
                c,
                status=ContainerStatus.FAILED
                if c.name in names
                else ContainerStatus.RUNNING,
                reason=reason if c.name in names else "",
            )
            for c in found.containers
        ),
    )


def actions(cloud, item):
    return [(e.action, e.result) for e in cloud.events(item.id)][-2:]


def test_the_host_is_told_and_what_it_has_done_counts(cloud, item):
    update(
        cloud,
        item,
        change=[("app", {"env": {"A": "1"}})],
        add=[{"name": "log", "image": "log:1"}],
        remove=["web"],
        monitor=3,
    )
    assert cloud.get(item.id).status == SetStatus.UPDATING
    cloud.work()
    (message,) = [m for _, m in cloud.sent]
    wanted = wire.Wanted.from_dict(message["sets"][0])
    assert made_of(wanted) == ["app", "log"]
    assert wanted.containers[0].spec.env == {"A": "1"}
    assert wanted.revision == 2
    assert max(c.monitor for c in wanted.containers) == 3
    assert plain(wanted) == plain(told(cloud))
    cloud.carry_out("h1")
    after = cloud.get(item.id)
    assert (after.change_revision, after.status) == (0, SetStatus.ACTIVE)
    assert actions(cloud, item)[-1] == ("set.update", "success")


def test_a_container_of_a_change_that_fails_takes_it_back(cloud, item):
    tried = update(cloud, item, change=[("app", {"env": {"A": "1"}})])
    cloud.work()
    cloud.report("h1", failing(told(cloud), "app"))
    after = cloud.get(item.id)
    assert after.content == item.content
    assert after.revision == tried.revision + 1
    assert after.failure["reason"] == "It does not run."
    # it failed, not the set
    assert actions(cloud, item) == [
        ("set.update", "accepted"),
        ("set.update", "error"),
    ]
    assert cloud.row(tables.sets).issued == tried.revision
    cloud.told = [item.id]
    cloud.work()
    assert told(cloud).containers[0].spec.env == {}
    cloud.carry_out("h1")
    assert cloud.get(item.id).status == SetStatus.ACTIVE
    # nothing succeeded
    assert actions(cloud, item)[-1] == ("set.update", "error")


def test_one_that_fails_without_a_word_takes_it_back_as_well(cloud, item):
    update(cloud, item, add=[{"name": "log", "image": "log:1"}])
    cloud.work()
    cloud.report("h1", failing(told(cloud), "log", reason=""))
    after = cloud.get(item.id)
    assert after.content == item.content
    assert after.failure["reason"] == "Container 'log' does not run."


def test_another_one_that_fails_does_not(cloud, item):
    tried = update(cloud, item, change=[("app", {"env": {"A": "1"}})])
    cloud.work()
    cloud.report("h1", failing(told(cloud), "web"))
    after = cloud.get(item.id)
    assert after.content == tried.content
    assert (after.change_revision, after.failure) == (0, {})
    assert after.status == SetStatus.ERROR


def test_a_set_that_fails_as_a_whole_takes_it_back(cloud, item):
    update(cloud, item, change=[("app", {"env": {"A": "1"}})])
    cloud.work()
    cloud.report("h1", seen(told(cloud), Phase.FAILED, "It has no such CPU."))
    after = cloud.get(item.id)
    assert after.content == item.content
    assert after.failure["reason"] == "It has no such CPU."


def test_what_a_report_says_of_an_earlier_revision_is_none_of_it(cloud, item):
    before = told(cloud)
    tried = update(cloud, item, change=[("app", {"env": {"A": "1"}})])
    cloud.work()
    cloud.report("h1", seen(before))
    cloud.report("h1", failing(before, "app"))
    assert cloud.get(item.id).change_revision == tried.revision


def test_a_verb_in_between_keeps_it_under_way(cloud, item):
    tried = update(cloud, item, add=[{"name": "log", "image": "log:1"}])
    cloud.work()
    wanted = told(cloud)
    cloud.ask_for("restart", item)
    cloud.report("h1", seen(wanted))
    assert cloud.get(item.id).change_revision == tried.revision
    cloud.work()
    cloud.report("h1", failing(told(cloud), "log"))
    after = cloud.get(item.id)
    assert after.content == item.content
    assert after.restart_epoch == 1


def test_a_list_read_before_the_claim_is_of_what_there_was(cloud, item):
    core_containers.pause(
        cloud.deps, cloud.ctx(), cloud.get(item.id), "web", True
    )
    cloud.work()
    before = told(cloud)
    update(
        cloud,
        item,
        change=[("app", {"env": {"A": "1"}})],
        add=[{"name": "log", "image": "log:1"}],
        remove=["web"],
        monitor=3,
    )
    assert plain(told(cloud)) == plain(before)
    assert told(cloud).containers[1].paused
    cloud.work()
    assert made_of(told(cloud)) == ["app", "log"]


def test_a_host_too_full_has_it_taken_back(cloud, item):
    resize(cloud, item, "huge")
    cloud.work()
    after = cloud.get(item.id)
    assert after.flavor_name == "small"
    assert after.failure["reason"] == (
        "The host of the set has too little left (memory in MiB, disk in "
        "GiB) - memory: 8975 more asked for, 3072 free."
    )
    assert cloud.row(tables.sets).issued == after.revision == 3
    assert claimed(cloud) == 1024
    # what it is told of is what it has
    ((_, message),) = cloud.sent
    (wanted,) = message["sets"]
    assert (wanted["revision"], wanted["resources"]["memory_mb"]) == (3, 1024)


def test_more_is_claimed_before_and_less_after_it_is_done(cloud, item):
    resize(cloud, item, "double")
    assert claimed(cloud) == 1024
    cloud.work()
    assert claimed(cloud) == 2048
    cloud.carry_out("h1")
    resize(cloud, item, "half")
    cloud.work()
    assert claimed(cloud) == 2048
    cloud.carry_out("h1")
    assert claimed(cloud) == 512


@pytest.mark.parametrize("how", ["failed", "refused"])
def test_what_a_change_had_claimed_is_kept_until_it_is_undone(
    cloud, item, how
):
    """The host may have given more to the containers that run."""
    update(cloud, item, add=[{"name": "log", "image": "log:1"}])
    cloud.work()
    cloud.carry_out("h1")
    resize(cloud, item, "double")
    cloud.work()
    cloud.carry_out("h1")
    update(cloud, item, remove=["log"])
    cloud.work()
    cloud.carry_out("h1")
    resize(cloud, item, "half")
    cloud.work()
    cloud.carry_out("h1")
    assert claimed(cloud) == 512
    # two containers and twice the memory, of which one cannot run
    now = cloud.get(item.id)
    entry = changes.past(cloud.deps, now, 3)
    changes.revert(cloud.deps, cloud.ctx(), now, entry)
    cloud.work()
    assert claimed(cloud) == 2048
    wanted = told(cloud)
    report = (
        failing(wanted, "log")
        if how == "failed"
        else seen(wanted, refused="It is in use.")
    )
    cloud.report("h1", report)
    assert cloud.get(item.id).content == now.content
    assert claimed(cloud) == 2048
    cloud.told = [item.id]
    cloud.work()
    assert told(cloud).resources.memory_mb == 512
    assert claimed(cloud) == 2048
    cloud.carry_out("h1")
    assert claimed(cloud) == 512


def test_what_is_wanted_otherwise_by_now_keeps_its_claim(
    cloud, item, monkeypatch
):
    """The user was quicker than the report could be taken in."""
    resize(cloud, item, "half")
    cloud.work()
    monkeypatch.setattr(changes, "finish", lambda conn, item: False)
    cloud.carry_out("h1")
    assert claimed(cloud) == 1024


def test_a_change_between_lease_and_commit(cloud, item, monkeypatch):
    """The containers the host is told of belong to the revision."""
    lease = worker.lease

    def and_meanwhile(*args):
        found = lease(*args)
        update(
            cloud,
            item,
            change=[("app", {"env": {"A": "1"}})],
            remove=["web"],
        )
        return found

    cloud.ask_for("restart", item)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "lease", and_meanwhile)
        cloud.work()
    (message,) = [m for _, m in cloud.sent]
    wanted = wire.Wanted.from_dict(message["sets"][0])
    assert (wanted.revision, wanted.restart_epoch) == (3, 1)
    assert made_of(wanted) == ["app"]
    assert wanted.containers[0].spec.env == {"A": "1"}
    assert cloud.row(tables.sets).issued == 3


def test_one_that_moves_amid_a_change_takes_enough_for_both(cloud, item):
    resize(cloud, item, "half")
    cloud.work()
    # what will move sets off a host is not there yet
    with cloud.store.writer() as conn:
        conn.execute(
            tables.sets.update().values(
                host_id=None,
                placement="pending",
                revision=tables.sets.c.revision + 1,
                lease_until=None,
            )
        )
        conn.execute(tables.claims.delete())
        conn.execute(
            tables.hosts.update().values(
                used_memory_mb=0, used_millicpus=0, used_disk_gb=0, used_sets=0
            )
        )
    cloud.told = [item.id]
    cloud.work()
    assert claimed(cloud) == 1024
    cloud.carry_out("h1")
    assert claimed(cloud) == 512
    assert cloud.get(item.id).change_revision == 0


def test_a_stopped_set_is_changed_without_being_started(cloud, item):
    cloud.verb("stop", item)
    cloud.carry_out("h1")
    update(cloud, item, remove=["web"])
    cloud.work()
    assert made_of(told(cloud)) == ["app"]
    assert told(cloud).containers[0].pull is None
    cloud.carry_out("h1")
    after = cloud.get(item.id)
    assert (after.change_revision, after.status) == (0, SetStatus.SHUTOFF)


def test_containers_are_read_anew_only_where_they_changed(
    cloud, item, monkeypatch
):
    read = []
    of_sets = placements.containers.of_sets

    def counted(conn, set_ids, *, latest=False):
        if latest:
            read.append(list(set_ids))
        return of_sets(conn, set_ids, latest=latest)

    monkeypatch.setattr(placements.containers, "of_sets", counted)
    cloud.verb("restart", item)
    assert read == [[]]


def test_container_verbs_reach_the_host(cloud, item):
    ask = (cloud.deps, cloud.ctx())
    core_containers.restart(*ask, cloud.get(item.id), "app", 3)
    core_containers.signal(*ask, cloud.get(item.id), "web", "USR1")
    core_containers.pause(*ask, cloud.get(item.id), "web", True)
    cloud.work()
    wanted = told(cloud)
    app, web = wanted.containers
    assert (app.restart_epoch, app.paused, app.signal_epoch) == (1, False, 0)
    assert (web.signal_epoch, web.signal, web.paused) == (1, "USR1", True)
    assert (wanted.grace_period, wanted.revision) == (3, 4)
    assert wanted.restart_epoch == 0
    cloud.carry_out("h1")
    assert actions(cloud, item)[-1] == ("container.pause", "success")
    core_containers.restart(*ask, cloud.get(item.id), "web")
    cloud.work()
    assert not told(cloud).containers[1].paused
