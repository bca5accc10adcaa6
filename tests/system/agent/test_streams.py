"""Streams into real containers, through the agent's own door."""

import json
import os
import pathlib
import signal
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.certificates import Authority
from tests.system.agent.conftest import put_image
from tests.system.agent.door import Door, Ended
from tests.system.agent.host import until

EVERY = bytes(range(256))
#: What a vanished client leaves must be gone after so many seconds.
SOON = 8.0


@pytest.fixture
def door(host, tmp_path):
    host.start()
    door = Door(host, tmp_path)
    yield door
    door.close()


@pytest.fixture
def one(host, door):
    return host.create(host.container("web"))


def processes(door, one, name="web"):
    """Commands of those that run in a container."""
    found = door.look("top", one, name)["processes"]
    return [p["command"] for p in found]


def quiet(door, one, name="web"):
    """Whether nothing runs but what it was made to run."""
    return [c for c in processes(door, one, name) if "1000" not in c] == []


def sh(script, **more):
    return {"command": ["sh", "-c", script], **more}


def rss():
    """Bytes of this process, with the agent's part in it."""
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_command(door, one):
    script = "echo out; echo err >&2; pwd; id -u; echo $A-$B; exit 7"
    given = sh(
        script, user="65534", working_dir="/tmp", env={"A": "1", "B": "$x"}
    )
    with door.ask("exec", one, "web", **given) as stream:
        assert stream.next("started") == {"tty": False, "stdin": False}
        assert stream.exit_code() == 7
        assert stream.out == b"out\n/tmp\n65534\n1-$x\n"
        assert stream.err == b"err\n"


def test_bytes_pass_unchanged_both_ways(door, one):
    data = EVERY * 4096
    with door.ask("exec", one, "web", command=["cat"], stdin=True) as stream:
        stream.next("started")
        writer = threading.Thread(target=stream.send, args=(data,))
        writer.start()
        while len(stream.out) < len(data):
            assert stream.step() is None
        writer.join()
        stream.tell("eof")
        assert stream.exit_code() == 0
        assert stream.out == data


def test_bytes_of_a_terminal_pass_unchanged(door, one):
    script = "stty raw -echo; echo ready; exec cat"
    with door.ask(
        "exec", one, "web", **sh(script, tty=True, stdin=True)
    ) as stream:
        assert stream.next("started") == {"tty": True, "stdin": True}
        stream.until(b"ready")
        stream.until(b"\n")
        # one by one, and none is held back: the engine looks for some
        for byte in b"\x10\x11\x00\x1b\xc3\xff":
            stream.send(bytes((byte,)))
            stream.until(bytes((byte,)))
        stream.send(EVERY)
        assert stream.until(EVERY) == EVERY


def test_a_terminal_has_its_size_and_is_resized(door, one):
    script = "stty size; trap 'stty size' WINCH; while :; do read x; done"
    given = sh(script, tty=True, stdin=True, width=91, height=33)
    with door.ask("exec", one, "web", **given) as stream:
        stream.next("started")
        assert stream.until(b"\n") == b"33 91\r\n"
        stream.tell("resize", {"width": 120, "height": 40})
        stream.send(b"\r")
        stream.until(b"40 120\r\n")


@pytest.mark.parametrize("tty", [False, True])
def test_signals(door, one, tty):
    script = "trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.1; done"
    with door.ask("exec", one, "web", **sh(script, tty=tty)) as stream:
        stream.next("started")
        stream.until(b"ready")
        stream.tell("signal", "NONSENSE")
        assert "no signal" in stream.next("notice")
        stream.tell("signal", "USR1")
        stream.until(b"caught")
        assert stream.exit_code() == 3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"command": ["no-such"]}, "executable file not found"),
        ({"command": ["true"], "user": "nobody-here"}, "unable to find user"),
        ({"command": ["true"], "working_dir": "/none"}, "no such file"),
        ({"command": []}, "'command' has to be a list"),
        ({"command": ["a\0b"]}, "'command' has to be a list"),
        ({"command": ["true"], "env": {"A=": "secret"}}, "'env' has to"),
        ({"command": ["true"], "width": 10**9}, "'width' has to be"),
        ({"command": ["true"], "tty": 1}, "'tty' has to be true or false"),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("tty", [False, True])
def test_what_cannot_be_run(door, one, given, says, tty):
    given = {"tty": tty} | given
    with door.ask("exec", one, "web", **given) as stream:
        with pytest.raises(Ended) as ended:
            stream.next("started")
        assert ended.value.code == 400
        assert says in ended.value.message
        assert "OCI runtime" not in ended.value.message
        assert "secret" not in ended.value.message


def test_where_nothing_runs(host, door, one):
    for container, code in (("web2", 404), ("infra", 404), ("", 404)):
        with (
            door.ask("exec", one, container, command=["true"]) as stream,
            pytest.raises(Ended) as ended,
        ):
            stream.next("started")
        assert ended.value.code == code
    there = host.containers(one)["web"]["Id"]
    host.api.pause(there)
    until(lambda: host.agent.sets.seen(one.id, 1)[0].state == "paused")
    for verb, given in (("exec", {"command": ["true"]}),):
        with (
            door.ask(verb, one, "web", **given) as stream,
            pytest.raises(Ended, match="paused") as ended,
        ):
            stream.next("started")
        assert ended.value.code == 409
    host.api.unpause(there)
    host.api.kill(there)
    until(lambda: host.agent.sets.seen(one.id, 1)[0].state == "exited")
    for verb in ("exec", "attach", "top"):
        with (
            door.ask(verb, one, "web", command=["true"]) as stream,
            pytest.raises(Ended, match="does not run") as ended,
        ):
            stream.next("started")
        assert ended.value.code == 409


@pytest.mark.parametrize("tty", [False, True])
def test_what_a_vanished_client_left_is_ended(door, one, tty):
    script = "trap '' HUP TERM; sleep 99 & while :; do sleep 98; done"
    given = sh(script, tty=tty, stdin=True)
    with door.ask("exec", one, "web", **given) as stream:
        stream.next("started")
        until(lambda: "sleep 99" in processes(door, one))
        stream.vanish()
    until(lambda: quiet(door, one), SOON)


def test_what_stopped_reading_and_vanished_is_ended(door, one):
    with door.ask(
        "exec", one, "web", command=["sleep", "77"], stdin=True
    ) as stream:
        stream.next("started")
        sender = threading.Thread(target=_flood, args=(stream,), daemon=True)
        sender.start()
        until(lambda: "sleep 77" in processes(door, one))
        sender.join(3)
        assert sender.is_alive()
        stream.vanish()
    # a ping finds out
    until(lambda: quiet(door, one), 40)


def _flood(stream):
    try:
        while True:
            stream.send(bytes(60_000))
    except (OSError, ConnectionClosed):
        pass


def test_a_slow_reader_stops_the_writer_and_nobody_else(host, door, one):
    """And for longer than pings go unanswered elsewhere."""
    count = "n=0; while :; do n=$((n+1)); echo $n > /tmp/n;"
    given = sh(f"{count} head -c 1000000 /dev/zero; done")
    with door.ask("exec", one, "web", **given) as stream:
        before = rss()
        stream.next("started")
        written = lambda: host.run(one, "web", "cat", "/tmp/n")  # noqa: E731
        until(lambda: _steady(written))
        assert int(written()) < 20
        assert rss() - before < 30 << 20
        # others go on
        with door.ask("exec", one, "web", **sh("echo hello")) as other:
            other.next("started")
            assert other.exit_code() == 0
            assert other.out == b"hello\n"
        # and it goes on when it is read
        stood = int(written())
        while int(written()) < stood + 3:
            for _ in range(50):
                assert stream.step() is None
            stream.out = b""
    until(lambda: quiet(door, one), SOON)


def _steady(look):
    first = look()
    time.sleep(0.5)
    return look() == first


def test_output_without_end_keeps_memory_flat(door, one):
    with door.ask(
        "exec", one, "web", **sh("head -c 300000000 /dev/zero")
    ) as stream:
        stream.next("started")
        grown, size, start = 0, 0, rss()
        while stream.step() is None:
            size += len(stream.out)
            stream.out = b""
            grown = max(grown, rss() - start)
        assert size + len(stream.out) == 300_000_000
        assert grown < 30 << 20


def test_many_commands_leave_nothing(host, door, one):
    def run():
        with door.ask("exec", one, "web", **sh("cat", stdin=True)) as stream:
            stream.next("started")
            stream.send(b"x")
            stream.until(b"x")
            stream.tell("eof")
            assert stream.exit_code() == 0

    run()
    fds = len(os.listdir("/proc/self/fd"))
    many = [threading.Thread(target=run) for _ in range(20)]
    for each in many:
        each.start()
    for each in many:
        each.join()
    until(lambda: len(os.listdir("/proc/self/fd")) <= fds + 2)
    assert quiet(door, one)


# Attach.


def test_attach_to_a_terminal(host, door):
    one = host.create(
        host.container(
            "web",
            command=("sh", "-c", "stty -echo; cat"),
            tty=True,
            stdin=True,
        )
    )
    for word in (b"first", b"second"):
        with door.ask("attach", one, "web", stdin=True) as stream:
            assert stream.next("started") == {"tty": True, "stdin": True}
            stream.send(word + b"\r")
            stream.until(word)
            stream.vanish()
    assert host.running(one) == ["infra", "web"]
    with door.ask("attach", one, "web", stdin=True) as stream:
        stream.next("started")
        stream.tell("signal", "KILL")
        assert stream.exit_code() == 137


def test_attach_without_stdin(host, door):
    script = "trap 'exit 5' TERM; while :; do echo out; echo err >&2; sleep 0.1; done"
    one = host.create(host.container("web", command=("sh", "-c", script)))
    with door.ask("attach", one, "web", stdin=True) as stream:
        assert stream.next("started") == {"tty": False, "stdin": False}
        assert "without stdin" in stream.next("notice")
        stream.send(b"ignored")
        stream.until(b"out\n")
        while not stream.err:
            assert stream.step() is None
        stream.tell("signal", "TERM")
        assert stream.exit_code() == 5


# Who gets in.


def test_a_stranger_does_not_get_in(door, one, tmp_path):
    other = Authority(tmp_path / "other")
    for tls in (
        door.authority.client(None),
        other.client("caas-console", trusted=door.authority),
        door.authority.client("host"),
        door.authority.client("caas-console2"),
    ):
        with pytest.raises((ConnectionClosed, InvalidHandshake, OSError)):  # noqa: PT012
            with door.connect(tls) as socket:
                socket.send(json.dumps({"verb": "top"}))
                while True:
                    assert not isinstance(socket.recv(5), bytes)


# The engine goes.


@pytest.fixture
def own(dockerd, make_host, tmp_path):
    """A door to a host with an engine of its own."""
    dockerd.start("--live-restore")
    host = make_host(dockerd.api, dockerd.url, put_image(dockerd.api))
    host.start()
    door = Door(host, tmp_path)
    yield host, door
    door.close()


def test_the_engine_is_killed_midway(own, dockerd):
    host, door = own
    one = host.create(
        host.container("web", command=("sh", "-c", "sleep 1000; true"))
    )
    fds = len(os.listdir("/proc/self/fd"))
    with (
        door.ask("exec", one, "web", command=["sleep", "99"]) as run,
        door.ask("attach", one, "web") as attached,
        door.ask("upload", one, "web", path="/tmp") as upload,
    ):
        for stream in (run, attached, upload):
            stream.next("started")
        until(lambda: "sleep 99" in processes(door, one))
        dockerd.end(signal.SIGKILL)
        start = time.monotonic()
        upload.tell("eof")
        for stream in (run, attached):
            with pytest.raises(Ended) as ended:
                stream.next("exit")
            assert ended.value.code == 503
        assert time.monotonic() - start < 5
    # the command goes with its client, and statistics need no engine
    until(lambda: quiet(door, one), SOON)
    assert door.look("stats", one)["containers"][0]["usage"]["pids"] > 0
    with (
        door.ask("exec", one, "web", command=["true"]) as stream,
        pytest.raises(Ended) as ended,
    ):
        stream.next("started")
    assert ended.value.code == 503
    until(lambda: len(os.listdir("/proc/self/fd")) <= fds + 2)
    dockerd.start("--live-restore")
    until(lambda: host.running(one) == ["infra", "web"])
