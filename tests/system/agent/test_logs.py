"""Logs of sets on a real engine, as they are streamed."""

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from caas.agent.streams import logs as verb
from caas.model import streams, wire
from caas.model.states import Desired, Phase
from caas.model.streams import Channel
from tests.scripted import deleted
from tests.system.agent.client import Client
from tests.system.agent.conftest import Dockerd, MakeHost, put_image
from tests.system.agent.door import Door
from tests.system.agent.host import Host, until

WEB = "id-web"
OPTIONS = {"docker.log_max_size": "500k", "docker.log_max_file": 30}

OpenDoor = Callable[[Host], Door]


@pytest.fixture
def open_door(tmp_path) -> Iterator[OpenDoor]:
    doors: list[Door] = []

    def door(host: Host) -> Door:
        doors.append(Door(host, tmp_path))
        return doors[-1]

    yield door
    for each in doors:
        each.close()


def opened(
    door: Door, one: wire.Wanted, container: str = "", **arguments: Any
) -> "Logged":
    """:param container: its id."""
    return Logged(door.open("logs", one, container, **arguments))


@dataclasses.dataclass
class Logged:
    """What came of the logs.

    :ivar got: data by container and channel, as they came.
    :ivar said: all else.
    """

    socket: Client
    got: list[tuple[str, Channel, bytes]] = dataclasses.field(
        default_factory=list
    )
    said: list[tuple[str, Any]] = dataclasses.field(default_factory=list)

    def __enter__(self) -> "Logged":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def data(self, container: str = "", channel: int = 0) -> bytes:
        """All of it, or of one container or channel."""
        return b"".join(
            data
            for name, where, data in self.got
            if container in ("", name) and channel in (0, where)
        )

    def value(self, what: str) -> Any:
        """The last that was said by that name."""
        return next((v for k, v in reversed(self.said) if k == what), None)

    def until(
        self, condition: Callable[["Logged"], Any], timeout: float = 30
    ) -> "Logged":
        """Take in what comes until it holds."""
        end = time.monotonic() + timeout
        while not condition(self):
            self._take(self.socket.recv(max(0, end - time.monotonic())))
        return self

    def rest(self, timeout: float = 60) -> "Logged":
        """Until its end."""
        return self.until(
            lambda s: s.value(streams.EXIT) or s.value(streams.ERROR), timeout
        )

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            ((what, value),) = json.loads(message).items()
            self.said.append((what, value))
            return
        assert len(message) <= streams.LARGEST
        source = self.value(streams.SOURCE)["container"]
        self.got.append((source, Channel(message[0]), message[1:]))


@pytest.fixture
def host(make_host: MakeHost, api, docker_url, agent_image) -> Host:
    host = make_host(api, docker_url, agent_image, **OPTIONS)
    host.start()
    return host


@pytest.fixture
def door(host: Host, open_door: OpenDoor) -> Door:
    return open_door(host)


def shell(host: Host, script: str, name: str = "web", index: int = 0):
    return host.container(name, index, command=("sh", "-c", script))


def numbers(data: bytes) -> list[int]:
    return [int(line) for line in data.split()]


def docker_logs(host: Host, one, *options: str, name: str = "web"):
    runtime_id = host.containers(one)[name]["Id"]
    return subprocess.run(
        [
            *("docker", "-H", str(host.options["docker.url"]), "logs"),
            *(*options, runtime_id),
        ],
        check=True,
        capture_output=True,
    )


def test_as_docker_shows_them(host, door):
    script = (
        "for i in $(seq 50); do echo out $i; echo err $i >&2; done;"
        "printf 'no newline'; exec sleep 1000"
    )
    one = host.create(shell(host, script + " & wait"))
    until(lambda: b"err 50" in docker_logs(host, one).stderr)
    for flags, arguments in (
        ((), {}),
        (("--timestamps",), {"timestamps": True}),
    ):
        shown = docker_logs(host, one, *flags)
        with opened(door, one, WEB, **arguments) as stream:
            stream.rest()
        assert stream.said[0] == (streams.STARTED, {})
        assert stream.said[-1] == (streams.EXIT, {"exit_code": 0})
        assert stream.data(channel=Channel.STDOUT) == shown.stdout
        assert stream.data(channel=Channel.STDERR) == shown.stderr
        assert {name for name, _, _ in stream.got} == {"web"}


def test_lines_that_are_asked_for(host, door):
    one = host.create(shell(host, "seq 1000; exec sleep 1000"))
    with opened(door, one, WEB, follow=True, timestamps=True) as stream:
        stream.until(lambda s: s.data().count(b"\n") == 1000)
    lines = stream.data().splitlines()
    times = [line.split()[0].decode() for line in lines]

    def shown(**arguments):
        with opened(door, one, WEB, **arguments) as stream:
            return numbers(stream.rest().data())

    assert shown() == list(range(1, 1001))
    assert shown(tail=0) == []
    assert shown(tail=10) == list(range(991, 1001))
    assert shown(tail=5000) == list(range(1, 1001))
    assert shown(since=times[400]) == list(range(401, 1001))
    assert shown(until=times[400]) == list(range(1, 402))
    assert shown(until=times[400], tail=3) == [399, 400, 401]
    assert shown(since=times[400], until=times[410]) == list(range(401, 412))
    assert shown(since="2100-01-01T00:00:00Z") == []
    # docker takes the same times
    said = docker_logs(host, one, "--since", times[400]).stdout
    assert numbers(said) == shown(since=times[400])


@pytest.mark.parametrize(
    "arguments",
    [{"tail": -1}, {"tail": "x"}, {"since": "x"}, {"until": 5}],
)
def test_what_cannot_be_asked_for(host, door, arguments):
    one = host.create()
    with opened(door, one, WEB, **arguments) as stream:
        assert stream.rest().value(streams.ERROR)["code"] == 400


def test_what_is_not_there(host, door, monkeypatch):
    monkeypatch.setattr(verb, "PATIENCE", 0.2)
    monkeypatch.setattr(verb, "SHORT_PATIENCE", 0.1)
    one = host.create()
    other = dataclasses.replace(one, incarnation=7)
    for asked, container in ((one, "id-x"), (one, "../web"), (other, "")):
        for follow in (True, False):
            with opened(door, asked, container, follow=follow) as stream:
                assert stream.rest().value(streams.ERROR)["code"] == 404


def test_followed_from_before_it_is_here(host, door):
    one = host.wanted(shell(host, "echo hello; exec sleep 1000"))
    with opened(door, one, follow=True, tail=5) as stream:
        host.conductor.want(one)
        stream.until(lambda s: s.data() == b"hello\n")


def test_fast_and_rotated_many_times(host, door):
    script = "mkfifo /tmp/go; read x < /tmp/go; seq 100000; exec sleep 1000"
    one = host.create(shell(host, script))
    with opened(door, one, WEB, follow=True) as stream:
        stream.until(lambda s: s.said)
        host.run(one, "web", "sh", "-c", "echo > /tmp/go")
        stream.until(lambda s: s.data().endswith(b"\n100000\n"), 60)
    assert numbers(stream.data()) == list(range(1, 100001))
    assert stream.value(streams.NOTICE) is None
    with opened(door, one, WEB, tail=50000) as stream:
        assert numbers(stream.rest().data()) == list(range(50001, 100001))


def test_a_restart_goes_on_in_the_same_log(host, door):
    one = host.create(shell(host, "echo begun; exec sleep 1000"))
    with opened(door, one, WEB, follow=True) as stream:
        for count in range(1, 4):
            stream.until(lambda s, n=count: s.data() == b"begun\n" * n)
            one = host.change(one, restart_epoch=count)
            host.conductor.wait(one, phase=Phase.RUNNING)
    one = host.change(one, desired=Desired.STOPPED)
    host.conductor.wait(one, phase=Phase.STOPPED)
    with opened(door, one) as stream:
        assert stream.rest().data() == b"begun\n" * 4


def test_an_update_keeps_what_was_before(host, door):
    one = host.create(shell(host, "echo version 0; exec sleep 1000"))
    said = b"version 0\n"
    with (
        opened(door, one, WEB, follow=True) as single,
        opened(door, one, follow=True) as whole,
    ):
        for version in range(1, 4):
            for each in (single, whole):
                each.until(lambda s, said=said: s.data() == said)
            # what it says last is of the old one
            script = (
                f"trap 'echo bye {version}; exit' TERM;"
                f"echo version {version}; sleep 1000 & wait"
            )
            one = host.change(one, containers=(shell(host, script),))
            host.conductor.wait(one, phase=Phase.RUNNING)
            if version > 1:
                said += b"bye %d\n" % (version - 1)
            said += b"version %d\n" % version
        for each in (single, whole):
            each.until(lambda s, said=said: s.data() == said)
    for follow in (True, False):
        with opened(door, one, WEB, follow=follow) as stream:
            stream.until(lambda s: s.data() == said)
    with opened(door, one, WEB, tail=3) as stream:
        assert stream.rest().data() == b"".join(
            said.splitlines(keepends=True)[-3:]
        )
    # another agent knows of them as well
    host.stop()
    host.start()
    home = pathlib.Path(str(host.options["agent.state_path"]), "logs", one.id)
    assert len(list((home / WEB).iterdir())) == 3


def test_more_updates_than_are_kept(host, open_door):
    door = open_door(host)
    one = host.create(shell(host, "echo 0; exec sleep 1000"))
    for version in range(1, 6):
        one = host.change(
            one,
            containers=(shell(host, f"echo {version}; exec sleep 1000"),),
        )
        host.conductor.wait(one, phase=Phase.RUNNING)
    with opened(door, one, WEB, follow=True) as stream:
        stream.until(lambda s: s.data().endswith(b"5\n"))
    assert numbers(stream.data()) == [2, 3, 4, 5]


def test_one_that_is_removed(host, door):
    both = (
        shell(host, "echo one; exec sleep 1000"),
        shell(host, "echo two; exec sleep 1000", "second"),
    )
    one = host.create(*both)
    with (
        opened(door, one, "id-second", follow=True) as single,
        opened(door, one, follow=True) as whole,
    ):
        single.until(lambda s: s.data() == b"two\n")
        one = host.change(one, containers=both[:1])
        host.conductor.wait(one, phase=Phase.RUNNING)
        assert single.rest().value(streams.EXIT) == {"exit_code": 0}
        one = host.change(one, restart_epoch=1)
        host.conductor.wait(one, phase=Phase.RUNNING)
        whole.until(lambda s: s.data("web") == b"one\none\n")
        assert whole.data("second") == b"two\n"
        host.conductor.want(deleted(one))
        assert whole.rest().value(streams.EXIT) == {"exit_code": 0}
        host.conductor.wait_for(lambda: not host.conductor.sets)
    until(lambda: not host.left())


def test_all_of_a_set_in_order_of_time(host, door):
    script = "i=0; while [ $i -lt 40 ]; do echo $((i+=1)); usleep 20000; done"
    one = host.create(
        *(
            shell(host, f"{script}; exec sleep 1000", name)
            for name in ("a", "b", "c")
        )
    )
    with opened(door, one, follow=True) as stream:
        stream.until(lambda s: s.data().count(b"\n") == 120)
    for name in ("a", "b", "c"):
        assert numbers(stream.data(name)) == list(range(1, 41))
    with opened(door, one, timestamps=True) as stream:
        lines = stream.rest().data().splitlines()
    times = [line.split()[0] for line in lines]
    assert len(times) == 120
    assert times == sorted(times)
    with opened(door, one, tail=2) as stream:
        stream.rest()
    for name in ("a", "b", "c"):
        assert numbers(stream.data(name)) == [39, 40]


def test_bytes_that_are_no_text(host, door):
    script = (
        r"printf 'a\000\377\376\033[1mb\n'; head -c 100000 /dev/zero;"
        r"printf '\303\n\251\r\n'; exec sleep 1000"
    )
    one = host.create(shell(host, script))
    with opened(door, one, WEB, follow=True, timestamps=True) as stream:
        stream.until(lambda s: s.data().endswith(b"\r\n"))
    # the engine keeps text; what is none it replaces
    shown = docker_logs(host, one).stdout
    lines = [line.partition(b" ")[2] for line in stream.data().split(b"\n")]
    assert b"\n".join(lines) == shown
    assert len(lines) == 4
    # a long line is one line, though the engine cuts it
    with opened(door, one, WEB, tail=2) as stream:
        assert stream.rest().data() == shown.split(b"\n", 1)[1]


def test_the_slow_hold_up_nobody(
    make_host, open_door, api, docker_url, agent_image
):
    host = make_host(
        api,
        docker_url,
        agent_image,
        **{"docker.log_max_size": "200k", "docker.log_max_file": 2},
    )
    host.start()
    door = open_door(host)
    line = "x" * 1000
    script = (
        "mkfifo /tmp/go; read x < /tmp/go;"
        f"i=0; while [ $i -lt 20000 ]; do echo {line} $((i+=1)); done;"
        "echo done; exec sleep 1000"
    )
    one = host.create(shell(host, script))
    with (
        opened(door, one, WEB, follow=True) as slow,
        opened(door, one, WEB, follow=True) as quick,
    ):
        quick.until(lambda s: s.said)
        host.run(one, "web", "sh", "-c", "echo > /tmp/go")
        quick.until(lambda s: s.got and s.got[-1][2].endswith(b"done\n"), 120)
        # now it reads
        slow.until(lambda s: s.got and s.got[-1][2].endswith(b"done\n"), 60)
    assert "may be missing" in slow.value(streams.NOTICE)
    got = [int(n.split()[1]) for n in slow.data().splitlines()[:-1]]
    assert got == sorted(set(got))
    assert got[0] == 1
    assert got[-1] == 20000
    assert len(got) < 20000


def open_files() -> collections.Counter[str]:
    """Files and watches; the connections to the engine come and go."""
    found = []
    for fd in pathlib.Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(fd.readlink()))
    return collections.Counter(
        name
        for name in found
        if name.startswith("/") or name == "anon_inode:inotify"
    )


def test_a_hundred_that_follow_and_leave(host, door):
    script = "mkfifo /tmp/go; while read x < /tmp/go; do echo $x; done"
    one = host.create(shell(host, script))
    until(lambda: "anon_inode:inotify" not in open_files())
    before = open_files()
    all_of_them = [opened(door, one, WEB, follow=True) for _ in range(100)]
    for stream in all_of_them:
        stream.until(lambda s: s.said)
    host.run(one, "web", "sh", "-c", "echo now > /tmp/go")
    for stream in all_of_them:
        stream.until(lambda s: s.data() == b"now\n")
    for stream in all_of_them:
        stream.socket.close()
    until(lambda: not open_files() - before)


def test_memory_does_not_grow(host, door):
    one = host.create(
        shell(host, "seq 1 1000000 | sed s/$/xxxxxxxxxxxxxxx/; sleep 1000")
    )

    def resident() -> int:
        text = pathlib.Path("/proc/self/statm").read_text(encoding="ascii")
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

    with opened(door, one, WEB, follow=True) as stream:
        stream.until(lambda s: s.got)
        first, seen = resident(), 0
        end = b"1000000xxxxxxxxxxxxxxx\n"
        while not stream.got[-1][2].endswith(end):
            stream.until(lambda s: len(s.got) > 1)
            seen += sum(len(data) for _, _, data in stream.got[:-1])
            del stream.got[:-1]
        assert seen > 1 << 20
        assert resident() - first < 20


@pytest.mark.parametrize("how", ["killed", "hung"])
def test_an_engine_that_is_away_and_comes_back(
    dockerd: Dockerd, make_host, open_door, how
):
    dockerd.start("--live-restore")
    host = make_host(
        dockerd.api, dockerd.url, put_image(dockerd.api), **OPTIONS
    )
    host.start()
    door = open_door(host)
    script = "i=0; while :; do echo $((i+=1)); usleep 50000; done"
    one = host.create(shell(host, script))
    with opened(door, one, WEB, follow=True) as stream:
        stream.until(lambda s: len(s.data().split()) > 5)
        if how == "killed":
            dockerd.end(signal.SIGKILL)
        else:
            dockerd.freeze()
        began = time.monotonic()
        stream.until(lambda s: s.value(streams.NOTICE), 5)
        assert time.monotonic() - began < 5
        # what there is can be read
        with opened(door, one, WEB, tail=3) as other:
            assert len(numbers(other.rest().data())) == 3
        if how == "killed":
            dockerd.start("--live-restore")
        else:
            dockerd.thaw()
        stream.until(
            lambda s: "again" in s.value(streams.NOTICE),
        )
        so_far = len(stream.got)
        stream.until(lambda s: len(s.got) > so_far)
    got = numbers(stream.data())
    assert got == sorted(set(got))
