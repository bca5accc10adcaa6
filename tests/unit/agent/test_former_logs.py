"""Logs of containers that are gone."""

import errno
import os

import pytest

from caas.agent.logs import FormerLogs, origin
from caas.drivers.runtime.base import EngineError
from caas.model.states import Desired, Phase
from tests.scripted import deleted
from tests.unit.agent.sets import container
from tests.unit.agent.test_agent import Host, change, create, until


@pytest.fixture(params=["linked", "copied"])
def way(request, monkeypatch):
    if request.param == "copied":

        def refuse(*_):
            raise OSError(errno.EXDEV, "no link")

        monkeypatch.setattr(os, "link", refuse)
    return request.param


def log_of(tmp_path, runtime_id, *texts):
    """A log of files, the newest first."""
    folder = tmp_path / "engine" / runtime_id
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{runtime_id}-json.log"
    for number, text in enumerate(texts):
        log.with_name(log.name + (f".{number}" if number else "")).write_text(
            text
        )
    (folder / "config.v2.json").write_text("{}")
    return log


def texts(kept):
    return [
        path.read_text()
        for path in sorted(kept.log.parent.iterdir())
        if path.name.startswith("log")
    ]


def test_kept_in_order(tmp_path, way):
    former = FormerLogs(tmp_path / "logs", count=2)
    for number in range(1, 4):
        log = log_of(tmp_path, f"run{number}", f"new{number}", "old")
        inode = log.stat().st_ino
        former.keep("set", "web", f"name{number}", f"run{number}", log)
    there = former.of("set")["web"]
    assert there.name == "name3"
    assert [k.runtime_id for k in there.kept] == ["run2", "run3"]
    assert texts(there.kept[1]) == ["new3", "old"]
    same = there.kept[1].log.stat().st_ino == inode
    assert same == (way == "linked")
    if way == "copied":
        assert origin(there.kept[1].log)[1] == inode
    assert former.of_member("set", "other") == []
    assert former.of("other") == {}
    assert list(former.list()) == ["set"]
    former.remove("set")
    assert list((tmp_path / "logs").iterdir()) == []


def test_kept_twice_is_kept_once(tmp_path, way):
    former = FormerLogs(tmp_path / "logs")
    former.keep("set", "web", "n", "run1", log_of(tmp_path, "run1", "a"))
    # it was not removed after all, and goes on
    log = log_of(tmp_path, "run1", "b", "a")
    former.keep("set", "web", "n", "run1", log)
    (kept,) = former.of_member("set", "web")
    assert texts(kept) == ["b", "a"]


def test_what_a_crash_left_is_no_log(tmp_path, way):
    former = FormerLogs(tmp_path / "logs")
    half = tmp_path / "logs" / "set" / "web" / ".new-run1"
    half.mkdir(parents=True)
    (half / "log").write_text("half")
    assert former.of("set") == {}
    former.keep("set", "web", "n", "run1", log_of(tmp_path, "run1", "a"))
    (kept,) = former.of_member("set", "web")
    assert texts(kept) == ["a"]
    assert not half.exists()


@pytest.mark.parametrize(
    ("member", "count", "written"),
    [("../x", 3, ["a"]), ("", 3, ["a"]), ("web", 0, ["a"]), ("web", 3, [])],
)
def test_what_is_not_kept(tmp_path, member, count, written):
    former = FormerLogs(tmp_path / "logs", count)
    log = log_of(tmp_path, "run1", *written)
    former.keep("set", member, "n", "run1", log)
    assert former.of("set") == {}


def test_no_more_than_the_set_may_have(tmp_path, way):
    former = FormerLogs(tmp_path / "logs", count=3, limit_mb=1)
    for number, member in enumerate(["a", "b", "a", "b", "c"]):
        run = f"run{number}"
        log = log_of(tmp_path, run, "x" * 400_000)
        former.keep("set", member, member, run, log)
        os.utime(former.of_member("set", member)[-1].log.parent, (number,) * 2)
    left = [
        kept.runtime_id
        for there in former.of("set").values()
        for kept in there.kept
    ]
    assert sorted(left) == ["run3", "run4"]


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path / "agent")
    host.start()
    yield host
    host.faults.clear()
    host.kill()


def echo(text):
    return container("web", command=("echo", text))


def test_an_agent_keeps_what_is_replaced(host):
    one = create(host, echo("one"), container("b"))
    one = change(host, one, containers=(echo("two"), container("b")))
    host.conductor.wait(one, phase=Phase.RUNNING)
    (there,) = host.former.of(one.id).values()
    assert there.name == "web"
    (kept,) = there.kept
    assert '"one\\n"' in kept.log.read_text()
    # it is killed before it has done so
    one = change(host, one, desired=Desired.STOPPED)
    host.conductor.wait(one, phase=Phase.STOPPED)
    host.kill()
    host.start()
    assert len(host.former.of_member(one.id, "id-web")) == 1
    host.conductor.want(deleted(one))
    host.conductor.wait_for(lambda: not host.conductor.sets)
    until(lambda: not host.left())


def test_a_log_that_cannot_be_kept_holds_up_nobody(host, monkeypatch):
    one = create(host, echo("one"), container("b"))

    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "link", full)
    one = change(host, one, containers=(echo("two"), container("b")))
    host.conductor.wait(one, phase=Phase.RUNNING)
    assert host.former.of(one.id) == {}
    monkeypatch.setattr(
        host.runtime, "log_file", lambda _: _raise(EngineError("no"))
    )
    one = change(host, one, containers=(echo("three"), container("b")))
    host.conductor.wait(one, phase=Phase.RUNNING)


def _raise(error):
    raise error


def test_what_is_left_of_a_set_nobody_knows_goes(host, tmp_path):
    host.kill()
    log = log_of(tmp_path, "run1", "a")
    host.former.keep("0815", "web", "n", "run1", log)
    host.start()
    until(lambda: not host.former.list())
