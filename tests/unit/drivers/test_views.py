"""What containers see of their own limits."""

import dataclasses
import os
import pathlib

import pytest

from caas.drivers.runtime.base import (
    LABEL_CONTAINER,
    LABEL_SET,
    Bind,
    ContainerConfig,
    EngineError,
    Share,
)
from caas.drivers.runtime.views import Views

CONFIG = ContainerConfig(
    "x",
    "image",
    {LABEL_SET: "s", LABEL_CONTAINER: "web"},
    share=Share(500, 64),
)


def test_files_are_replaced_as_a_whole(tmp_path: pathlib.Path) -> None:
    views = Views(tmp_path)
    folder = pathlib.Path(views.make("s", "web", Share(500, 64)))
    inode = folder.stat().st_ino
    with (folder / "cpu").open() as reader:
        views.update("s", {"web": Share(1500, 128), "other": Share(1, 1)})
        # who has it open reads what it was, to the end
        assert reader.read() == "0.5\n"
    assert folder.stat().st_ino == inode
    found = {p.name: p.read_text() for p in folder.iterdir()}
    assert found == {"cpu": "1.5\n", "memory": "128\n"}
    assert not (tmp_path / "s" / "other").exists()
    for _ in range(2):
        views.remove("s")
        assert not list(tmp_path.iterdir())
    views.update("s", {"web": Share(1, 1)})
    assert not list(tmp_path.iterdir())


def test_anybody_may_read(tmp_path: pathlib.Path) -> None:
    """Whoever the container runs as, and whatever the agent's umask."""
    before = os.umask(0o077)
    try:
        folder = pathlib.Path(Views(tmp_path).make("s", "web", Share(1, 1)))
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (folder / "cpu").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/data", True),
        ("/run/app", True),
        ("/run", False),
        ("/run/", False),
        ("/var/run", False),
        ("/run/caas", False),
        ("/run/caas/x", False),
    ],
)
def test_a_mount_of_the_users_comes_first(
    tmp_path: pathlib.Path, target: str, shown: bool
) -> None:
    config = dataclasses.replace(CONFIG, binds=(Bind("/v", target),))
    mounts = Views(tmp_path).mounts(config)
    assert [m["Target"] for m in mounts] == (["/run/caas"] if shown else [])
    assert all(m["ReadOnly"] for m in mounts)


def test_lxcfs_that_is_not_mounted(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lxcfs/proc").mkdir(parents=True)
    (tmp_path / "lxcfs/proc/meminfo").touch()
    views = Views(tmp_path / "views", tmp_path / "lxcfs")
    assert [m["Target"] for m in views.mounts(CONFIG)] == ["/run/caas"]
    free = dataclasses.replace(CONFIG, share=None)
    assert views.mounts(free) == []


def test_lxcfs_that_is(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lxcfs/proc").mkdir(parents=True)
    (tmp_path / "lxcfs/proc/meminfo").touch()
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    views = Views(tmp_path / "views", tmp_path / "lxcfs")
    # of what there is in it, an older one having less
    assert {m["Target"]: m["Source"] for m in views.mounts(CONFIG)} == {
        "/proc/meminfo": f"{tmp_path}/lxcfs/proc/meminfo",
        "/run/caas": f"{tmp_path}/views/s/web",
    }


@pytest.mark.parametrize("bad", ["", "..", "a/b", ".x"])
def test_names_that_are_none(tmp_path: pathlib.Path, bad: str) -> None:
    views = Views(tmp_path)
    with pytest.raises(EngineError, match="folder"):
        views.make("s", bad, Share(1, 1))
    with pytest.raises(EngineError, match="folder"):
        views.remove(bad)


def test_what_all_of_a_set_are_told(tmp_path: pathlib.Path) -> None:
    views = Views(tmp_path)
    early = pathlib.Path(views.make("s", "early", Share(500, 64)))
    views.show("s", {"user_data": b"#!/bin/sh\n", "meta_data.json": b"{}"})
    late = pathlib.Path(views.make("s", "late", Share(500, 64)))
    for folder in (early, late):
        found = {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()}
        assert found == {
            "cpu": 0o644,
            "memory": 0o644,
            "user_data": 0o755,
            "meta_data.json": 0o644,
        }
    assert views.script("s")
    with (early / "meta_data.json").open() as reader:
        for _ in range(2):
            views.show("s", {"meta_data.json": b"[]"})
        # who has it open reads what it was, to the end
        assert reader.read() == "{}"
    for folder in (early, late):
        names = sorted(p.name for p in folder.iterdir())
        assert names == ["cpu", "memory", "meta_data.json"]
        assert (folder / "meta_data.json").read_text() == "[]"
    views.update("s", {"late": Share(1, 1)})
    assert (late / "meta_data.json").read_text() == "[]"
    assert not views.script("s")
    assert not views.script("other")
    # nobody looks around, who does not know what for
    assert tmp_path.stat().st_mode & 0o777 == 0o711
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o711
    views.remove("s")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", ""])
def test_names_of_files_lead_nowhere(
    tmp_path: pathlib.Path, name: str
) -> None:
    with pytest.raises(EngineError):
        Views(tmp_path / "views").show("s", {name: b""})
