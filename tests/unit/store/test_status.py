"""The status rules give the same answer in Python and in SQL."""

import datetime
import itertools

import pytest
import sqlalchemy as sa

from caas.model import states
from caas.store import sets, tables

NOW = datetime.datetime(2026, 1, 1)


@pytest.fixture(scope="module")
def connection():
    engine = sa.create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection


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
    )
    for number, values in enumerate(combinations):
        deleted, desired, placement, phase, *values = values
        seen, issued, launched, change = values
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
        )
    connection.execute(tables.sets.insert(), rows)
    found = dict(
        connection.execute(
            sa.select(tables.sets.c.id, sets.status_clause())
        ).all()
    )
    assert found == expected
    assert set(found.values()) == set(states.SetStatus)
