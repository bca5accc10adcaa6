"""The status rules give the same answer in Python and in SQL."""

import datetime
import itertools

import pytest
import sqlalchemy as sa

from caas.model import states
from caas.store import sets, tables

NOW = datetime.datetime(2026, 1, 1)

#: What most sets are not, and next to none is more than one of.
NONE = {
    "frozen": "",
    "shelved": "",
    "marked": False,
    "moving": False,
    "rescued": False,
    "binned": False,
}
MORE = (
    {},
    {"frozen": "paused"},
    {"frozen": "suspended"},
    {"frozen": "paused", "marked": True},
    {"shelved": "away"},
    {"shelved": "returning"},
    {"marked": True},
    {"marked": True, "moving": True},
    {"moving": True},
    {"rescued": True},
    {"rescued": True, "frozen": "paused"},
    {"binned": True, "shelved": "away"},
)


@pytest.fixture(scope="module")
def connection():
    engine = sa.create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection


# a hundred thousand rows
@pytest.mark.timeout(600)
def test_every_combination(connection):
    base = {
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
    }
    rows = []
    expected = {}
    combinations = itertools.product(
        (False, True),
        states.Desired,
        states.Placement,
        states.Phase,
        ((2, 5), (2, 4), (1, 5)),
        (4, 5),
        (False, True),
        ("", "resize", "update"),
        (False, True),
        MORE,
    )
    for number, values in enumerate(combinations):
        deleted, desired, placement, phase, *values = values
        seen, issued, launched, change, resized, given = values
        more = {**NONE, **given}
        rows.append(
            {
                **base,
                "id": str(number),
                "deleted_at": NOW if deleted else None,
                "desired": desired.value,
                "placement": placement.value,
                "phase": phase.value,
                "seen_incarnation": seen[0],
                "seen_revision": seen[1],
                "issued": issued,
                "launched_at": NOW if launched else None,
                "change_action": change,
                "resized_at": NOW if resized else None,
                "frozen": more["frozen"],
                "shelved": more["shelved"],
                "marked": more["marked"],
                "move": "migrate" if more["moving"] else "",
                "in_rescue": more["rescued"],
                "binned_at": NOW if more["binned"] else None,
            }
        )
        expected[str(number)] = states.set_status(
            deleted=deleted,
            desired=desired,
            placement=placement,
            phase=phase,
            current=seen == (2, 5),
            issued=issued == 5,
            launched=launched,
            change=change,
            resized=resized,
            **more,
        )
    connection.execute(tables.sets.insert(), rows)
    found = dict(
        connection.execute(
            sa.select(tables.sets.c.id, sets.status_clause())
        ).all()
    )
    assert found == expected
    assert set(found.values()) == set(states.SetStatus)
