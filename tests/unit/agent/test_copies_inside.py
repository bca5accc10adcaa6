"""Packing and unpacking, here in the namespace of the test."""

import io
import os
import socket
import stat
import tarfile

import pytest

from caas.agent.inside import copying, pack, unpack
from caas.agent.inside.outside import Problem


def packed(path):
    made = io.BytesIO()
    pack.pack(str(path), made)
    return made.getvalue()


def archive(*items):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for item, data in items:
            item.size = len(data)
            tar.addfile(item, io.BytesIO(data))
    return io.BytesIO(made.getvalue())


def test_there_and_back(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    (one / "sub" / "empty").mkdir(parents=True)
    (one / "sub" / "file").write_bytes(bytes(range(256)) * 999)
    (one / "sub" / "file").chmod(0o4750)
    os.link(one / "sub" / "file", one / "twin")
    (one / "link").symlink_to("/nowhere")
    os.mkfifo(one / "fifo")
    (one / os.fsdecode(b"\xff\n")).write_text("odd")
    (one / ("long" * 60)).write_text("long")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(one / "socket"))
    other.mkdir()
    unpack.unpack(str(other), io.BytesIO(packed(one)))
    there = other / "one"
    assert sorted(os.listdir(there)) == sorted(
        name for name in os.listdir(one) if name != "socket"
    )
    assert (there / "sub" / "file").read_bytes() == (
        one / "sub" / "file"
    ).read_bytes()
    assert stat.S_IMODE((there / "sub" / "file").stat().st_mode) == 0o4750
    assert (there / "twin").stat().st_nlink == 2
    assert os.readlink(there / "link") == "/nowhere"


def test_one_that_gets_shorter_is_filled_up(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    with tarfile.open(fileobj=io.BytesIO(), mode="w|") as tar:
        item = tar.gettarinfo(str(file))
    item.size = 10_000
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w|") as tar:
        pack._pack_file(tar, item, str(file))
    with tarfile.open(fileobj=io.BytesIO(made.getvalue())) as tar:
        (found,) = tar.getmembers()
        assert tar.extractfile(found).read() == b"abc" + bytes(9_997)


def test_many_files_take_no_memory(tmp_path):
    count = 3000
    items = [(tarfile.TarInfo(f"d/{n}"), b"") for n in range(count)]
    source = archive(*items)
    unpack.unpack(str(tmp_path), source)
    assert len(os.listdir(tmp_path / "d")) == count
    with tarfile.open(fileobj=io.BytesIO(), mode="w|") as tar:
        tar.addfile(tarfile.TarInfo("x"))
        copying.forget(tar)
        assert tar.members == []


def test_a_link_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to("target")
    unpack.unpack(str(tmp_path), archive((tarfile.TarInfo("link"), b"new")))
    assert (tmp_path / "target").read_text() == "kept"
    assert (tmp_path / "link").read_text() == "new"
    assert not (tmp_path / "link").is_symlink()


def device():
    item = tarfile.TarInfo("disk")
    item.type = tarfile.BLKTYPE
    return item


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (archive((device(), b"")), "a device"),
        (archive((tarfile.TarInfo("folder"), b"")), "a folder there"),
        (io.BytesIO(b"x" * 1024), r"no \(uncompressed\) tar"),
        (
            io.BytesIO(
                archive((tarfile.TarInfo("a"), bytes(9999))).getvalue()[:2000]
            ),
            "damaged",
        ),
    ],
)
def test_what_cannot_be_unpacked(tmp_path, source, says):
    source.seek(0)
    (tmp_path / "folder").mkdir()
    with pytest.raises(Problem, match=says):
        unpack.unpack(str(tmp_path), source)


def test_it_is_described(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "link").symlink_to("file")
    found = pack.describe(f"{tmp_path}/file")
    assert (found["name"], found["kind"], found["size"], found["mode"]) == (
        "file",
        "file",
        5,
        0o600,
    )
    assert pack.describe(f"{tmp_path}/link")["link_target"] == "file"
    assert pack.describe("/")["name"] == "/"
    assert pack.describe(f"{tmp_path}/")["kind"] == "folder"


def test_archives_are_told_by_their_first_block(tmp_path):
    unpack.unpack(str(tmp_path), io.BytesIO(bytes(512)))
    for begin in (b"\x1f\x8b", b"BZh9", b"\xfd7zXZ", b"PK\3\4"):
        with pytest.raises(
            Problem, match=r"no \(uncompressed\) tar"
        ) as problem:
            unpack.unpack(str(tmp_path), io.BytesIO(begin + bytes(1022)))
        assert problem.value.code == 400
    assert not os.listdir(tmp_path)


def test_a_folder_is_dressed_when_it_is_full(tmp_path):
    folder, inner = tarfile.TarInfo("a"), tarfile.TarInfo("a/b")
    for item, mode in ((folder, 0o500), (inner, 0o550)):
        item.type, item.mode, item.mtime = tarfile.DIRTYPE, mode, 1000
    files = [tarfile.TarInfo(n) for n in ("a/b/c", "a/d", "e")]
    members = (folder, inner, *files)
    unpack.unpack(str(tmp_path), archive(*((m, b"") for m in members)))
    for name, mode in (("a", 0o500), ("a/b", 0o550)):
        found = (tmp_path / name).stat()
        assert stat.S_IMODE(found.st_mode) == mode
        assert found.st_mtime == 1000


def test_an_allowance():
    allowance = copying.Allowance(1)
    allowance.take(1 << 20)
    with pytest.raises(Problem, match="larger than the 1 MiB") as problem:
        allowance.take(1)
    assert problem.value.code == 413
