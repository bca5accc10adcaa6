"""Files of containers of a real engine, by a process that enters them."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
import inotify_simple
import pytest
from websockets.exceptions import ConnectionClosed

import caas
from caas.agent.streams import inside
from caas.model.streams import EOF, LARGEST, Channel
from tests.system.agent.client import Client
from tests.system.agent.entrance import Door
from tests.system.agent.host import until
from tests.system.drivers.conftest import (  # noqa: F401 - fixtures
    BUSYBOX,
    busybox_tar,
    image,
    remove_groups,
)

MakeContainer = Callable[..., str]


@pytest.fixture
def pids() -> dict[str, int]:
    """Of the first process of each container that was made."""
    return {}


@pytest.fixture
def door(pids: dict[str, int], tmp_path: pathlib.Path) -> Iterator[Door]:
    door = Door(pids, tmp_path)
    yield door
    door.stop()
    until(lambda: not visitors())


@pytest.fixture(scope="session")
def group(run_id: str) -> Iterator[str]:
    """The parent of all cgroups made here."""
    name = f"caas-files-{run_id}"
    yield name
    remove_groups(name)


@pytest.fixture
def make(
    api: docker.APIClient,
    run_id: str,
    group: str,
    pids: dict[str, int],
    image: str,  # noqa: F811
) -> Iterator[MakeContainer]:
    """Makes containers, and proves that of their cgroups none is left."""
    made: list[str] = []

    def make(
        *command: str,
        image: str = image,
        files: dict[str, tarfile.TarInfo | bytes] | None = None,
        user: str | None = None,
        **options: Any,
    ) -> str:
        host = api.create_host_config(
            init=True,
            network_mode="none",
            security_opt=["no-new-privileges"],
            cgroup_parent=f"/{group}",
            **options,
        )
        found: str = api.create_container(
            image,
            list(command) or ["sleep", "600"],
            user=user,
            host_config=host,
            labels={"caas.deployment": f"test-{run_id}"},
        )["Id"]
        made.append(found)
        if files:
            api.put_archive(found, "/", archive(files))
        api.start(found)
        pids[found] = int(api.inspect_container(found)["State"]["Pid"])
        return found

    yield make
    for container in made:
        with contextlib.suppress(docker.errors.NotFound):
            api.remove_container(container, force=True)
    until(lambda: not [g for c in made for g in cgroups(c)])


def archive(files: dict[str, tarfile.TarInfo | bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, made in files.items():
            if isinstance(made, bytes):
                file = tarfile.TarInfo(name)
                file.size, file.mode = len(made), 0o644
                tar.addfile(file, io.BytesIO(made))
            else:
                made.name = name
                tar.addfile(made)
    return out.getvalue()


def special(kind: bytes, **fields: Any) -> tarfile.TarInfo:
    found = tarfile.TarInfo()
    found.type, found.mode = kind, 0o644
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def cgroups(container: str) -> list[pathlib.Path]:
    # some go while they are looked for
    return [
        pathlib.Path(where, name)
        for where, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if container in name
    ]


def visitors(parent: int | None = None) -> list[int]:
    """Processes that entered a container, or are about to."""
    own = str(os.getpid() if parent is None else parent)
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            command = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[1] == own and b"caas/agent/inside/" in command:
            found.append(int(process.name))
    return found


def _children(pid: int) -> list[str]:
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def pid_of(api: docker.APIClient, container: str) -> int:
    return int(api.inspect_container(container)["State"]["Pid"])


def run(api: docker.APIClient, container: str, script: str) -> str:
    """Run a script in a container, as root."""
    made = api.exec_create(container, ["sh", "-c", script], user="0")
    output: bytes = api.exec_start(made["Id"])
    assert api.exec_inspect(made["Id"])["ExitCode"] == 0, output
    return output.decode()


def said(socket: Client) -> dict[str, Any]:
    """The next thing that is no data."""
    while True:
        message = socket.recv()
        if isinstance(message, str):
            found: dict[str, Any] = json.loads(message)
            return found


def error(door: Door, verb: str, container: str, **asked: Any) -> int:
    """The code of the error that there has to be, with its sentence."""
    with door.ask(verb, container, **asked) as socket:
        found = said(socket)
    assert list(found) == ["error"], found
    assert found["error"]["message"].endswith("."), found
    return int(found["error"]["code"])


def listed(
    door: Door, container: str, path: str = "/"
) -> dict[str, dict[str, Any]]:
    with door.ask("files", container, path=path) as socket:
        found = said(socket)
    return {e["name"]: e for e in found["result"]["entries"]}


def put(door: Door, container: str, path: str, data: bytes) -> dict[str, Any]:
    """Upload an archive; what is said at the end."""
    with door.ask("upload", container, path=path) as socket:
        assert said(socket) == {"started": {}}
        # what is refused may have ended by then
        with contextlib.suppress(ConnectionClosed):
            for start in range(0, len(data), LARGEST - 1):
                part = data[start : start + LARGEST - 1]
                socket.send(bytes((Channel.STDIN,)) + part)
            socket.send(json.dumps({EOF: True}))
        return said(socket)


def got(door: Door, container: str, path: str) -> tuple[dict[str, Any], bytes]:
    """What is said of a path, and its archive."""
    parts = []
    with door.ask("download", container, path=path) as socket:
        begun = said(socket)["started"]
        while isinstance(message := socket.recv(), bytes):
            parts.append(message[1:])
    assert json.loads(message) == {"exit": {"exit_code": 0}}
    return begun, b"".join(parts)


class Tailed:
    """What comes of a ``tail``.

    :ivar notices: what was said meanwhile.
    """

    def __init__(self, socket: Client) -> None:
        self._socket = socket
        self.notices: list[str] = []
        self.data = b""
        assert said(socket) == {"started": {}}

    def read(self, until: bytes) -> bytes:
        """Up to and with what it ends with."""
        while not self.data.endswith(until):
            self._take()
        data, self.data = self.data, b""
        return data

    def rest(self) -> dict[str, Any]:
        """Read to the end; the last thing said."""
        while (last := self._take()) is None:
            pass
        return last

    def noticed(self) -> str:
        """The next notice."""
        while not self.notices:
            self._take()
        return self.notices.pop(0)

    def _take(self) -> dict[str, Any] | None:
        message = self._socket.recv()
        if isinstance(message, bytes):
            assert message[0] == Channel.STDOUT
            self.data += message[1:]
            return None
        found: dict[str, Any] = json.loads(message)
        if "notice" in found:
            self.notices.append(found["notice"])
            return None
        return found


@contextlib.contextmanager
def tail(
    door: Door, container: str, path: str, lines: int | None = 10
) -> Iterator[Tailed]:
    with door.ask(
        "tail", container, path=path, lines=lines, follow=True
    ) as socket:
        yield Tailed(socket)


def sftp(
    door: Door, container: str, *commands: str, code: int = 0
) -> tuple[str, str]:
    """What the client of OpenSSH prints, on stdout and stderr."""
    done = subprocess.run(
        ["sftp", "-S", door.ssh(container), "-b", "-", "the-set"],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == code, done
    return done.stdout, done.stderr


def scp(door: Door, container: str, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        ["scp", "-S", door.ssh(container), *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == code, done
    return done.stderr


class TestFiles:
    def test_lists(self, door: Door, make: MakeContainer) -> None:
        container = make(
            files={
                "d/file": b"12345",
                "d/link": special(tarfile.SYMTYPE, linkname="/etc"),
                "d/pipe": special(tarfile.FIFOTYPE),
                "d/null": special(tarfile.CHRTYPE, devmajor=1, devminor=3),
            }
        )
        found = listed(door, container, "/d")
        assert {name: e["type"] for name, e in found.items()} == {
            "file": "file",
            "link": "link",
            "pipe": "other",
            "null": "other",
        }
        assert found["file"]["size"] == 5
        assert found["link"]["target"] == "/etc"
        assert list(listed(door, container, "/d/file")) == ["file"]
        # where it leads within the container
        assert "hostname" in listed(door, container, "/d/link")

    def test_errors(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        container = make(user="1000:1000")
        run(api, container, "mkdir -m 700 /secret; touch /secret/x")
        for path, code in (
            ("/nothing", 404),
            ("/etc/hostname/x", 404),
            ("etc", 400),
            ("/a\0b", 400),
            ("/secret", 403),
            ("/secret/x", 403),
        ):
            assert error(door, "files", container, path=path) == code
        assert error(door, "files", container, path="/", incarnation=2) == 404
        assert error(door, "files", "other", path="/") == 404
        door.sets.paused.add(container)
        assert error(door, "files", container, path="/") == 409
        door.sets.paused.clear()
        api.kill(container)
        api.wait(container)
        assert error(door, "files", container, path="/") == 409

    def test_huge_folders_are_cut(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        container = make()
        run(
            api,
            container,
            "mkdir /huge; cd /huge; seq 1 12000 | xargs touch",
        )
        with door.ask("files", container, path="/huge") as socket:
            found = said(socket)["result"]
        assert found["truncated"] is True
        assert 1000 < len(found["entries"]) <= 10_000

    def test_of_an_image_without_anything(
        self,
        api: docker.APIClient,
        run_id: str,
        door: Door,
        make: MakeContainer,
    ) -> None:
        static = archive({"run": special(tarfile.DIRTYPE, mode=0o755)})
        out = io.BytesIO(static)
        data = pathlib.Path(BUSYBOX).read_bytes()
        with tarfile.open(fileobj=out, mode="a") as tar:
            file = tarfile.TarInfo("busybox")
            file.size, file.mode = len(data), 0o755
            tar.addfile(file, io.BytesIO(data))
        api.import_image_from_data(
            out.getvalue(), repository="caas.test/static", tag=run_id
        )
        name = f"caas.test/static:{run_id}"
        try:
            container = make("/busybox", "sleep", "600", image=name)
            assert listed(door, container)["busybox"]["size"] == len(data)
            assert "busybox" in sftp(door, container, "ls /")[0]
            with tail(door, container, "/etc/hosts", None) as tailed:
                assert tailed.read(b"ip6-allrouters\n")
            api.remove_container(container, force=True)
        finally:
            api.remove_image(name, force=True)

    def test_while_it_is_deleted(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        container = make()
        removal = threading.Thread(
            target=api.remove_container,
            args=(container,),
            kwargs={"force": True},
        )
        removal.start()
        try:
            codes = set()
            while removal.is_alive():
                with door.ask("files", container, path="/") as socket:
                    found = said(socket)
                codes.add(found.get("error", {}).get("code", 0))
            assert error(door, "files", container, path="/") == 409
        finally:
            removal.join()
        assert codes <= {0, 409}

    def test_no_more_processes_left(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        # the init process and its child
        container = make(pids_limit=2)
        first = pid_of(api, container)
        until(lambda: len(_children(first)) == 1)
        assert "bin" in listed(door, container)
        assert "bin" in sftp(door, container, "ls /")[0]
        with tail(door, container, "/etc/hosts") as tailed:
            assert tailed.read(b"ip6-allrouters\n")
        assert len(_children(first)) == 1

    def test_no_more_memory_left(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        """Who looks is what is killed, and says so."""
        container = make(
            # holds most of it
            *("dd", "if=/dev/zero", "of=/dev/null", "bs=5300k"),
            files={f"many/{i}": b"" for i in range(9000)},
            mem_limit=8 << 20,
            memswap_limit=8 << 20,
        )
        first = pid_of(api, container)
        until(lambda: len(_children(first)) == 1)
        (dd,) = _children(first)
        held = pathlib.Path(f"/proc/{dd}/statm")
        until(lambda: int(held.read_text().split()[1]) > 1200)
        assert error(door, "files", container, path="/many") == 503
        assert _children(first) == [dd]

    def test_too_many_at_once(self, door: Door, make: MakeContainer) -> None:
        container = make()
        with contextlib.ExitStack() as stack:
            for _ in range(inside.PER_CONTAINER):
                stack.enter_context(tail(door, container, "/etc/hosts"))
            assert error(door, "files", container, path="/") == 503
        until(lambda: not visitors())
        assert "bin" in listed(door, container)


class TestTail:
    def test_follows(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        container = make(files={"log": b"a\nb\nc\n"})
        with tail(door, container, "/log", 2) as tailed:
            assert tailed.read(b"c\n") == b"b\nc\n"
            run(api, container, "echo d >> /log; printf e >> /log")
            assert tailed.read(b"e") == b"d\ne"
            run(api, container, "echo x > /log")
            assert "truncated" in tailed.noticed()
            assert tailed.read(b"x\n") == b"x\n"
            run(api, container, "mv /log /log.1; echo y >> /log.1")
            assert tailed.read(b"y\n") == b"y\n"
            assert "waited for" in tailed.noticed()
            run(api, container, "echo 1 > /log; echo 2 >> /log")
            assert "replaced" in tailed.noticed()
            assert tailed.read(b"2\n") == b"1\n2\n"
            run(api, container, "echo 3 > /new; mv /new /log")
            assert "replaced" in tailed.noticed()
            assert tailed.read(b"3\n") == b"3\n"

    def test_by_a_link_within(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        container = make(
            files={
                "log": b"a\n",
                "link": special(tarfile.SYMTYPE, linkname="../../../log"),
            }
        )
        with tail(door, container, "/link") as tailed:
            assert tailed.read(b"a\n") == b"a\n"
            run(api, container, "echo b > /log2; ln -sf log2 /link")
            assert tailed.read(b"b\n") == b"b\n"

    def test_nothing_but_regular_files(
        self, door: Door, make: MakeContainer
    ) -> None:
        container = make(
            files={
                "pipe": special(tarfile.FIFOTYPE),
                "disk": special(tarfile.BLKTYPE, devmajor=7, devminor=0),
                "link": special(tarfile.SYMTYPE, linkname="/dev/zero"),
            }
        )
        for path in ("/pipe", "/disk", "/link", "/dev/zero", "/etc"):
            assert error(door, "tail", container, path=path) == 409
        assert error(door, "tail", container, path="/none") == 404
        for lines in (-1, "x", 1e9):
            assert (
                error(door, "tail", container, path="/etc/hosts", lines=lines)
                == 400
            )

    def test_all_of_a_large_one(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        container = make()
        run(api, container, "yes 0123456789abcde | head -c 30000000 > /log")
        with door.ask(
            "tail", container, path="/log", lines=None, follow=False
        ) as socket:
            tailed = Tailed(socket)
            assert tailed.rest() == {"exit": {"exit_code": 0}}
        assert len(tailed.data) == 30_000_000
        assert set(tailed.data.split(b"\n")[:-1]) == {b"0123456789abcde"}

    def test_a_slow_reader(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        """It is waited for, whatever the container writes."""
        container = make()
        run(api, container, "head -c 50000000 /dev/zero > /log")
        with tail(door, container, "/log", None):
            (visitor,) = visitors()
            read = pathlib.Path(f"/proc/{visitor}/io")

            def done() -> int:
                return int(read.read_text().split()[1])

            until(lambda: done() > 1_000_000)
            until(_steady(done))
            assert done() < 40_000_000
        until(lambda: not visitors())


def _steady(value: Callable[[], int]) -> Callable[[], bool]:
    """Whether it has been the same for a while."""
    seen = [(value(), time.monotonic())]

    def same() -> bool:
        now = value()
        if now != seen[-1][0]:
            seen.append((now, time.monotonic()))
        return time.monotonic() - seen[-1][1] > 0.5

    return same


class TestSftp:
    def test_both_ways(
        self, door: Door, make: MakeContainer, tmp_path: pathlib.Path
    ) -> None:
        container = make()
        big = tmp_path / "big"
        big.write_bytes(os.urandom(1 << 20) * 20)
        back = tmp_path / "back"
        strange = "a b'\"\\$(x)*é"
        (tmp_path / strange).write_text("strange")
        quoted = '"' + strange.replace("\\", "\\\\").replace('"', '\\"') + '"'
        out, _ = sftp(
            door,
            container,
            "pwd",
            "cd tmp",
            f"put {big} one",
            "rename one two",
            f"get two {back}",
            "chmod 4750 two",
            "ln -s two link",
            "ln two hard",
            "mkdir sub",
            f"put {tmp_path}/{quoted} x".replace(
                f"{tmp_path}/{quoted}", f'"{tmp_path}/{quoted[1:]}'
            ),
            f"rename x {quoted}",
            "ls -ln",
            "rm two",
            "rmdir sub",
        )
        assert "Remote working directory: /\n" in out
        assert back.read_bytes() == big.read_bytes()
        found = listed(door, container, "/tmp")
        assert set(found) == {"link", "hard", strange}
        assert found["hard"]["mode"] == "4750"
        assert found["link"]["target"] == "two"

    def test_resumes(
        self, door: Door, make: MakeContainer, tmp_path: pathlib.Path
    ) -> None:
        data = os.urandom(3_000_000)
        container = make(files={"half": data[:1_000_000], "whole": data})
        (tmp_path / "whole").write_bytes(data)
        (tmp_path / "half").write_bytes(data[:2_000_000])
        sftp(
            door,
            container,
            f"reput {tmp_path}/whole half",
            f"reget whole {tmp_path}/half",
            f"get half {tmp_path}/back",
        )
        assert (tmp_path / "back").read_bytes() == data
        assert (tmp_path / "half").read_bytes() == data

    @pytest.mark.parametrize("old", [[], ["-O"]], ids=["sftp", "old"])
    def test_scp(
        self,
        door: Door,
        make: MakeContainer,
        tmp_path: pathlib.Path,
        old: list[str],
    ) -> None:
        container = make()
        tree = tmp_path / "tree"
        (tree / "sub").mkdir(parents=True)
        (tree / "sub" / "a b").write_bytes(os.urandom(1_000_000))
        (tree / "sub" / "a b").chmod(0o640)
        os.utime(tree / "sub" / "a b", (1, 10**9))
        (tree / "empty").touch()
        scp(door, container, *old, "-rp", str(tree), "the-set:/tmp/")
        scp(
            door,
            container,
            *(*old, "-rp", "the-set:/tmp/tree", str(tmp_path / "back")),
        )
        for name in ("sub/a b", "empty"):
            there, here = tmp_path / "back" / name, tree / name
            assert there.read_bytes() == here.read_bytes()
            assert there.stat().st_mode == here.stat().st_mode
            assert int(there.stat().st_mtime) == int(here.stat().st_mtime)
        assert "o such file" in scp(
            door, container, *old, "the-set:/none", str(tmp_path), code=1
        )

    def test_what_is_no_scp(self, door: Door, make: MakeContainer) -> None:
        container = make()
        for command in ("scp", "scp -t", "rm -rf /", "scp -t -f /", "scp 'x"):
            assert error(door, "sftp", container, scp=command) == 400

    def test_read_only(
        self, door: Door, make: MakeContainer, tmp_path: pathlib.Path
    ) -> None:
        container = make(read_only=True, tmpfs={"/tmp": "size=1m"})
        (tmp_path / "x").write_bytes(bytes(2_000_000))
        _, said = sftp(door, container, f"put {tmp_path}/x /x", code=1)
        assert "/x" in said
        assert "x" not in listed(door, container)
        # no space left in the small one
        sftp(door, container, f"put {tmp_path}/x /tmp/x", code=1)
        assert 0 < listed(door, container, "/tmp")["x"]["size"] <= 1 << 20

    def test_another_user(
        self,
        api: docker.APIClient,
        door: Door,
        make: MakeContainer,
        tmp_path: pathlib.Path,
    ) -> None:
        container = make(user="1000:1001")
        run(
            api,
            container,
            "mkdir -m 700 /root; echo x > /root/x; chmod 1777 /tmp",
        )
        (tmp_path / "x").write_text("x")
        before = listed(door, container)
        _, said = sftp(
            door,
            container,
            f"-get /root/x {tmp_path}/y",
            f"-put {tmp_path}/x /x",
            "-chmod 777 /root",
            "-rm /bin/busybox",
            "-rename /bin /etc/bin",
        )
        assert said.count("ermission denied") == 3, said
        assert not (tmp_path / "y").exists()
        assert listed(door, container) == before
        sftp(door, container, f"put {tmp_path}/x /tmp/x")
        found = listed(door, container, "/tmp")["x"]
        assert (found["uid"], found["gid"]) == (1000, 1001)

    def test_what_is_no_sftp(self, door: Door, make: MakeContainer) -> None:
        container = make()
        for data in (
            b"GET / HTTP/1.0\r\n\r\n",
            b"\xff" * 100,
            b"\0\0\0\1\x63",
        ):
            with door.ask("sftp", container) as socket:
                assert said(socket) == {"started": {}}
                socket.send(bytes((Channel.STDIN,)) + data)
                # it may have ended by then
                with contextlib.suppress(ConnectionClosed):
                    socket.send(json.dumps({EOF: True}))
                assert said(socket) == {"exit": {"exit_code": 0}}

    def test_the_users_limits_hold_for_reads(
        self, door: Door, make: MakeContainer
    ) -> None:
        """Reading 4 GiB at once does not take 4 GiB of memory."""
        container = make(
            files={"big": b"x" * 10_000_000},
            mem_limit=32 << 20,
            memswap_limit=32 << 20,
        )

        def packet(kind: int, body: bytes) -> bytes:
            return (len(body) + 1).to_bytes(4, "big") + bytes((kind,)) + body

        def text(value: bytes) -> bytes:
            return len(value).to_bytes(4, "big") + value

        def number(value: int) -> bytes:
            return value.to_bytes(4, "big")

        with door.ask("sftp", container) as socket:
            assert said(socket) == {"started": {}}
            read = number(0) + text(bytes(4)) + bytes(8) + number(2**32 - 1)
            socket.send(
                bytes((Channel.STDIN,))
                + packet(1, number(3))
                + packet(3, number(0) + text(b"/big") + number(1) + number(0))
                + packet(5, read) * 200
            )
            socket.send(json.dumps({EOF: True}))
            got = 0
            while isinstance(message := socket.recv(), bytes):
                got += len(message) - 1
            assert json.loads(message) == {"exit": {"exit_code": 0}}
        assert got > 200 * (1 << 18)


class TestCopies:
    """More is in test_streams; here, whose rights they have."""

    def test_another_user(self, door: Door, make: MakeContainer) -> None:
        """Files belong to who made them, and folders are closed at last."""
        folder = special(tarfile.DIRTYPE)
        folder.mode, folder.uid, folder.gid = 0o777, 0, 0
        container = make(
            files={"d": folder, "secret": special(tarfile.REGTYPE)},
            user="1000:1001",
        )
        closed = special(tarfile.DIRTYPE, mode=0o500, mtime=1_000_000)
        tool = special(tarfile.REGTYPE, mode=0o6755, uid=0, gid=0)
        sent = archive({"c": closed, "c/tool": tool, "c/file": b"x"})
        assert put(door, container, "/d", sent) == {"exit": {"exit_code": 0}}
        found = listed(door, container, "/d")["c"]
        assert (found["uid"], found["gid"]) == (1000, 1001)
        assert found["mode"] == "0500"
        assert found["modified"] == "1970-01-12T13:46:40Z"
        assert listed(door, container, "/d/c")["tool"]["mode"] == "0755"
        (said_of, data) = got(door, container, "/d/c")
        assert said_of["kind"] == "folder"
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            assert tar.getnames() == ["c", "c/file", "c/tool"]
        # as root it would go
        (refused,) = put(door, container, "/", sent).values()
        assert refused["code"] == 403
        assert "runs as" in refused["message"]

    def test_what_the_user_may_not_read(
        self, door: Door, make: MakeContainer
    ) -> None:
        secret = special(tarfile.REGTYPE, mode=0o600)
        container = make(files={"d/secret": secret}, user="1000")
        assert error(door, "download", container, path="/none") == 404
        with door.ask("download", container, path="/d") as socket:
            assert "started" in said(socket)
            (refused,) = said(socket).values()
        assert refused["code"] == 403
        assert "/d/secret" in refused["message"]

    def test_root_without_capabilities(
        self, door: Door, make: MakeContainer
    ) -> None:
        container = make(cap_drop=["ALL"])
        theirs = special(tarfile.REGTYPE, uid=7, gid=8, mode=0o640)
        sent = archive({"theirs": theirs})
        assert put(door, container, "/tmp", sent) == {"exit": {"exit_code": 0}}
        found = listed(door, container, "/tmp")["theirs"]
        assert (found["uid"], found["gid"], found["mode"]) == (0, 0, "0640")

    def test_odd_archives(self, door: Door, make: MakeContainer) -> None:
        container = make()
        far = special(tarfile.REGTYPE, uid=2**40, mtime=2**50)
        done = {"exit": {"exit_code": 0}}
        sent = archive({"/tmp/rooted": b"x", "link": b"x"})
        assert put(door, container, "/tmp", sent) == done
        assert "rooted" in listed(door, container, "/tmp/tmp")
        lost = special(tarfile.LNKTYPE, linkname="none")
        for made, code in (({"far": far}, 400), ({"lost": lost}, 400)):
            (refused,) = put(door, container, "/tmp", archive(made)).values()
            assert refused["code"] == code
        assert put(door, container, "/tmp", b"")["error"]["code"] == 400

    @pytest.mark.parametrize("path", ["/", "//", "/.", "/tmp/../"])
    def test_what_is_of_the_kernel(
        self, door: Door, make: MakeContainer, path: str
    ) -> None:
        _, data = got(door, make(), path)
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            names = tar.getnames()
        assert "./proc" in names
        assert not [n for n in names if n.startswith(("./proc/", "./sys/"))]

    def test_little_memory(self, door: Door, make: MakeContainer) -> None:
        """Theirs is used, and does not grow with what is copied."""
        container = make(mem_limit=32 << 20, memswap_limit=32 << 20)
        many = {f"m/{n:05}": b"x" for n in range(5000)}
        many["big"] = bytes(60_000_000)
        sent = archive(many)  # type: ignore[arg-type]
        done = {"exit": {"exit_code": 0}}
        assert put(door, container, "/tmp", sent) == done
        _, data = got(door, container, "/tmp")
        assert len(data) > 60_000_000


class TestAttacks:
    """What a tenant may have made of the container."""

    def test_nothing_is_read_but_what_was_asked_for(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        """None of the files that code which runs on the host might look for
        in the container is opened (as in CVE-2019-14271)."""
        own = pathlib.Path(caas.__file__).parent
        library = pathlib.Path(os.__file__).parent
        traps = [
            "etc/nsswitch.conf",
            "etc/passwd",
            "etc/group",
            "etc/localtime",
            "etc/ld.so.cache",
            "usr/share/zoneinfo/UTC0",
            "usr/share/locale/locale.alias",
            "usr/lib/locale/locale-archive",
            *(
                f"{folder}/{name}"
                for folder in ("lib", "usr/lib", "lib/x86_64-linux-gnu")
                for name in (
                    "libnss_files.so.2",
                    "libnss_dns.so.2",
                    "libgcc_s.so.1",
                    "libc.so.6",
                )
            ),
            "usr/lib/x86_64-linux-gnu/gconv/gconv-modules",
            *(
                str(path).lstrip("/")
                for path in (
                    *(own / "agent" / "inside").glob("*.py"),
                    own / "__init__.py",
                    library / "encodings" / "idna.py",
                    library / "linecache.py",
                    library / "pwd.py",
                    pathlib.Path(sys.executable),
                )
            ),
        ]
        container = make(
            files={
                **dict.fromkeys(traps, b"\x7fELF no good"),
                "d/asked": b"a\n",
                b"d/\xff\xfe".decode(errors="surrogateescape"): b"",
            }
        )
        root = pathlib.Path(f"/proc/{pid_of(api, container)}/root")
        folders = {(root / path).parent for path in traps}
        with inotify_simple.INotify() as inotify:
            for folder in folders:
                inotify.add_watch(folder, inotify_simple.flags.OPEN)
            inotify.add_watch(root / "d", inotify_simple.flags.OPEN)
            listed(door, container, "/d")
            error(door, "files", container, path="/none")
            with tail(door, container, "/d/asked") as tailed:
                tailed.read(b"a\n")
                # by the host: an exec of the engine reads /etc/passwd
                (root / "d" / "asked").unlink()
                tailed.noticed()
            sftp(
                door,
                container,
                "ls -la /d",
                "-get /none",
                "-put /none",
                "chown 5 /d",
                "df",
                "-ls /none",
            )
            scp(door, container, "-O", "the-set:/none*", "/tmp", code=1)
            got(door, container, "/d/")
            sent = archive({"sub": special(tarfile.DIRTYPE, uid=5)})
            put(door, container, "/d", sent)
            put(door, container, "/d", b"no archive" * 100)
            events = inotify.read(timeout=0)
        opened = {e.name for e in events if e.name}
        assert opened == {"asked", "\udcff\udcfe"}

    def test_ways_out(
        self,
        api: docker.APIClient,
        door: Door,
        make: MakeContainer,
        tmp_path: pathlib.Path,
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_text("of the host")
        up = "../" * 30
        container = make(
            files={
                "etc/shadow": b"of the container",
                "shadow": special(tarfile.SYMTYPE, linkname="/etc/shadow"),
                "up": special(tarfile.SYMTYPE, linkname=f"{up}etc/shadow"),
                "host": special(tarfile.SYMTYPE, linkname=str(secret)),
                "hosts": special(tarfile.SYMTYPE, linkname=f"{up}{secret}"),
            }
        )
        paths = (
            "/shadow",
            "/up",
            f"/{up}etc/shadow",
            "/proc/1/root/etc/shadow",
            f"/proc/1/root/{up}etc/shadow",
            "/proc/1/cwd/etc/shadow",
        )
        sftp(
            door,
            container,
            *(f"get {path} {tmp_path}/{i}" for i, path in enumerate(paths)),
        )
        for i, path in enumerate(paths):
            got = (tmp_path / str(i)).read_text()
            assert got == "of the container", path
        paths = (
            "/host",
            "/hosts",
            f"/{up}{secret}",
            f"/proc/1/root{secret}",
            # whoever reads is none of the container's processes
            "/proc/self/root/etc/hostname",
            "/proc/self/exe",
            "/proc/thread-self/exe",
            "/dev/fd/0",
            "/dev/stdin",
            f"/proc/{os.getpid()}/root/etc/shadow",
        )
        for path in paths:
            assert error(door, "tail", container, path=path) == 404, path
        sftp(door, container, *(f"-get {path} {tmp_path}/x" for path in paths))
        assert not (tmp_path / "x").exists()
        sftp(door, container, f"put {secret} /up", "rename /up /down")
        assert secret.read_text() == "of the host"

    def test_what_was_entered_holds(
        self, api: docker.APIClient, make: MakeContainer
    ) -> None:
        """Should a verb open a device or import something after all."""
        container = make(
            files={
                "disk": special(
                    tarfile.BLKTYPE, devmajor=7, devminor=0, mode=0o666
                ),
                "usr/lib/antigravity.py": b"print('code of the tenant')",
            }
        )
        script = (
            "import os, sys\n"
            "from caas.agent.inside.enter import enter\n"
            "pid = int(sys.argv[1])\n"
            "enter(pid, os.pidfd_open(pid), sys.argv[2])\n"
            "os.close(os.open('/dev/null', os.O_RDONLY))\n"
            "for attempt in (\n"
            "    lambda: os.open('/disk', os.O_RDONLY),\n"
            "    lambda: os.mkdir('/sys/x'),\n"
            "    lambda: __import__('antigravity'),\n"
            "):\n"
            "    try:\n"
            "        attempt()\n"
            "        print('done')\n"
            "    except Exception as e:\n"
            "        print(type(e).__name__)\n"
            "sys.stdout.flush()\n"
            "os._exit(0)\n"
        )
        first = pid_of(api, container)
        done = subprocess.run(
            [sys.executable, "-c", script, str(first), container],
            env={
                **os.environ,
                "PYTHONPATH": f"{pathlib.Path(caas.__file__).parents[1]}:"
                "/usr/lib",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.split() == [
            "PermissionError",
            "OSError",
            "ModuleNotFoundError",
        ], done

    def test_it_cannot_be_seen_from_within(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        """Else its /proc/PID/exe, of the host, could be written to, as in
        CVE-2019-5736."""
        container = make()
        with tail(door, container, "/etc/hosts"):
            assert len(visitors()) == 1
            seen = run(api, container, "cat /proc/[0-9]*/cmdline")
        assert "sleep" in seen
        assert "python" not in seen


class TestWhoLooks:
    """The process has the rights of the container's own, and its end."""

    @pytest.mark.parametrize(
        ("user", "options"),
        [
            (None, {}),
            ("1000:1001", {"group_add": ["77"]}),
            (None, {"cap_drop": ["ALL"], "cap_add": ["CHOWN"]}),
        ],
        ids=["root", "user", "few"],
    )
    def test_privileges(
        self,
        api: docker.APIClient,
        door: Door,
        make: MakeContainer,
        user: str | None,
        options: dict[str, Any],
    ) -> None:
        container = make(user=user, **options)
        first = pathlib.Path(f"/proc/{pid_of(api, container)}")
        for verb, arguments in (
            ("tail", {"path": "/etc/hosts", "follow": True}),
            ("sftp", {}),
        ):
            with door.ask(verb, container, **arguments) as socket:
                assert said(socket) == {"started": {}}
                (visitor,) = visitors()
                process = pathlib.Path(f"/proc/{visitor}")
                assert _rights(process) == _rights(first)
                for file in ("cgroup", "mountinfo"):
                    own, theirs = process / file, first / file
                    assert own.read_text() == theirs.read_text()
                for name in ("mnt", "net", "ipc", "uts", "user"):
                    own, theirs = process / "ns" / name, first / "ns" / name
                    assert own.readlink() == theirs.readlink()
                assert (process / "ns/pid").readlink() == pathlib.Path(
                    "/proc/self/ns/pid"
                ).readlink()
                self._holds_nothing(process)
                assert len(list((process / "task").iterdir())) == 1
                adjusted = (process / "oom_score_adj").read_text()
                assert adjusted.strip() == "1000"
            until(lambda: not visitors())

    @staticmethod
    def _holds_nothing(process: pathlib.Path) -> None:
        """Of the host: pipes, and what it made or opened in there."""
        for number, fd in enumerate(sorted((process / "fd").iterdir())):
            target = os.readlink(fd)
            if number < 3:
                assert target.startswith("pipe:")
            elif target != "/etc/hosts":
                assert target.startswith(("anon_inode:", "socket:"))

    def test_it_ends_with_its_client(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        container = make()
        for verb, arguments in (
            ("tail", {"path": "/etc/hosts", "follow": True}),
            ("sftp", {}),
        ):
            with door.ask(verb, container, **arguments) as socket:
                assert said(socket) == {"started": {}}
                (visitor,) = visitors()
                # not closed, but gone
                socket.vanish()
            process = pathlib.Path(f"/proc/{visitor}")
            until(lambda process=process: not process.exists())

    @pytest.mark.parametrize("how", ["stop", "remove", "kill"])
    def test_it_ends_with_the_container(
        self,
        api: docker.APIClient,
        door: Door,
        make: MakeContainer,
        how: str,
    ) -> None:
        container = make()
        with (
            door.ask("sftp", container) as one,
            tail(door, container, "/etc/hosts") as other,
        ):
            assert said(one) == {"started": {}}
            assert len(visitors()) == 2
            assert cgroups(container)
            began = time.monotonic()
            if how == "stop":
                api.stop(container, timeout=20)
            elif how == "remove":
                api.remove_container(container, force=True)
            else:
                api.kill(container)
                api.wait(container)
            assert time.monotonic() - began < 5
            assert other.rest()["error"]["code"] == 409
            assert said(one)["error"]["code"] == 409
        assert not visitors()
        until(lambda: not cgroups(container))

    def test_paused(
        self, api: docker.APIClient, door: Door, make: MakeContainer
    ) -> None:
        """It is frozen with the container, and ends after all."""
        container = make(files={"log": b"a\n"})
        with tail(door, container, "/log") as tailed:
            tailed.read(b"a\n")
            api.pause(container)
            (visitor,) = visitors()
        # the client has gone, and is not waited for
        api.unpause(container)
        until(lambda: not pathlib.Path(f"/proc/{visitor}").exists())

    def test_it_ends_with_the_agent(
        self,
        api: docker.APIClient,
        make: MakeContainer,
        tmp_path: pathlib.Path,
    ) -> None:
        container = make(files={"log": b"a\n"})
        agent = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import pathlib, sys\n"
                "from tests.system.agent.entrance import Door\n"
                "pids = {sys.argv[1]: int(sys.argv[2])}\n"
                "door = Door(pids, pathlib.Path(sys.argv[3]))\n"
                "print(door.port, flush=True)\n"
                "sys.stdin.read()\n",
                container,
                str(pid_of(api, container)),
                str(tmp_path),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert agent.stdout is not None
            door = Door.__new__(Door)
            door.path, door.port = tmp_path, int(agent.stdout.readline())
            with tail(door, container, "/log") as tailed:
                (visitor,) = visitors(agent.pid)
                agent.kill()
                with pytest.raises(ConnectionClosed):
                    tailed.rest()
            until(lambda: not pathlib.Path(f"/proc/{visitor}").exists())
        finally:
            agent.kill()
            agent.communicate()


def _rights(process: pathlib.Path) -> dict[str, str]:
    lines = (process / "status").read_text().splitlines()
    return {
        line.split(":")[0]: line.split(":", 1)[1].strip()
        for line in lines
        if line.startswith(
            ("Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Umask")
        )
    }
