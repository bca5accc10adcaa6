"""Answers of calls and events of the engine, in every order."""

import dataclasses
import datetime

import pytest

from caas.agent import actions as act
from caas.agent.config import INFRA
from caas.agent.found import (
    Book,
    Container,
    Found,
    iso,
    retry_delay,
    seconds,
)
from caas.drivers.runtime import base

START = act.Start("web", 0)


def at(time):
    return datetime.datetime.fromtimestamp(time, datetime.UTC)


def container(name="web", state="running", started=100.0, **fields):
    return base.RuntimeContainer(
        id=f"id-{name}",
        name=f"caas-{name}",
        labels={base.LABEL_NAME: name, base.LABEL_INCARNATION: "1"},
        state=state,
        pid=7 if state == "running" else 0,
        started_at=iso(started),
        **fields,
    )


def event(action, time, name="web", **fields):
    return base.RuntimeEvent(f"id-{name}", action, {}, at(time), **fields)


@pytest.fixture
def found():
    """Created, not started."""
    found = Found(incarnation=1, known=True)
    for name in (INFRA, "web"):
        found.busy.add(act.Create(name))
        found.done(
            act.Create(name), Container(f"id-{name}", config="config"), 1
        )
    return found


@pytest.fixture
def started(found):
    found.busy.add(START)
    found.done(START, container(), 1)
    return found


def test_death_before_the_answer_to_its_start(found):
    found.busy.add(START)
    assert found.event(event("start", 100.001)) == []
    assert found.event(event("die", 100.5, exit_code=3)) == []
    (ended,) = found.done(START, container(), 1)
    assert ended.action == "container.exited"
    web = found.containers["web"]
    assert (web.state, web.exit_code, web.finished) == ("exited", 3, 100.5)
    assert found.books["web"].round == 0


def test_death_after_the_answer(started):
    (ended,) = started.event(event("die", 100.5, exit_code=3))
    assert ended.reason == "ended with exit code 3"
    assert started.event(event("die", 100.5, exit_code=3)) == []
    assert started.containers["web"].state == "exited"


def test_death_of_an_earlier_run_is_old_news(started):
    assert started.event(event("die", 99.9, exit_code=3)) == []
    assert started.containers["web"].running


def test_death_seen_in_a_listing_is_told_once(started):
    ended = container(state="exited", exit_code=1, finished_at=iso(101.0))
    (first,) = started.inventory([ended], {})
    assert first.action == "container.exited"
    assert started.event(event("die", 101.0, exit_code=1)) == []
    assert started.inventory([ended], {}) == []


def test_a_listing_older_than_a_death_brings_nobody_back(started):
    started.event(event("die", 101.0, exit_code=1))
    started.inventory([container()], {})
    assert started.containers["web"].state == "exited"
    started.event(event("destroy", 102.0))
    started.inventory([container()], {})
    assert "web" not in started.containers


def test_a_stop_asked_for_is_no_event(started):
    stop = act.Stop("web", 10)
    started.busy.add(stop)
    assert started.event(event("die", 105.0, exit_code=143)) == []
    ended = container(state="exited", exit_code=143, finished_at=iso(105.0))
    assert started.done(stop, ended, 1) == []
    assert started.inventory([ended], {}) == []


def test_a_start_by_somebody_else_has_it_looked_at(started):
    started.event(event("die", 101.0, exit_code=1))
    started.event(event("start", 100.001))
    assert not started.stale
    started.event(event("start", 102.0))
    assert started.stale


def test_our_own_start_does_not(found):
    found.busy.add(START)
    found.event(event("start", 100.0))
    found.done(START, container(), 1)
    found.event(event("start", 100.001))
    assert not found.stale


def test_a_container_nobody_knows_has_the_set_looked_at(started):
    started.event(event("start", 1.0, name="other"))
    assert started.stale


def test_what_came_to_nothing_is_looked_at(started):
    stop = act.Stop("web", 10)
    started.busy.add(stop)
    fault = started.failed(stop, "no", permanent=False, revision=1, now=5.0)
    assert started.stale
    assert (fault.tries, fault.retry_at) == (1, 6.0)


def test_a_command_that_cannot_be_run_was_never_started(found):
    found.busy.add(START)
    ended = container(
        state="exited",
        exit_code=127,
        finished_at=iso(100.1),
        error="The container cannot be started: no such file.",
    )
    assert found.done(START, ended, 4) == []
    fault = found.faults[START]
    assert (fault.permanent, fault.revision) == (True, 4)
    assert found.books["web"].round != found.round


def test_and_neither_was_one_whose_death_tells_so_later(started):
    started.event(event("die", 100.1, exit_code=127, error="No such file."))
    assert started.faults[START].reason == "container web: No such file"


def test_out_of_memory_belongs_to_one_run(started):
    started.event(event("oom", 100.4))
    (ended,) = started.event(event("die", 100.5, exit_code=137))
    assert ended.reason == "ended with exit code 137: out of memory"
    again = act.Start("web", 0, again=True)
    started.busy.add(again)
    started.done(again, container(started=101.0), 1)
    assert not started.containers["web"].oom


def test_the_network_lasts_as_long_as_a_run_of_infra(found):
    infra = act.Start(INFRA, 0)
    found.busy.add(infra)
    found.done(infra, container(INFRA), 1)
    plug = act.Plug(7)
    found.done(plug, None, 1)
    assert found.plugged
    found.inventory([container(INFRA)], {})
    assert found.plugged
    found.inventory([container(INFRA, started=200.0)], {})
    assert not found.plugged
    found.done(plug, None, 1)
    found.event(event("die", 201.0, name=INFRA))
    assert not found.plugged


def test_plugged_too_late(found):
    infra = act.Start(INFRA, 0)
    found.busy.add(infra)
    found.done(infra, container(INFRA), 1)
    found.event(event("die", 101.0, name=INFRA))
    found.done(act.Plug(7), None, 1)
    assert not found.plugged


def test_books_outlive_the_agent(started):
    started.note(act.NewRound("restart", 3))
    started.books["web"] = Book(round=1, row=2, restarts=5, noted=7.0)
    kept = Found.from_dict(started.to_dict(), {})
    assert kept.books == started.books
    assert (kept.round, kept.cause, kept.epoch) == (1, "restart", 3)
    assert not kept.known


def test_books_of_an_older_agent_are_read():
    assert Found.from_dict({}, {}).round == 0


def test_a_listing_without_books_adopts_the_newest_incarnation():
    found = Found()
    old = container("old")
    new = dataclasses.replace(
        container(),
        labels={base.LABEL_NAME: "web", base.LABEL_INCARNATION: "2"},
    )
    found.inventory([old, new], {})
    assert found.incarnation == 2
    assert set(found.containers) == {"web"}
    assert found.strays == {"id-old": "old"}


def test_labels_somebody_scribbled_on_are_strays():
    found = Found(incarnation=1)
    bad = dataclasses.replace(
        container(), labels={base.LABEL_INCARNATION: "x"}
    )
    found.inventory([bad], {})
    assert found.strays == {"id-web": ""}


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T12:00:00.123456789Z", "2026-11-20T12:00:00.123456+00:00"],
)
def test_times_of_the_engine_are_read(text):
    assert iso(seconds(text)) == "2026-11-20T12:00:00.123456+00:00"


def test_no_time_is_none():
    assert seconds(None) is None
    assert seconds("") is None
    assert iso(None) is None


def test_retries_slow_down_to_a_minute():
    assert [retry_delay(n) for n in (1, 2, 3, 7, 10_000)] == [
        1,
        2,
        4,
        60,
        60,
    ]


@pytest.mark.parametrize("first", ["event", "answer"])
def test_a_start_that_was_not_looked_at_is_when_the_engine_says(first):
    found = Found(known=True)
    found.containers["a"] = Container("id-a")
    found.busy.add(act.Start("a", 0))
    told = base.RuntimeEvent(
        "id-a",
        "start",
        {},
        datetime.datetime.fromtimestamp(100.5, datetime.UTC),
    )
    answer = base.RuntimeContainer(
        "id-a", "", {}, "running", started_at="1970-01-01T00:01:40+00:00"
    )
    steps = [
        lambda: found.event(told),
        lambda: found.done(act.Start("a", 0), answer, 1),
    ]
    for step in steps if first == "event" else steps[::-1]:
        step()
    assert found.containers["a"].started == 100.5
    assert found.ready == 100.5
    assert not found.stale
