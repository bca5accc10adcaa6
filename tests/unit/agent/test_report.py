import threading
import time

import pytest

from caas.agent.ledger import Ledger
from caas.agent.report import Reporter
from caas.model import wire
from caas.model.states import Phase
from tests.unit.agent.sets import wanted


class Line:
    """The wire to a conductor: notes when what was said."""

    def __init__(self):
        self.reports = []
        self.times = []
        self.changes = []
        self.answers = {"version": 0, "sets": None}
        self.error = None
        self.gate = threading.Event()
        self.gate.set()
        self._said = threading.Condition()

    def sync(self, report):
        with self._said:
            self.reports.append(report)
            self.times.append(time.monotonic())
            self._said.notify_all()
        assert self.gate.wait(10)
        if self.error:
            raise self.error
        return self.answers

    def wait(self, count):
        with self._said:
            assert self._said.wait_for(
                lambda: len(self.reports) >= count, 10
            ), self.reports


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def make(line):
    made = []

    def make(heartbeat=60.0, gather=0.0):
        line.answers = {"version": 0, "sets": [wanted().to_dict()]}
        reporter = Reporter(
            Ledger("host", 1),
            line.sync,
            line.changes.append,
            heartbeat=heartbeat,
            gather=gather,
        )
        made.append(reporter)
        reporter.start()
        line.wait(1)
        while not reporter.listed:
            time.sleep(0.001)
        line.answers = {"version": 0, "sets": None}
        return reporter

    yield make
    line.gate.set()
    for reporter in made:
        reporter.stop()


def seen(phase, reason=""):
    return wire.SetReport(
        id="set-1", incarnation=1, revision=1, phase=phase, reason=reason
    )


def test_what_settled_goes_at_once(make, line, monkeypatch):
    monkeypatch.setattr("caas.agent.report.LINGER", 30.0)
    reporter = make()
    began = time.monotonic()
    reporter.observe(seen(Phase.RUNNING), [])
    line.wait(2)
    assert line.times[1] - began < 9
    assert line.reports[1]["sets"][0]["phase"] == "running"


def test_what_passes_is_told_only_if_it_lasts(make, line):
    reporter = make()
    began = time.monotonic()
    reporter.observe(seen(Phase.STARTING), [])
    line.wait(2)
    assert line.times[1] - began >= 0.4


def test_what_is_gathered_goes_together(make, line):
    reporter = make(gather=0.3)
    for n in range(50):
        reporter.observe(seen(Phase.FAILED, str(n)), [])
    line.wait(2)
    assert [s["reason"] for s in line.reports[1]["sets"]] == ["49"]
    assert line.times[1] - line.times[0] >= 0.29


def test_a_heartbeat_though_nothing_changed(make, line):
    make(heartbeat=0.05)
    line.wait(5)
    assert not line.reports[-1]["sets"]


def test_one_at_a_time_and_the_rest_in_the_next(make, line):
    reporter = make()
    line.gate.clear()
    reporter.observe(seen(Phase.RUNNING), [])
    line.wait(2)
    reporter.observe(seen(Phase.FAILED), [])
    reporter.observe(seen(Phase.STOPPED), [])
    assert len(line.reports) == 2
    line.gate.set()
    line.wait(3)
    assert [s["phase"] for s in line.reports[2]["sets"]] == ["stopped"]


def test_unanswered_it_comes_again_ever_more_slowly(make, line):
    reporter = make(heartbeat=1.0)
    line.error = RuntimeError("broker away")
    reporter.observe(seen(Phase.RUNNING), [])
    line.wait(5)
    gaps = [
        b - a for a, b in zip(line.times[1:], line.times[2:], strict=False)
    ]
    assert gaps[0] >= 0.12
    assert gaps[-1] > gaps[0]
    line.error = None
    line.wait(6)
    assert [s["phase"] for s in line.reports[-1]["sets"]] == ["running"]
    assert [r["seq"] for r in line.reports] == list(
        range(1, len(line.reports) + 1)
    )


def test_nonsense_for_an_answer_does_not_end_it(make, line):
    reporter = make(heartbeat=0.2)
    line.answers = {"version": None}
    reporter.observe(seen(Phase.RUNNING), [])
    line.wait(3)
    line.answers = {"version": 0, "sets": None}
    line.wait(4)


def test_a_gap_is_asked_about_at_once(make, line):
    reporter = make()
    line.answers = {"version": 9, "sets": []}
    reporter.assign({"base": 8, "version": 9, "sets": []})
    line.wait(2)
    while reporter.wanted("set-1"):
        time.sleep(0.001)
    assert line.changes[-1].full


def test_a_version_nobody_has_does_not_make_it_mad(make, line):
    reporter = make()
    line.answers = {"version": 0, "sets": [wanted().to_dict()]}
    reporter.assign({"base": 10**6, "version": 10**6 + 1, "sets": []})
    began = time.monotonic()
    line.wait(5)
    assert time.monotonic() - began > 0.5


def test_more_events_than_fit_follow(make, line):
    reporter = make()
    events = [
        wire.AgentEvent(str(n), "set-1", "container.exited", "now")
        for n in range(450)
    ]
    reporter.observe(seen(Phase.RUNNING), events)
    line.wait(4)
    sent = [e["id"] for r in line.reports for e in r["events"]]
    assert sent == [str(n) for n in range(450)]


def test_stopped_it_promises_nothing(make, line, caplog):
    before = set(threading.enumerate())
    reporter = make()
    line.gate.clear()
    reporter.observe(seen(Phase.RUNNING), [])
    line.wait(2)
    reporter.stop()
    line.error = RuntimeError("broker away")
    line.gate.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert caplog.messages == []
