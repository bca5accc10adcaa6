"""What lists of servers are asked for, as the store understands it."""

import datetime

import pytest

from caas import exception
from caas.api.compute import filters
from caas.api.compute.views import servers

OPERATOR = ("caas:sets:get:host",)
ONE = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"


def cases(**wanted):
    """:param wanted: fields of a state, and their values."""
    return servers.chosen(
        lambda shown: all(
            getattr(shown, key) in value for key, value in wanted.items()
        )
    )


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
        ({"display_name": "x", "uuid": "a"}, {}),
        ({"ip": "10."}, {"address": "10."}),
        ({"flavor": "http://c/flavors/small"}, {"flavor": "small"}),
        ({"image": "i"}, {"image": "i"}),
        ({"status": "suspended"}, {"cases": cases(status=["SUSPENDED"])}),
        (
            {"status": ["SHELVED", "PAUSED", "nonsense"]},
            {"cases": cases(status=["PAUSED"])},
        ),
        (
            {"status": "soft_deleted"},
            {"cases": cases(status=["SOFT_DELETED"]), "binned": True},
        ),
        ({"vm_state": "active"}, {"cases": cases(vm=["active"])}),
        (
            {"vm_state": "soft-delete"},
            {"cases": cases(vm=["soft-delete"]), "binned": True},
        ),
        ({"vm_state": "ACTIVE"}, {"cases": ()}),
        (
            {"vm_state": "active", "task_state": "powering-off"},
            {"cases": cases(vm=["active"], task=["powering-off"])},
        ),
        ({"task_state": ""}, {"cases": ()}),
        ({"power_state": "[34]"}, {"cases": cases(power=[3, 4])}),
        ({"power_state": "9", "vm_state": "active"}, {"cases": ()}),
        (
            {"progress": "^100$", "status": ["ACTIVE", "BUILD"]},
            {"cases": cases(status=["ACTIVE"])},
        ),
        ({"key_name": "k"}, {"key_name": "k"}),
        ({"hostname": "h"}, {"hostname": "h"}),
        ({"user_id": "u"}, {"user": "u"}),
        ({"availability_zone": "z"}, {"zone": "z"}),
        ({"reservation_id": "1b4bcb45"}, {"reservation": "1b4bcb45"}),
        ({"reservation_id": ONE}, {"reservation_id": ONE}),
        ({"config_drive": "True"}, {"cases": ()}),
        ({"ip6": "fe80"}, {"cases": ()}),
        ({"created_at": "2026-11"}, {"created_at": "2026-11"}),
        (
            {"launched_at": "2026-11-28T10:00:00.25"},
            {"launched_at": datetime.datetime(2026, 11, 28, 10, 0, 0, 250000)},
        ),
        (
            {"terminated_at": "2026-11-28T10:00:00 01:00"},
            {"deleted_at": datetime.datetime(2026, 11, 28, 9)},
        ),
        ({"locked": "no"}, {"locked": False}),
        ({"tags": "a,b"}, {"tags": ["a", "b"]}),
        ({"not_tags": "a"}, {"not_tags": ["a"]}),
        ({"host": "h", "deleted": "True", "soft_deleted": "1"}, {}),
        ({"description": "d", "launch_index": "5", "_x": "1"}, {}),
        ({"metadata": "x"}, {}),
    ],
)
def test_of_users(found, asked, wanted):
    query = found(**asked)
    assert query.filters == wanted
    assert query.project_id == "p1"


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"host": "h"}, {"server_host": "h"}),
        ({"node": "h"}, {"node": "h"}),
        ({"display_name": "x"}, {"pattern": "x"}),
        ({"display_description": "x"}, {"description": "x"}),
        ({"description": "x"}, {"description": "x"}),
        ({"image_ref": "i"}, {"image": "i"}),
        ({"uuid": ["a", "b"]}, {"ids": ["a", "b"]}),
        ({"deleted": "True"}, {"deleted": True}),
        ({"deleted": "False"}, {"deleted": False}),
        ({"deleted": "maybe"}, {"deleted": False}),
        ({"soft_deleted": "True"}, {"binned": True}),
        (
            {"deleted": "1", "soft_deleted": "False"},
            {"deleted": True, "binned": False},
        ),
        (
            {"status": "DELETED"},
            {"cases": cases(status=["DELETED"]), "deleted": True},
        ),
        (
            {"status": ["DELETED", "ACTIVE"]},
            {"cases": cases(status=["DELETED", "ACTIVE"])},
        ),
        ({"vm_state": "deleted"}, {"cases": cases(vm=["deleted"])}),
        ({"launch_index": "0", "auto_disk_config": "AUTO"}, {}),
        ({"root_device_name": "vda"}, {"cases": ()}),
    ],
)
def test_of_operators(found, asked, wanted):
    assert found(may=OPERATOR, **asked).filters == wanted


def test_of_versions(found):
    assert found("2.72", locked="maybe").filters == {}
    assert found("2.25", tags="a").filters == {}
    assert found("2.65", changes_before="x").filters == {}
    assert found("2.82", vm_state="active", key_name="k").filters == {}
    assert found("2.1", may=OPERATOR, key_name="k").filters == {
        "key_name": "k"
    }
    assert found("2.89", hostname="h").filters == {}
    for status in ("nonsense", "", "UNKNOWN"):
        assert found("2.37", status=status).filters == {"cases": ()}
        with pytest.raises(exception.BadRequest, match="Invalid status value"):
            found("2.38", status=status)


def test_what_only_operators_may_ask_for(found):
    words = "^Only administrators may list deleted instances$"
    with pytest.raises(exception.Forbidden, match=words):
        found(status="deleted")
    # with others there is no word of deleted ones
    assert found(status=["deleted", "error"]).filters["cases"]
    for key in ("host", "node"):
        words = f"^Only administrators can sort servers by {key}$"
        with pytest.raises(exception.Forbidden, match=words):
            found(sort_key=key)
        query = found(may=OPERATOR, sort_key=key)
        assert query.sort_key == "server_host"


def test_fields_that_are_none(found):
    for name in ("metadata", "_x"):
        with pytest.raises(
            exception.BadRequest, match=f"^Invalid filter field: {name}.$"
        ):
            found(may=OPERATOR, **{name: "1"})


def test_times_are_utc(found):
    # a plus sign in a URL is a blank
    query = found(changes_since="2026-11-28T10:00:00 01:00")
    time = datetime.datetime(2026, 11, 28, 9)
    assert query.filters == {"changes_since": time}


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "("},
        {"name": ""},
        {"tags": ""},
        {"description": "("},
        {"launch_index": "("},
        {"power_state": "*"},
        {"locked": ""},
        {"changes_since": ""},
        {
            "changes_since": "2026-11-28T10:00:01Z",
            "changes_before": "2026-11-28T10:00:00Z",
        },
        {"ip": "*"},
        {"changes_since": "soon"},
        {"locked": "maybe"},
        {"limit": "-1"},
        {"limit": "1.5"},
        {"limit": ["x", "1"]},
        {"limit": ""},
        {"limit": "\u0661"},
        {"sort_key": "secret"},
        {"sort_key": "name"},
        {"sort_key": ["uuid", "secret"]},
        {"sort_key": "id"},
        {"sort_dir": ["asc", "desc"]},
        {"sort_key": "uuid", "sort_dir": ["asc", "desc"]},
        {"sort_dir": ""},
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
    assert query.then == (("created_at", "desc"),)
    assert found(limit="0").limit == 1
    for large in ("99999", "9" * 30):
        assert found(limit=large).limit == 1001


@pytest.mark.parametrize(
    ("version", "keys", "directions", "wanted"),
    [
        ("2.96", [], [], [("created_at", "desc")]),
        ("2.96", [], ["asc"], [("created_at", "asc")]),
        (
            "2.96",
            ["vm_state", "display_name"],
            ["asc", "desc"],
            [("vm_state", "asc"), ("name", "desc"), ("created_at", "asc")],
        ),
        # the first direction is that of all that have none
        (
            "2.96",
            ["display_name", "terminated_at", "uuid"],
            ["asc"],
            [("name", "asc"), ("deleted_at", "asc"), ("id", "asc")],
        ),
        (
            "2.96",
            ["launch_index", "display_name"],
            ["desc", "asc"],
            [("name", "asc"), ("created_at", "desc")],
        ),
        ("2.96", ["launch_index"], [], [("created_at", "desc")]),
        (
            "2.96",
            ["uuid", "uuid", "user_id"],
            ["asc", "desc", "desc"],
            [("id", "asc"), ("user_id", "desc")],
        ),
        (
            "2.74",
            ["id", "display_name"],
            ["desc", "asc"],
            [("name", "asc"), ("created_at", "asc")],
        ),
        ("2.74", ["id"], ["asc"], [("created_at", "desc")]),
        ("2.72", ["locked", "uuid"], ["asc", "desc"], [("id", "desc")]),
        (
            "2.73",
            ["locked"],
            ["asc"],
            [("locked", "asc"), ("created_at", "asc")],
        ),
    ],
)
def test_several_sort_keys(found, version, keys, directions, wanted):
    asked = {"sort_key": keys, "sort_dir": directions}
    query = found(version, **{k: v for k, v in asked.items() if v})
    assert [(query.sort_key, query.sort_dir), *query.then] == wanted
    states = {"power_state", "progress", "task_state", "vm_state"}
    assert set(query.ranks) == states & {key for key, _ in wanted}
