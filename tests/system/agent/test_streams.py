"""Streams into real containers, through the agent's own door."""

import asyncio
import contextlib
import dataclasses
import gzip
import io
import json
import multiprocessing
import os
import pathlib
import signal
import tarfile
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from caas.agent.streams import archives
from caas.drivers.runtime import base, terminals
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import spec
from caas.model.states import Desired, Phase
from tests.certificates import Authority
from tests.system.agent import process
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
    (there,) = (c for c in door.sets.seen(one.id, 1) if c.name == name)
    found = door.runtime.processes(one.id, there.id)
    return [p.command for p in found]


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
    # an engine before API 1.42 tells it only after the start
    script = (
        "until [ $(stty size 2> /dev/null | wc -w) = 2 ]; do :; done;"
        "stty size; while read x; do stty size; done"
    )
    given = sh(script, tty=True, stdin=True, width=91, height=33)
    with door.ask("exec", one, "web", **given) as stream:
        stream.next("started")
        assert stream.until(b"\n") == b"33 91\r\n"
        for size in (
            {"width": 120, "height": 40},
            # these are none
            {"width": 0, "height": 40},
            {"width": "1", "height": 1},
            {},
            None,
        ):
            stream.tell("resize", size)
            stream.send(b"\r")
            stream.until(b"40 120\r\n")


@pytest.mark.parametrize("tty", [False, True])
def test_signals(door, one, tty):
    script = (
        "trap 'echo caught; exit 3' USR1; echo ready;"
        "while :; do sleep 0.1; done"
    )
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


def test_what_the_engine_does_not_get_to_run(host, door, one, monkeypatch):
    """It looks up its user in a file that is a pipe nobody writes to."""
    monkeypatch.setattr(terminals, "START", 3.0)
    host.run(one, "web", "mkfifo", "/etc/passwd")
    with door.ask("exec", one, "web", command=["true"]) as stream:
        with pytest.raises(Ended, match="did not start it") as ended:
            stream.next("started")
        assert ended.value.code == 503


def test_where_nothing_runs(host, door, one):
    for container, code in (("web2", 404), ("infra", 404), ("", 404)):
        with (
            door.ask("exec", one, container, command=["true"]) as stream,
            pytest.raises(Ended) as ended,
        ):
            stream.next("started")
        assert ended.value.code == code
    (web,) = one.containers
    paused = (dataclasses.replace(web, paused=True),)
    one = host.change(one, containers=paused)
    until(lambda: door.sets.seen(one.id, 1)[0].state == "paused")
    for verb in ("exec", "download", "upload"):
        with (
            door.ask(
                verb, one, "web", command=["true"], path="/tmp"
            ) as stream,
            pytest.raises(Ended, match="paused") as ended,
        ):
            stream.next("started")
        assert ended.value.code == 409
    host.change(one, desired=Desired.STOPPED)
    until(lambda: door.sets.seen(one.id, 1)[0].state == "exited")
    for verb in ("exec", "attach", "top", "download", "upload"):
        with (
            door.ask(
                verb, one, "web", command=["true"], path="/tmp"
            ) as stream,
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
    script = (
        "trap 'exit 5' TERM;"
        "while :; do echo out; echo err >&2; sleep 0.1; done"
    )
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
        with pytest.raises((ConnectionClosed, InvalidHandshake, OSError)):
            _talk(door, tls)


def _talk(door, tls):
    with door.connect(tls) as socket:
        socket.send(json.dumps({"verb": "top"}))
        # nothing is said but why it is closed
        assert socket.recv(5) is None


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


# Copies.


def archive_of(folder):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.add(folder, arcname=".")
    return made.getvalue()


def upload(door, one, path, data, **more):
    with door.ask("upload", one, "web", path=path, **more) as stream:
        stream.next("started")
        sender = threading.Thread(target=_send_all, args=(stream, data))
        sender.start()
        try:
            return stream.exit_code()
        finally:
            sender.join()


def _send_all(stream, data):
    try:
        stream.send(data)
        stream.tell("eof")
    except (OSError, ConnectionClosed):
        pass


def download(door, one, path):
    with door.ask("download", one, "web", path=path) as stream:
        stat = stream.next("started")
        assert stream.exit_code() == 0
        return stat, tarfile.open(fileobj=io.BytesIO(stream.out))


def test_files_there_and_back(host, door, one, tmp_path):
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "data").write_bytes(EVERY * 1000)
    (folder / "sub" / "data").chmod(0o640)
    (folder / "link").symlink_to("sub/data")
    (folder / "ausl\u00e4nder").write_text("x")
    assert upload(door, one, "/tmp", archive_of(folder)) == 0
    assert host.run(one, "web", "readlink", "/tmp/link") == "sub/data"
    assert host.run(one, "web", "cat", "/tmp/ausl\u00e4nder") == "x"
    stat, tar = download(door, one, "/tmp")
    assert (stat["name"], stat["kind"]) == ("tmp", "folder")
    with tar:
        data = tar.extractfile("tmp/sub/data")
        assert data.read() == EVERY * 1000
        assert tar.getmember("tmp/sub/data").mode & 0o777 == 0o640
        assert tar.getmember("tmp/link").linkname == "sub/data"
    stat, tar = download(door, one, "/tmp/link")
    tar.close()
    assert stat["kind"] == "link"
    assert stat["link_target"] == "sub/data"
    stat, tar = download(door, one, "/tmp/sub/data")
    tar.close()
    assert (stat["kind"], stat["size"], stat["mode"]) == (
        "file",
        256_000,
        0o640,
    )


def test_a_big_file_there_and_back_keeps_memory_flat(host, door, one):
    size = 200_000_000
    head = tarfile.TarInfo("big")
    head.size = size
    start = rss()
    grown = 0
    with door.ask("upload", one, "web", path="/tmp") as stream:
        stream.next("started")
        stream.send(head.tobuf())
        piece = bytes(50_000)
        for _ in range(size // len(piece)):
            stream.send(piece)
            grown = max(grown, rss() - start)
        stream.send(bytes(-size % 512 + 1024))
        stream.tell("eof")
        assert stream.exit_code() == 0
    assert host.run(one, "web", "stat", "-c", "%s", "/tmp/big") == str(size)
    with door.ask("download", one, "web", path="/tmp/big") as stream:
        assert stream.next("started")["size"] == size
        count = 0
        while stream.step() is None:
            count += len(stream.out)
            stream.out = b""
            grown = max(grown, rss() - start)
        assert count + len(stream.out) > size
    assert grown < 30 << 20


@pytest.mark.parametrize(
    ("verb", "path", "code", "says"),
    [
        ("download", "/none", 404, "/none"),
        ("download", "relative", 400, "absolute"),
        ("download", None, 400, "absolute"),
        ("download", "/a\0b", 400, "zero bytes"),
        ("download", "/tmp/../../../../../none", 404, "none"),
        ("upload", "/none", 404, "/none: No such file"),
        ("upload", "/bin/busybox", 400, "not a folder"),
        ("upload", "/sys", 200, ""),
    ],
)
def test_paths_that_cannot_be(door, one, verb, path, code, says):
    with door.ask(verb, one, "web", path=path) as stream:
        if code == 200:
            stream.next("started")
            return
        with pytest.raises(Ended) as ended:
            stream.next("started")
    assert ended.value.code == code
    assert says in ended.value.message
    assert "/var/lib" not in ended.value.message


@pytest.mark.parametrize("zipped", [gzip.compress, lambda data: b"x" * 999])
def test_what_is_no_tar_archive(door, one, tmp_path, zipped):
    folder = tmp_path / "files"
    folder.mkdir()
    with pytest.raises(Ended) as ended:
        upload(door, one, "/tmp", zipped(archive_of(folder)))
    assert ended.value.code == 400
    assert "no (uncompressed) tar archive" in ended.value.message


def test_an_archive_that_breaks_off(host, door, one, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "data").write_bytes(bytes(100_000))
    data = archive_of(folder)
    with pytest.raises(Ended, match="archive is damaged") as ended:
        upload(door, one, "/tmp", data[:50_000])
    assert ended.value.code == 400
    with door.ask("upload", one, "web", path="/tmp") as stream:
        stream.next("started")
        stream.send(data[:50_000])
        stream.vanish()
    with door.ask("upload", one, "web", path="/tmp") as stream:
        stream.next("started")
        stream.tell("eof")
        with pytest.raises(Ended, match=r"no .* tar archive"):
            stream.exit_code()


def test_a_slow_copy_keeps_nobody_from_the_container(host, door, one):
    """Docker's own would lock it."""
    there = host.containers(one)["web"]["Id"]
    host.run(one, "web", "sh", "-c", "head -c 9000000 /dev/zero > /tmp/x")
    with (
        door.ask("upload", one, "web", path="/tmp") as upload,
        door.ask("download", one, "web", path="/tmp/x") as download,
    ):
        upload.next("started")
        download.next("started")
        start = time.monotonic()
        host.api.inspect_container(there)
        host.api.update_container(there, cpu_shares=100)
        host.change(one, desired=Desired.STOPPED)
        until(lambda: door.sets.seen(one.id, 1)[0].state == "exited", 8)
        assert time.monotonic() - start < 8


def test_a_copy_that_is_stuck_ends_with_its_client(host, tmp_path):
    """While a container is paused nothing more is taken in, nor looked at."""
    host.start()
    one = host.create(host.container("web"))
    door = Door(host, tmp_path, archives.Limits(max_copies=1))
    try:
        with door.ask("upload", one, "web", path="/tmp") as stream:
            stream.next("started")
            (web,) = one.containers
            paused = (dataclasses.replace(web, paused=True),)
            one = host.change(one, containers=paused)
            until(lambda: door.sets.seen(one.id, 1)[0].state == "paused")
            head = tarfile.TarInfo("big")
            head.size = 5 * 10**7
            sender = threading.Thread(
                target=_send_all,
                # more than the buffers of sockets may grow to
                args=(stream, head.tobuf() + bytes(6 * 10**7)),
            )
            sender.start()
            # it is stuck as soon as all buffers are full
            sender.join(1)
            assert sender.is_alive()
            stream.vanish()
            sender.join()
        one = host.change(one, containers=(web,))
        until(lambda: door.sets.seen(one.id, 1)[0].state == "running")
        until(lambda: _downloads(door, one), SOON)
    finally:
        door.close()


def test_what_is_in_the_way(host, door, one, tmp_path):
    host.run(one, "web", "sh", "-c", "mkdir /tmp/a; ln -s /etc /tmp/b")
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
    with pytest.raises(Ended, match="a is a folder there") as ended:
        upload(door, one, "/tmp", made.getvalue())
    assert ended.value.code == 400
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("b"))
        disk = tarfile.TarInfo("disk")
        disk.type, disk.devmajor, disk.devminor = tarfile.BLKTYPE, 8, 0
        tar.addfile(disk)
    with pytest.raises(Ended, match="disk is a device") as ended:
        upload(door, one, "/tmp", made.getvalue())
    assert ended.value.code == 400
    # a link is replaced, not written through
    assert host.run(one, "web", "ls", "-A", "/tmp") == "a\nb"
    assert host.run(one, "web", "stat", "-c", "%F", "/tmp/b") == (
        "regular empty file"
    )


def test_what_changes_while_it_is_copied(host, door, one):
    busy = (
        "cd /tmp; mkdir -p d; while :; do for i in 1 2 3 4 5 6 7 8; do"
        " head -c $((i * 100000)) /dev/zero > d/$i; rm -rf d/$((9 - i));"
        " done; done"
    )
    with door.ask("exec", one, "web", **sh(busy)) as stream:
        stream.next("started")
        for _ in range(10):
            _, tar = download(door, one, "/tmp/d")
            with tar:
                assert all(n.startswith("d") for n in tar.getnames())
    # and what is of the kernel is no file
    _, tar = download(door, one, "/")
    with tar:
        names = tar.getnames()
    assert "./proc" in names
    assert not [n for n in names if n.startswith("./proc/")]
    assert "./bin/busybox" in names


def test_no_library_of_a_container_is_loaded_to_copy(host, door, one):
    """As was once done by docker cp (CVE-2019-14271)."""
    trap = "chown 7:8 /tmp; mkdir -p /lib; mkfifo /lib/libnss_evil.so.2;"
    conf = "echo 'passwd: evil\ngroup: evil' > /etc/nsswitch.conf"
    host.run(one, "web", "sh", "-c", f"{trap} {conf}")
    _, tar = download(door, one, "/tmp")
    with tar:
        found = tar.getmember("tmp")
    assert (found.uid, found.gid, found.uname, found.gname) == (7, 8, "", "")
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        item = tarfile.TarInfo("new")
        item.uname, item.uid = "root", 9
        tar.addfile(item)
    assert upload(door, one, "/tmp", made.getvalue()) == 0
    assert host.run(one, "web", "stat", "-c", "%u", "/tmp/new") == "9"


def test_what_leads_out_of_a_container_does_not(host, door, one):
    """Neither a link nor a name in an archive reaches this host."""
    host.run(one, "web", "ln", "-s", "/../../../../../etc", "/tmp/out")
    _, tar = download(door, one, "/tmp/out/")
    with tar:
        assert not [n for n in tar.getnames() if "shadow" in n]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../../../../../tmp/wicked"))
    with contextlib.suppress(Ended):
        upload(door, one, "/tmp", made.getvalue())
    assert not pathlib.Path("/tmp/wicked").exists()


def test_limits_of_copies(host, tmp_path):
    host.start()
    one = host.create(host.container("web"))
    door = Door(host, tmp_path, archives.Limits(max_mb=1, max_copies=1))
    try:
        host.run(one, "web", "sh", "-c", "head -c 3000000 /dev/zero > /tmp/x")
        with pytest.raises(Ended, match="larger than the 1 MiB") as ended:
            download(door, one, "/tmp/x")
        assert ended.value.code == 413
        big = tarfile.TarInfo("y")
        big.size = 3_000_000
        with pytest.raises(Ended) as ended:
            upload(door, one, "/tmp", big.tobuf() + bytes(3_000_000))
        assert ended.value.code == 413
        with door.ask("upload", one, "web", path="/tmp") as stream:
            stream.next("started")
            with pytest.raises(Ended, match="copies for 1 others") as ended:
                download(door, one, "/etc")
            assert ended.value.code == 503
        until(lambda: _downloads(door, one))
    finally:
        door.close()


def _downloads(door, one):
    try:
        download(door, one, "/etc")[1].close()
    except Ended:
        return False
    return True


# Forwarding.


def test_forward_to_ports_of_the_set(host, door):
    """One that listens everywhere, or at the address of the set only."""
    one = host.wanted()
    address = one.nic.address
    one = dataclasses.replace(
        one,
        containers=(
            host.container(
                "a", command=("nc", "-ll", "-p", "81", "-e", "cat")
            ),
            host.container(
                "b", command=("httpd", "-f", "-p", f"{address}:82")
            ),
        ),
    )
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.RUNNING)
    until(lambda: _listens(door, one, 81) and _listens(door, one, 82))
    with door.ask("forward", one, port=81) as stream:
        started = stream.next("started")
        assert started == {"address": "127.0.0.1", "port": 81}
        stream.send(EVERY * 1000)
        assert stream.until(EVERY * 1000)
        stream.tell("eof")
        assert stream.exit_code() == 0
    with door.ask("forward", one, port=82) as stream:
        assert stream.next("started") == {"address": address, "port": 82}
        stream.send(b"GET /none HTTP/1.0\r\n\r\n")
        assert stream.exit_code() == 0
        assert stream.out.startswith(b"HTTP/1.")
    for port, code in ((83, 409), (0, 400), (70000, 400), ("80", 400)):
        with (
            door.ask("forward", one, port=port) as stream,
            pytest.raises(Ended) as ended,
        ):
            stream.next("started")
        assert ended.value.code == code


def _listens(door, one, port):
    try:
        with door.ask("forward", one, port=port) as stream:
            stream.next("started")
    except Ended:
        return False
    return True


# Looks.


def test_stats_are_plausible(host, door):
    busy = "while :; do :; done"
    one = host.create(
        host.container("web", command=("sh", "-c", busy)),
        host.container("idle"),
    )
    until(lambda: _cpu(door, one) > 300_000_000)
    # of the same, in another way; docker stats has nothing of containers
    # that share a network
    busy = door.look("top", one, "web")["processes"]
    found = door.look("stats", one)
    usage = {c["name"]: c["usage"] for c in found["containers"]}
    web = usage["web"]
    spent = sum(p["cpu_seconds"] for p in busy)
    assert spent - 0.1 < web["cpu_ns"] / 1e9 < spent + 1
    assert len(busy) == web["pids"]
    assert web["limit_bytes"] == 64 << 20
    assert web["memory_bytes"] < 8 << 20
    assert 0 < web["working_set_bytes"] <= web["memory_bytes"]
    assert usage["idle"]["cpu_ns"] < web["cpu_ns"]
    whole = found["set"]["usage"]
    assert whole["cpu_ns"] >= web["cpu_ns"]
    assert whole["limit_bytes"] == 64 << 20
    assert whole["pids"] > web["pids"]
    assert set(found["set"]["network"]) == {
        "rx_bytes",
        "rx_packets",
        "tx_bytes",
        "tx_packets",
    }
    only = door.look("stats", one, "idle")
    assert [c["name"] for c in only["containers"]] == ["idle"]


def _cpu(door, one):
    return door.look("stats", one)["set"]["usage"]["cpu_ns"]


def test_traffic_is_counted(host, door, one):
    def traffic():
        return door.look("stats", one)["set"]["network"]

    before = traffic()
    gateway = one.nic.gateway
    host.run(one, "web", "ping", "-c", "3", "-i", "0.2", "-s", "1000", gateway)
    assert traffic()["tx_bytes"] - before["tx_bytes"] > 3000


def test_looks_without_an_engine(own, dockerd):
    host, door = own
    one = host.create()
    # as an agent does when it starts
    door.runtime.info()
    dockerd.freeze()
    try:
        start = time.monotonic()
        assert door.look("stats", one)["set"]["usage"]["pids"] > 0
        assert door.look("top", one, "web")["count"] > 0
        assert time.monotonic() - start < 10
    finally:
        dockerd.thaw()


def test_top(host, door, one):
    script = "sleep 55 & sleep 66; true"
    with door.ask("exec", one, "web", **sh(script, user="65534")) as stream:
        stream.next("started")
        until(lambda: "sleep 66" in processes(door, one))
        found = door.look("top", one, "web")
    assert found["count"] == len(found["processes"])
    assert not found["truncated"]
    by_command = {p["command"]: p for p in found["processes"]}
    shell, sleep = by_command[f"sh -c {script}"], by_command["sleep 55"]
    assert shell["user"] == 65534
    assert sleep["parent"] == shell["pid"]
    first = found["processes"][0]
    assert (first["pid"], first["parent"], first["user"]) == (1, 0, 0)
    # as they are counted inside
    assert (
        host.run(one, "web", "cat", "/proc/1/comm")
        == first["command"][:100].split()[0].rsplit("/", 1)[-1]
    )


def test_diff(host, door, one):
    host.run(
        one,
        "web",
        "sh",
        "-c",
        "echo x > /etc/new; rm /bin/yes",
    )
    found = door.look("diff", one, "web")
    assert not found["truncated"]
    assert len(found["changes"]) < 50
    changes = {c["path"]: c["kind"] for c in found["changes"]}
    assert changes["/etc/new"] == "added"
    assert changes["/etc"] == "modified"
    assert changes["/bin/yes"] == "deleted"
    host.run(
        one,
        "web",
        "sh",
        "-c",
        "cd /tmp; seq 1 20000 | sed 's/.*/a-long-name-of-a-file-of-no-use-&/'"
        " | xargs touch",
    )
    found = door.look("diff", one, "web")
    assert found["truncated"]
    assert 5_000 < len(found["changes"]) < 20_000


def test_inspect_tells_nothing_of_the_host(host, door):
    one = host.create(
        host.container(
            "web",
            env={"A": "b"},
            mounts=(spec.Mount("/data", "d"),),
            memory_percent=50,
            tty=True,
        )
    )
    found = door.look("inspect", one, "web")
    assert (found["id"], found["name"]) == ("id-web", "web")
    assert found["state"]["running"]
    assert "A=b" in found["config"]["env"]
    assert found["config"]["tty"]
    assert {m["target"]: m["read_only"] for m in found["mounts"]}[
        "/data"
    ] is False
    assert found["limits"]["memory_bytes"] == 32 << 20
    there = host.containers(one)
    said = json.dumps(found)
    for secret in (
        there["web"]["Id"],
        there["infra"]["Id"],
        str(there["web"]["State"]["Pid"]),
        str(host.options["agent.state_path"]),
        str(host.options["docker.cgroup_root"]),
        str(host.options["agent.deployment"]),
        "/var/lib",
        "caas.",
    ):
        assert secret not in said.replace(there["web"]["Image"], ""), secret


# The agent goes.


def test_what_a_killed_agent_left_is_ended_by_the_next(host, door, one):
    """And what somebody else runs in the container is not."""
    web = host.containers(one)["web"]["Id"]
    other = host.api.exec_create(web, ["sleep", "44"])
    host.api.exec_start(other["Id"], detach=True)
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        # in a process of its own, which goes without a word
        pool.apply_async(exec_and_wait, (host.options, web))
        until(lambda: "sleep 33" in processes(door, one))
        pool.terminate()
    with door.ask("exec", one, "web", command=["sleep", "22"]) as stream:
        stream.next("started")
        asyncio.run(door.runtime.end_left())
        assert sorted(processes(door, one)[-2:]) == ["sleep 22", "sleep 44"]
        stream.tell("signal", "TERM")
        assert stream.exit_code() == 143


def exec_and_wait(options, runtime_id):
    async def run():
        runtime = DockerRuntime(process.configuration(options))
        command = base.Command(("sleep", "33"), tty=True, stdin=True)
        await runtime.exec(runtime_id, command)
        await asyncio.Event().wait()

    asyncio.run(run())
