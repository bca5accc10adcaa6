import dataclasses
import random

import pytest

from caas.agent import actions as act
from caas.agent import config, told
from caas.agent.config import INFRA
from caas.agent.found import Book, Container
from caas.agent.plan import UNLISTED, Rules, restart_at
from caas.drivers.runtime import base
from caas.model.spec import (
    HealthCheck,
    Hook,
    Hooks,
    Resources,
    RestartPolicy,
)
from caas.model.states import Desired, Phase
from tests.unit.agent.sets import SIZE, container, wanted
from tests.unit.agent.world import UP, World

#: It fails after 2 s.
CHECK = HealthCheck("tcp", port=80, interval=1, timeout=1, retries=1)

THREE = (container("a", 0), container("b", 0), container("c", 1))


def running(*containers, **fields):
    world = World(wanted(*containers, **fields))
    assert world.settle().phase == Phase.RUNNING
    world.log.clear()
    return world


def again(world, **fields):
    """The same set, wanted anew."""
    before = world.wanted
    fields.setdefault("revision", before.revision + 1)
    fields.setdefault("desired", before.desired)
    fields.setdefault("restart_epoch", before.restart_epoch)
    fields.setdefault("incarnation", before.incarnation)
    fields.setdefault("grace_period", before.grace_period)
    fields.setdefault("resources", before.resources)
    world.wanted = wanted(
        *fields.pop("containers", before.containers), **fields
    )


def _plug(world):
    return act.Plug(world.containers[world.id_of(INFRA)].pid)


def done(world, kind):
    return [name for what, name in world.log if what == kind]


# Creating.


def test_first_everything_that_needs_nothing_else():
    world = World(wanted(*THREE))
    step = world.decide()
    assert step.phase == Phase.PREPARING
    assert set(step.actions) == {
        act.MakeVolume(),
        act.MakeGroup(boost=True),
        act.Show(told.digest(world.wanted)),
        act.PrepareNetwork(),
        act.EnsureImage(THREE[0].spec.image.digest),
    }


def test_infra_starts_while_business_is_created():
    world = World(wanted(*THREE))
    for action in world.decide().actions:
        world.finish(action)
    assert world.decide().actions == (act.Create(INFRA),)
    world.finish(act.Create(INFRA))
    assert set(world.decide().actions) == {
        act.Start(INFRA, 0),
        act.Create("a"),
        act.Create("b"),
        act.Create("c"),
    }


def test_infra_does_not_wait_for_images():
    world = World(wanted())
    actions = world.decide().actions
    for action in actions:
        if not isinstance(action, act.EnsureImage):
            world.finish(action)
    world.decide()
    world.finish(act.Create(INFRA))
    world.decide()
    world.finish(act.Start(INFRA, 0))
    step = world.decide()
    assert step.phase == Phase.PREPARING
    assert step.actions == (_plug(world),)
    world.finish(step.actions[0])
    assert world.decide().actions == ()
    assert world.found.busy == {
        a for a in actions if isinstance(a, act.EnsureImage)
    }


def test_equal_index_starts_together_the_next_after_it():
    world = World(wanted(*THREE))
    for _ in range(20):
        step = world.decide()
        starts = [a for a in world.found.busy if isinstance(a, act.Start)]
        if act.Start("a", 0) in starts:
            break
        for action in sorted(world.found.busy, key=repr):
            world.finish(action)
    assert set(starts) == {act.Start("a", 0), act.Start("b", 0)}
    world.finish(act.Start("a", 0))
    assert world.decide().actions == ()
    world.finish(act.Start("b", 0))
    assert world.decide().actions == (act.Start("c", 0),)
    assert step.phase == Phase.STARTING


def test_least_work():
    world = World(wanted(*THREE))
    assert world.settle().phase == Phase.RUNNING
    assert sorted(what for what, _ in world.log if what != "note") == sorted(
        ["EnsureImage", "MakeVolume", "MakeGroup", "PrepareNetwork", "Plug"]
        + ["Create", "Start"] * 4
        + ["Limit", "Show"]
    )


# Another size.


def test_a_running_set_is_resized_in_place():
    world = running(container("a"), container("b", 1, memory_percent=50))
    before = dict(world.containers)
    again(world, resources=Resources(1000, 512, 1))
    step = world.decide()
    # not RUNNING at the new revision before it has what is wanted
    assert step.phase == Phase.STARTING
    assert step.actions == (act.Limit(),)
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Limit") == [""]
    assert world.limits == Resources(1000, 512, 1)
    assert world.containers.keys() == before.keys()
    memory = {
        c.labels["caas.name"]: c.limits and c.limits.memory_bytes >> 20
        for c in world.containers.values()
    }
    assert (memory["a"], memory["b"]) == (512, 256)


def test_only_the_share_of_one_container_changes():
    world = running(container("a"), container("b"))
    again(
        world,
        containers=(container("a", cpu_percent=50), container("b")),
    )
    assert world.settle().phase == Phase.RUNNING
    assert {what for what, _ in world.log} == {"Limit"}
    (cpus,) = (
        c.limits.millicpus
        for c in world.containers.values()
        if c.labels["caas.name"] == "a"
    )
    assert cpus == 1000


def test_a_size_below_what_is_in_use_is_refused():
    world = running(*THREE)
    world.used_mb = 200
    again(world, resources=Resources(1000, 128, 1))
    step = world.settle()
    assert (step.phase, step.refused) == (Phase.RUNNING, "no")
    assert step.wake is None
    assert world.limits == SIZE
    # nothing is tried again until something else is wanted
    world.tick(100_000)
    assert world.decide().actions == ()
    again(world, resources=SIZE)
    step = world.settle()
    assert (step.phase, step.refused) == (Phase.RUNNING, "")


def test_a_set_that_fails_to_change_is_not_told_to_have_changed():
    world = running(*THREE)
    again(world, resources=Resources(1000, 512, 1))
    world.decide()
    world.finish(act.Limit(), fail="before")
    # who knows what was done of it
    assert world.decide().actions == (act.Refresh(),)
    world.finish(act.Refresh())
    step = world.decide()
    assert step.phase == Phase.STARTING
    assert step.reason == "no; trying again in 1 s"
    world.now = step.wake
    assert world.settle().phase == Phase.RUNNING


def test_what_was_changed_half_way_is_changed_back():
    """One container had its new limits when the next one was refused."""
    world = running(*THREE)
    again(world, resources=Resources(1000, 128, 1))
    world.decide()
    changed = world.id_of("a")
    world.containers[changed] = dataclasses.replace(
        world.containers[changed], limits=base.Limits(None, 128 << 20)
    )
    world.finish(act.Limit(), fail="before", permanent=True)
    step = world.settle()
    assert (step.phase, step.refused) == (Phase.RUNNING, "no")
    again(world, resources=SIZE)
    step = world.settle()
    assert (step.phase, step.refused) == (Phase.RUNNING, "")
    memory = [c.limits.memory_bytes >> 20 for c in world.containers.values()]
    assert sorted(memory)[-3:] == [256, 256, 256]


def test_limits_of_a_set_that_stands_still_wait_for_its_start():
    world = running(*THREE)
    again(world, desired=Desired.STOPPED)
    assert world.settle().phase == Phase.STOPPED
    again(world, resources=Resources(1000, 512, 1))
    assert world.settle().phase == Phase.STOPPED
    again(world, desired=Desired.RUNNING)
    assert world.settle().phase == Phase.RUNNING
    assert world.limits == Resources(1000, 512, 1)


# The cap on CPU time.


def test_cpu_time_is_capped_when_all_have_started():
    world = World(wanted(*THREE))
    while True:
        step = world.decide()
        if act.Limit() in world.found.busy:
            break
        assert world.boosted or not world.running()
        world.finish(min(world.found.busy, key=repr))
    # it runs, and nobody has to wait for the cap to hear that
    assert step.phase == Phase.RUNNING
    world.settle()
    assert not world.boosted


def test_cpu_time_is_capped_after_a_while_whatever_else():
    world = World(wanted(container("a"), container("b", 1)))
    while not world.running():
        world.decide()
        world.finish(min(world.found.busy, key=repr))
    while True:
        step = world.decide()
        todo = [
            a
            for a in sorted(world.found.busy, key=repr)
            if getattr(a, "name", "") != "b"
        ]
        if not todo:
            break
        world.finish(todo[0])
    infra = world.found.containers[INFRA]
    assert step.wake == infra.started + 5
    assert world.boosted
    world.now = step.wake
    assert act.Limit() in world.decide().actions


def test_cpu_time_is_capped_from_the_start_if_told_so():
    from caas.agent.converge import converge

    world = World(wanted())
    for _ in range(3):
        step = converge(
            world.wanted,
            world.found,
            listed=True,
            now=world.now,
            rules=Rules(boost=0),
        )
        for action in step.actions:
            if isinstance(action, act.Note):
                world.found.note(action)
    assert act.MakeGroup(boost=False) in step.actions
    world.found.done(act.MakeGroup(boost=False), ("/group", SIZE, {}, True), 1)
    assert world.found.capped


def test_a_new_run_of_the_agent_sees_to_the_cap():
    world = World(wanted(*THREE))
    world.settle()
    world.boosted = True
    world.restart_agent()
    assert world.settle().phase == Phase.RUNNING
    assert not world.boosted


def test_progress_is_the_reason():
    world = World(wanted())
    world.decide()
    assert "image busybox:1: on its way" in world.decide().reason
    world.found.progress[THREE[0].spec.image.digest] = "12 of 40 MB"
    assert world.decide().reason == "image busybox:1: 12 of 40 MB"


# Faults.


def test_a_permanent_fault_fails_it_until_somebody_changes_something():
    world = World(wanted(*THREE))
    while act.Start("b", 0) not in world.decide().actions:
        world.finish(sorted(world.found.busy, key=repr)[0])
    world.finish(act.Start("b", 0), fail="before", permanent=True)
    step = world.settle()
    assert step.phase == Phase.FAILED
    assert step.reason == "no"
    assert step.wake is None
    assert world.running() == ["a", INFRA]
    world.tick(100_000)
    assert world.decide().actions == ()
    again(world)
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Create") == [INFRA, "a", "b", "c"]


def test_a_passing_fault_is_tried_again_ever_more_slowly():
    world = World(wanted())
    world.decide()
    for delay in (1, 2, 4, 8, 16, 32, 60, 60):
        for action in sorted(world.found.busy, key=repr):
            if isinstance(action, act.MakeVolume):
                world.finish(action, fail="before")
            else:
                world.finish(action)
        step = world.decide()
        assert step.phase in (Phase.PREPARING, Phase.STARTING)
        assert step.reason == f"no; trying again in {delay} s"
        assert step.actions == ()
        assert step.wake == pytest.approx(world.now + delay)
        world.now = step.wake
        assert act.MakeVolume() in world.decide().actions
    world.finish(act.MakeVolume())
    assert world.settle().phase == Phase.RUNNING
    assert world.found.faults == {}


def test_a_start_whose_answer_was_lost_is_looked_at_not_repeated():
    world = World(wanted())
    while act.Start("web", 0) not in world.decide().actions:
        world.finish(sorted(world.found.busy, key=repr)[0])
    world.finish(act.Start("web", 0), fail="after")
    assert world.decide().actions == (act.Refresh(),)
    world.finish(act.Refresh())
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Start") == [INFRA, "web"]


def test_refused_wishes_are_not_begun():
    from caas.agent.converge import converge

    world = World(wanted())
    step = converge(
        world.wanted,
        world.found,
        listed=True,
        now=world.now,
        refusal="No.",
        rules=Rules(),
    )
    for note in (act.Begin(1), act.Adopt(0)):
        assert step.actions == (note,)
        world.found.note(note)
        step = converge(
            world.wanted,
            world.found,
            listed=True,
            now=world.now,
            refusal="No.",
            rules=Rules(),
        )
    step = converge(
        world.wanted,
        world.found,
        listed=True,
        now=world.now,
        refusal="No.",
        rules=Rules(),
    )
    assert (step.phase, step.reason, step.actions) == (
        Phase.FAILED,
        "No.",
        (),
    )


def test_nothing_is_done_while_the_engine_is_silent():
    world = running()
    world.trouble = "Docker does not answer"
    world.wanted = wanted(desired=Desired.DELETED, revision=2)
    step = world.decide()
    assert step.phase is None
    assert step.reason == "Docker does not answer"
    assert step.actions == ()


# Restart policies.


RAN_1_S = {"state": "exited", "started": 100.0, "finished": 101.0}


@pytest.mark.parametrize(
    ("policy", "exit_code", "oom", "restarts"),
    [
        ("no", 1, False, False),
        ("no", 0, False, False),
        ("on-failure", 0, False, False),
        ("on-failure", 1, False, True),
        ("on-failure", 0, True, True),
        ("on-failure", None, False, True),
        ("always", 0, False, True),
        ("always", 1, False, True),
        ("unless-stopped", 0, False, True),
        ("unless-stopped", 137, False, True),
    ],
)
def test_which_policy_restarts_what(policy, exit_code, oom, restarts):
    there = Container(
        "id", exit_code=exit_code, oomed=101.0 if oom else None, **RAN_1_S
    )
    due = restart_at(there, Book(), RestartPolicy(policy), Rules())
    assert due == (101.0 if restarts else None)


@pytest.mark.parametrize(
    ("row", "wait"),
    [(0, 0), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (99, 60), (5000, 60)],
)
def test_back_off(row, wait):
    there = Container("id", exit_code=1, **RAN_1_S)
    policy = RestartPolicy("always")
    assert restart_at(there, Book(row=row), policy, Rules()) == 101.0 + wait


def test_good_behaviour_is_rewarded():
    there = Container(
        "id", state="exited", started=100.0, finished=160.0, exit_code=1
    )
    policy = RestartPolicy("on-failure", max_retries=3)
    assert restart_at(there, Book(row=7), policy, Rules()) == 160.0


def test_retries_end():
    there = Container("id", exit_code=1, **RAN_1_S)
    policy = RestartPolicy("on-failure", max_retries=3)
    assert restart_at(there, Book(row=2), policy, Rules()) is not None
    assert restart_at(there, Book(row=3), policy, Rules()) is None


def test_a_crash_is_answered_at_once_then_after_a_while():
    world = running(container("web", policy="on-failure"))
    world.die(world.id_of("web"), 1)
    world.hear()
    assert world.decide().actions == (act.Start("web", 0, again=True),)
    assert world.settle().phase == Phase.RUNNING
    assert world.found.books["web"].restarts == 1
    world.die(world.id_of("web"), 1)
    world.hear()
    step = world.decide()
    assert step.phase == Phase.RUNNING
    assert "container web ended with exit code 1; starts again" in step.reason
    assert step.actions == ()
    assert step.wake == pytest.approx(world.now + 1, abs=0.1)
    world.now = step.wake
    assert world.settle().phase == Phase.RUNNING
    assert world.found.books["web"].restarts == 2
    assert world.running() == [INFRA, "web"]


def test_the_next_index_waits_for_one_that_keeps_crashing():
    world = World(
        wanted(container("a", 0, policy="always"), container("b", 1))
    )
    while act.Start("a", 0) not in world.decide().actions:
        world.finish(sorted(world.found.busy, key=repr)[0])
    world.finish(act.Start("a", 0))
    world.die(world.id_of("a"))
    world.hear()
    assert world.decide().actions == (act.Start("a", 0, again=True),)
    world.finish(act.Start("a", 0, again=True))
    world.die(world.id_of("a"))
    world.hear()
    step = world.decide()
    assert (step.phase, step.actions) == (Phase.STARTING, ())
    world.now = step.wake
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Start") == [INFRA, "a", "a", "a", "b"]


def test_one_that_did_its_work_lets_the_next_index_start():
    world = World(wanted(container("a", 0), container("b", 1)))
    while act.Start("a", 0) not in world.decide().actions:
        world.finish(sorted(world.found.busy, key=repr)[0])
    world.finish(act.Start("a", 0))
    world.die(world.id_of("a"), 0)
    world.hear()
    assert world.settle().phase == Phase.RUNNING
    assert world.running() == ["b", INFRA]


def test_finished_when_all_ended_and_none_comes_back():
    world = running(*THREE)
    for name in "abc":
        world.die(world.id_of(name), 0)
    world.hear()
    step = world.settle()
    assert (step.phase, step.actions, step.wake) == (Phase.FINISHED, (), None)
    assert world.running() == [INFRA]


def test_finished_and_asked_to_start_runs_once_more():
    world = running()
    world.die(world.id_of("web"), 0)
    world.hear()
    assert world.settle().phase == Phase.FINISHED
    again(world)
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Start") == ["web"]
    world.die(world.id_of("web"), 0)
    world.hear()
    assert world.settle().phase == Phase.FINISHED
    assert done(world, "Start") == ["web"]


def test_finished_stays_finished_over_a_reboot():
    world = running()
    world.die(world.id_of("web"), 0)
    world.hear()
    assert world.settle().phase == Phase.FINISHED
    world.tick(3600)
    world.reboot()
    world.restart_agent()
    assert world.settle().phase == Phase.FINISHED
    assert world.running() == []


def test_a_clock_set_back_keeps_nothing_waiting():
    world = running(container("web", policy="always"))
    for _ in range(2):
        world.die(world.id_of("web"))
        world.hear()
        step = world.settle()
    assert step.wake is not None
    world.now -= 3600
    assert act.Start("web", 0, again=True) in world.decide().actions
    world.finish(act.Start("web", 0, again=True), fail="before")
    world.decide()
    world.finish(act.Refresh())
    world.now -= 3600
    assert act.Start("web", 0, again=True) in world.decide().actions


def test_what_refuses_to_go_is_asked_again():
    world = running()
    world.wanted = None
    remove = act.Remove("web", world.id_of("web"))
    assert world.decide().actions == (remove,)
    world.finish(remove, fail="before", permanent=True)
    step = world.decide()
    assert step.reason == "no; trying again in 1 s"
    world.now = step.wake
    assert world.settle().phase == Phase.GONE


# Restart, stop, start, delete.


def test_restart_goes_down_in_reverse_and_up_in_order():
    world = running(*THREE)
    again(world, restart_epoch=1, grace_period=7)
    step = world.decide()
    assert step.phase == Phase.RESTARTING
    assert step.actions == (act.Stop("c", 7),)
    assert world.settle().phase == Phase.RUNNING
    assert world.log == [
        ("note", "NewRound"),
        ("Stop", "c"),
        ("Stop", "a"),
        ("Stop", "b"),
        # nothing happens where it is plugged
        ("Plug", ""),
        ("Start", "a"),
        ("Start", "b"),
        ("Start", "c"),
    ]
    assert world.found.epoch == 1
    assert world.settle().actions == ()


def test_a_restart_in_the_middle_of_a_restart():
    world = running(*THREE)
    again(world, restart_epoch=1)
    world.decide()
    world.finish(act.Stop("c", 10))
    world.restart_agent()
    again(world, restart_epoch=2)
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Start") == ["a", "b", "c"]
    assert world.found.epoch == 2


def test_stop_keeps_the_containers_and_start_starts_them():
    world = running(*THREE)
    ids = set(world.containers)
    again(world, desired=Desired.STOPPED)
    step = world.settle()
    assert (step.phase, step.actions) == (Phase.STOPPED, ())
    assert done(world, "Stop") == ["c", "a", "b", INFRA]
    assert world.volume
    world.log.clear()
    again(world, desired=Desired.RUNNING)
    assert world.settle().phase == Phase.RUNNING
    assert set(world.containers) == ids
    assert done(world, "Start") == [INFRA, "a", "b", "c"]
    assert done(world, "Plug") == [""]


def test_infra_is_killed_the_others_get_their_grace():
    world = running()
    again(world, desired=Desired.STOPPED, grace_period=33)
    assert world.decide().actions == (act.Stop("web", 33),)
    world.finish(act.Stop("web", 33))
    assert world.decide().actions == (act.Stop(INFRA, 0),)


def test_less_grace_overtakes_a_long_wait():
    world = running()
    again(world, desired=Desired.STOPPED, grace_period=600)
    assert world.decide().actions == (act.Stop("web", 600),)
    again(world, desired=Desired.STOPPED, grace_period=900)
    assert world.decide().actions == ()
    again(world, desired=Desired.STOPPED, grace_period=1)
    assert world.decide().actions == (act.Stop("web", 1),)


def test_delete_overtakes_a_long_wait():
    world = running()
    again(world, desired=Desired.STOPPED, grace_period=600)
    world.decide()
    again(world, desired=Desired.DELETED)
    assert world.decide().actions == (act.Remove("web", world.id_of("web")),)


def test_stop_before_anything_was_made():
    world = World(wanted(desired=Desired.STOPPED))
    assert world.settle().phase == Phase.STOPPED
    assert world.containers == {}


def test_started_again_in_the_middle_of_a_stop():
    world = running(*THREE)
    again(world, desired=Desired.STOPPED)
    world.decide()
    world.finish(act.Stop("c", 10))
    again(world, desired=Desired.RUNNING)
    assert world.settle().phase == Phase.RUNNING
    assert world.running() == ["a", "b", "c", INFRA]


def test_delete_leaves_nothing():
    world = running(*THREE)
    again(world, desired=Desired.DELETED)
    step = world.settle()
    assert (step.phase, step.actions) == (Phase.GONE, ())
    assert world.left() == set()
    assert done(world, "Remove")[-1] == INFRA
    assert done(world, "Stop") == []


def test_delete_waits_for_what_is_being_built():
    world = World(wanted())
    world.decide()
    again(world, desired=Desired.DELETED)
    assert world.decide().actions == ()
    for action in sorted(world.found.busy, key=repr):
        if not isinstance(action, act.EnsureImage):
            world.finish(action)
    assert world.decide().actions == (act.Release(),)
    world.finish(act.Release())
    assert world.decide().phase == Phase.GONE


def test_what_is_not_on_the_list_goes():
    world = running(*THREE)
    world.wanted = None
    assert world.settle().phase == Phase.GONE
    assert world.containers == {}


def test_another_incarnation_gives_way_first():
    world = running()
    old = world.id_of("web")
    again(world, incarnation=2)
    step = world.decide()
    assert step.phase == Phase.PREPARING
    assert step.reason == "removing what an earlier incarnation left"
    assert step.actions == (act.Remove("web", old),)
    assert world.settle().phase == Phase.RUNNING
    assert old not in world.containers
    assert world.found.incarnation == 2
    assert done(world, "Release") == [""]


# Before the first full list of a run.


def test_before_the_list_nothing_is_removed():
    world = running()
    again(world, desired=Desired.DELETED)
    world.restart_agent()
    world.listed = False
    step = world.decide()
    assert (step.phase, step.actions) == (Phase.STOPPING, ())
    assert step.reason == UNLISTED
    world.wanted = None
    assert world.decide().actions == ()
    world.listed = True
    assert world.settle().phase == Phase.GONE


def test_before_the_list_nothing_is_created():
    world = World(wanted())
    world.listed = False
    step = world.decide()
    assert (step.actions, step.reason) == ((), UNLISTED)


def test_before_the_list_what_is_there_is_started():
    world = running(*THREE)
    world.reboot()
    world.restart_agent()
    world.listed = False
    assert world.settle().phase == Phase.RUNNING
    assert world.running() == ["a", "b", "c", INFRA]
    assert done(world, "Create") == done(world, "Remove") == []


# What happens behind the agent's back.


def test_a_new_agent_touches_no_container():
    world = running(*THREE)
    world.restart_agent()
    step = world.decide()
    assert step.phase == Phase.RUNNING
    show = act.Show(told.digest(world.wanted))
    assert set(step.actions) == {_plug(world), act.Limit(), show}
    assert world.settle().phase == Phase.RUNNING
    assert {what for what, _ in world.log} == {"Limit", "Plug", "Show"}


def test_a_new_agent_without_its_disk_touches_none_either():
    world = running(*THREE)
    again(world, restart_epoch=3)
    assert world.settle().phase == Phase.RUNNING
    world.log.clear()
    world.restart_agent(books=False)
    assert world.settle().phase == Phase.RUNNING
    assert world.log[0] == ("note", "Adopt")
    assert sorted(e for e in world.log if e[0] != "note") == [
        ("Limit", ""),
        ("Plug", ""),
        ("Show", ""),
    ]
    # and carries out the next restart
    again(world, restart_epoch=4)
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Start") == ["a", "b", "c"]


def test_infra_that_ended_takes_all_through_a_restart():
    world = running(*THREE)
    world.die(world.id_of(INFRA), 137)
    world.hear()
    step = world.decide()
    assert step.phase == Phase.RESTARTING
    assert "infra container ended" in step.reason
    assert world.settle().phase == Phase.RUNNING
    assert world.log == [
        ("note", "NewRound"),
        ("Stop", "c"),
        ("Stop", "a"),
        ("Stop", "b"),
        ("PrepareNetwork", ""),
        ("Start", INFRA),
        ("Plug", ""),
        ("Start", "a"),
        ("Start", "b"),
        ("Start", "c"),
    ] or done(world, "Start") == [INFRA, "a", "b", "c"]


def test_infra_restarted_by_hand_is_noticed_by_its_namespace():
    world = running(*THREE)
    infra = world.id_of(INFRA)
    world.die(infra)
    world.start_by_hand(infra)
    world.restart_agent()
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Stop") == ["c", "a", "b"]
    assert done(world, "Start") == ["a", "b", "c"]


def test_infra_restarted_by_hand_under_the_eyes_of_the_agent():
    world = running()
    infra = world.id_of(INFRA)
    world.die(infra)
    world.start_by_hand(infra)
    assert world.settle().phase == Phase.RUNNING
    assert len({world.netns[i] for i in world.containers}) == 1
    assert done(world, "Start") == ["web"] or done(world, "Start") == [
        INFRA,
        "web",
    ]


def test_a_reboot_starts_all_of_them_whatever_their_policy():
    world = running(*THREE)
    world.tick(1000)
    world.reboot()
    world.restart_agent()
    assert world.settle().phase == Phase.RUNNING
    assert world.running() == ["a", "b", "c", INFRA]


def test_a_removed_infra_container_is_made_anew_with_its_business():
    world = running(*THREE)
    world.destroy(world.id_of(INFRA))
    world.hear()
    assert world.settle().phase == Phase.RUNNING
    assert world.running() == ["a", "b", "c", INFRA]
    assert sorted(done(world, "Create")) == ["a", "b", "c", INFRA]


def test_a_removed_business_container_is_made_anew_alone():
    world = running(*THREE)
    world.destroy(world.id_of("a"))
    world.hear()
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Create") == done(world, "Start") == ["a"]


def test_a_container_made_from_something_else_is_replaced_alone():
    world = running(*THREE)
    changed = (container("a", 0, command=("other",)), *THREE[1:])
    again(world, containers=changed)
    assert world.settle().phase == Phase.RUNNING
    assert done(world, "Stop") == done(world, "Remove") == ["a"]
    assert done(world, "Create") == done(world, "Start") == ["a"]


def test_a_container_not_wanted_any_more_goes():
    world = running(*THREE)
    again(world, containers=THREE[:2])
    assert world.settle().phase == Phase.RUNNING
    assert world.running() == ["a", "b", INFRA]
    assert len(world.containers) == 3


# From anywhere to the goal.


def _policies(rng):
    return rng.choice(["no", "no", "on-failure", "always"])


def _some_set(rng, **fields):
    names = rng.sample("abcde", rng.randrange(1, 5))
    return wanted(
        *(
            container(
                n,
                rng.randrange(3),
                policy=_policies(rng),
                cpu_percent=rng.choice([50, 100]),
                memory_percent=rng.choice([50, 100]),
                health_check=rng.choice([None, None, CHECK]),
                hooks=rng.choice([Hooks(), Hooks(pre_stop=Hook(("x",)))]),
                monitor=rng.choice([0.0, 0.0, 2.0]),
            )
            for n in sorted(names)
        ),
        cpu_burst=rng.choice([True, False]),
        **fields,
    )


def _guard(world, action):
    """No action may break the order within a set."""
    found = world.found
    running = {name for name, c in found.containers.items() if c.running}
    running |= {a.name for a in found.busy if isinstance(a, act.Start)}
    if isinstance(action, act.Start) and action.name == INFRA:
        assert running <= {INFRA}, "infra started below business"
    elif isinstance(action, act.Stop) and action.name == INFRA:
        assert running <= {INFRA}, "infra stopped before business"
    elif isinstance(action, act.Start) and not action.again:
        index = {c.spec.name: c.spec.index for c in world.wanted.containers}
        for name, at in index.items():
            if at < index[action.name]:
                book = found.books.get(name)
                assert book, f"{action.name} before {name}"
                assert book.round == action.round, f"{action.name} early"
    elif (
        isinstance(action, act.Stop)
        and found.cause in ("restart", "stop")
        and found.incarnation == world.wanted.incarnation
        and world.wanted.desired != Desired.DELETED
    ):
        index = {c.spec.name: c.spec.index for c in world.wanted.containers}
        old = {
            name
            for name, book in found.books.items()
            if name in running and book.round != found.round
        }
        if action.name in old:
            first = max(index.get(name, 99) for name in old)
            assert index.get(action.name, 99) == first, "not in reverse"


def _disturb(rng, world):
    """Anything that may happen to a host or be asked of it."""
    if rng.random() < 0.5:
        _ask(rng, world)
    else:
        _harm(rng, world)


def _harm(rng, world):
    ids = list(world.containers)
    match rng.randrange(7):
        case 0 if ids:
            world.die(rng.choice(ids), rng.choice([0, 1, 137]))
        case 1 if ids:
            world.destroy(rng.choice(ids))
        case 2:
            world.reboot()
            world.restart_agent()
        case 3:
            world.restart_agent(books=rng.random() < 0.8, rng=rng)
        case 4:
            stopped = [
                i for i in ids if world.containers[i].state != "running"
            ]
            if stopped:
                world.start_by_hand(rng.choice(stopped))
        case 5:
            world.images.clear()
            world.images_known.clear()
        case _:
            world.tick(rng.choice([0.1, 5, 100]))


def _ask(rng, world):
    match rng.randrange(8):
        case 6 | 7:
            _ask_one(rng, world)
        case 5:
            memory = rng.choice([128, 256, 512])
            again(world, resources=Resources(1000, memory, 1))
        case 0:
            again(world, restart_epoch=world.wanted.restart_epoch + 1)
        case 1 | 2:
            again(
                world,
                desired=rng.choice([Desired.STOPPED, Desired.RUNNING]),
                grace_period=rng.randrange(3),
            )
        case 3:
            again(world, incarnation=world.wanted.incarnation + 1)
        case _:
            names = [c.spec.name for c in world.wanted.containers]
            changed = rng.choice(names)
            again(
                world,
                containers=tuple(
                    dataclasses.replace(
                        c, spec=dataclasses.replace(c.spec, user="other")
                    )
                    if c.spec.name == changed
                    else c
                    for c in world.wanted.containers
                ),
            )


def _ask_one(rng, world):
    """Something of one container."""
    containers = list(world.wanted.containers)
    at = rng.randrange(len(containers))
    one = containers[at]
    match rng.randrange(7):
        case 0:
            epoch = one.restart_epoch + 1
            one = dataclasses.replace(one, restart_epoch=epoch, paused=False)
        case 1:
            one = dataclasses.replace(one, paused=not one.paused)
        case 2:
            epoch = one.signal_epoch + 1
            one = dataclasses.replace(one, signal_epoch=epoch, signal="HUP")
        case 3:
            free = set("abcdefgh") - {c.spec.name for c in containers}
            spec = dataclasses.replace(one.spec, name=min(free))
            one = dataclasses.replace(one, spec=spec)
        case 4:
            # another one of the same name
            one = dataclasses.replace(one, id=f"{one.id}+")
        case 5:
            spec = dataclasses.replace(one.spec, health_check=CHECK)
            one = dataclasses.replace(one, spec=spec)
        case _:
            world.answers[one.spec.name] = rng.choice(["", "bad"])
            return
    containers[at] = one
    if len(containers) > 1 and rng.random() < 0.1:
        del containers[at]
    again(world, containers=tuple(containers))


def _advance(rng, world, faults):
    step = world.decide()
    for action in step.actions:
        _guard(world, action)
    if world.orphans and rng.random() < 0.1:
        world.late()
    elif world.events and rng.random() < 0.5:
        world.hear(rng.randrange(1, len(world.events) + 1))
    elif world.found.busy:
        action = rng.choice(sorted(world.found.busy, key=repr))
        fail = None
        if rng.random() < faults:
            fail = rng.choice(["before", "after"])
        world.finish(action, fail=fail)
    elif world.events:
        world.hear(1)
    elif world.orphans:
        world.late()
    elif step.wake is not None and not _rests(world, step):
        world.now = max(world.now, step.wake)
    else:
        return step
    return None


def _rests(world, step):
    """Only checks are to come."""
    return (
        (step.phase == Phase.RUNNING and step.reason == "")
        or (
            step.phase == Phase.FAILED
            and step.verdicts
            and not any(
                name not in world.found.containers
                or world.found.containers[name].running
                for name in step.verdicts
            )
        )
    ) and world.boosted == world.wanted.cpu_burst


def _goal_reached(world, step):
    if world.wanted is None or world.wanted.desired == Desired.DELETED:
        assert step.phase == Phase.GONE
        assert world.left() == set()
        return
    if INFRA in world.running():
        assert world.boosted == world.wanted.cpu_burst, "CPU time"
    if world.wanted.desired == Desired.STOPPED:
        assert step.phase == Phase.STOPPED
        assert world.running() == []
        return
    if step.phase == Phase.FAILED:
        assert step.verdicts
        for name in step.verdicts:
            there = world.containers[world.id_of(name)]
            assert there.state == "exited", "nothing else is wrong with it"
        return
    assert step.phase in (Phase.RUNNING, Phase.FINISHED), step
    names = {c.spec.name for c in world.wanted.containers}
    if step.phase == Phase.RUNNING:
        assert INFRA in world.running()
        spaces = {world.netns[i] for i in world.netns}
        assert spaces == {world.plugged}, "some sit in a dead namespace"
        there = [config.name_of(c) for c in world.containers.values()]
        assert sorted(there) == sorted(names | {INFRA}), "doubled or missing"
    if step.phase == Phase.RUNNING and not step.refused:
        assert world.limits == world.wanted.resources
        for c in world.wanted.containers:
            there = world.containers[world.id_of(c.spec.name)]
            assert there.limits == config.limits(world.wanted, c.spec)
            assert there.labels[base.LABEL_CONTAINER] == c.id
            if there.state in UP:
                assert (there.state == "paused") == c.paused
            assert world.found.books[c.spec.name].signal_epoch == (
                c.signal_epoch
            )
    for c in world.wanted.containers:
        ended = world.containers[world.id_of(c.spec.name)]
        if ended.state in UP:
            continue
        policy = c.spec.restart_policy.name
        assert policy == "no" or (
            policy == "on-failure" and ended.exit_code == 0
        ), f"{c.spec.name} ended and stays so"


@pytest.mark.parametrize("block", range(20))
def test_from_anywhere_to_the_goal(block):
    for seed in range(block * 100, block * 100 + 100):
        rng = random.Random(seed)
        world = World(_some_set(rng))
        try:
            for _ in range(rng.randrange(60)):
                if rng.random() < 0.1:
                    _disturb(rng, world)
                _advance(rng, world, faults=0.1)
            world.answers.clear()
            if rng.random() < 0.2:
                again(world, desired=Desired.DELETED)
            elif rng.random() < 0.1:
                world.wanted = None
            for _ in range(400):
                step = _advance(rng, world, faults=0.0)
                if step is not None:
                    break
            else:
                raise AssertionError("it never comes to rest")
            _goal_reached(world, step)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


# What containers are told, and where there is no network.


def test_a_set_without_a_network():
    world = World(dataclasses.replace(wanted(*THREE), nic=None))
    assert world.settle().phase == Phase.RUNNING
    assert not {"Plug", "PrepareNetwork"} & {what for what, _ in world.log}


def test_what_is_told_anew_touches_nothing_else():
    world = running(container("a"))
    world.wanted = dataclasses.replace(world.wanted, metadata={"a": "b"})
    step = world.decide()
    assert step.phase == Phase.RUNNING
    assert step.actions == (act.Show(told.digest(world.wanted)),)
    assert world.settle().phase == Phase.RUNNING
    assert world.shown == told.digest(world.wanted)
    assert {what for what, _ in world.log} == {"Show"}


def test_nothing_starts_before_it_can_be_told():
    world = World(wanted(container("a")))
    show = act.Show(told.digest(world.wanted))
    for _ in range(3):
        for action in world.decide().actions:
            if action != show:
                world.finish(action)
    world.finish(show, fail="before")
    step = world.decide()
    assert act.Create("a") not in step.actions
    assert "trying again" in step.reason
    world.now += 60
    assert world.settle().phase == Phase.RUNNING


def test_what_runs_needs_nobody_to_tell_it_to_run_again():
    """Whatever was handed in anew cannot be had now."""
    world = running(container("a", policy="always"))
    world.wanted = dataclasses.replace(world.wanted, inputs="new")
    show = act.Show(told.digest(world.wanted))
    world.decide()
    world.die(world.id_of("a"), 1)
    world.hear()
    world.finish(show, fail="before")
    assert act.Start("a", 0, again=True) in world.decide().actions
