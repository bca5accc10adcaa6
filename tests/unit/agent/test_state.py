import pytest

from caas.agent.state import State
from tests.unit.agent.sets import container, wanted


@pytest.fixture
def path(tmp_path):
    return tmp_path / "agent"


@pytest.fixture
def state(path):
    state = State(path)
    yield state
    state.close()


def test_what_is_kept_comes_back(state):
    one = wanted(container("a"), container("b", 1))
    state.save(one.id, [one.to_dict()], {"round": 3})
    assert state.load() == {one.id: ([one], {"round": 3})}
    state.forget(one.id)
    assert state.load() == {}
    state.forget(one.id)


def test_what_cannot_be_read_is_left_out(state, path, caplog):
    one = wanted()
    state.save(one.id, [one.to_dict()], {})
    (path / "sets" / "torn.json").write_text('{"wanted": [{"id"')
    (path / "sets" / "strange.json").write_text("[]")
    (path / "sets" / "later.new").write_text("{}")
    assert list(state.load()) == [one.id]
    assert "torn.json" in caplog.text


def test_boots_rise_even_when_the_clock_or_the_disk_is_lost(path):
    state = State(path, clock=lambda: 1000.9)
    assert [state.next_boot(), state.next_boot()] == [1000, 1001]
    state.close()
    state = State(path, clock=lambda: 5.0)
    assert state.next_boot() == 1002
    (path / "boot").unlink()
    state.close()
    state = State(path, clock=lambda: 2000.0)
    assert state.next_boot() == 2000
    (path / "boot").write_text("torn")
    assert state.next_boot() == 2000
    state.close()
