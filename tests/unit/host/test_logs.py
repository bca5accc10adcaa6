"""Logs as they are read on their host."""

import json

import pytest

from caas.agent.logs import FormerLogs
from caas.host import logs
from caas.host.errors import HostError
from caas.host.listing import Container


def write(path, *texts):
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        for text in texts:
            entry = {
                "log": text,
                "stream": "stdout",
                "time": "2026-01-31T12:00:00.5Z",
            }
            file.write(json.dumps(entry) + "\n")


class Host:
    def __init__(self, path):
        self.path = path
        self.former = FormerLogs(path / "kept")

    def container(self, engine_id, log=True, member="m1"):
        return Container(
            name="web",
            role="business",
            id=member,
            engine_id=engine_id,
            engine_name="web",
            set_id="s1",
            incarnation=1,
            state="running",
            log=str(self.log(engine_id)) if log else "",
        )

    def log(self, engine_id):
        return self.path / engine_id / f"{engine_id}-json.log"

    def read(self, there, tail=None, follow=False, runs=lambda: False):
        return [
            entry.data
            for entry in logs.read(
                there, self.former, tail=tail, follow=follow, runs=runs
            )
        ]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_those_it_was_before_come_first(host):
    write(host.log("e1"), "1\n", "2\n")
    host.former.keep("s1", "m1", "web", "e1", host.log("e1"))
    write(host.log("e2"), "3\n")
    assert host.read(host.container("e2")) == [b"1\n", b"2\n", b"3\n"]
    assert host.read(host.container("e2"), tail=2) == [b"2\n", b"3\n"]
    # it was not started yet
    assert host.read(host.container("e3", log=False)) == [b"1\n", b"2\n"]
    # of another one of the set nothing was kept
    assert host.read(host.container("e2", member="")) == [b"3\n"]


def test_no_line_is_missed_when_it_is_rotated_while_followed(host):
    log = host.log("e1")
    write(log, "1\n")
    looks = iter([True, False])

    def runs():
        goes_on = next(looks)
        if not goes_on:
            log.rename(f"{log}.1")
            write(log, "3\n")
        else:
            write(log, "2\n")
        return goes_on

    there = host.container("e1")
    found = host.read(there, follow=True, runs=runs)
    assert found == [b"1\n", b"2\n", b"3\n"]


def test_what_cannot_be_read_is_told(host):
    with pytest.raises(HostError, match="has no log that can be read"):
        host.read(host.container("e1", log=False))
    with pytest.raises(HostError, match=r"json\.log cannot be read: No such"):
        host.read(host.container("e1"))
