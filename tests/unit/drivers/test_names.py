"""Names that the containers of a set know."""

import pathlib

import pytest

from caas.drivers.runtime import names
from caas.drivers.runtime.base import EngineError


def test_files_of_a_set(tmp_path: pathlib.Path) -> None:
    ours = names.Names(tmp_path)
    found = ours.write("s", {"web": "10.0.0.1"}, ["192.0.2.1", "192.0.2.2"])
    hosts = pathlib.Path(found["/etc/hosts"])
    assert (
        hosts.read_text(encoding="utf-8").splitlines()[0]
        == "127.0.0.1\tlocalhost"
    )
    assert hosts.read_text(encoding="utf-8").endswith("10.0.0.1\tweb\n")
    resolv = pathlib.Path(found["/etc/resolv.conf"]).read_text(
        encoding="utf-8"
    )
    assert resolv == "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"
    # containers that run keep seeing the same file
    before = hosts.stat().st_ino
    assert ours.write("s", {}, []) == found
    assert hosts.stat().st_ino == before
    assert "web" not in hosts.read_text(encoding="utf-8")
    for _ in range(2):
        ours.remove("s")
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", ["", "..", "a/b"])
def test_id_that_is_none(tmp_path: pathlib.Path, bad: str) -> None:
    with pytest.raises(EngineError, match="no id"):
        names.Names(tmp_path).remove(bad)


def test_name_servers_of_the_host(tmp_path: pathlib.Path) -> None:
    stub, behind = tmp_path / "stub", tmp_path / "behind"
    stub.write_text("nameserver 127.0.0.53\nsearch lan\n")
    behind.write_text("nameserver 192.0.2.7\nsearch lan\n")
    paths = [str(stub), str(behind)]
    assert names._of_host(paths) == "nameserver 192.0.2.7\nsearch lan\n"
    stub.write_text("nameserver ::1\nnameserver 192.0.2.8\n")
    assert names._of_host(paths) == "nameserver 192.0.2.8\n"
    assert names._of_host([str(tmp_path / "none")]) == ""
    # whoever wrote a comment in it may have had another encoding
    stub.write_bytes(b"# l\xf6sung\nnameserver 192.0.2.9\n")
    assert names._of_host([str(stub)]).endswith("\nnameserver 192.0.2.9\n")
