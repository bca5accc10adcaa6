"""Commands in and beside containers: hooks and checks, on the fake engine."""

import pytest

from caas.drivers.runtime.base import EngineError, Executed
from caas.model.spec import HealthCheck, Hook, Hooks
from caas.model.states import Desired, Phase
from tests.unit.agent.sets import container
from tests.unit.agent.test_agent import (
    Host,
    change,
    create,
    until,
    wanted,
)

BEFORE, AFTER = ("before", "x"), ("after",)
HOOKS = Hooks(Hook(BEFORE, 5), Hook(AFTER, 5))


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path / "agent")
    host.start()
    yield host
    host.faults.clear()
    host.kill()


def commands(host):
    return [command for _, command in host.runtime.executed]


def test_hooks_run_before_each_start_and_each_stop(host):
    one = create(host, container("web", hooks=HOOKS), container("other"))
    assert commands(host) == [BEFORE]
    one = change(host, one, restart_epoch=1)
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert commands(host) == [BEFORE, AFTER, BEFORE]
    one = change(host, one, desired=Desired.STOPPED)
    host.conductor.wait(one, phase=Phase.STOPPED)
    assert commands(host) == [BEFORE, AFTER, BEFORE, AFTER]
    assert {c.labels["caas.role"] for c in host.runtime.list()} == {
        "infra",
        "business",
    }


def test_nothing_is_asked_of_what_is_to_end_at_once(host):
    one = create(host, container("web", hooks=HOOKS))
    one = change(host, one, desired=Desired.STOPPED, grace_period=0)
    host.conductor.wait(one, phase=Phase.STOPPED)
    assert commands(host) == [BEFORE]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            Executed(3, "line\nno database"),
            "its pre_start hook ended with exit code 3: no database",
        ),
        (Executed(1, ""), "its pre_start hook ended with exit code 1"),
        (Executed(None, ""), "its pre_start hook did not end within 5 s"),
    ],
)
def test_a_hook_that_fails_keeps_it_from_starting(host, answer, why):
    host.runtime.answers[BEFORE] = answer
    one = wanted(container("web", hooks=HOOKS))
    host.conductor.want(one)
    until(lambda: why in host.conductor.seen(one).get("reason", ""))
    assert host.running() == ["infra"]
    del host.runtime.answers[BEFORE]
    host.conductor.wait(one, phase=Phase.RUNNING)


def test_it_is_stopped_whatever_comes_of_its_hook(host):
    one = create(host, container("web", hooks=HOOKS))
    host.faults.fail("runtime.execute", EngineError("no"))
    one = change(host, one, desired=Desired.STOPPED)
    host.conductor.wait(one, phase=Phase.STOPPED)


def test_a_check_by_a_command_says_what_was_wrong(host):
    check = HealthCheck("exec", command=("ok",), interval=0.1, retries=1)
    host.runtime.answers[("ok",)] = Executed(2, "first\nlast\x07 line")
    one = wanted(container("web", health_check=check))
    host.conductor.want(one)
    until(
        lambda: (
            "exit code 2: last line"
            in host.conductor.seen(one).get("reason", "")
        )
    )
    host.runtime.answers[("ok",)] = Executed(None, "")
    until(
        lambda: (
            "no answer within 3 s"
            in host.conductor.seen(one).get("reason", "")
        )
    )
    del host.runtime.answers[("ok",)]
    host.conductor.wait(one, phase=Phase.RUNNING)


def test_an_engine_that_is_away_makes_nobody_unhealthy(host):
    check = HealthCheck("exec", command=("ok",), interval=0.1, retries=1)
    one = create(host, container("web", health_check=check))
    asked = len(commands(host))
    with host.faults.hold("runtime.execute") as gate:
        host.faults.fail("runtime.execute", EngineError("away"), times=3)
        gate.open()
        until(lambda: len(commands(host)) > asked + 1)
    assert host.conductor.happened("container.unhealthy") == []
    assert host.conductor.seen(one)["phase"] == Phase.RUNNING


def test_a_check_of_health_holds_up_nobody(host):
    check = HealthCheck("exec", command=("ok",), interval=0.1)
    with host.faults.hold("runtime.execute") as gate:
        many = [
            wanted(
                container("web", health_check=check), set_id=f"set-{number}"
            )
            for number in range(host.settings.workers + 2)
        ]
        host.conductor.want(*many)
        gate.wait_for_callers(len(many))
        create(host, set_id="another")
    host.conductor.wait(*many, phase=Phase.RUNNING)
