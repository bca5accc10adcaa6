"""Looking inside sets of the stack, by the command line and the SDK."""

import contextlib
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from caasclient.sdk.streams import Data, Stream, StreamError

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.conftest import Stack

#: Seconds within which a client has to learn that its stream is lost.
SOON = 5.0


@pytest.fixture(scope="module")
def one(cloud: Cloud) -> Iterator[dict[str, Any]]:
    """A set that runs."""
    with cloud.sets() as made:
        yield made[0]


def _terminal(
    stack: Stack, *args: str
) -> "tuple[subprocess.Popen[bytes], int]":
    """The CLI with a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [stack.path / "venv" / "bin" / "openstack", *args],
        env={
            "PATH": os.environ["PATH"],
            "OS_CLIENT_CONFIG_FILE": str(stack.path / "clouds.yaml"),
            "OS_CLOUD": "caas-demo",
            "COLUMNS": "91",
            "LINES": "37",
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


def _expect(terminal: int, wanted: bytes, seconds: float = 60) -> bytes:
    seen = b""
    end = time.monotonic() + seconds
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], 1)
        assert time.monotonic() < end, seen
        if ready:
            with contextlib.suppress(OSError):
                seen += os.read(terminal, 4096)
    return seen


def test_a_shell_with_a_terminal(
    stack: Stack, cloud: Cloud, one: dict[str, Any]
) -> None:
    """It is recorded, and can be replayed by who manages the project."""
    name = one["name"]
    process, terminal = _terminal(
        stack,
        *("caas", "container", "exec", "-it", "--record", "--reason", "INC-1"),
        *(name, "app", "--", "sh"),
    )
    try:
        _expect(terminal, b"# ")
        # only the shell puts the parts together
        os.write(terminal, b"echo re''corded; stty size\r")
        _expect(terminal, b"37 91")
        os.write(terminal, b"exit 7\r")
        assert process.wait(30) == 7
    finally:
        process.kill()
        os.close(terminal)
    [session] = [
        s
        for s in cloud.connection.caas.sessions(set_id=one["id"])
        if s.verb == "exec" and s.recorded
    ]
    wait_for(
        "the session to end",
        lambda: (
            cloud.connection.caas.get_session(session.id).status == "ENDED"
        ),
    )
    ended = cloud.connection.caas.get_session(session.id)
    assert (ended.exit_code, ended.reason) == (7, "INC-1")
    shown = stack.openstack_raw(
        *("caas", "session", "replay", session.id, "--asciicast"),
        cloud="caas-admin",
    )
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert lines[0]["version"] == 2
    assert "recorded" in "".join(line[2] for line in lines[1:])
    replayed = stack.openstack_raw(
        *("caas", "session", "replay", session.id, "--speed", "100"),
        cloud="caas-admin",
    )
    assert "recorded" in replayed.stdout


def test_logs_go_on_over_an_update(cloud: Cloud) -> None:
    def writing(word: str) -> list[str]:
        return ["sh", "-c", f"while :; do echo {word}; sleep 0.1; done"]

    container = {
        "name": "app",
        "image": "quickstart:1",
        "command": writing("old"),
    }
    caas = cloud.connection.caas
    with cloud.sets(containers=[container]) as [made]:
        seen: list[bytes] = []
        with caas.logs(made["id"], "app", follow=True) as stream:
            reader = threading.Thread(target=_collect, args=(stream, seen))
            reader.start()
            wait_for("old lines", lambda: b"old" in b"".join(seen))
            caas.wait_for_change(
                caas.update_container(
                    made["id"], "app", command=writing("new")
                )
            )
            wait_for("new lines", lambda: b"new" in b"".join(seen))
            stream.leave()
            reader.join(10)
        live = b"".join(seen).split()
        assert live == sorted(live, reverse=True)
        with caas.logs(made["id"], "app") as stream:
            after = stream.read().split()
        assert after[: len(live)] == live


def _collect(stream: Stream, seen: list[bytes]) -> None:
    with contextlib.suppress(StreamError):
        seen.extend(e.data for e in stream if isinstance(e, Data))


@pytest.fixture
def shell(cloud: Cloud, one: dict[str, Any]) -> Iterator[Stream]:
    with cloud.connection.caas.exec_container(
        one["id"], "app", ["sh"], stdin=True
    ) as stream:
        stream.send(b"echo ready; sleep 4321\n")
        for each in stream:
            if isinstance(each, Data) and b"ready" in each.data:
                break
        yield stream


@pytest.fixture
def _whole_again(stack: Stack) -> Iterator[None]:
    yield
    if not stack.whole():
        stack.quickstart("start")


def _sleeping(engines: Engines, set_id: str) -> bool:
    """Whether the command of :func:`shell` is still there."""
    for pid in engines.pids(set_id).values():
        for process in _below(pid):
            with contextlib.suppress(OSError):
                words = pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
                if b"4321" in words:
                    return True
    return False


def _below(pid: int) -> Iterator[str]:
    """All of the cgroup of a process."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, kind, path = line.split(":", 2)
        file = pathlib.Path(f"/sys/fs/cgroup/{kind}{path}/cgroup.procs")
        if file.exists():
            yield from file.read_text("ascii").split()


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("_whole_again")
@pytest.mark.parametrize("victim", ["caas-console", "caas-agent"])
def test_a_killed_process_is_noticed_and_nothing_is_left(
    stack: Stack,
    cloud: Cloud,
    admin: Cloud,
    engines: Engines,
    one: dict[str, Any],
    shell: Stream,
    victim: str,
) -> None:
    if victim == "caas-agent" and stack.settings["QUICKSTART_HOSTS"] != "0":
        found = admin.show(one["id"])
        assert found is not None
        victim += f"-{found['host'].rpartition('-')[2]}"
    began = time.monotonic()
    os.kill(stack.pid(victim), signal.SIGKILL)
    with pytest.raises(StreamError):
        list(shell)
    assert time.monotonic() - began < SOON
    stack.quickstart("start", victim)
    wait_for(
        "the command to be ended", lambda: not _sleeping(engines, one["id"])
    )

    def ended() -> bool:
        found = cloud.connection.caas.get_session(shell.session_id)
        return bool(found.status == "ENDED" and found.result == "error")

    wait_for("the session to be ended", ended)


def test_a_client_that_vanishes_leaves_nothing(
    engines: Engines, one: dict[str, Any], shell: Stream
) -> None:
    assert _sleeping(engines, one["id"])
    shell.leave()
    wait_for(
        "the command to be ended", lambda: not _sleeping(engines, one["id"])
    )


def test_a_token_of_somebody_else_is_refused(
    cloud: Cloud, admin: Cloud, one: dict[str, Any]
) -> None:
    """Even an administrator cannot use the one that was given to a user."""
    answer = cloud.http.post(
        f"/sets/{one['id']}/containers/app/exec",
        json={"session": {"command": ["id"]}},
    )
    session = answer.json()["session"]

    def come(token: str) -> Callable[[], Stream]:
        return lambda: Stream.open(session, token, None)

    with pytest.raises(StreamError, match="not good") as caught:
        come(admin.http.get_token())()
    assert caught.value.code == 403
    with come(cloud.http.get_token())() as stream:
        assert b"uid=0" in stream.read()
    with pytest.raises(StreamError, match="not good"):
        come(cloud.http.get_token())()
    refused = list(
        cloud.connection.caas.events(one["id"], action="session.refused")
    )
    assert {"another user", "used before"} == {
        " ".join(e.reason.rstrip(".").split()[-2:]) for e in refused
    }


def test_a_token_that_keystone_does_not_know(stack: Stack) -> None:
    """Is no outage of Keystone."""
    port = stack.settings["QUICKSTART_CAAS_PORT"]
    answer = requests.get(
        f"http://127.0.0.1:{port}/v1/sets",
        headers={"X-Auth-Token": "gAAAA-none"},
        timeout=30,
    )
    assert answer.status_code == 401


def test_nobody_enters_infra(stack: Stack, one: dict[str, Any]) -> None:
    """F12: by its name or id, whoever asks."""
    [infra] = [c for c in one["containers"] if c["role"] == "infra"]
    for ident in ("infra", infra["id"]):
        done = stack.openstack_raw(
            *("caas", "container", "exec", one["name"], ident, "--", "id"),
        )
        assert done.returncode == 1
        assert "HTTP 403" in done.stderr
    listed = stack.openstack(
        *("caas", "event", "list", "--set", one["name"]),
        *("--container", "infra", "--action", "container.exec"),
        *("--result", "error"),
    )
    assert len(listed) == 2


def test_a_port_of_the_set(cloud: Cloud) -> None:
    container = {
        "name": "app",
        "image": "quickstart:1",
        "command": ["sh", "-c", "exec httpd -f -p 80 -h /etc"],
    }
    with (
        cloud.sets(containers=[container]) as [made],
        cloud.connection.caas.forward(made["id"], "app", 80) as stream,
    ):
        stream.send(b"GET /hostname HTTP/1.0\r\n\r\n")
        assert stream.read().strip().endswith(made["name"].encode())
