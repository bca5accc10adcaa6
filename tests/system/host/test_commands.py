"""What is seen of sets from the host they are on."""

import dataclasses
import json
import os
import pathlib
import pty
import secrets
import select
import signal
import subprocess
import termios
import time

import pytest

from caas.drivers.image.base import reference
from caas.drivers.runtime import infra
from caas.model import spec
from caas.model.states import Phase
from tests.system.agent.host import until
from tests.system.drivers.conftest import BUSYBOX
from tests.system.host.conftest import arguments


@pytest.fixture
def one(host):
    """A set of two business containers."""
    host.start()
    return host.create(
        host.container("web", env={"COLOUR": "dark red"}, user="7:8"),
        host.container("db"),
    )


def pid_of(host, one, name):
    return host.containers(one)[name]["State"]["Pid"]


def test_ps_shows_what_there_is(host, one, run):
    done = run(host.options, "ps")
    assert done.returncode == 0, done.stderr
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header[:2] == ["SET", "SET"]
    assert [row[2] for row in rows] == ["infra", "db", "web"]
    for row in rows:
        assert row[:2] == [one.name, one.id]
        assert row[4:7] == [
            "running",
            str(pid_of(host, one, row[2])),
            one.nic.address,
        ]
        assert float(row[7]) >= 0
        assert float(row[8]) > 0


def test_ps_as_json_of_one_set(host, one, run):
    other = host.create()
    (found,) = json.loads(run(host.options, "ps", "--json", one.id).stdout)
    assert found["id"] == one.id != other.id
    assert found["address"] == one.nic.address
    assert {c["name"] for c in found["containers"]} == {"infra", "web", "db"}


def test_nobody_needs_the_agent(host, one, run):
    host.stop()
    done = run(host.options, "ps", one.name)
    assert [line.split()[2] for line in done.stdout.splitlines()[1:]] == [
        "infra",
        "db",
        "web",
    ]
    assert run(host.options, "ip", one.name).stdout.strip() == (
        one.nic.address
    )


def test_another_deployment_is_not_shown(host, one, run):
    options = {**host.options, "agent.deployment": "another"}
    options["agent.state_path"] += "-other"
    done = run(options, "ps")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert run(options, "ip", one.id).returncode == 1


def test_what_a_container_may_be_called(host, one, run):
    there = host.containers(one)["web"]
    for name in (
        "web",
        "id-web",
        there["Id"],
        there["Id"][:12],
        there["Name"].lstrip("/"),
        f"{one.name}/web",
        f"{one.id}/web",
        f"web.{one.name}",
    ):
        done = run(host.options, "pid", name)
        assert done.stdout == f"{there['State']['Pid']}\n", name
        assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_clear_is_asked_for(host, one, run):
    done = run(host.options, "pid", one.name)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"db.{one.name}, web.{one.name}" in done.stderr
    done = run(host.options, "pid", "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing on this host is called 'nothing'" in done.stderr


def test_in_it_is_as_the_container_is(host, one, run):
    done = run(
        host.options,
        *("enter", "web", "--", "sh", "-c"),
        'echo "$COLOUR $(id -u):$(id -g) $(hostname)"; echo no >&2; exit 7',
    )
    assert done.stdout == f"dark red 7:8 {one.hostname}\n"
    assert (done.returncode, done.stderr) == (7, "no\n")
    assert (
        "SECRET"
        not in run({**host.options}, "enter", "web", "--", "env").stdout
    )


def test_no_byte_is_lost_either_way(host, one, run):
    text = secrets.token_hex(1 << 20)
    done = run(host.options, "enter", "db", "--", "cat", input=text)
    assert done.stdout == text
    # one that takes nothing does not hold it up
    done = run(host.options, "enter", "db", "--", "true", input=text)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_shell_reads_what_it_is_given(host, one, run):
    done = run(host.options, "enter", "db", input="echo $((6 * 7))\nexit 3\n")
    assert (done.returncode, done.stdout) == (3, "42\n")


def test_nobody_enters_infra_and_it_is_noted(host, one, run):
    done = run(host.options, "enter", f"{one.name}/infra", "--", "true")
    assert done.returncode == 126
    assert "nobody can enter it" in done.stderr
    run(host.options, "enter", "web", "--", "true")
    if pathlib.Path("/dev/log").exists():
        return
    path = pathlib.Path(host.options["agent.state_path"], "entries.log")
    refused, entered, left = path.read_text().splitlines()
    assert path.stat().st_mode & 0o77 == 0
    assert f"refused to enter container infra of set {one.id}" in refused
    assert "'alice' as root (uid 0) enters container web" in entered
    assert left.endswith("exit code 0")


def test_what_cannot_be_run_is_told(host, one, run):
    done = run(host.options, "enter", "web", "--", "nonesuch")
    assert (done.returncode, done.stdout) == (127, "")
    assert "The container cannot be entered" in done.stderr
    assert "OCI" not in done.stderr


def test_an_image_without_a_shell(host, run):
    digest = f"sha256:{secrets.token_hex(32)}"
    name, _, tag = reference(digest).rpartition(":")
    data = infra.archive(pathlib.Path(BUSYBOX).read_bytes())
    host.api.import_image_from_data(data, repository=name, tag=tag)
    try:
        host.start()
        bare = host.container("bare", command=("/bin/busybox", "sleep", "99"))
        image = spec.ImageRef("bare:1", "bare-id", digest, "bare:1")
        host.create(
            dataclasses.replace(
                bare, spec=dataclasses.replace(bare.spec, image=image)
            )
        )
        done = run(host.options, "enter", "bare")
        assert done.returncode == 127
        assert "There is no shell in the image" in done.stderr
        host.delete_all()
    finally:
        host.api.remove_image(reference(digest), force=True)


class Terminal:
    """caas-host at a terminal of its own."""

    def __init__(self, arguments, size):
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, size)
        self._slave = slave
        self.process = subprocess.Popen(
            arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        self.said = ""

    def type(self, text):
        os.write(self._master, text.encode())

    def until(self, text):
        end = time.monotonic() + 30
        while text not in self.said:
            left = end - time.monotonic()
            assert left > 0, self.said
            if select.select([self._master], [], [], left)[0]:
                self.said += os.read(self._master, 4096).decode()

    def resize(self, size):
        termios.tcsetwinsize(self._slave, size)
        self.process.send_signal(signal.SIGWINCH)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def terminal(host, one, tmp_path):
    words = ["enter", "db"]
    found = Terminal([*arguments(tmp_path, host.options), *words], (33, 111))
    try:
        found.until("# ")
        yield found
    finally:
        found.close()


def test_a_terminal(host, one, terminal):
    terminal.type("stty size; echo $TERM-\n")
    terminal.until("33 111")
    terminal.until(f"{os.environ.get('TERM', 'xterm')}-\r\n")
    terminal.resize((44, 122))
    terminal.type("stty size\n")
    terminal.until("44 122")
    # the signal is for what runs in the container
    terminal.type("sleep 1234\n")
    until(lambda: "sleep 1234" in host.run(one, "db", "ps", "-o", "args"))
    terminal.type("\x03")
    terminal.type("exit 5\n")
    assert terminal.process.wait(30) == 5


def test_who_goes_away_leaves_nothing_behind(host, one, terminal):
    terminal.type("echo $((40 + 2))!; exec sleep 4321\n")
    terminal.until("42!")
    until(lambda: "sleep 4321" in host.run(one, "db", "ps", "-o", "args"))
    terminal.process.send_signal(signal.SIGHUP)
    terminal.process.wait(30)
    until(lambda: "sleep 4321" not in host.run(one, "db", "ps", "-o", "args"))


@pytest.fixture
def chatty(host):
    """A set that writes, over several files, and ends.

    Its streams are copied side by side: a second keeps them in order.
    """
    host.options["docker.log_max_size"] = "10k"
    host.start()
    line = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done"
    one = host.wanted(
        host.container(
            "web", command=("sh", "-c", f"{line}; sleep 1; echo oh >&2")
        )
    )
    host.conductor.want(one)
    host.conductor.wait(one, phase=Phase.FINISHED)
    return one


def test_logs(host, chatty, run):
    log = host.containers(chatty)["web"]["LogPath"]
    assert pathlib.Path(f"{log}.1").exists()
    done = run(host.options, "logs", "web")
    assert done.returncode == 0
    assert done.stderr == "oh\n"
    assert done.stdout.splitlines() == [f"line {i}" for i in range(300)]
    done = run(host.options, "logs", "web", "--tail", "3", "-t")
    assert [line.split(" ", 1)[1] for line in done.stdout.splitlines()] == [
        "line 298",
        "line 299",
    ]


def test_logs_are_followed_to_the_end_of_the_container(host, run):
    host.start()
    host.create(
        host.container(
            "web",
            command=("sh", "-c", "echo begun; sleep 3; echo ended; exit 1"),
        )
    )
    done = run(host.options, "logs", "web", "-f", "--tail", "10")
    assert done.stdout == "begun\nended\n"


def test_logs_of_what_it_was_before(host, run):
    host.start()

    def web(word):
        command = ("sh", "-c", f"echo {word}; exec sleep 1000")
        return host.container("web", command=command)

    one = host.create(web("first"))
    before = host.containers(one)["web"]["Id"]
    until(lambda: run(host.options, "logs", "web").stdout == "first\n")
    host.change(one, containers=(web("second"),))
    until(lambda: host.containers(one).get("web", {}).get("Id") != before)
    until(lambda: run(host.options, "logs", "web").stdout.count("\n") == 2)
    host.stop()
    done = run(host.options, "logs", "web")
    assert (done.stdout, done.stderr) == ("first\nsecond\n", "")
    assert run(host.options, "logs", "web", "--tail", "1").stdout == "second\n"
