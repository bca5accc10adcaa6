"""Messages of every released version must go on being understood.

``golden/`` holds one full message of each kind and version as it went over
the wire.  Never change a file that has been released; add one.
"""

import json
import pathlib

import pytest

from caas.model import spec, wire
from caas.model.states import ContainerStatus, Desired, Health, Phase

GOLDEN = pathlib.Path(__file__).parent / "golden"
KINDS = {"wanted": wire.Wanted, "report": wire.Report}


def golden(kind: str) -> list[pathlib.Path]:
    found = sorted(GOLDEN.glob(f"{kind}-*.json"))
    assert found
    return found


@pytest.mark.parametrize(
    ("kind", "path"),
    [(k, p) for k in KINDS for p in golden(k)],
    ids=lambda v: getattr(v, "name", v),
)
def test_golden_messages_survive_the_round_trip(kind, path):
    data = json.loads(path.read_text())
    again = json.loads(json.dumps(KINDS[kind].from_dict(data).to_dict()))
    assert kept(data, again) == data


def kept(old, new):
    """What ``new`` has of the keys of ``old``; others were added since."""
    if isinstance(old, dict):
        return {key: kept(value, new[key]) for key, value in old.items()}
    if isinstance(old, list):
        return [kept(*pair) for pair in zip(old, new, strict=True)]
    return new


@pytest.mark.parametrize("kind", KINDS)
def test_keys_of_the_future_are_ignored(kind):
    data = json.loads(golden(kind)[-1].read_text())
    before = KINDS[kind].from_dict(data)
    data["invented_later"] = {"x": 1}
    for part in (*data.get("containers", ()), *data.get("sets", ())):
        part["invented_later"] = 1
        if "spec" in part:
            part["spec"]["invented_later"] = 1
    assert KINDS[kind].from_dict(data) == before


def test_words_become_members_of_their_enums():
    wanted = wire.Wanted.from_dict(
        json.loads((GOLDEN / "wanted-1.json").read_text())
    )
    assert wanted.desired is Desired.RUNNING
    report = wire.Report.from_dict(
        json.loads((GOLDEN / "report-1.json").read_text())
    )
    assert report.sets[0].phase is Phase.RUNNING
    assert report.sets[0].containers[1].status is ContainerStatus.BACKOFF
    assert report.sets[0].containers[1].health is None
    report = wire.Report.from_dict(
        json.loads((GOLDEN / "report-2.json").read_text())
    )
    assert report.sets[0].containers[1].health is Health.UNHEALTHY


def test_what_older_peers_leave_out_is_nothing_out_of_the_ordinary():
    (container,) = wire.Wanted.from_dict(
        json.loads((GOLDEN / "wanted-1.json").read_text())
    ).containers
    assert (container.restart_epoch, container.paused) == (0, False)
    assert container.spec.health_check is None
    assert container.spec.hooks == spec.Hooks()


@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_message_has_all_keys(kind):
    """So that the next release has to understand them."""
    data = json.loads(golden(kind)[-1].read_text())
    again = json.loads(json.dumps(KINDS[kind].from_dict(data).to_dict()))
    assert again == data


def test_a_removal_needs_only_id_and_incarnation():
    wanted = wire.Wanted.from_dict(
        {"id": "x", "incarnation": 2, "revision": 0, "desired": "deleted"}
    )
    assert wanted.containers == ()
    assert wanted.resources is None
