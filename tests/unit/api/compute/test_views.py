"""How sets show as servers."""

import types
from typing import Any

import pytest

from caas.api.compute.views import common, servers
from caas.model.states import ContainerStatus, Desired, SetStatus
from caas.store.engine import utcnow

#: All that Nova has.
NOVAS = frozenset(
    {
        *("ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "MIGRATING"),
        *("PASSWORD", "PAUSED", "REBOOT", "REBUILD", "RESCUE", "RESIZE"),
        *("REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED", "SHUTOFF"),
        *("SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE"),
    }
)


def item(status: SetStatus, **fields: Any) -> Any:
    made = {
        "launched_at": utcnow(),
        "change_action": "",
        "desired": Desired.RUNNING,
        "frozen": "",
        "shelved": "",
        "move": "",
        "frozen_before": "",
        "resized_at": utcnow(),
        "containers": (),
    }
    return types.SimpleNamespace(status=status, **{**made, **fields})


PAUSED, RUNNING = (
    types.SimpleNamespace(spec=True, status=each)
    for each in (ContainerStatus.PAUSED, ContainerStatus.RUNNING)
)


@pytest.mark.parametrize("status", SetStatus)
def test_every_status_is_one_of_novas(status: SetStatus) -> None:
    """And a list asked for by what is shown has it."""
    for fields in (
        {},
        {"desired": Desired.STOPPED},
        {"launched_at": None},
        {"change_action": "rebuild"},
        {"resized_at": None},
    ):
        shown = servers.state(item(status, **fields))
        assert shown.status in NOVAS
        assert shown.status in servers.SHOWN
        found = servers.chosen(shown.__eq__)
        assert status in {case.status for case, rank in found if rank}


@pytest.mark.parametrize(
    ("status", "fields", "shown"),
    [
        ("BUILD", {}, ("BUILD", "building", "spawning", 0)),
        ("ACTIVE", {}, ("ACTIVE", "active", None, 1)),
        ("ACTIVE", {"frozen": "paused"}, ("ACTIVE", "active", "pausing", 1)),
        (
            "ACTIVE",
            {"frozen": "suspended"},
            ("ACTIVE", "active", "suspending", 1),
        ),
        ("PAUSED", {"frozen": "paused"}, ("PAUSED", "paused", None, 3)),
        (
            "RESTARTING",
            {"frozen_before": "paused", "containers": (PAUSED, RUNNING)},
            ("PAUSED", "paused", "unpausing", 3),
        ),
        (
            "RESTARTING",
            {"frozen_before": "suspended", "containers": (PAUSED,)},
            ("SUSPENDED", "suspended", "resuming", 7),
        ),
        (
            "RESTARTING",
            {"frozen_before": "suspended", "containers": (RUNNING,)},
            ("REBOOT", "active", "reboot_started", 1),
        ),
        (
            "RESTARTING",
            {"containers": (PAUSED,)},
            ("REBOOT", "active", "reboot_started", 1),
        ),
        ("STOPPING", {}, ("ACTIVE", "active", "powering-off", 1)),
        ("STOPPING", {"shelved": "away"}, ("ACTIVE", "active", "shelving", 1)),
        (
            "SHELVED_OFFLOADED",
            {"shelved": "away"},
            ("SHELVED_OFFLOADED", "shelved_offloaded", None, 4),
        ),
        (
            "SHELVED_OFFLOADED",
            {"shelved": "returning"},
            ("SHELVED_OFFLOADED", "shelved_offloaded", "unshelving", 4),
        ),
        ("SHUTOFF", {}, ("SHUTOFF", "stopped", None, 4)),
        ("STARTING", {}, ("SHUTOFF", "stopped", "powering-on", 4)),
        ("RESIZE", {}, ("RESIZE", "active", "resize_migrating", 1)),
        (
            "RESIZE",
            {"resized_at": None},
            ("REVERT_RESIZE", "resized", "resize_reverting", 1),
        ),
        (
            "MIGRATING",
            {"move": "migrate"},
            ("RESIZE", "active", "resize_migrating", 1),
        ),
        (
            "MIGRATING",
            {"move": "migrate", "resized_at": None},
            ("REVERT_RESIZE", "resized", "resize_reverting", 1),
        ),
        (
            "MIGRATING",
            {"move": "evacuate"},
            ("REBUILD", "active", "rebuilding", 1),
        ),
        ("VERIFY_RESIZE", {}, ("VERIFY_RESIZE", "resized", None, 1)),
        (
            "VERIFY_RESIZE",
            {"desired": Desired.STOPPED},
            ("VERIFY_RESIZE", "resized", None, 4),
        ),
        (
            "UPDATING",
            {},
            ("ACTIVE", "active", "block_device_mapping", 1),
        ),
        (
            "UPDATING",
            {"desired": Desired.STOPPED},
            ("SHUTOFF", "stopped", "block_device_mapping", 4),
        ),
        (
            "UPDATING",
            {"change_action": "rebuild"},
            ("REBUILD", "active", "rebuilding", 1),
        ),
        ("DELETING", {}, ("ACTIVE", "active", "deleting", 1)),
        (
            "DELETING",
            {"launched_at": None},
            ("BUILD", "building", "deleting", 0),
        ),
        ("ERROR", {}, ("ERROR", "error", None, 0)),
    ],
)
def test_states(
    status: str, fields: dict[str, Any], shown: tuple[Any, ...]
) -> None:
    got = servers.state(item(SetStatus(status), **fields))
    assert (got.status, got.vm, got.task, got.power) == shown


@pytest.mark.parametrize(
    ("millicpus", "vcpus"), [(1, 1), (500, 1), (1000, 1), (1001, 2), (4000, 4)]
)
def test_cpus_are_whole(millicpus: int, vcpus: int) -> None:
    assert common.vcpus(millicpus) == vcpus


@pytest.mark.parametrize("version", ["v2", "v2.1"])
def test_bookmarks_have_no_version(version: str) -> None:
    url = f"http://v2.1.example/compute/{version}"
    own, bookmark = common.links(url, "servers", "x")
    assert own["href"] == f"{url}/servers/x"
    assert bookmark["href"] == "http://v2.1.example/compute/servers/x"


def test_times() -> None:
    """Clients fail on a zone where Nova has none."""
    now = utcnow()
    assert common.zulu(now) == now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert common.plain(now) == now.strftime("%Y-%m-%dT%H:%M:%S.%f")
    assert common.plain(None) is None
