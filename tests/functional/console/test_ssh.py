"""The SSH gateway, with the real OpenSSH client."""

import asyncio
import http.server
import os
import pathlib
import random
import select
import socket
import subprocess
import termios
import threading
import time
import urllib.request
from collections.abc import Iterator

import asyncssh
import pytest

from caas.console.ssh_access import DENIED
from tests.functional.console.gateway import Gateway, free_port
from tests.functional.service import Service


@pytest.fixture
def service(
    tmp_path: pathlib.Path,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Service]:
    made = Service(tmp_path, migrated_url, monkeypatch)
    made.image("app:1")
    made.flavor()
    yield made
    made.stop()


@pytest.fixture
def settings() -> dict[str, float]:
    return {}


@pytest.fixture
def gateway(
    service: Service, tmp_path: pathlib.Path, settings: dict[str, float]
) -> Iterator[Gateway]:
    made = Gateway(service, tmp_path, **settings)
    yield made
    made.stop()


def test_a_command(gateway: Gateway) -> None:
    set_id = gateway.set()
    key = gateway.key()
    done = gateway.ssh(key, "web", "echo out; echo err >&2; exit 7")
    assert (done.code, done.out, done.err) == (7, b"out\n", "err\n")
    done = gateway.ssh(key, set_id, "exit 0")
    assert (done.code, done.out, done.err) == (0, b"", "")
    # as the record has it
    answer = gateway.service.request("GET", "/v1/sessions?sort_dir=asc")
    [first, _] = answer.json["sessions"]
    assert first["user_id"] == "u1"
    assert first["exit_code"] == 7
    assert (first["status"], first["result"]) == ("ENDED", "success")


def test_bytes_are_not_touched(gateway: Gateway) -> None:
    gateway.set()
    data = random.Random(7).randbytes(3 << 20)
    done = gateway.ssh(gateway.key(), "web", "cat", stdin=data)
    assert done.out == data
    assert done.code == 0


def test_sftp_is_passed_on(gateway: Gateway) -> None:
    gateway.set()
    data = random.Random(8).randbytes(1 << 20)
    key = gateway.key()
    done = gateway.ssh(key, "web", "sftp", stdin=data, options=("-s",))
    assert done.out == data


@pytest.mark.parametrize(
    ("command", "verb"),
    [
        ("scp -t /tmp/a", "sftp"),
        ("scp -v -r -p -d -t /tmp/a b", "sftp"),
        ("scp -pf /tmp/a", "sftp"),
        ("scp a b", "exec"),
        ("scp --help", "exec"),
        ("scpx -t /tmp/a", "exec"),
    ],
)
def test_scp_of_old(gateway: Gateway, command: str, verb: str) -> None:
    """Its own protocol is spoken where SFTP is, as images have no scp."""
    gateway.set()
    gateway.ssh(gateway.key(), "web", command)
    answer = gateway.service.request("GET", "/v1/sessions")
    [session] = answer.json["sessions"]
    assert session["verb"] == verb
    assert session["arguments"].get("scp") == (
        command if verb == "sftp" else None
    )


def test_environment(gateway: Gateway) -> None:
    gateway.set()
    said = (
        "-oSetEnv=LC_ALL=C.UTF-8 LANG=de_DE.UTF-8 LD_PRELOAD=/x "
        "LC_TIME=$(id) CAAS_REASON=ticket-12"
    )
    done = gateway.ssh(gateway.key(), "web", "env", options=(said,))
    lines = done.out.decode().splitlines()
    assert {"LC_ALL=C.UTF-8", "LANG=de_DE.UTF-8"} <= set(lines)
    assert not [
        line
        for line in lines
        if line.startswith(("LD_", "LC_TIME", "CAAS", "TERM"))
    ]
    answer = gateway.service.request("GET", "/v1/sessions")
    assert answer.json["sessions"][0]["reason"] == "ticket-12"


def test_a_terminal(gateway: Gateway) -> None:
    """A shell with a size that changes, and bytes as they are."""
    gateway.set()
    command = gateway.command(gateway.key(), "web")
    command.insert(1, "-tt")
    terminal = Terminal(command, 100, 40)
    try:
        terminal.say("stty size; echo $TERM; echo a''b")
        terminal.see(b"40 100")
        terminal.see(b"xterm-256color")
        terminal.see(b"ab")
        terminal.resize(61, 17)
        terminal.say("until stty size | grep '17 61'; do sleep 0.1; done")
        terminal.see(b"17 61\r")
        terminal.say("exit 5")
        assert terminal.process.wait(20) == 5
    finally:
        terminal.close()


class Terminal:
    """A command at a terminal of its own, and who sits there."""

    def __init__(self, command: list[str], width: int, height: int) -> None:
        self._ours, theirs = os.openpty()
        self.resize(width, height)
        self.process = subprocess.Popen(
            # with this its terminal tells it of a new size
            ["setsid", "--ctty", "--wait", *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(theirs)
        self._seen = b""

    def close(self) -> None:
        os.close(self._ours)
        self.process.kill()
        self.process.wait()

    def resize(self, width: int, height: int) -> None:
        termios.tcsetwinsize(self._ours, (height, width))

    def say(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def see(self, wanted: bytes, seconds: float = 20) -> None:
        """Read until it comes, and no further."""
        end = time.monotonic() + seconds
        while wanted not in self._seen:
            left = end - time.monotonic()
            assert left > 0, f"waited for {wanted!r}, got {self._seen!r}"
            if select.select([self._ours], [], [], left)[0]:
                self._seen += os.read(self._ours, 4096)
        self._seen = self._seen.partition(wanted)[2]


BOTH = [
    {"name": "app", "image": "app:1", "index": 5},
    {"name": "side", "image": "app:1", "index": 1},
]


def test_which_container(gateway: Gateway) -> None:
    """The first by Index, or the one that is named."""
    set_id = gateway.set(name="a.b", containers=BOTH)
    key = gateway.key()
    for wanted in ("a.b", "app.a.b", "side.a.b", f"app.{set_id}"):
        assert gateway.ssh(key, wanted, "true").code == 0
    answer = gateway.service.request("GET", "/v1/sessions?sort_dir=asc")
    names = [each["container"] for each in answer.json["sessions"]]
    assert names == ["side", "app", "side", "app"]


def test_a_stranger(gateway: Gateway, tmp_path: pathlib.Path) -> None:
    """Whether there is a set or not, nobody without a key gets further."""
    gateway.set()
    file = tmp_path / "unknown"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True
    )
    said = {gateway.ssh(file, wanted, "true") for wanted in ("web", "none")}
    [done] = {(each.code, each.err.partition("@")[2]) for each in said}
    assert done == (255, "127.0.0.1: Permission denied (publickey).\n")
    event = wait_for_event(gateway, "ssh.login")
    assert event["project_id"] is None
    assert event["details"]["client"] == "127.0.0.1"
    [fingerprint] = event["details"]["fingerprints"]
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", file], capture_output=True, text=True
    )
    assert fingerprint in shown.stdout


def wait_for_event(gateway: Gateway, action: str) -> dict:
    end = time.monotonic() + 20
    while True:
        found = [e for e in gateway.events() if e["action"] == action]
        if found:
            return found[-1]
        assert time.monotonic() < end, f"no event {action}"
        threading.Event().wait(0.05)


@pytest.mark.parametrize(
    "wanted",
    ["web", "none", "app.web", "infra.web", "\u00e9 \u2603", "a" * 400],
)
def test_of_another_project(gateway: Gateway, wanted: str) -> None:
    """The same words, whatever there is."""
    gateway.set()
    key = gateway.key("u2", "manager", "p2")
    done = gateway.ssh(key, wanted, "true")
    assert (done.code, done.out, done.err) == (255, b"", f"{DENIED}\n")
    assert wait_for_event(gateway, "ssh.enter")["project_id"] is None
    forwarded = gateway.ssh(key, wanted, options=("-W", "localhost:80"))
    assert forwarded.code == 255
    assert DENIED in forwarded.err


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("stranger", DENIED),
        ("service", DENIED),
        ("reader", "The policy caas:containers:exec does not allow this to"),
    ],
)
def test_who_may_not(gateway: Gateway, role: str, said: str) -> None:
    gateway.set()
    done = gateway.ssh(gateway.key(role=role), "web", "true")
    assert done.code == 255
    assert said in done.err


def test_disabled(gateway: Gateway) -> None:
    """A user, or the project."""
    gateway.set()
    key = gateway.key()
    for name in ("u1", "p1"):
        gateway.identity.disabled = {name}
        done = gateway.ssh(key, "web", "true")
        assert (done.code, done.err) == (255, f"{DENIED}\n")
    gateway.identity.disabled = set()
    assert gateway.ssh(key, "web", "true").code == 0


def test_a_key_that_was_deleted(gateway: Gateway) -> None:
    gateway.set()
    key = gateway.key()
    gateway.service.request(
        "DELETE", f"/v1/keypairs/{key.name}", token="u1:p1:member"
    )
    assert "Permission denied" in gateway.ssh(key, "web", "true").err


def test_infra_is_refused(gateway: Gateway) -> None:
    set_id = gateway.set()
    done = gateway.ssh(gateway.key(), "infra.web", "true")
    assert done.code == 255
    assert "Nobody enters the infra container" in done.err
    event = wait_for_event(gateway, "container.exec")
    assert event["object_id"] == set_id
    assert event["result"] == "error"
    assert event["user_id"] == "u1"


def test_more_than_one(gateway: Gateway) -> None:
    """Of one name: those of the user's own are told, no others."""
    ids = [gateway.set(), gateway.set()]
    other = gateway.set("u2:p2:member")
    done = gateway.ssh(gateway.key(), "web", "true")
    assert done.code == 255
    assert all(set_id in done.err for set_id in ids)
    assert other not in done.err
    assert gateway.ssh(gateway.key(), ids[1], "true").code == 0


def test_a_key_of_two_users(gateway: Gateway) -> None:
    """A public key is no secret: who adds that of somebody else can neither
    lure them nor shut them out."""
    gateway.set()
    gateway.set("u2:p2:member", name="theirs")
    key = gateway.key()
    public = key.with_suffix(".pub").read_text()
    gateway.service.request(
        "POST",
        "/v1/keypairs",
        {"keypair": {"name": "same", "public_key": public}},
        token="u2:p2:member",
    )
    gateway.identity.roles["u2"] = {"p1": "member", "p2": "member"}
    for wanted in ("web", "theirs"):
        done = gateway.ssh(key, wanted, "true")
        assert done.code == 255
        assert f"log in as USER/{wanted}" in done.err
    assert gateway.ssh(key, "u3/web", "true").code == 255
    for wanted in ("u1/web", "u2/theirs"):
        assert gateway.ssh(key, wanted, "true").code == 0
    answer = gateway.service.request(
        "GET", "/v1/sessions?sort_dir=asc&all_projects=true"
    )
    users = [each["user_id"] for each in answer.json["sessions"]]
    assert users == ["u1", "u2"]


def test_it_does_not_run(gateway: Gateway) -> None:
    gateway.service.create()
    done = gateway.ssh(gateway.key(), "web", "true")
    assert done.code == 255
    assert "is not on a host yet" in done.err


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"page " * 10_000)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_forwarding(gateway: Gateway, page: int) -> None:
    gateway.set()
    local = free_port()
    command = gateway.command(gateway.key(), "web")
    command[1:1] = ["-N", "-L", f"127.0.0.1:{local}:localhost:{page}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(3):
            wait_for_port(local)
            url = f"http://127.0.0.1:{local}/"
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert answer.read() == b"page " * 10_000
    finally:
        process.terminate()
        process.communicate(timeout=20)


def wait_for_port(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            assert time.monotonic() < end
            threading.Event().wait(0.05)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("10.0.0.1:80", "Only ports of the set itself can be forwarded"),
        ("example.org:80", "Only ports of the set itself can be forwarded"),
        ("localhost:1", "Nothing listens at this port."),
    ],
)
def test_forwarding_elsewhere(gateway: Gateway, end: str, said: str) -> None:
    gateway.set()
    done = gateway.ssh(gateway.key(), "web", options=("-W", end))
    assert done.code == 255
    assert said in done.err


def test_forwarding_needs_leave(gateway: Gateway, page: int) -> None:
    gateway.set()
    file = pathlib.Path(gateway.service.conf.oslo_policy.policy_file)
    file.write_text('"caas:containers:forward": "!"\n')
    done = gateway.ssh(
        gateway.key(), "web", options=("-W", f"localhost:{page}")
    )
    assert "caas:containers:forward" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ("-R", "127.0.0.1:0:localhost:80"),
        ("-oExitOnForwardFailure=yes", "-R", "0:localhost:80"),
        ("-R", "/tmp/never:localhost:80"),
    ],
)
def test_nothing_listens_here(
    gateway: Gateway, options: tuple[str, ...]
) -> None:
    gateway.set()
    done = gateway.ssh(
        gateway.key(),
        "web",
        "true",
        options=("-oExitOnForwardFailure=yes", *options),
    )
    assert done.code == 255
    assert "forward" in done.err


def test_no_other_subsystem(gateway: Gateway) -> None:
    gateway.set()
    done = gateway.ssh(gateway.key(), "web", "netconf", options=("-s",))
    assert done.code == 255
    assert "subsystem request failed" in done.err


def test_no_agent_and_no_x11(gateway: Gateway) -> None:
    gateway.set()
    done = gateway.ssh(
        gateway.key(),
        "web",
        'echo "[$SSH_AUTH_SOCK$DISPLAY]"',
        options=("-A", "-X"),
    )
    assert done.out == b"[]\n"


@pytest.mark.parametrize("settings", [{"idle": 0.5}])
def test_idle(gateway: Gateway) -> None:
    """Nothing moves in a session; nothing is done on a connection."""
    gateway.set()
    key = gateway.key()
    done = gateway.ssh(key, "web", "sleep 60")
    assert done.code == 255
    assert "Nothing has moved for 0.5 s" in done.err
    done = gateway.ssh(key, "web", options=("-N",))
    assert done.code == 255


@pytest.mark.parametrize("settings", [{"login_time": 0.5}])
def test_time_to_sign_in(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as sock:
        sock.sendall(b"SSH-2.0-slow\r\n")
        said = b""
        while data := sock.recv(4096):
            said += data
    assert said.startswith(b"SSH-2.0-caas\r\n")


@pytest.mark.parametrize("settings", [{"max_startups_per_address": 2}])
def test_connections_nobody_signs_in_on(gateway: Gateway) -> None:
    gateway.set()
    key = gateway.key()
    held = []
    for _ in range(2):
        sock = socket.create_connection(("127.0.0.1", gateway.port), 20)
        assert sock.recv(4) == b"SSH-"
        held.append(sock)
    assert gateway.ssh(key, "web", "true").code == 255
    for sock in held:
        sock.close()
    end = time.monotonic() + 20
    while gateway.ssh(key, "web", "true").code:
        assert time.monotonic() < end


@pytest.mark.parametrize("settings", [{"max_sessions": 1}])
def test_sessions_of_a_connection(gateway: Gateway) -> None:
    gateway.set()
    control = gateway.folder / "control"
    command = gateway.command(gateway.key(), "web", "cat")
    command[1:1] = ["-M", "-S", str(control)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(b"x\n")
        first.stdin.flush()
        assert first.stdout.readline() == b"x\n"
        done = gateway.ssh(
            gateway.key(), "web", "true", options=("-S", str(control))
        )
        assert "Session open refused by peer" in done.err
        first.stdin.close()
        assert first.wait(20) == 0


def test_a_client_that_vanishes(gateway: Gateway) -> None:
    """What it ran is ended, and the session noted as over."""
    gateway.set()
    mark = f"{time.time_ns()}"
    command = gateway.command(gateway.key(), "web", f"echo; exec sleep {mark}")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        process.kill()
    end = time.monotonic() + 20
    while subprocess.run(["pgrep", "-f", f"^sleep {mark}"]).returncode == 0:
        assert time.monotonic() < end
        threading.Event().wait(0.05)
    event = wait_for_event(gateway, "container.exec")
    while event["result"] == "accepted":
        assert time.monotonic() < end
        event = wait_for_event(gateway, "container.exec")
    assert event["reason"] == "The client went away."


def test_a_slow_reader_stops_the_writer(gateway: Gateway) -> None:
    """Not the gateway's memory takes what nobody reads."""
    gateway.set()
    file = gateway.folder / "count"
    script = (
        f"i=0; while [ $i -lt 400 ]; do head -c 262144 /dev/zero; "
        f"i=$((i+1)); echo $i >{file}; done"
    )
    command = gateway.command(gateway.key(), "web", script)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            seen = -1
            for _ in range(100):
                threading.Event().wait(0.3)
                now = int(file.read_text() or 0) if file.exists() else 0
                if now and now == seen:
                    break
                seen = now
            # 100 MiB are to come; what is on the way is far less
            assert 0 < seen < 200
            assert process.stdout is not None
            assert len(process.stdout.read()) == 400 * 262144
            assert process.wait(20) == 0
        finally:
            process.kill()


async def _many(gateway: Gateway, key: pathlib.Path) -> list[int]:
    async with asyncssh.connect(
        "127.0.0.1",
        gateway.port,
        username="web",
        client_keys=[str(key)],
        known_hosts=None,
        config=None,
    ) as connection:
        done = await asyncio.gather(
            *(connection.run("echo hello", check=False) for _ in range(10))
        )
        assert all(each.stdout == "hello\n" for each in done)
        process = await connection.create_process("exec sleep 60")
        process.send_signal("TERM")
        ended = await asyncio.wait_for(process.wait(), 20)
        return [ended.exit_status]


def test_another_client(gateway: Gateway) -> None:
    """One that sends signals, and asks for much at once."""
    gateway.set()
    assert asyncio.run(_many(gateway, gateway.key())) == [143]


def test_the_gateway_goes(service: Service, tmp_path: pathlib.Path) -> None:
    """Its clients are told, and nothing stays."""
    gateway = Gateway(service, tmp_path)
    gateway.set()
    command = gateway.command(gateway.key(), "web", "echo; sleep 60")
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
    finally:
        gateway.stop()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 255
    assert "The proxy that served it ended." in said
    answer = service.request("GET", "/v1/sessions")
    assert answer.json["sessions"][0]["status"] == "ENDED"
