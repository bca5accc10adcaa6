"""What is asked of single containers, and whether they do their work."""

import dataclasses

import pytest

from caas.agent import actions as act
from caas.agent import config
from caas.agent.config import INFRA
from caas.drivers.runtime import base
from caas.model.spec import HealthCheck, Hook, Hooks, Mount
from caas.model.states import ContainerStatus, Desired, Health, Phase
from tests.unit.agent.sets import container, wanted
from tests.unit.agent.test_converge import again, done, running
from tests.unit.agent.world import RULES, World

CHECK = HealthCheck(
    "http", port=80, interval=5, timeout=1, retries=2, start_period=10
)


def rest(world, seconds=0.0):
    """Let time pass, and do all there is to do but wait for more."""
    end = world.now + seconds
    for _ in range(1000):
        step = world.decide()
        if world.events:
            world.hear()
        elif world.found.busy:
            world.finish(sorted(world.found.busy, key=repr)[0])
        elif step.wake is not None and step.wake <= end:
            world.now = max(world.now, step.wake)
        else:
            world.now = max(world.now, end)
            return world.decide()
    raise AssertionError(f"no end: {step}")


def report(world, name, step):
    from caas.agent import status

    said = status.set_report(
        world.wanted,
        world.found,
        step.phase,
        step.reason,
        received=None,
        rules=RULES,
        verdicts=step.verdicts,
    )
    (one,) = (c for c in said.containers if c.name == name)
    return one


def change(world, which, /, **fields):
    """The same set with one container otherwise."""
    spec = {k: v for k, v in fields.items() if k not in ASKED}
    again(
        world,
        containers=tuple(
            dataclasses.replace(
                c,
                spec=dataclasses.replace(c.spec, **spec),
                **{k: v for k, v in fields.items() if k in ASKED},
            )
            if c.spec.name == which
            else c
            for c in world.wanted.containers
        ),
    )


ASKED = {
    "id",
    "restart_epoch",
    "paused",
    "signal_epoch",
    "signal",
    "monitor",
}
TWO = (container("a"), container("b", 1))


# Health.


def test_a_later_index_waits_for_healthy():
    world = World(wanted(container("db", health_check=CHECK), *TWO[1:]))
    world.answers["db"] = "HTTP status 503"
    step = rest(world, 5)
    assert world.running() == ["db", INFRA]
    assert step.phase == Phase.STARTING
    assert step.reason == "container db: not healthy yet: HTTP status 503"
    assert report(world, "db", step).health == Health.STARTING
    del world.answers["db"]
    step = rest(world, 1)
    assert step.phase == Phase.RUNNING
    assert world.running() == ["b", "db", INFRA]
    assert report(world, "db", step).health == Health.HEALTHY


def test_at_first_it_is_asked_often_and_then_at_the_interval():
    world = World(wanted(container("db", health_check=CHECK)))
    rest(world)
    assert len(done(world, "Probe")) == 1
    rest(world, 60)
    assert len(done(world, "Probe")) == 13


def test_not_healthy_in_its_time_is_a_failure_until_it_is():
    world = World(wanted(container("db", health_check=CHECK)))
    world.answers["db"] = "connection refused on port 80"
    step = rest(world, CHECK.patience - 1)
    assert step.phase == Phase.STARTING
    step = rest(world, 2)
    assert step.phase == Phase.FAILED
    assert step.reason == (
        "container db was not healthy within 22 s: connection refused on "
        "port 80"
    )
    said = report(world, "db", step)
    assert said.verdict == said.reason == step.reason
    assert said.health == Health.UNHEALTHY
    assert said.status == ContainerStatus.RUNNING
    # it goes on, for somebody to look at, and may yet come
    assert world.running() == ["db", INFRA]
    del world.answers["db"]
    assert rest(world, 6).phase == Phase.RUNNING


def test_what_became_unhealthy_is_started_again():
    world = running(container("db", health_check=CHECK, policy="on-failure"))
    rest(world, 20)
    world.log.clear()
    world.answers["db"] = "no answer within 1 s"
    rest(world, 6)
    assert done(world, "Stop") == []
    step = world.decide()
    assert step.phase == Phase.RUNNING
    for _ in range(50):
        step = world.decide()
        if act.Stop("db", 10) in world.found.busy:
            break
        if not world.found.busy:
            world.now = max(world.now, step.wake)
            continue
        world.finish(sorted(world.found.busy, key=repr)[0])
    # it is one restart, and no way down
    assert step.phase == Phase.RUNNING
    assert step.reason == "container db is unhealthy: no answer within 1 s"
    rest(world, 5)
    assert done(world, "Stop") == done(world, "Start") == ["db"]
    assert world.found.books["db"].restarts == 1
    del world.answers["db"]
    step = rest(world, 1)
    assert (step.phase, step.reason) == (Phase.RUNNING, "")
    assert report(world, "db", step).health == Health.HEALTHY


@pytest.mark.parametrize(
    ("policy", "restart"), [("no", True), ("always", False)]
)
def test_unless_nobody_wants_that(policy, restart):
    check = dataclasses.replace(CHECK, restart=restart)
    world = running(container("db", health_check=check, policy=policy))
    world.answers["db"] = "no answer within 1 s"
    step = rest(world, 60)
    assert done(world, "Stop") == []
    assert step.phase == Phase.RUNNING
    assert step.reason == "container db is unhealthy: no answer within 1 s"
    assert report(world, "db", step).health == Health.UNHEALTHY


def test_failures_of_the_start_period_do_not_count():
    world = running(container("db", health_check=CHECK, policy="always"))
    world.die(world.id_of("db"))
    world.answers["db"] = "not yet"
    rest(world, 9)
    assert world.found.books["db"].restarts == 1
    assert world.found.containers["db"].failures == 0
    rest(world, 12)
    assert world.found.books["db"].restarts == 2


def test_a_new_agent_knows_who_was_healthy():
    world = running(container("db", health_check=CHECK))
    world.restart_agent()
    assert world.decide().phase == Phase.RUNNING
    world.restart_agent(books=False)
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == []


def test_another_check_has_to_be_passed_too():
    world = running(container("db", health_check=CHECK))
    world.answers["db"] = "HTTP status 404"
    other = dataclasses.replace(CHECK, path="/new")
    change(world, "db", health_check=other)
    step = rest(world, 1)
    assert step.phase == Phase.STARTING
    step = rest(world, 30)
    assert step.phase == Phase.FAILED
    assert "HTTP status 404" in step.verdicts["db"]
    change(world, "db", health_check=CHECK)
    world.answers.clear()
    assert rest(world, 6).phase == Phase.RUNNING
    assert done(world, "Stop") == []


def test_one_that_ended_and_stays_so_was_never_healthy():
    world = World(wanted(container("db", health_check=CHECK), container("a")))
    world.answers["db"] = "refused"
    rest(world)
    world.die(world.id_of("db"), 3)
    step = rest(world)
    assert step.phase == Phase.FAILED
    assert step.reason == (
        "container db ended with exit code 3 before it was healthy"
    )


# Running to completion.


def test_what_comes_after_waits_for_the_end():
    init = container("init", run_to_completion=True)
    world = World(wanted(init, container("web", 1)))
    step = rest(world, 10)
    assert step.phase == Phase.STARTING
    assert world.running() == [INFRA, "init"]
    world.die(world.id_of("init"), 0)
    assert rest(world).phase == Phase.RUNNING
    assert world.running() == [INFRA, "web"]


def test_one_that_ends_badly_holds_up_what_comes_after():
    init = container("init", run_to_completion=True)
    world = World(wanted(init, container("web", 1)))
    rest(world)
    world.die(world.id_of("init"), 2)
    step = rest(world)
    assert step.phase == Phase.FAILED
    assert step.reason == (
        "container init ended with exit code 2, so what has a higher Index "
        "does not start"
    )
    assert world.running() == [INFRA]


def test_it_is_tried_again_by_its_policy():
    init = container("init", run_to_completion=True, policy="on-failure")
    world = World(wanted(init, container("web", 1)))
    rest(world)
    world.die(world.id_of("init"), 2)
    assert rest(world).phase == Phase.STARTING
    assert world.running() == ["infra", "init"]
    world.die(world.id_of("init"), 0)
    assert rest(world).phase == Phase.RUNNING


# Changes.


def test_the_old_one_runs_until_the_image_of_the_new_one_is_there():
    world = running(*TWO)
    digest = "sha256:" + "1" * 64
    image = dataclasses.replace(TWO[0].spec.image, digest=digest)
    change(world, "a", image=image, command=("new",))
    assert world.decide().actions == (act.EnsureImage(digest),)
    step = world.decide()
    assert step.actions == ()
    # the change is not done because something runs
    assert step.phase == Phase.PREPARING
    assert step.reason == "image busybox:1: on its way"
    world.finish(act.EnsureImage(digest), fail="before", permanent=True)
    step = rest(world)
    assert step.phase == Phase.FAILED
    assert world.running() == ["a", "b", INFRA]
    change(world, "a", image=TWO[0].spec.image, command=TWO[0].spec.command)
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == []


def test_the_folder_of_a_new_mount_is_made_first():
    world = running(*TWO)
    change(world, "a", mounts=(Mount("/data", "new"),))
    make = act.MakeVolume(("new",))
    assert world.decide().actions == (make,)
    for _ in range(3):
        world.finish(make, fail="before")
        step = world.decide()
        assert done(world, "Stop") == []
        if not step.verdicts:
            world.now = step.wake
            assert world.decide().actions == (make,)
    # it can be taken back without anybody having noticed
    assert step.verdicts == {"a": "no"}
    world.now = step.wake
    assert world.decide().actions == (make,)
    world.finish(make)
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == ["a"]


def test_what_cannot_be_created_is_a_verdict_while_it_is_tried_again():
    world = running(*TWO)
    change(world, "a", working_dir="/bin/sh")
    verdicts = []
    for _ in range(100):
        step = world.decide()
        if step.verdicts:
            verdicts.append(step.verdicts)
            break
        busy = sorted(world.found.busy, key=repr)
        if act.Create("a") in busy:
            world.finish(act.Create("a"), fail="before")
        elif busy:
            world.finish(busy[0])
        else:
            world.now = step.wake
    assert verdicts == [{"a": "no"}]
    assert world.running() == ["b", INFRA]


def test_a_new_agent_does_not_take_the_old_one_for_the_new_one():
    """It does not know yet what images there are."""
    world = running(*TWO)
    change(world, "a", command=("new",))
    world.restart_agent()
    step = world.decide()
    assert step.phase != Phase.RUNNING
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == ["a"]


def test_what_a_change_brought_has_to_run_for_a_while():
    world = running(*TWO)
    change(world, "a", user="new", monitor=2.0)
    step = rest(world, 1)
    assert step.phase == Phase.STARTING
    assert step.reason == "container a: has to run for 2 s"
    assert rest(world, 1.1).phase == Phase.RUNNING
    assert done(world, "Stop") == ["a"]


@pytest.mark.parametrize("policy", ["no", "always"])
def test_what_ends_at_once_is_not_started_again(policy):
    world = running(container("a", policy=policy), *TWO[1:])
    change(world, "a", user="new", monitor=2.0)
    rest(world, 1)
    world.die(world.id_of("a"), 1)
    step = rest(world, 10)
    assert step.phase == Phase.FAILED
    assert step.verdicts == {
        "a": "container a ended with exit code 1 soon after the change"
    }
    assert done(world, "Start") == ["a"]
    assert world.running() == ["b", INFRA]
    change(world, "a", user=None, monitor=0.0)
    assert rest(world).phase == Phase.RUNNING


def test_a_job_that_a_change_brought_may_end():
    world = running(*TWO)
    change(world, "a", user="new", monitor=2.0)
    rest(world, 0.5)
    world.die(world.id_of("a"), 0)
    assert rest(world).phase == Phase.RUNNING


def test_others_do_not_have_to_show_anything():
    world = running(*TWO)
    change(world, "a", cpu_percent=50, monitor=2.0)
    # it has run for long enough
    world.tick(10)
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == []


# Verbs.


def test_one_container_restarts_alone():
    world = running(*TWO)
    change(world, "a", restart_epoch=1)
    step = world.decide()
    assert step.phase != Phase.RUNNING
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == done(world, "Start") == ["a"]
    world.restart_agent()
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == ["a"]


def test_what_was_asked_before_it_came_here_is_not_done():
    world = World(wanted(container("a", restart_epoch=4, signal_epoch=2)))
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == done(world, "Signal") == []
    change(world, "a", restart_epoch=5)
    rest(world)
    assert done(world, "Stop") == ["a"]


def test_paused_and_not_paused():
    world = running(*TWO)
    change(world, "a", paused=True)
    step = world.decide()
    assert step.actions == (act.Pause("a", True),)
    assert step.phase == Phase.STARTING
    step = rest(world)
    assert step.phase == Phase.RUNNING
    assert report(world, "a", step).status == ContainerStatus.PAUSED
    change(world, "a", paused=False)
    rest(world)
    assert world.containers[world.id_of("a")].state == "running"
    assert done(world, "Stop") == []


def test_a_pause_by_hand_is_ended():
    world = running(*TWO)
    world.pause(world.id_of("a"))
    world.hear()
    assert world.decide().actions == (act.Refresh(),)
    rest(world)
    assert world.containers[world.id_of("a")].state == "running"


def test_a_paused_one_that_was_started_is_paused_again():
    world = running(container("a", paused=True), *TWO[1:])
    world.reboot()
    world.restart_agent()
    assert rest(world).phase == Phase.RUNNING
    assert world.containers[world.id_of("a")].state == "paused"


def test_nobody_asks_a_paused_one_for_its_health():
    world = running(container("a", health_check=CHECK, policy="always"))
    change(world, "a", paused=True)
    rest(world)
    world.log.clear()
    world.answers["a"] = "no answer"
    step = rest(world, 100)
    assert step.phase == Phase.RUNNING
    assert done(world, "Probe") == []


def test_a_signal_is_sent_once():
    world = running(*TWO)
    change(world, "a", signal_epoch=1, signal="HUP")
    assert rest(world).phase == Phase.RUNNING
    assert world.signals == [(world.id_of("a"), "HUP")]
    world.restart_agent()
    rest(world)
    change(world, "b", user="x")
    rest(world)
    assert len(world.signals) == 1


def test_a_signal_for_what_has_ended_is_forgotten():
    world = running(container("a", policy="no"), *TWO[1:])
    world.die(world.id_of("a"), 0)
    rest(world)
    change(world, "a", signal_epoch=1, signal="HUP")
    assert rest(world).phase == Phase.RUNNING
    assert world.signals == []
    assert world.found.books["a"].signal_epoch == 1


def test_another_name_is_all_that_changes():
    world = running(*TWO)
    before = world.id_of("a")
    change(world, "a", name="c")
    step = world.decide()
    assert step.actions == (act.Rename("a", before, "c"),)
    assert rest(world).phase == Phase.RUNNING
    assert world.running() == ["b", "c", INFRA]
    assert world.id_of("c") == before
    world.restart_agent()
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == done(world, "Create") == []


def test_a_new_one_takes_the_name_of_a_renamed_one():
    world = running(*TWO)
    before = world.id_of("a")
    again(
        world,
        containers=(
            dataclasses.replace(TWO[0], spec=container("c").spec),
            TWO[1],
            container("a", id="other"),
        ),
    )
    assert rest(world).phase == Phase.RUNNING
    assert world.running() == ["a", "b", "c", INFRA]
    assert world.id_of("c") == before
    assert done(world, "Stop") == []


def test_another_container_of_the_same_name_and_kind_is_a_new_one():
    world = running(*TWO)
    change(world, "a", id="other")
    assert rest(world).phase == Phase.RUNNING
    assert done(world, "Stop") == done(world, "Create") == ["a"]
    there = world.containers[world.id_of("a")]
    assert there.labels[base.LABEL_CONTAINER] == "other"


def test_changes_of_what_is_stopped():
    world = running(*TWO, container("c", 1))
    again(world, desired=Desired.STOPPED)
    rest(world)
    again(
        world,
        containers=(
            dataclasses.replace(TWO[0], spec=container("z").spec),
            TWO[1],
        ),
    )
    assert rest(world).phase == Phase.STOPPED
    names = [config.name_of(c) for c in world.containers.values()]
    assert sorted(names) == ["b", INFRA, "z"]


# Hooks.


def test_what_has_a_hook_is_stopped_before_it_is_removed():
    hooks = Hooks(pre_stop=Hook(("bye",)))
    world = running(container("a", hooks=hooks), *TWO[1:])
    there = world.found.containers["a"]
    assert there.pre_stop == Hook(("bye",))
    again(world, desired=Desired.DELETED)
    assert rest(world).phase == Phase.GONE
    assert done(world, "Stop") == ["a"]


def test_if_it_cannot_be_stopped_it_goes_all_the_same():
    hooks = Hooks(pre_stop=Hook(("bye",)))
    world = running(container("a", hooks=hooks))
    again(world, desired=Desired.DELETED)
    world.decide()
    world.finish(act.Stop("a", 10), fail="before")
    assert rest(world).phase == Phase.GONE


def test_what_cannot_be_started_is_told_and_tried_again():
    world = World(wanted(container("a")))
    for _ in range(3):
        for _ in range(20):
            step = world.decide()
            if act.Start("a", 0) in world.found.busy:
                break
            if not world.found.busy:
                world.now = step.wake
                continue
            world.finish(sorted(world.found.busy, key=repr)[0])
        world.finish(act.Start("a", 0), fail="before")
    world.decide()
    world.finish(act.Refresh())
    step = world.decide()
    assert step.phase == Phase.FAILED
    assert step.reason == "no; it is tried again"
    assert step.verdicts == {"a": "no"}
    assert rest(world, 10).phase == Phase.RUNNING


# CPU time.


def test_a_set_that_may_burst_is_not_capped():
    world = running(*TWO, cpu_burst=True)
    assert world.boosted
    again(world)
    world.wanted = dataclasses.replace(world.wanted, cpu_burst=False)
    rest(world)
    assert not world.boosted
    assert done(world, "Limit") == [""]
    world.log.clear()
    again(world, cpu_burst=True)
    assert rest(world).phase == Phase.RUNNING
    assert world.boosted
    assert done(world, "Limit") == [""]
