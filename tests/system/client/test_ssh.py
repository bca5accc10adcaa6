"""Sets of the stack by the real ssh, scp and sftp."""

import contextlib
import hashlib
import os
import pathlib
import random
import select
import socket
import subprocess
import termios
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator

import pytest

from caas.console.ssh_access import DENIED
from tests.system.cloud import Cloud, wait_for
from tests.system.conftest import Stack

HTTPD = "echo hello >/tmp/index.html; exec httpd -f -p 80 -h /tmp"
CONTAINERS = [
    {
        "name": "app",
        "image": "quickstart:1",
        "index": 2,
        "command": ["sleep", "3600"],
    },
    {
        "name": "web",
        "image": "quickstart:1",
        "index": 1,
        "command": ["sh", "-c", HTTPD],
    },
]


class Client:
    """The programs of OpenSSH, with one key, for one gateway."""

    def __init__(self, stack: Stack, folder: pathlib.Path) -> None:
        self.key = folder / f"key-{uuid.uuid4().hex[:8]}"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key],
            check=True,
        )
        self.port = stack.settings["QUICKSTART_SSH_PORT"]
        host_key = (stack.path / "etc/ssh_host_key.pub").read_text()
        known = folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.port} {host_key}")
        options = {
            "IdentityFile": str(self.key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "UserKnownHostsFile": str(known),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "ExitOnForwardFailure": "yes",
        }
        self._options = ["-F", "none"]
        self._options += [f"-o{k}={v}" for k, v in options.items()]

    def command(self, wanted: str, *args: str, more: str = "") -> list[str]:
        return [
            *("ssh", "-p", self.port, "-l", wanted, *self._options),
            *(more.split()),
            *("127.0.0.1", *args),
        ]

    def ssh(
        self, wanted: str, *args: str, stdin: bytes = b"", more: str = ""
    ) -> tuple[int, bytes, str]:
        """:returns: exit code, output, and what was said beside it."""
        done = subprocess.run(
            self.command(wanted, *args, more=more),
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.decode()

    def copy(self, *args: str) -> subprocess.CompletedProcess[str]:
        """``scp``; names of places begin with what :meth:`at` gives."""
        return subprocess.run(
            ["scp", "-q", "-P", self.port, *self._options, *args],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def sftp(
        self, wanted: str, batch: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *("sftp", "-q", "-b", "-", "-P", self.port, *self._options),
                self.at(wanted),
            ],
            input=batch,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def at(self, wanted: str) -> str:
        return f"{wanted}@127.0.0.1"


@contextlib.contextmanager
def registered(
    cloud: Cloud, client: Client, remove: Callable[[str], object] | None = None
) -> Iterator[None]:
    """The key is one of the user's.

    :param remove: takes it away by its path, if the user may not any more.
    """
    public = client.key.with_suffix(".pub").read_text()
    body = {"name": client.key.name, "public_key": public}
    answer = cloud.http.post("/keypairs", json={"keypair": body})
    assert answer.status_code == 201, answer.text
    try:
        yield
    finally:
        (remove or cloud.http.delete)(f"/keypairs/{client.key.name}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("ssh")


@pytest.fixture(scope="module")
def client(
    stack: Stack, cloud: Cloud, folder: pathlib.Path
) -> Iterator[Client]:
    """With a key of the member of project demo."""
    made = Client(stack, folder)
    with registered(cloud, made):
        yield made


@pytest.fixture(scope="module")
def one(cloud: Cloud) -> Iterator[str]:
    """Name of a set that runs."""
    with cloud.sets(containers=CONTAINERS) as [made]:
        yield made["name"]


def test_a_command(client: Client, one: str) -> None:
    said = client.ssh(one, "echo out; echo err >&2; exit 7")
    assert said == (7, b"out\n", "err\n")
    # the first by Index; another one is named
    assert b"httpd" in client.ssh(one, "cat /proc/1/cmdline")[1]
    assert b"sleep" in client.ssh(f"app.{one}", "cat /proc/1/cmdline")[1]


def test_bytes_are_not_touched(client: Client, one: str) -> None:
    data = random.Random(3).randbytes(2 << 20)
    assert client.ssh(one, "cat", stdin=data) == (0, data, "")


def test_a_session_is_kept(client: Client, cloud: Cloud, one: str) -> None:
    mark = uuid.uuid4().hex
    client.ssh(one, f"echo {mark}; exit 3")

    def found() -> bool:
        sessions = cloud.http.get("/sessions").json()["sessions"]
        return any(
            mark in str(each["arguments"])
            and (each["status"], each["exit_code"]) == ("ENDED", 3)
            for each in sessions
        )

    wait_for("the session to be noted", found, 10)


def test_a_terminal(client: Client, one: str) -> None:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(ours, (40, 100))
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *client.command(one, more="-tt")],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    try:
        os.write(ours, b"stty size; echo $TERM\n")
        _see(ours, b"40 100\r\n")
        _see(ours, b"xterm\r\n")
        termios.tcsetwinsize(ours, (17, 61))
        os.write(ours, b"until stty size | grep '17 61'; do :; done\n")
        _see(ours, b"17 61\r\n")
        os.write(ours, b"exit 5\n")
        assert process.wait(20) == 5
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _see(terminal: int, wanted: bytes) -> None:
    """Read until it comes, a byte at a time to leave what follows."""
    seen = b""
    end = time.monotonic() + 20
    while wanted not in seen:
        left = end - time.monotonic()
        assert left > 0, f"waited for {wanted!r}, got {seen!r}"
        if select.select([terminal], [], [], left)[0]:
            seen += os.read(terminal, 1)


def test_a_client_that_vanishes(client: Client, one: str) -> None:
    """What it ran is ended."""
    seconds = str(random.Random().randrange(10**6, 10**7))
    command = client.command(one, f"echo; exec sleep {seconds}")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        process.kill()

    def ended() -> bool:
        look = f"pgrep -f 'slee[p] {seconds}' || echo none"
        return client.ssh(one, look)[1] == b"none\n"

    wait_for("the command to be ended", ended, 20)


@pytest.mark.parametrize("how", ["-p", "-O"])
def test_scp(client: Client, one: str, folder: pathlib.Path, how: str) -> None:
    """By SFTP, and (``-O``) in the way of old."""
    sent, got = folder / "sent", folder / "got"
    sent.write_bytes(random.Random(4).randbytes(3 << 20))
    there = f"{client.at(one)}:/tmp/there{how}"
    done = client.copy(how, str(sent), there)
    assert done.returncode == 0, done.stderr
    _, out, _ = client.ssh(one, f"sha256sum /tmp/there{how}")
    assert out.split()[0].decode() == _sha256(sent)
    assert client.copy(how, there, str(got)).returncode == 0
    assert got.read_bytes() == sent.read_bytes()


def _sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_sftp(client: Client, one: str, folder: pathlib.Path) -> None:
    sent = folder / "file"
    sent.write_bytes(b"something\n")
    done = client.sftp(
        f"app.{one}",
        f"mkdir /tmp/new\nput {sent} /tmp/new/a\nrename /tmp/new/a "
        f"/tmp/new/b\nget /tmp/new/b {folder}/back\nls -1 /tmp/new\n",
    )
    assert done.returncode == 0, done.stderr
    assert "/tmp/new/b" in done.stdout
    assert (folder / "back").read_bytes() == b"something\n"
    assert client.ssh(f"app.{one}", "cat /tmp/new/b")[1] == b"something\n"


def test_forwarding(client: Client, one: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        local = free.getsockname()[1]
    process = subprocess.Popen(
        client.command(one, more=f"-N -L 127.0.0.1:{local}:localhost:80")
    )

    def page() -> bytes:
        url = f"http://127.0.0.1:{local}/index.html"
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(url, timeout=10) as answer,
        ):
            return bytes(answer.read())
        return b""

    try:
        assert wait_for("the page", page, 20) == b"hello\n"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("-W 10.0.0.1:80", "Only ports of the set itself can be forwarded"),
        ("-W keystone:5000", "Only ports of the set itself can be forwarded"),
        ("-W localhost:81", "listens on port 81"),
        ("-N -R 127.0.0.1:0:localhost:80", "remote port forwarding failed"),
    ],
)
def test_forwarding_that_cannot_be(
    client: Client, one: str, more: str, said: str
) -> None:
    code, _, err = client.ssh(one, more=more)
    assert code == 255
    assert said in err


def test_infra_is_refused(client: Client, cloud: Cloud, one: str) -> None:
    code, _, err = client.ssh(f"infra.{one}", "true")
    assert code == 255
    assert "Nobody enters the infra container" in err


def test_an_unknown_key(
    stack: Stack, admin: Cloud, one: str, folder: pathlib.Path
) -> None:
    stranger = Client(stack, folder)
    code, _, err = stranger.ssh(one, "true")
    assert code == 255
    assert "Permission denied (publickey)" in err
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", stranger.key],
        capture_output=True,
        text=True,
        check=True,
    )
    fingerprint = shown.stdout.split()[1]

    def noted() -> bool:
        answer = admin.http.get(
            "/events?all_projects=true&action=ssh.login&object_type=keypair",
            params={"object_id": fingerprint},
        )
        return len(answer.json()["events"]) == 1

    wait_for("the event", noted, 10)


def test_a_role_that_is_not_enough(
    stack: Stack, one: str, folder: pathlib.Path, cloud: Cloud
) -> None:
    """A reader cannot add a key, and one given to them opens nothing."""
    viewer = Cloud(stack, "caas-viewer")
    body = {"keypair": {"name": "mine"}}
    assert viewer.http.post("/keypairs", json=body).status_code == 403


@pytest.fixture
def somebody(
    stack: Stack, admin: Cloud
) -> Iterator[Callable[[str, str], tuple[str, Cloud]]]:
    """Make users; of each, its id and its view of the cloud."""
    identity = admin.connection.identity
    made: list[str] = []
    clouds: list[Cloud] = []

    def make(project: str, role: str) -> tuple[str, Cloud]:
        name = f"test-{uuid.uuid4().hex[:8]}"
        password = uuid.uuid4().hex
        user = identity.create_user(
            name=name, password=password, domain_id="default"
        )
        made.append(user.id)
        found = identity.find_project(project, ignore_missing=False)
        granted = identity.find_role(role, ignore_missing=False)
        identity.assign_project_role_to_user(found, user, granted)
        cloud = Cloud(stack)
        cloud.connection = _connect(admin, name, password, project)
        cloud.http = cloud.connection.caas
        clouds.append(cloud)
        return user.id, cloud

    yield make
    for user_id in made:
        identity.delete_user(user_id)


def _connect(admin: Cloud, name: str, password: str, project: str):
    import caasclient.sdk

    return caasclient.sdk.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth_type="password",
        region_name="RegionOne",
        auth={
            "auth_url": admin.connection.config.auth["auth_url"],
            "username": name,
            "password": password,
            "project_name": project,
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
    )


def test_another_project(
    stack: Stack, folder: pathlib.Path, one: str, somebody
) -> None:
    """In the same words as what is not there."""
    _, foreigner = somebody("service", "manager")
    client = Client(stack, folder)
    with registered(foreigner, client):
        for wanted in (one, "never-there", f"infra.{one}"):
            assert client.ssh(wanted, "true") == (255, b"", f"{DENIED}\n")


def test_what_keystone_says_counts(
    stack: Stack, folder: pathlib.Path, one: str, admin: Cloud, somebody
) -> None:
    """A role that is taken away, and a user who is disabled."""
    identity = admin.connection.identity
    user_id, cloud = somebody("demo", "member")
    client = Client(stack, folder)

    def remove(path: str) -> None:
        answer = admin.http.delete(f"{path}?user_id={user_id}")
        assert answer.status_code == 204

    with registered(cloud, client, remove):
        assert client.ssh(one, "true")[0] == 0
        demo = identity.find_project("demo", ignore_missing=False)
        member = identity.find_role("member", ignore_missing=False)
        reader = identity.find_role("reader", ignore_missing=False)
        identity.assign_project_role_to_user(demo, user_id, reader)
        identity.unassign_project_role_from_user(demo, user_id, member)

        def says(sentence: str) -> Callable[[], bool]:
            return lambda: sentence in client.ssh(one, "true")[2]

        wait_for("the role to be gone", says("caas:containers:exec"), 30)
        identity.update_user(user_id, is_enabled=False)
        wait_for("the user to be gone", says(DENIED), 30)
