"""What lists of servers are asked for, as the store understands it."""

import datetime

import pytest

from caas import exception
from caas.api.compute import filters
from caas.model.states import Case, SetStatus

OPERATOR = ("caas:sets:get:host",)

#: Or they go on already, and not all do yet.
FROZEN = {
    word: [
        Case(SetStatus(word.upper())),
        Case(SetStatus.RESTARTING, thawing=word),
    ]
    for word in ("paused", "suspended")
}


@pytest.fixture
def found(call):
    def query(version="2.96", may=(), **asked):
        asked = {
            key.replace("_", "-", 1)
            if key.startswith(("not_", "changes_"))
            else key: value
            for key, value in asked.items()
        }
        return filters.query(call(version, asked, may=may))

    return query


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, {}),
        ({"name": "^x$"}, {"pattern": "^x$"}),
        ({"display_name": "x"}, {"pattern": "x"}),
        ({"name": ""}, {}),
        ({"ip": "10."}, {"address": "10."}),
        ({"flavor": "http://c/flavors/small"}, {"flavor": "small"}),
        ({"image": "i"}, {"image": "i"}),
        ({"uuid": ["a", "b"]}, {"ids": ["a", "b"]}),
        ({"status": "suspended"}, {"cases": FROZEN["suspended"]}),
        ({"locked": "no"}, {"locked": False}),
        ({"tags": "a,b"}, {"tags": ["a", "b"]}),
        ({"not_tags": "a"}, {"not_tags": ["a"]}),
        ({"host": "h", "deleted": "True", "user_id": "u"}, {}),
        ({"power_state": "9", "vm_state": "active"}, {}),
    ],
)
def test_of_users(found, asked, wanted):
    query = found(**asked)
    assert query.filters == wanted
    assert query.project_id == "p1"


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"host": "h"}, {"host": "h"}),
        ({"node": "h"}, {"host": "h"}),
        ({"user_id": "u"}, {"user": "u"}),
        ({"deleted": "True"}, {"deleted": True}),
        ({"deleted": "False"}, {}),
        (
            {"status": "DELETED"},
            {"cases": [Case(SetStatus.DELETED)], "deleted": True},
        ),
    ],
)
def test_of_operators(found, asked, wanted):
    assert found(may=OPERATOR, **asked).filters == wanted


def test_of_versions(found):
    assert found("2.72", locked="maybe").filters == {}
    assert found("2.25", tags="a").filters == {}
    assert found("2.65", changes_before="x").filters == {}
    assert found("2.37", status="nonsense") is None
    with pytest.raises(exception.BadRequest, match="Invalid status value"):
        found("2.38", status="nonsense")


def test_a_status_that_no_set_has(found):
    assert found(status="SHELVED") is None
    assert found(status=["SHELVED", "PAUSED"]).filters == {
        "cases": FROZEN["paused"]
    }


def test_times_are_utc(found):
    # a plus sign in a URL is a blank
    query = found(changes_since="2026-11-28T10:00:00 01:00")
    time = datetime.datetime(2026, 11, 28, 9)
    assert query.filters == {"changes_since": time}


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "("},
        {"ip": "*"},
        {"changes_since": "soon"},
        {"locked": "maybe"},
        {"limit": "-1"},
        {"limit": "1.5"},
        {"limit": "\u0661"},
        {"sort_key": "secret"},
        {"sort_dir": "up"},
    ],
)
def test_malformed(found, asked):
    with pytest.raises(exception.BadRequest):
        found(**asked)


def test_all_projects(found):
    rule = "caas:sets:list:all_projects"
    with pytest.raises(exception.Forbidden, match=rule):
        found(all_tenants="1")
    assert found(all_tenants="0").project_id == "p1"
    assert found(all_tenants="", may=(rule,)).project_id is None
    asked = {"all_tenants": "1", "project_id": "p2"}
    assert found(may=(rule,), **asked).project_id == "p2"
    # of another project without asking for all of them
    assert found(may=(rule,), project_id="p2").project_id == "p1"


def test_pages(found):
    query = found(limit="5", marker="m", sort_key="display_name")
    assert (query.limit, query.marker) == (6, "m")
    assert (query.sort_key, query.sort_dir) == ("name", "desc")
    assert found(limit="0").limit == 1
    assert found(limit="99999").limit == 1001
