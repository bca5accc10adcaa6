"""What enters a container, as far as it can be looked at from without."""

import json
import os
import pathlib
import random

import pytest

from caas.agent.inside import groups, listing, outside
from caas.agent.inside.files import open_regular
from caas.agent.inside.outside import Problem
from caas.agent.inside.privileges import Privileges
from caas.agent.inside.tail import start
from caas.agent.streams import inside, target
from caas.agent.streams.link import Refused
from caas.model import streams

MOUNTS_V1 = r"""
30 25 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
36 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup c rw,cpu,cpuacct
37 30 0:33 / /sys/fs/cgroup/odd\040name rw - cgroup cgroup rw,memory
38 30 0:34 /docker /elsewhere rw - cgroup cgroup rw,pids
39 30 0:34 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
""".strip()


def test_places_v1() -> None:
    theirs = (
        "5:memory:/caas/s/i\n4:cpu,cpuacct:/caas/s/i\n3:pids:/caas/s/i\n"
        "2:freezer:/\n1:name=systemd:/caas/s/i\n0::/caas/s/i\n"
    )
    own = "2:freezer:/\n1:name=systemd:/\n0::/\n"
    assert list(groups.places(theirs, own, MOUNTS_V1)) == [
        "/sys/fs/cgroup/odd name/caas/s/i",
        "/sys/fs/cgroup/cpu,cpuacct/caas/s/i",
        "/sys/fs/cgroup/pids/caas/s/i",
        "/sys/fs/cgroup/systemd/caas/s/i",
        "/sys/fs/cgroup/unified/caas/s/i",
    ]


def test_places_within_a_part_that_is_mounted() -> None:
    assert list(groups.places("3:pids:/docker/i", "", MOUNTS_V1)) == [
        "/elsewhere/i"
    ]


def test_places_v2() -> None:
    mounts = "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 c rw"
    assert list(
        groups.places("0::/caas.slice/docker-i.scope\n", "0::/a\n", mounts)
    ) == ["/sys/fs/cgroup/caas.slice/docker-i.scope"]


def test_places_not_mounted() -> None:
    with pytest.raises(Problem, match="devices is not mounted") as caught:
        list(groups.places("3:devices:/x", "3:devices:/", MOUNTS_V1))
    assert caught.value.code == 500


def test_privileges() -> None:
    found = Privileges.of(
        "Name:\tsleep: x\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n"
        "CapInh:\t0000000000000001\nCapPrm:\t00000000a80425fb\n"
        "CapEff:\t0000000000000002\nCapBnd:\t000001ffffffffff\n"
    )
    assert found == Privileges(
        uids=(1, 2, 3),
        gids=(5, 6, 7),
        groups=(9, 10),
        inheritable=1,
        permitted=0xA80425FB,
        effective=2,
        bounding=0x1FFFFFFFFFF,
    )


class TestStart:
    """Where the last lines of a file begin."""

    @pytest.mark.parametrize(
        ("data", "lines", "found"),
        [
            (b"", 3, b""),
            (b"\n", 1, b"\n"),
            (b"a", 1, b"a"),
            (b"a\nb\n", 0, b""),
            (b"a\nb\n", 1, b"b\n"),
            (b"a\nb", 1, b"b"),
            (b"a\n\n", 1, b"\n"),
            (b"a\nb\nc\n", 2, b"b\nc\n"),
            (b"a\nb\n", 2, b"a\nb\n"),
            (b"a\nb\n", 9, b"a\nb\n"),
        ],
    )
    def test_small(
        self, tmp_path: pathlib.Path, data: bytes, lines: int, found: bytes
    ) -> None:
        assert self._last(tmp_path, data, lines) == found

    def test_as_splitlines_does(self, tmp_path: pathlib.Path) -> None:
        chance = random.Random(7)
        for _ in range(30):
            data = b"".join(
                b"x" * chance.choice((0, 1, 100, 65535, 65536, 65537)) + b"\n"
                for _ in range(chance.randrange(8))
            ) + b"y" * chance.choice((0, 1, 70000))
            lines = chance.randrange(1, 10)
            want = b"".join(data.splitlines(keepends=True)[-lines:])
            assert self._last(tmp_path, data, lines) == want

    @staticmethod
    def _last(tmp_path: pathlib.Path, data: bytes, lines: int) -> bytes:
        file = tmp_path / "file"
        file.write_bytes(data)
        fd = os.open(file, os.O_RDONLY)
        try:
            return data[start(fd, len(data), lines) :]
        finally:
            os.close(fd)


class TestListing:
    def test_kinds(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "file").write_bytes(b"12345")
        (tmp_path / "file").chmod(0o4751)
        os.utime(tmp_path / "file", ns=(0, 86_400_123_456_789))
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("no where")
        os.mkfifo(tmp_path / "pipe")
        found = listing.look(str(tmp_path))
        assert found["path"] == str(tmp_path)
        assert found["truncated"] is False
        assert [(e["name"], e["type"]) for e in found["entries"]] == [
            ("file", "file"),
            ("folder", "folder"),
            ("link", "link"),
            ("pipe", "other"),
        ]
        assert found["entries"][0] == {
            "name": "file",
            "escaped": False,
            "type": "file",
            "size": 5,
            "mode": "4751",
            "uid": os.getuid(),
            "gid": os.getgid(),
            "modified": "1970-01-02T00:00:00Z",
            "target": None,
        }
        assert found["entries"][2]["target"] == "no where"

    def test_of_one_file(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "link").symlink_to("file")
        for name, kind in (("file", "file"), ("link", "link")):
            (entry,) = listing.look(str(tmp_path / name))["entries"]
            assert (entry["name"], entry["type"]) == (name, kind)

    def test_by_a_link_to_a_folder(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "in it").touch()
        (tmp_path / "link").symlink_to("folder")
        (entry,) = listing.look(str(tmp_path / "link"))["entries"]
        assert entry["name"] == "in it"

    def test_names_that_are_no_utf8(self, tmp_path: pathlib.Path) -> None:
        for name in (b"\xff\xc3\xa9", "é\n\u202e".encode()):
            (pathlib.Path(os.fsdecode(bytes(tmp_path) + b"/" + name))).touch()
        found = listing.look(str(tmp_path))
        assert [(e["name"], e["escaped"]) for e in found["entries"]] == [
            ("\\xffé", True),
            ("é\n\u202e", False),
        ]
        json.dumps(found, ensure_ascii=False).encode()

    def test_times_out_of_range(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "old").touch()
        os.utime(tmp_path / "old", (-(2**31), -(2**31)))
        (entry,) = listing.look(str(tmp_path))["entries"]
        assert entry["modified"] == "1901-12-13T20:45:52Z"

    @pytest.mark.parametrize("limit", ["MOST", "LARGEST"])
    def test_is_bounded(
        self,
        tmp_path: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch,
        limit: str,
    ) -> None:
        for i in range(12):
            (tmp_path / f"{i:02}{'x' * 200}").touch()
        monkeypatch.setattr(
            listing, limit, {"MOST": 5, "LARGEST": 5 * 400}[limit]
        )
        found = listing.look(str(tmp_path))
        assert 4 <= len(found["entries"]) <= 5
        assert found["truncated"] is True

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("nothing", 404),
            ("file/x", 404),
            ("circle/x", 409),
            ("x" * 300, 400),
        ],
    )
    def test_errors(
        self, tmp_path: pathlib.Path, path: str, code: int
    ) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "circle").symlink_to("circle")
        with pytest.raises(Problem) as caught:
            listing.look(str(tmp_path / path))
        assert caught.value.code == code


def test_only_regular_files_are_opened(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/null", "/dev/tty"):
        with pytest.raises(Problem, match="no regular file"):
            open_regular(path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        open_regular(str(tmp_path), os.O_RDONLY)
    with pytest.raises(FileNotFoundError):
        open_regular(str(tmp_path / "new"), os.O_WRONLY)
    os.close(open_regular(str(tmp_path / "new"), os.O_WRONLY | os.O_CREAT))


def test_trouble_has_a_sentence() -> None:
    for number, code in ((2, 404), (13, 403), (5, 409)):
        problem = outside.trouble("/a\n", OSError(number, "Why"))
        assert problem.code == code
        assert '"/a\\n"' in problem.message
        assert problem.message.endswith(".")


@pytest.mark.parametrize(
    "path", [None, 3, "", "var/log", "/a\0b", "/" + "é" * 2048, ["/"]]
)
def test_paths_that_are_none(path: object) -> None:
    with pytest.raises(Refused) as caught:
        inside._path({"path": path})
    assert caught.value.code == 400


@pytest.mark.parametrize("lines", [-1, "3", 1.0, True, 1_000_001])
def test_lines_that_are_none(lines: object) -> None:
    with pytest.raises(Refused) as caught:
        inside._lines(lines)
    assert caught.value.code == 400


class _Seen:
    def __init__(self, member: str, state: str, pid: int = 1) -> None:
        self.name = self.member = self.id = member
        self.state = state
        self.pid = pid


class _Sets:
    def __init__(self, *there: _Seen) -> None:
        self._there = there

    def seen(
        self, set_id: str, incarnation: int
    ) -> "tuple[_Seen, ...] | None":
        return self._there if (set_id, incarnation) == ("s", 1) else None


def test_running() -> None:
    sets = _Sets(
        _Seen("a", "exited", 0), _Seen("a", "running"), _Seen("b", "running")
    )
    ask = streams.Ask("tail", "s", 1, "a")
    found = target.running(sets, ask)  # type: ignore[arg-type]
    assert (found.member, found.state) == ("a", "running")


@pytest.mark.parametrize(
    ("there", "incarnation", "code", "message"),
    [
        ("running", 2, 404, "not on this host"),
        ("paused", 1, 409, "unpause"),
        ("exited", 1, 409, "does not run"),
        ("created", 1, 409, "does not run"),
    ],
)
def test_not_running(
    there: str, incarnation: int, code: int, message: str
) -> None:
    ask = streams.Ask("tail", "s", incarnation, "a")
    with pytest.raises(Refused, match=message) as caught:
        target.running(_Sets(_Seen("a", there)), ask)  # type: ignore[arg-type]
    assert caught.value.code == code
