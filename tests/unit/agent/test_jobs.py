"""Jobs of sets: done once, whatever happens meanwhile."""

import dataclasses
import json

import pytest

from caas.drivers.image import base
from caas.drivers.image.base import ImageError
from caas.drivers.runtime.base import EngineError
from caas.model import wire
from caas.model.states import Desired, Phase
from tests.unit.agent.sets import container
from tests.unit.agent.test_agent import Host, change, create, deleted, until

PUSH = wire.Push("token", "web/app", "2", "web/base")


def commit(name="web", *, number=1, token="token", **options):
    return wire.WantedJob(
        id=f"job-{number}",
        kind="commit",
        container=f"id-{name}",
        push=dataclasses.replace(PUSH, token=token),
        options=options,
    )


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path / "agent")
    host.start()
    yield host
    host.faults.clear()
    host.kill()


def ask(host, one, *jobs):
    return change(host, one, revision=one.revision, jobs=jobs)


def report(host, one, number=1):
    for job in host.conductor.seen(one).get("jobs", ()):
        if job["id"] == f"job-{number}":
            return job
    return {}


def wait(host, one, state, number=1):
    host.conductor.wait_for(
        lambda: report(host, one, number).get("state") == state,
        told=lambda: host.conductor.seen(one),
    )
    return report(host, one, number)


def commits(host):
    return [name.rpartition("-")[2] for _, name, _ in host.runtime.commits]


def nothing_left(host):
    until(lambda: not host.image.committed())


def test_a_commit_is_pushed_and_nothing_of_it_stays(host):
    one = create(host, container("web"), container("other", 1))
    before = len(host.faults.calls)
    one = ask(host, one, commit(message="why", changes=["ENV A=b"]))
    done = wait(host, one, "done")
    ((reference, pushed),) = host.image.pushes
    assert (reference, pushed) == ("caas.local/commit:job-1", PUSH)
    assert done["digest"].startswith("sha256:")
    assert (done["progress"], done["sent"]) == ("sent 10 bytes", 10)
    assert commits(host) == ["web"]
    nothing_left(host)
    # the set has not noticed
    assert host.conductor.seen(one)["phase"] == Phase.RUNNING
    methods = {c.method for c in host.faults.calls[before:]}
    # limits are looked at now and then
    assert methods - {"runtime.group"} == {
        "runtime.commit",
        "image.committed",
        "image.push",
        "image.remove",
    }


def test_it_is_done_once_however_often_it_is_told(host):
    one = ask(host, create(host), commit())
    wait(host, one, "done")
    one = ask(host, one, commit(token="another"))
    one = ask(host, one, commit(), commit(number=2))
    wait(host, one, "done", 2)
    assert report(host, one)["state"] == "done"
    assert len(host.image.pushes) == 2
    host.kill()
    host.start()
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert report(host, one)["state"] == "done"
    assert len(host.image.pushes) == 2
    # what is over is forgotten
    one = change(host, one, jobs=())
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert host.conductor.seen(one)["jobs"] == []
    (file,) = host.path.glob("sets/*")
    assert json.loads(file.read_text())["book"]["jobs"] == {}


def test_tokens_are_not_kept_on_the_disk(host):
    with host.faults.hold("image.push") as gate:
        ask(host, create(host), commit(token="very-secret"))
        gate.wait_for_callers()
        (file,) = host.path.glob("sets/*")
        kept = file.read_text()
    assert "job-1" in kept
    assert "very-secret" not in kept


def test_only_a_container_that_is_to_be_frozen_is(host):
    one = create(host, container("web"), container("other", 1))
    one = ask(host, one, commit(pause=True))
    wait(host, one, "done")
    ((_, _, state),) = host.runtime.commits
    assert state == "paused"
    until(lambda: host.running() == ["infra", "other", "web"])
    assert host.calls("runtime.pause") == [("runtime.pause", "web")] * 2


def test_a_frozen_container_goes_on_whatever_happens(host):
    one = create(host)
    host.faults.fail("runtime.commit", EngineError("Broken.", permanent=True))
    one = ask(host, one, commit(pause=True))
    assert wait(host, one, "failed")["reason"] == "Broken."
    until(lambda: host.running() == ["infra", "web"])
    with host.faults.hold("runtime.commit") as gate:
        one = ask(host, one, commit(pause=True, number=2))
        gate.wait_for_callers()
        assert host.running() == ["infra"]
        # the agent dies and the job is cancelled meanwhile
        host.kill()
        one = ask(host, one)
        host.start()
        until(lambda: host.running() == ["infra", "web"])


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.RUNNING])
def test_what_does_not_run_or_is_paused_can_be_committed(host, desired):
    paused = desired == Desired.RUNNING
    one = create(host, container("web"))
    one = change(
        host,
        one,
        desired=desired,
        containers=(container("web", paused=paused),),
    )
    phase = Phase.RUNNING if paused else Phase.STOPPED
    host.conductor.wait(one, phase=phase)
    one = ask(host, one, commit(pause=True))
    wait(host, one, "done")
    ((_, _, state),) = host.runtime.commits
    assert state == ("paused" if paused else "exited")
    assert host.conductor.seen(one)["phase"] == phase


def test_what_may_pass_is_tried_again(host):
    host.faults.fail("image.push", ImageError("The registry is away."))
    one = ask(host, create(host), commit())
    host.conductor.wait_for(lambda: report(host, one).get("reason"))
    assert report(host, one)["reason"] == (
        "The registry is away. It is tried again."
    )
    assert wait(host, one, "done")["reason"] == ""
    # the container was not read again
    assert len(host.runtime.commits) == 1


def test_fresh_leave_is_asked_for(host):
    host.faults.fail(
        "image.push", ImageError("The leave has run out.", expired=True)
    )
    one = create(host)
    host.conductor.want(dataclasses.replace(one, jobs=(commit(token="old"),)))
    host.conductor.wait_for(lambda: report(host, one).get("reason"))
    with host.conductor._changed:
        key = one.id, one.incarnation
        host.conductor.sets[key] = dataclasses.replace(
            one, jobs=(commit(token="new"),)
        )
    wait(host, one, "done")
    assert host.image.pushes[-1][1].token in ("old", "new")
    assert any(sync["version"] == -1 for sync in host.conductor.syncs[1:])


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (commit("none"), "The container is not there any more."),
        (
            dataclasses.replace(commit(), kind="bake"),
            "The agent of this host is too old to do 'bake'.",
        ),
        (
            dataclasses.replace(commit(), id="../x"),
            "'../x' cannot be the id of a job.",
        ),
        (
            dataclasses.replace(
                commit(), push=dataclasses.replace(PUSH, tag="a b")
            ),
            "'a b' is not a tag.",
        ),
        (
            dataclasses.replace(
                commit(), push=dataclasses.replace(PUSH, repository="x")
            ),
            "'x' is not a name of a repository",
        ),
        (commit(changes=["RUN x"]), "The container cannot be committed: "),
    ],
)
def test_what_cannot_be_done_fails_and_the_set_goes_on(host, job, reason):
    one = ask(host, create(host), job)
    host.conductor.wait_for(
        lambda: [
            told["reason"]
            for told in host.conductor.seen(one).get("jobs", ())
            if told["state"] == "failed"
        ],
        told=lambda: host.conductor.seen(one),
    )
    (told,) = host.conductor.seen(one)["jobs"]
    assert told["reason"].startswith(reason)
    assert host.conductor.seen(one)["phase"] == Phase.RUNNING
    nothing_left(host)


def test_a_bug_is_no_secret(host, monkeypatch):
    monkeypatch.setattr(host.image, "push", lambda *args: 1 / 0)
    one = ask(host, create(host), commit())
    assert wait(host, one, "failed")["reason"] == (
        "Unexpected ZeroDivisionError on the host."
    )


def test_a_job_that_is_not_wanted_any_more_ends(host):
    with host.faults.hold("image.push") as gate:
        one = ask(host, create(host), commit())
        gate.wait_for_callers()
        one = ask(host, one)
    until(lambda: ("image.remove", "1") in host.calls("image.remove"))
    nothing_left(host)
    assert host.image.pushes == []
    # it may be wanted anew
    one = ask(host, one, commit(number=2))
    wait(host, one, "done", 2)


def test_a_set_that_goes_takes_its_jobs_along(host):
    with host.faults.hold("image.push") as gate:
        one = ask(host, create(host), commit())
        gate.wait_for_callers()
        host.conductor.want(deleted(one))
        host.conductor.wait(deleted(one), phase=Phase.GONE)
    nothing_left(host)
    until(lambda: not host.left())


@pytest.mark.parametrize("where", ["runtime.commit", "image.push"])
def test_an_agent_that_dies_amid_a_job_does_it_again(host, where):
    one = create(host)
    with host.faults.hold(where) as gate:
        one = ask(host, one, commit())
        gate.wait_for_callers()
        host.kill()
        host.start()
        host.conductor.wait(one, phase=Phase.RUNNING)
        # what the dead one was about in the engine ends some time
    wait(host, one, "done")
    nothing_left(host)


def test_without_a_conductor_nothing_is_begun(host):
    one = create(host)
    with host.faults.hold("runtime.commit") as gate:
        one = ask(host, one, commit())
        gate.wait_for_callers()
        host.kill()
    done = host.calls("runtime.commit")
    host.conductor.silent = True
    host.start()
    until(lambda: host.agent._worker.seen(one.id, 1))
    assert host.calls("runtime.commit") == done
    host.conductor.silent = False
    wait(host, one, "done")


def test_what_earlier_jobs_left_is_removed(host):
    host.image.images.add(base.committed("job-9"))
    with host.faults.hold("image.push") as gate:
        one = ask(host, create(host), commit())
        gate.wait_for_callers()
        host.agent._worker.tidy()
        assert set(host.image.committed()) == {base.committed("job-1")}
    wait(host, one, "done")


def test_not_all_at_once(host):
    names = [f"c{n}" for n in range(4)]
    one = create(host, *map(container, names))
    with host.faults.hold("image.push") as gate:
        jobs = [commit(name, number=n) for n, name in enumerate(names)]
        one = ask(host, one, *jobs)
        gate.wait_for_callers(2)
        host.conductor.wait_for(
            lambda: (
                sum(
                    job["progress"] == "waiting for other jobs on its host"
                    for job in host.conductor.seen(one).get("jobs", ())
                )
                == 2
            )
        )
        assert len(host.runtime.commits) == 2
    for n in range(4):
        wait(host, one, "done", n)
