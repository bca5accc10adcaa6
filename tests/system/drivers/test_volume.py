"""What every volume driver does, and what a folder withstands."""

import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator

import docker
import pytest

from caas.drivers.runtime import base as runtime_base
from caas.drivers.runtime.docker import DockerRuntime
from caas.drivers.volume import base
from caas.drivers.volume.directory import DirectoryVolume
from caas.drivers.volume.fake import FakeVolume
from tests.system.drivers.test_docker import run_in
from tests.system.drivers.test_runtime import kit_of


def mounts(below: str) -> list[str]:
    text = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return [
        line.split()[4]
        for line in text.splitlines()
        if line.split()[4].startswith(below)
    ]


@pytest.fixture(params=["fake", "directory"])
def volume(request: pytest.FixtureRequest, make_conf) -> base.Volume:
    if request.param == "fake":
        return FakeVolume()
    return DirectoryVolume(make_conf())


@pytest.fixture
def folders(make_conf) -> Iterator[DirectoryVolume]:
    conf = make_conf()
    volume = DirectoryVolume(conf)
    yield volume
    for set_id in volume.list():
        volume.delete(set_id)
    assert not mounts(conf.agent.state_path)


@pytest.fixture
def set_id() -> str:
    return str(uuid.uuid4())


def test_create_and_delete(volume: base.Volume, set_id: str) -> None:
    assert set_id not in volume.list()
    path = volume.create(set_id, 1)
    assert volume.create(set_id, 1) == path
    assert volume.source(set_id, "") == path
    assert list(volume.list()) == [set_id]
    for _ in range(2):
        volume.delete(set_id)
        assert not volume.list()


def test_capacity(volume: base.Volume, tmp_path: pathlib.Path) -> None:
    here = shutil.disk_usage(tmp_path).total >> 30
    assert volume.capacity_gb() == (
        1000 if isinstance(volume, FakeVolume) else here
    )


def test_sub_paths(volume: base.Volume, set_id: str) -> None:
    volume.create(set_id, 1, ["a", "b/c"])
    volume.create(set_id, 1, ["a"])
    sources = {volume.source(set_id, p) for p in ("", "a", "b/c")}
    assert len(sources) == 3
    assert volume.source(set_id, "a") in sources
    with pytest.raises(base.VolumeError):
        volume.source(set_id, "d")
    volume.delete(set_id)


@pytest.mark.parametrize("sub_path", ["..", "a/../../b", "../a"])
def test_sub_path_that_leaves(
    volume: base.Volume, set_id: str, sub_path: str
) -> None:
    with pytest.raises(base.VolumeError, match="leaves"):
        volume.create(set_id, 1, [sub_path])
    volume.delete(set_id)


@pytest.mark.parametrize("bad", ["../x", "", ".", "a/b", "/etc"])
def test_id_that_is_none(folders: DirectoryVolume, bad: str) -> None:
    with pytest.raises(base.VolumeError, match="no id"):
        folders.create(bad, 1)
    with pytest.raises(base.VolumeError, match="no id"):
        folders.delete(bad)


def test_any_user_can_write_and_nobody_else_gets_in(
    folders: DirectoryVolume, set_id: str
) -> None:
    data = pathlib.Path(folders.create(set_id, 1, ["a"]))
    assert data.stat().st_mode & 0o777 == 0o777
    assert (data / "a").stat().st_mode & 0o777 == 0o777
    assert data.parent.stat().st_mode & 0o777 == 0o700
    assert data.parent.parent.stat().st_mode & 0o777 == 0o700


def test_source_is_the_folder_itself(
    folders: DirectoryVolume, set_id: str
) -> None:
    data = pathlib.Path(folders.create(set_id, 1, ["a/b"]))
    source = pathlib.Path(folders.source(set_id, "a/b"))
    (data / "a/b/file").write_text("hello")
    assert (source / "file").read_text() == "hello"
    (source / "other").write_text("there")
    assert (data / "a/b/other").read_text() == "there"


@pytest.mark.parametrize(
    ("link", "sub_path"),
    [("a", "a"), ("a", "a/b"), ("inner", "inner/deep")],
)
def test_link_planted_before(
    folders: DirectoryVolume,
    set_id: str,
    link: str,
    sub_path: str,
    tmp_path: pathlib.Path,
) -> None:
    data = pathlib.Path(folders.create(set_id, 1))
    (data / link).symlink_to(tmp_path)
    with pytest.raises(base.VolumeError, match="is a link or a file"):
        folders.create(set_id, 1, [sub_path])
    assert not list(tmp_path.iterdir())


def test_file_in_the_way(folders: DirectoryVolume, set_id: str) -> None:
    data = pathlib.Path(folders.create(set_id, 1))
    (data / "a").write_text("")
    with pytest.raises(base.VolumeError, match="is a link or a file"):
        folders.create(set_id, 1, ["a"])


def test_link_planted_after(
    folders: DirectoryVolume, set_id: str, tmp_path: pathlib.Path
) -> None:
    """The folder was good when the container was made of it."""
    data = pathlib.Path(folders.create(set_id, 1, ["a"]))
    source = pathlib.Path(folders.source(set_id, "a"))
    (tmp_path / "secret").write_text("")
    (data / "a").rename(data / "old")
    (data / "a").symlink_to(tmp_path)
    # what the engine would mount at its next start is the old folder still
    assert not (source / "secret").exists()
    assert os.path.samefile(source, data / "old")
    with pytest.raises(base.VolumeError, match="is a link or a file"):
        folders.source(set_id, "a")


def test_link_planted_after_and_a_restart(
    folders: DirectoryVolume,
    set_id: str,
    tmp_path: pathlib.Path,
    make_conf,
    image: str,
    api: docker.APIClient,
) -> None:
    """The same with a real container that is started again."""
    data = pathlib.Path(folders.create(set_id, 1, ["a"]))
    (tmp_path / "secret").write_text("")
    with kit_of(DockerRuntime(make_conf()), image) as kit:
        there = kit.business(
            "a",
            infra_id=kit.infra(),
            binds=(
                runtime_base.Bind(folders.source(set_id, "a"), "/data"),
                runtime_base.Bind(folders.source(set_id, ""), "/all"),
            ),
        )
        kit.runtime.start(there)
        run_in(api, there, f"mv /all/a /all/b; ln -s {tmp_path} /all/a")
        kit.runtime.stop(there, 0)
        kit.runtime.start(there)
        assert run_in(api, there, "ls /data") == ""
        assert (data / "a").is_symlink()


def test_folder_made_anew(folders: DirectoryVolume, set_id: str) -> None:
    data = pathlib.Path(folders.create(set_id, 1, ["a"]))
    (data / "a").rmdir()
    folders.create(set_id, 1, ["a"])
    (data / "a/file").write_text("new")
    source = pathlib.Path(folders.source(set_id, "a"))
    assert (source / "file").read_text() == "new"
    assert len(mounts(str(source))) == 1


def test_lost_mount_is_told_and_made_again(
    folders: DirectoryVolume, set_id: str
) -> None:
    """As after a reboot of the host."""
    folders.create(set_id, 1, ["a"])
    source = folders.source(set_id, "a")
    os.system(f"umount {source}")
    with pytest.raises(base.VolumeError, match="not ready"):
        folders.source(set_id, "a")
    folders.create(set_id, 1, ["a"])
    assert folders.source(set_id, "a") == source


def test_delete_takes_everything_and_nothing_else(
    folders: DirectoryVolume, set_id: str, tmp_path: pathlib.Path
) -> None:
    data = pathlib.Path(folders.create(set_id, 1, ["a", "read/only"]))
    keep = tmp_path / "keep"
    keep.write_text("kept")
    (data / "link").symlink_to(tmp_path)
    (data / "file-link").symlink_to(keep)
    (data / "loop").symlink_to(data)
    (data / "hard").write_text("")
    os.link(data / "hard", data / "a" / "hard")
    os.mkfifo(data / "fifo")
    (data / "read/only/file").write_text("")
    (data / "read/only").chmod(0o500)
    (data / "read").chmod(0o000)
    other = str(uuid.uuid4())
    folders.create(other, 1, ["a"])
    folders.delete(set_id)
    assert list(folders.list()) == [other]
    assert not data.parent.exists()
    assert keep.read_text() == "kept"
    assert os.path.ismount(folders.source(other, "a")) or mounts(
        folders.source(other, "a")
    )


def test_delete_of_a_bottomless_tree(
    folders: DirectoryVolume, set_id: str
) -> None:
    """Deeper than recursion, open files and the length of a path allow."""
    data = folders.create(set_id, 1)
    folder = os.open(data, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=folder)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    folders.delete(set_id)
    assert not folders.list()


def test_delete_goes_on_after_a_crash(
    folders: DirectoryVolume, set_id: str
) -> None:
    data = pathlib.Path(folders.create(set_id, 1))
    (data.parent / "0123").mkdir()
    (data.parent / "0123" / "file").write_text("")
    data.rename(data.parent / "4567")
    assert list(folders.list()) == [set_id]
    folders.delete(set_id)
    assert not folders.list()
