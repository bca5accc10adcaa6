"""What users hand into sets, on the host."""

import json

import pytest

from caas import exception
from caas.agent import told
from caas.agent.inputs import Handed, InputsError
from caas.model import wire
from caas.model.inputs import File, Inputs
from caas.model.states import Desired

ONE = Inputs("eA==", (File("/a", "eQ=="),))
TWO = Inputs("eg==")


class Conductor:
    def __init__(self):
        self.has = ONE
        self.asked = 0

    def __call__(self, set_id):
        assert set_id == "s"
        self.asked += 1
        if isinstance(self.has, Exception):
            raise self.has
        return self.has and self.has.to_dict()


@pytest.fixture
def conductor():
    return Conductor()


@pytest.fixture
def handed(tmp_path, conductor):
    return Handed(tmp_path / "inputs", conductor)


def test_it_is_asked_for_once(handed, conductor, tmp_path):
    assert handed.kept("s", ONE.digest) is None
    for _ in range(2):
        assert handed.get("s", ONE.digest) == ONE
    assert conductor.asked == 1
    # a later run of the agent has it too, without any conductor
    conductor.has = exception.Unavailable("away")
    again = Handed(tmp_path / "inputs", conductor)
    assert again.get("s", ONE.digest) == ONE
    with pytest.raises(InputsError, match="not here yet"):
        again.get("s", TWO.digest)
    conductor.has = TWO
    assert again.get("s", TWO.digest) == TWO
    assert again.kept("s", ONE.digest) is None


def test_nothing_is_not_asked_for(handed, conductor):
    assert handed.get("s", "") == Inputs()
    assert conductor.asked == 0


@pytest.mark.parametrize("has", [TWO, None], ids=["another", "nothing"])
def test_something_else_is_not_taken(handed, conductor, has):
    conductor.has = has
    with pytest.raises(InputsError, match="changes just now"):
        handed.get("s", ONE.digest)


def test_nobody_else_reads_it(handed, tmp_path):
    handed.get("s", ONE.digest)
    (file,) = (tmp_path / "inputs").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    for _ in range(2):
        handed.forget("s")
    assert not list(file.parent.iterdir())


def test_what_is_damaged_is_asked_for_again(handed, conductor, tmp_path):
    handed.get("s", ONE.digest)
    (file,) = (tmp_path / "inputs").iterdir()
    for text in ("{", "[]", '{"files": 1}', ""):
        file.write_text(text)
        assert handed.get("s", ONE.digest) == ONE
    assert conductor.asked == 5


WANTED = wire.Wanted("s", 1, 1, Desired.RUNNING, project_id="p", name="näme")


def test_files():
    found = told.files(WANTED, Inputs(), "z")
    assert json.loads(found.pop("meta_data.json")) == {
        "uuid": "s",
        "name": "näme",
        "hostname": "",
        "availability_zone": "z",
        "project_id": "p",
        "launch_index": 0,
    }
    assert found == {}
    assert told.files(WANTED, ONE, "z")["user_data"] == b"x"


def test_each_word_makes_another_digest():
    changes = [
        {},
        {"name": "x"},
        {"hostname": "x"},
        {"metadata": {"a": "b"}},
        {"public_key": "k"},
        {"public_key": "k", "key_name": "n"},
        {"inputs": "x"},
    ]
    found = {
        told.digest(wire.Wanted.from_dict(WANTED.to_dict() | each))
        for each in changes
    }
    assert len(found) == len(changes)
    later = WANTED.to_dict() | {"revision": 2}
    assert told.digest(wire.Wanted.from_dict(later)) == told.digest(WANTED)
