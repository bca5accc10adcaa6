"""What comes of waiting for sets."""

import json

import pytest
import requests
from caasclient.sdk import sets, waiting
from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions


def a_set(status, reason="", desired="running", ident="1"):
    return sets.Set.existing(
        id=ident,
        name=f"n{ident}",
        status=status,
        reason=reason,
        desired=desired,
    )


class Looks:
    """Shows one state after the other, the last one for ever."""

    def __init__(self, *states):
        self.states = list(states)

    def __call__(self, _sets):
        state = self.states[0]
        if len(self.states) > 1:
            self.states.pop(0)
        if isinstance(state, Exception):
            raise state
        return {each.id: each for each in state}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(waiting, "LAST_PAUSE", 0.001)


def settle(look, *first, status="ACTIVE", wait=30, told=None):
    def tell(each):
        if told is not None:
            told.append((each.id, each.status, each.reason))

    return waiting.settle(look, list(first), status, None, wait, tell)


def test_tells_each_change_once():
    told = []
    [seen] = settle(
        Looks(
            [a_set("BUILD", "Waiting for a host.")],
            [a_set("BUILD", "Waiting for a host.")],
            [a_set("BUILD", "Pulling a.")],
            [a_set("ACTIVE")],
        ),
        a_set("BUILD", "Waiting for a host."),
        told=told,
    )
    assert seen.status == "ACTIVE"
    assert told == [
        ("1", "BUILD", "Waiting for a host."),
        ("1", "BUILD", "Pulling a."),
        ("1", "ACTIVE", ""),
    ]


def test_many_whatever_becomes_of_each():
    seen = settle(
        Looks(
            [a_set("BUILD"), a_set("ERROR", "No host.", ident="2")],
            # those that are settled are not asked for again
            [a_set("ACTIVE")],
        ),
        a_set("BUILD"),
        a_set("BUILD", ident="2"),
    )
    assert [each.status for each in seen] == ["ACTIVE", "ERROR"]
    waiting.check(seen[0], "ACTIVE", None)
    with pytest.raises(exceptions.ResourceFailure) as caught:
        waiting.check(seen[1], "ACTIVE", None)
    assert str(caught.value) == "Set n2 (2) is ERROR: No host."


def test_time_is_over():
    [seen] = settle(
        Looks([a_set("BUILD", "Pulling a.")]), a_set("BUILD"), wait=0.01
    )
    with pytest.raises(exceptions.ResourceTimeout) as caught:
        waiting.check(seen, "ACTIVE", None)
    assert str(caught.value) == "Set n1 (1) is still BUILD: Pulling a."


def test_an_api_that_is_away_is_waited_for():
    [seen] = settle(
        Looks(
            ksa_exceptions.ConnectFailure("away"),
            _http(503),
            [a_set("ACTIVE")],
        ),
        a_set("BUILD"),
    )
    assert seen.status == "ACTIVE"


def test_a_refusal_is_not_waited_for():
    with pytest.raises(exceptions.HttpException):
        settle(Looks(_http(403)), a_set("BUILD"))


def _http(code):
    error = exceptions.HttpException("no")
    error.status_code = code
    return error


def test_a_set_in_error_that_was_started():
    """The failure from before is not the outcome."""
    [seen] = settle(
        Looks(
            [a_set("ERROR", "No host.")],
            [a_set("BUILD", "Pulling a.")],
            [a_set("ACTIVE")],
        ),
        a_set("ERROR", "No host."),
    )
    assert seen.status == "ACTIVE"


def test_the_failure_from_before_stays(monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", 0.01)
    [seen] = settle(
        Looks([a_set("ERROR", "No host.")]), a_set("ERROR", "No host.")
    )
    assert seen.status == "ERROR"


def test_gone():
    [seen] = settle(
        Looks([a_set("DELETING")], []), a_set("ACTIVE"), status="DELETED"
    )
    waiting.check(seen, "DELETED", [])


class Session:
    """Answers every request with the same set."""

    default_microversion = None
    retriable_status_codes = None

    def __init__(self, **answer):
        self.answer = answer

    def request(self, url, method, **_):
        response = requests.Response()
        response.status_code = 202
        response.headers["x-openstack-request-id"] = "req-1"
        response.headers["content-type"] = "application/json"
        response._content = json.dumps({"set": self.answer}).encode()
        return response


def a_failure(request_id, reason):
    return {
        "action": "update",
        "reason": reason,
        "at": "2026-11-25T00:00:00Z",
        "request_id": request_id,
    }


@pytest.mark.parametrize(
    ("answered", "seen", "said"),
    [
        (None, None, ""),
        (None, a_failure("req-1", "No."), "No."),
        # it was there before, and this was no change
        (a_failure("req-0", "No."), a_failure("req-0", "No."), ""),
        (a_failure("req-0", "No."), a_failure("req-1", "Yes."), "Yes."),
        # it failed before it was answered
        (a_failure("req-1", "No."), a_failure("req-1", "No."), "No."),
    ],
)
def test_taken_back(answered, seen, said):
    asked = sets.Set.existing(id="1", name="n1")
    asked.ask(Session(id="1", name="n1", failure=answered), "update", {})
    later = a_set("ACTIVE")
    later._update(failure=seen)
    sentence = f"The update of set n1 (1) was taken back: {said}"
    assert later.taken_back(asked) == (sentence if said else "")


@pytest.mark.parametrize(
    ("each", "status", "outcome"),
    [
        (a_set("ACTIVE"), "ACTIVE", ""),
        # it ran and ended before anybody looked
        (a_set("SHUTOFF"), "ACTIVE", ""),
        (
            a_set("SHUTOFF", desired="stopped"),
            "ACTIVE",
            "Set n1 (1) was stopped and is SHUTOFF.",
        ),
        (a_set("SHUTOFF", desired="stopped"), "SHUTOFF", ""),
        (a_set("STOPPING", desired="stopped"), "SHUTOFF", None),
        # a job that runs until it ends
        (a_set("ACTIVE"), "SHUTOFF", None),
        (
            a_set("DELETING", desired="deleted"),
            "ACTIVE",
            "Set n1 (1) was deleted and is DELETING.",
        ),
        (a_set("DELETING", desired="deleted"), "DELETED", None),
        (a_set("ERROR", "Why."), "SHUTOFF", "Set n1 (1) is ERROR: Why."),
    ],
)
def test_outcome(each, status, outcome):
    assert waiting.outcome(each, status, None) == outcome
