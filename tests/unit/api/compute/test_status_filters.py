"""A list by status, or other words for it, has just what is shown so."""

import datetime
import itertools
import operator
from typing import Any

import pytest
import sqlalchemy as sa

from caas.api.compute.views import servers
from caas.model import states
from caas.model.query import Query
from caas.store import sets, tables

NOW = datetime.datetime(2026, 1, 1)

BASE = {
    "project_id": "p",
    "user_id": "u",
    "name": "n",
    "hostname": "h",
    "metadata": {},
    "flavor_id": "f",
    "flavor_name": "f",
    "millicpus": 1,
    "memory_mb": 1,
    "disk_gb": 1,
    "reservation_id": "r",
    "min_count": 1,
    "created_at": NOW,
    "updated_at": NOW,
    "incarnation": 2,
    "revision": 5,
    "issued": 5,
}


# as many states as in tests/unit/store/test_status.py: 124 s were seen
@pytest.mark.timeout(600)
def test_every_combination() -> None:
    rows = []
    combinations = itertools.product(
        states.Desired,
        (states.Placement.PLACED, states.Placement.FAILED),
        states.Phase,
        (4, 5),
        (None, NOW),
        ("", "resize", "rebuild", "rescue", "unrescue", "update"),
        (None, NOW),
        (
            ("", "", "", False, None),
            *((word, "", "", False, None) for word in states.Frozen),
            *(("", word, "", False, None) for word in states.Shelved),
            *(("", "", word, False, None) for word in states.Move),
            ("", "", "", True, None),
            ("", states.Shelved.AWAY, "", False, NOW),
        ),
    )
    for number, values in enumerate(combinations):
        desired, placement, phase, seen, launched, *more = values
        change, resized, (frozen, shelved, move, rescued, binned) = more
        rows.append(
            {
                **BASE,
                "id": str(number),
                "desired": desired.value,
                "placement": placement.value,
                "phase": phase.value,
                "seen_incarnation": 2,
                "seen_revision": seen,
                "launched_at": launched,
                "change_action": change,
                "resized_at": resized,
                "frozen": str(frozen),
                "shelved": str(shelved),
                "move": str(move),
                "in_rescue": rescued,
                "rescued": {"name": "main"} if rescued else {},
                "binned_at": binned,
            }
        )
    shown = check(rows, [])
    assert shown == servers.SHOWN - {"DELETED"}


def test_while_containers_go_on() -> None:
    """By the word in which they were frozen, until none is any more."""
    rows, containers = [], []
    combinations = itertools.product(
        (states.Phase.RUNNING, states.Phase.RESTARTING),
        (4, 5),
        ("", *states.Frozen),
        ((), ("running",), ("paused", "running")),
    )
    for number, (phase, seen, before, found) in enumerate(combinations):
        rows.append(
            {
                **BASE,
                "id": str(number),
                "desired": "running",
                "placement": "placed",
                "phase": phase.value,
                "seen_incarnation": 2,
                "seen_revision": seen,
                "launched_at": NOW,
                "frozen_before": str(before),
            }
        )
        containers += [
            {
                "id": f"{number}-{status}",
                "set_id": str(number),
                "project_id": "p",
                "name": status,
                "role": "business",
                "spec": {
                    "name": status,
                    "image": {"ref": "a", "id": "i", "digest": "d"},
                },
                "created_at": NOW,
                "status": status,
            }
            for status in found
        ]
    shown = check(rows, containers)
    assert shown == {"ACTIVE", "REBOOT", "PAUSED", "SUSPENDED"}


def check(
    rows: list[dict[str, Any]], containers: list[dict[str, Any]]
) -> set[str]:
    """:returns: which statuses are shown of all of them."""
    engine = sa.create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with engine.connect() as conn:
        conn.execute(tables.sets.insert(), rows)
        if containers:
            conn.execute(tables.containers.insert(), containers)
        # with what is in the recycle bin
        every = Query({"changes_since": NOW}, limit=10**6)
        found = sets.list_(conn, every, with_containers=bool(containers))
        assert len(found) == len(rows)
        shown = {each.id: servers.state(each) for each in found}
        for field in ("status", "vm", "task", "power"):
            by = operator.attrgetter(field)
            for value in {by(each) for each in shown.values()}:
                wanted = {i for i, each in shown.items() if by(each) == value}
                assert _listed(conn, by, value) == wanted, value
            _check_order(conn, found, by)
    return {each.status for each in shown.values()}


def _listed(conn: sa.Connection, by: Any, value: Any) -> set[str]:
    cases = servers.chosen(lambda shown: bool(by(shown) == value))
    query = Query({"cases": cases, "binned": True}, limit=10**6)
    listed = sets.list_(conn, query, with_containers=False)
    return {each.id for each in listed}


def _check_order(conn: sa.Connection, found: list[Any], by: Any) -> None:
    """By what is shown, then by id; None comes first."""
    query = Query(
        {"binned": True},
        limit=10**6,
        sort_key="shown",
        sort_dir="asc",
        then=(("id", "desc"),),
        ranks={"shown": servers.ordered(by)},
    )
    listed = sets.list_(conn, query, with_containers=False)
    wanted = sorted(found, key=lambda each: each.id, reverse=True)

    def place(each: Any) -> tuple[bool, Any]:
        value = by(servers.state(each))
        return value is not None, value or 0

    wanted.sort(key=place)
    assert [each.id for each in listed] == [each.id for each in wanted]
