import dataclasses

import pytest
import sqlalchemy as sa

from caas.model import spec, wire
from caas.model.containers import BUSINESS
from caas.model.states import ContainerStatus, Phase, SetStatus
from caas.store import hosts as hosts_store
from caas.store import tables
from tests.unit.conductor.cloud import Cloud, seen


def wanted_of(answer):
    return [wire.Wanted.from_dict(data) for data in answer["sets"]]


def actions(cloud, item):
    """What conductors wrote about a set after it was scheduled."""
    events = [e for e in cloud.events(item.id) if e.result != "accepted"]
    return [e.action for e in events if e.action != "set.schedule"]


def test_a_new_host_is_written_down_with_its_facts(cloud):
    answer = cloud.host("h1", memory=2048)
    assert answer == {
        "version": 0,
        "sets": [],
        "networks": ["10.89.0.0/16"],
    }
    with cloud.store.reader() as conn:
        host = hosts_store.find(conn, "h1")
    assert host.capacity == spec.Resources(8000, 2048, 100)
    assert (host.enabled, host.zone, host.seen_version) == (True, "z1", -1)
    assert host.facts["engine"] == "docker"
    assert [e.action for e in cloud.events(host.id)] == ["host.add"]


def test_new_hosts_may_have_to_wait_for_an_administrator(store):
    cloud = Cloud(store, enable_new_hosts=False)
    cloud.host("h1")
    row = cloud.row(tables.hosts)
    assert (row.enabled, row.disabled_reason) == (
        False,
        "It is new; enable it to use it.",
    )


def test_facts_and_zone_can_change(cloud):
    cloud.host("h1")
    cloud.report(
        "h1", zone="z9", facts=wire.HostFacts(spec.Resources(1, 2, 3))
    )
    row = cloud.row(tables.hosts)
    assert (row.zone, row.millicpus, row.memory_mb) == ("z9", 1, 2)
    cloud.report("h1")
    assert cloud.row(tables.hosts).zone == "z9"


def unfit(*sentences):
    return wire.HostFacts(
        spec.Resources(8000, 4096, 100), unfit=tuple(sentences)
    )


def test_an_unfit_host_gets_no_new_sets_and_keeps_those_it_has(cloud):
    cloud.host("h1")
    (old,) = cloud.create()
    cloud.carry_out("h1")
    cloud.report("h1", version=1, facts=unfit("storage: Bad.", "storage: 2."))
    (new,) = cloud.create()
    assert cloud.get(old.id).status == SetStatus.ACTIVE
    assert cloud.get(new.id).host_id is None
    assert "1 is unfit (storage)" in cloud.get(new.id).reason
    host = cloud.row(tables.hosts)
    (event,) = [e for e in cloud.events(host.id) if e.action == "host.unfit"]
    assert (event.reason, event.result) == (
        "storage: Bad. storage: 2.",
        "error",
    )
    # no news are good news
    cloud.report("h1", version=1)
    cloud.report("h1", version=1, facts=unfit("storage: Worse."))
    cloud.report("h1", version=1, facts=unfit("clock: Off.", "storage: Bad."))
    cloud.report("h1", version=1, facts=unfit())
    assert [e.action for e in cloud.events(host.id)] == [
        "host.add",
        "host.unfit",
        "host.unfit",
        "host.fit",
    ]
    assert cloud.row(tables.hosts).unfit == ""


def test_a_host_that_came_back_without_facts_is_asked_for_them(cloud):
    assert cloud.report("h1", version=0) == {
        "version": 0,
        "sets": None,
        "facts": True,
    }
    answer = cloud.report(
        "h1", version=0, facts=wire.HostFacts(spec.Resources(1, 2, 3))
    )
    assert "facts" not in answer
    assert "facts" not in cloud.report("h1", version=0)


def test_the_list_is_sent_to_those_that_have_another_one(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    assert cloud.report("h1", version=1) == {"version": 1, "sets": None}
    for version in (-1, 0, 7):
        answer = cloud.report("h1", version=version)
        assert answer["version"] == 1
        (wanted,) = wanted_of(answer)
        (sent,) = cloud.sent[0][1]["sets"]
        # but for the tokens, which are made anew
        assert wanted.id == item.id
        assert wanted.nic == wire.Wanted.from_dict(sent).nic
        assert [c.spec for c in wanted.containers] == [
            c.spec for c in item.containers if c.role == BUSINESS
        ]


def test_what_is_to_go_is_on_the_list(cloud):
    cloud.host("h1")
    one, two, three = cloud.create(3)
    cloud.verb("delete", one)
    cloud.verb("force_delete", two)
    found = {
        w.id: (w.desired, w.revision) for w in wanted_of(cloud.report("h1"))
    }
    assert found == {
        one.id: ("deleted", 2),
        two.id: ("deleted", 2),
        three.id: ("running", 1),
    }


def test_what_nobody_knows_any_more_is_to_go(cloud):
    """The tombstone was purged while its host was silent."""
    cloud.host("h1")
    (item,) = cloud.create()
    with cloud.store.writer() as conn:
        conn.execute(tables.sets.delete())
    (wanted,) = wanted_of(cloud.report("h1"))
    assert (wanted.id, wanted.desired) == (item.id, "deleted")
    # above any revision the host may have
    assert wanted.revision > 10**9
    cloud.report("h1", seen(wanted))
    assert cloud.rows(tables.claims) == []
    assert cloud.row(tables.hosts).used_sets == 0


def test_a_first_start_is_seen(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out(
        "h1",
        received_at="2026-01-01T00:00:00+00:00",
        ready_at="2026-01-01T00:00:01+00:00",
    )
    item = cloud.get(item.id)
    assert item.status == SetStatus.ACTIVE
    assert item.launched_at is not None
    assert {c.status for c in item.containers} == {ContainerStatus.RUNNING}
    assert cloud.row(tables.sets).deadline is None
    event = cloud.events(item.id)[-1]
    assert (event.action, event.result) == ("set.create", "success")
    assert event.details == {
        "received_at": "2026-01-01T00:00:00+00:00",
        "ready_at": "2026-01-01T00:00:01+00:00",
    }
    assert (event.request_id, event.host) == (item.request_id, "h1")


def test_verbs_are_seen_to_be_done(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1")
    for verb in ("stop", "start", "restart", "stop", "start"):
        cloud.verb(verb, item)
        # also a report that comes twice is news once
        cloud.carry_out("h1")
        cloud.carry_out("h1")
    assert actions(cloud, item) == [
        "set.create",
        "set.stop",
        "set.start",
        "set.restart",
        "set.stop",
        "set.start",
    ]
    asked = [e for e in cloud.events(item.id) if e.result == "accepted"]
    done = [e for e in cloud.events(item.id) if e.result == "success"]
    assert [e.request_id for e in asked] == [
        e.request_id for e in done if e.action != "set.schedule"
    ]


def test_errors_recovery_and_the_end_are_events(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1", Phase.FAILED, "No such command.")
    assert cloud.get(item.id).status == SetStatus.ERROR
    assert cloud.get(item.id).reason == "No such command."
    assert cloud.row(tables.sets).deadline is None
    cloud.carry_out("h1")
    cloud.carry_out("h1", Phase.STARTING, "infra ended")
    assert cloud.row(tables.sets).deadline is not None
    cloud.carry_out("h1")
    assert cloud.row(tables.sets).deadline is None
    cloud.carry_out("h1", Phase.FINISHED, "all ended")
    assert cloud.get(item.id).status == SetStatus.SHUTOFF
    assert actions(cloud, item) == [
        "set.error",
        "set.create",
        "set.recover",
        "set.finish",
    ]
    (error,) = (e for e in cloud.events(item.id) if e.action == "set.error")
    assert (error.result, error.reason) == ("error", "No such command.")


def test_a_set_ends_with_the_word_of_its_host(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1")
    cloud.verb("delete", item)
    cloud.carry_out("h1", Phase.STOPPING)
    assert cloud.get(item.id).status == SetStatus.DELETING
    assert cloud.row(tables.hosts).used_sets == 1
    cloud.carry_out("h1")
    row = cloud.row(tables.sets)
    assert row.deleted_at is not None
    assert cloud.rows(tables.claims) == []
    assert cloud.rows(tables.addresses) == []
    host = cloud.row(tables.hosts)
    assert (host.used_sets, host.used_memory_mb) == (0, 0)
    assert {r.used for r in cloud.rows(tables.quota_usages)} == {0}
    assert actions(cloud, item) == ["set.create", "set.delete"]


def test_many_end_in_few_statements(cloud):
    cloud.host("h1", memory=1024 * 100, cpus=100)
    items = cloud.create(60, least=1)
    for item in items:
        cloud.ask_for("delete", item)
    cloud.work()
    answer = cloud.report("h1")
    reports = [seen(w) for w in wanted_of(answer)]
    count = []
    sa.event.listen(
        cloud.store.engine,
        "before_cursor_execute",
        lambda *args: count.append(args[2]),
    )
    cloud.report("h1", *reports, version=answer["version"])
    assert len(count) <= 30
    assert cloud.row(tables.hosts).used_sets == 0


def test_force_deleted_its_claim_stays_until_the_host_has_removed_it(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.verb("force_delete", item)
    assert cloud.row(tables.sets).deleted_at is not None
    assert cloud.row(tables.hosts).used_sets == 1
    assert len(cloud.rows(tables.addresses)) == 1
    (wanted,) = cloud.sent[-1][1]["sets"]
    assert wanted["desired"] == "deleted"
    cloud.carry_out("h1")
    assert cloud.row(tables.hosts).used_sets == 0
    assert cloud.rows(tables.addresses) == []
    assert actions(cloud, item) == ["set.force-delete"]


def test_a_claim_of_what_is_wanted_stays_whatever_is_reported(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1", Phase.GONE)
    assert len(cloud.rows(tables.claims)) == 1
    assert cloud.get(item.id).status == SetStatus.BUILD
    assert cloud.row(tables.sets).deadline is not None


@pytest.mark.parametrize("boot_seq", [(1, 0), (0, 99), (1, 50)])
def test_late_and_repeated_reports_change_nothing(cloud, boot_seq):
    cloud.host("h1")
    (item,) = cloud.create()
    (wanted,) = wanted_of(cloud.report("h1"))
    cloud.report("h1", seen(wanted), seq=50)
    boot, seq = boot_seq
    answer = cloud.report(
        "h1",
        seen(wanted, Phase.STARTING),
        boot=boot,
        seq=seq,
        version=0,
        zone="late",
    )
    assert cloud.get(item.id).status == SetStatus.ACTIVE
    assert cloud.row(tables.hosts).zone == "z1"
    # whoever may wait for an answer gets a good one
    assert answer["version"] == 1


def test_a_host_has_no_say_about_sets_of_others(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.host("h2")
    (wanted,) = wanted_of(cloud.report("h1"))
    cloud.report(
        "h2",
        seen(wanted, Phase.FAILED, "ha"),
        events=(wire.AgentEvent("e1", item.id, "container.exited", "now"),),
    )
    assert cloud.get(item.id).phase == Phase.NONE
    assert actions(cloud, item) == []


def test_another_incarnation_is_not_of_interest(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    with cloud.store.writer() as conn:
        conn.execute(tables.sets.update().values(incarnation=2))
    (wanted,) = wanted_of(cloud.report("h1"))
    assert (wanted.incarnation, wanted.desired) == (1, "deleted")
    cloud.report("h1", seen(wanted, Phase.STOPPING))
    assert cloud.get(item.id).phase == Phase.NONE
    cloud.report("h1", seen(wanted))
    assert cloud.rows(tables.claims) == []
    assert cloud.get(item.id).deleted_at is None
    # it is its address still
    assert len(cloud.rows(tables.addresses)) == 1


def test_containers_are_written_as_reported(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    app = item.containers[1]
    report = wire.SetReport(
        item.id,
        1,
        1,
        Phase.RUNNING,
        containers=(
            wire.ContainerReport(
                "", "infra", ContainerStatus.RUNNING, role="infra"
            ),
            wire.ContainerReport(
                app.id,
                "app",
                ContainerStatus.BACKOFF,
                exit_code=137,
                restarts=3,
                oom_killed=True,
                started_at="2026-01-01T12:00:00.250000+01:00",
                finished_at="rubbish",
                runtime_id="abc",
                reason="killed",
            ),
        ),
    )
    cloud.report("h1", report)
    infra, app, web = cloud.get(item.id).containers
    assert infra.status == ContainerStatus.RUNNING
    assert web.status == ContainerStatus.PENDING
    assert (app.status, app.exit_code, app.restarts) == ("backoff", 137, 3)
    assert (app.oom_killed, app.runtime_id) == (True, "abc")
    assert app.reason == "killed"
    assert app.started_at.isoformat() == "2026-01-01T11:00:00.250000"
    assert app.finished_at is None


def test_events_of_agents_are_written_once(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    event = wire.AgentEvent(
        "7f3e9b1c-0000-4000-8000-000000000000",
        item.id,
        "container.exited",
        "2026-01-01T00:00:00Z",
        container="app",
        reason="exit code 1",
    )
    for _ in range(2):
        cloud.report("h1", events=(event,))
    (written,) = cloud.rows(tables.events, id=event.id)
    assert (written.action, written.reason) == (event.action, event.reason)
    (app,) = cloud.rows(tables.containers, set_id=item.id, name="app")
    assert (written.container, written.container_id) == ("app", app.id)
    assert (written.project_id, written.host) == ("p1", "h1")


def test_events_of_images_and_of_the_host_itself(cloud):
    cloud.host("h1")
    (item,) = cloud.create()
    pulled = wire.AgentEvent(
        "7f3e9b1c-0000-4000-8000-000000000001",
        item.id,
        "image.pull",
        # its clock is ahead
        "2999-01-01T00:00:00Z",
        object_id="image-1",
        details={"seconds": 1.5, "set_id": item.id},
    )
    silent = wire.AgentEvent(
        "7f3e9b1c-0000-4000-8000-000000000002",
        "",
        "host.engine-down",
        "2026-01-01T00:00:00Z",
        result="error",
        # too long for its column, which must not stop all reports
        container="x" * 100,
    )
    forged = [
        dataclasses.replace(silent, id=f"forged-{n}", **fields)
        for n, fields in enumerate(
            [{"action": "set.delete"}, {"set_id": "of-nobody"}]
        )
    ]
    cloud.report("h1", events=(pulled, silent, *forged))
    (image,) = cloud.rows(tables.events, id=pulled.id)
    assert (image.object_type, image.object_id) == ("image", "image-1")
    assert (image.project_id, image.host) == ("p1", "h1")
    # of whoever wanted the set
    assert image.request_id == item.request_id
    assert image.details == {"seconds": 1.5, "set_id": item.id}
    assert image.at <= cloud.clock()
    host = cloud.row(tables.hosts)
    (engine,) = cloud.rows(tables.events, id=silent.id)
    assert (engine.object_type, engine.object_id) == ("host", host.id)
    assert (engine.project_id, engine.result) == (None, "error")
    assert not cloud.rows(tables.events, id="forged-0")
    assert not cloud.rows(tables.events, id="forged-1")


def test_an_agent_that_is_started_anew_is_news(cloud):
    cloud.host("h1")
    cloud.report("h1")
    facts = wire.HostFacts(spec.Resources(1, 1, 1), agent_version="1.2")
    cloud.report("h1", boot=2, facts=facts)
    cloud.report("h1", boot=2)
    # late, of the run before
    cloud.report("h1", boot=1)
    host = cloud.row(tables.hosts)
    told = cloud.events(host.id)
    assert [e.action for e in told] == ["host.add", "host.agent-start"]
    assert told[1].details == {"version": "1.2"}


def test_a_host_that_was_silent_is_back(cloud):
    cloud.host("h1")
    cloud.later(40)
    cloud.report("h1")
    cloud.later(60)
    cloud.report("h1")
    host = cloud.row(tables.hosts)
    assert [e.action for e in cloud.events(host.id)] == [
        "host.add",
        "host.up",
    ]
