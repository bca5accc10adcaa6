"""Commits: hosts are told, and what they say is written down."""

import dataclasses

import pytest

from caas import exception
from caas.core import jobs, namespaces
from caas.model import wire
from caas.model.jobs import State
from caas.store import tables
from tests.unit.conductor.cloud import Cloud, seen


@pytest.fixture(autouse=True)
def _namespace(cloud):
    namespaces.create(cloud.deps, cloud.ctx(), "web")


def up(cloud: Cloud, host="h1"):
    """A set that runs."""
    cloud.host(host)
    (item,) = cloud.create()
    carry_out(cloud, host)
    return cloud.get(item.id)


def carry_out(cloud, host, *work, **fields):
    """The host does all, and says that of its jobs."""
    answer = cloud.report(host)
    reports = []
    for data in answer["sets"]:
        wanted = wire.Wanted.from_dict(data)
        one = seen(wanted, jobs=work, **fields)
        made = tuple(
            dataclasses.replace(c, runtime_id="r") for c in one.containers
        )
        reports.append(dataclasses.replace(one, containers=made))
    cloud.report(host, *reports, version=answer["version"])
    return [wire.Wanted.from_dict(data) for data in answer["sets"]]


def commit(cloud, item, **fields):
    body = {"image": "web/app:2", **fields}
    name = item.containers[1].name
    return jobs.commit(cloud.deps, cloud.ctx(), item, name, body)


def job(cloud, one):
    return jobs.get(cloud.deps, cloud.ctx(), one.id)


def told(cloud):
    """What the host was told last."""
    message = cloud.sent[-1][1]
    (wanted,) = message["sets"]
    return wire.Wanted.from_dict(wanted)


def events(cloud, item):
    return [
        (e.result, e.reason)
        for e in cloud.events(item.id)
        if e.action == "image.commit"
    ]


def test_a_host_is_told_beside_what_it_runs(cloud):
    item = up(cloud)
    before = cloud.row(tables.sets)._asdict()
    one = commit(cloud, item, message="why", changes=["ENV A=b"], pause=True)
    assert cloud.told == [item.id]
    cloud.work()
    (wanted,) = told(cloud).jobs
    assert (wanted.id, wanted.kind) == (one.id, "commit")
    assert wanted.container == item.containers[1].id
    assert (wanted.push.repository, wanted.push.tag) == ("web/app", "2")
    assert wanted.options == {
        "message": "why",
        "author": "",
        "pause": True,
        "changes": ["ENV A=b"],
    }
    leave = cloud.tokens.read(wanted.push.token)
    assert (leave.repository, leave.tag) == ("web/app", "2")
    assert (leave.user_id, leave.project_id) == ("u1", "p1")
    assert leave.base.repository == "web/app"
    assert leave.base.digest == item.containers[1].spec.image.digest
    # the set is what it was
    del before["lease_owner"]
    assert cloud.row(tables.sets)._asdict().items() >= before.items()
    # and it is not told again, but comes with the whole list
    sent = len(cloud.sent)
    cloud.told = [item.id]
    cloud.work()
    assert len(cloud.sent) == sent
    assert carry_out(cloud, "h1")[0].jobs[0].id == one.id


def test_a_sweep_makes_up_for_a_lost_message(cloud):
    item = up(cloud)
    commit(cloud, item)
    cloud.told = []
    cloud.conductor.sweeper.sets()
    assert list(cloud.conductor.loop._waiting) == [item.id]
    cloud.told = [item.id]
    cloud.work()
    cloud.conductor.loop._take()
    cloud.conductor.sweeper.sets()
    assert not cloud.conductor.loop._waiting


def test_it_goes_as_far_as_the_host_says(cloud):
    item = up(cloud)
    one = commit(cloud, item)
    cloud.work()
    assert job(cloud, one).state == State.PENDING
    report = wire.JobReport(one.id, "running", "pushed 1 of 3 MB")
    carry_out(cloud, "h1", report)
    assert job(cloud, one).state == State.RUNNING
    assert job(cloud, one).progress == "pushed 1 of 3 MB"
    report = wire.JobReport(one.id, "running", "pushed 1 of 3 MB", "Waits.")
    carry_out(cloud, "h1", report)
    assert job(cloud, one).reason == "Waits."
    report = wire.JobReport(
        one.id, "done", "sent 3 MB", digest="sha256:1", sent=3_000_000
    )
    carry_out(cloud, "h1", report)
    done = job(cloud, one)
    assert (done.state, done.progress, done.reason) == (
        State.DONE,
        "sent 3 MB",
        "",
    )
    assert done.ended_at is not None
    # nobody is told of it any more, and late words change nothing
    assert carry_out(cloud, "h1")[0].jobs == ()
    carry_out(cloud, "h1", dataclasses.replace(report, state="failed"))
    assert job(cloud, one) == done
    assert events(cloud, item) == [("accepted", ""), ("success", "")]
    details = cloud.events(item.id)[-1].details
    assert details["job"] == one.id
    assert (details["image"], details["digest"]) == ("web/app:2", "sha256:1")
    assert details["sent"] == 3_000_000


def test_a_host_has_no_say_about_jobs_of_others(cloud):
    item = up(cloud)
    one = commit(cloud, item)
    cloud.host("h2")
    (wanted,) = carry_out(cloud, "h1")
    report = seen(wanted, jobs=(wire.JobReport(one.id, "done"),))
    cloud.report("h2", report)
    assert job(cloud, one).state == State.PENDING


def test_why_it_failed(cloud):
    item = up(cloud)
    one = commit(cloud, item)
    carry_out(cloud, "h1", wire.JobReport(one.id, "failed", reason="No."))
    assert job(cloud, one).state == State.FAILED
    assert events(cloud, item)[-1] == ("error", "No.")
    # the next one may begin
    commit(cloud, item)


def test_one_at_a_time_of_a_container(cloud):
    item = up(cloud)
    one = commit(cloud, item)
    with pytest.raises(exception.Conflict, match=one.id):
        commit(cloud, item)


def test_of_what_was_never_made_nothing_is_made(cloud):
    (item,) = cloud.create()
    with pytest.raises(exception.Conflict, match="was not made yet"):
        commit(cloud, item)
    with pytest.raises(exception.Forbidden):
        jobs.commit(
            cloud.deps, cloud.ctx(), item, "infra", {"image": "web/app"}
        )


@pytest.mark.parametrize(
    "image", ["app:2", "web/app:-", "Web/app", "web/app:a:b", "web/app@x", ":"]
)
def test_where_nothing_can_be_pushed(cloud, image):
    item = up(cloud)
    with pytest.raises(exception.BadRequest):
        commit(cloud, item, image=image)


def test_a_host_is_told_that_a_job_was_cancelled(cloud):
    item = up(cloud)
    one = commit(cloud, item)
    cloud.work()
    cloud.told = []
    found = jobs.cancel(cloud.deps, cloud.ctx(), one)
    assert found.state == State.CANCELLED
    assert cloud.told == [item.id]
    cloud.work()
    assert told(cloud).jobs == ()
    with pytest.raises(exception.Conflict, match="is cancelled"):
        jobs.cancel(cloud.deps, cloud.ctx(), one)
    carry_out(cloud, "h1", wire.JobReport(one.id, "done"))
    assert job(cloud, one).state == State.CANCELLED
    (event,) = cloud.events(one.id)
    assert event.action == "job.cancel"


@pytest.mark.parametrize("verb", ["delete", "force_delete"])
def test_it_ends_with_its_set(cloud, verb):
    item = up(cloud)
    one = commit(cloud, item)
    cloud.verb(verb, item)
    cloud.conductor.sweeper.jobs()
    assert job(cloud, one).state == State.FAILED
    assert job(cloud, one).reason == "The set was deleted."


def test_what_a_lost_host_had_is_lost(cloud):
    item = up(cloud)
    one = commit(cloud, item)
    with cloud.store.writer() as conn:
        conn.execute(tables.sets.update().values(incarnation=2))
    cloud.conductor.sweeper.jobs()
    assert "is not on that host any more" in job(cloud, one).reason
    # nor would another incarnation be told
    assert carry_out(cloud, "h1")[0].jobs == ()


def test_nothing_takes_for_ever(cloud):
    cloud.host("h1")
    items = cloud.create(2)
    carry_out(cloud, "h1")
    item, other = (cloud.get(item.id) for item in items)
    one, second = commit(cloud, item), commit(cloud, other)
    cloud.work()
    report = wire.JobReport(second.id, "running", "", "The registry is away.")
    carry_out(cloud, "h1", report)
    cloud.conductor.sweeper.jobs()
    assert job(cloud, one).active
    cloud.later(jobs.COMMIT_TIME + 1)
    cloud.conductor.sweeper.jobs()
    assert job(cloud, one).reason == (
        "It did not end in time. Its host has not begun; maybe it is down."
    )
    assert "The registry is away." in job(cloud, second).reason
    # its host gives up, too
    assert [wanted.jobs for wanted in carry_out(cloud, "h1")] == [(), ()]
