import dataclasses
import datetime

import pytest

from caas.conductor.reconcile import Action, reconcile
from caas.model import sets, spec
from caas.model.states import Desired, Placement

NOW = datetime.datetime(2026, 1, 1)

ITEM = sets.Set(
    id="s",
    project_id="p",
    user_id="u",
    name="n",
    description="",
    hostname="n",
    metadata={},
    flavor_id="f",
    flavor_name="f",
    resources=spec.Resources(1, 1, 1),
    zone=None,
    reservation_id="r",
    min_count=1,
    desired=Desired.RUNNING,
    revision=1,
    restart_epoch=0,
    grace_period=10,
    request_id="",
    created_at=NOW,
    updated_at=NOW,
)


@pytest.mark.parametrize(
    ("changes", "claimed", "expected"),
    [
        ({}, False, Action.PLACE),
        ({"placement": Placement.FAILED}, False, Action.PLACE),
        ({"host_id": "h"}, True, Action.TELL),
        ({"desired": Desired.STOPPED}, False, Action.NOTE),
        ({"desired": Desired.STOPPED, "host_id": "h"}, True, Action.TELL),
        ({"desired": Desired.DELETED}, False, Action.END),
        ({"desired": Desired.DELETED, "host_id": "h"}, True, Action.TELL),
        # all hosts have let go of it
        ({"desired": Desired.DELETED, "host_id": "h"}, False, Action.END),
        # only an older incarnation is left
        ({"desired": Desired.DELETED}, True, Action.TELL),
        ({"desired": Desired.DELETED, "deleted_at": NOW}, True, Action.TELL),
        ({"desired": Desired.DELETED, "deleted_at": NOW}, False, Action.NOTE),
    ],
)
def test_reconcile(changes, claimed, expected):
    assert reconcile(dataclasses.replace(ITEM, **changes), claimed) == expected
