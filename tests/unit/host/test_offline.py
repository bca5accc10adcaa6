"""The files of an engine that does not answer."""

import json
import os
import pathlib
import socket

from caas.host import offline


def put(root, name, **state):
    folder = root / "containers" / name
    folder.mkdir(parents=True)
    (folder / "config.v2.json").write_text(
        json.dumps(
            {
                "ID": name,
                "Name": f"/{name}",
                "State": state,
                "Config": {"Labels": {"caas.set": "s1"}},
            }
        )
    )


def test_what_it_wrote_is_believed_if_the_process_is_there(tmp_path):
    put(tmp_path, "ended", Pid=0)
    # another process has its number now
    put(tmp_path, "gone", Pid=os.getpid(), Running=True)
    groups = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    mine = next(
        (line.rpartition("/")[2] for line in groups if line[-1] != "/"), ""
    )
    if mine:
        put(tmp_path, mine, Pid=os.getpid(), Running=True)
    bad = tmp_path / "containers" / "bad"
    bad.mkdir()
    (bad / "config.v2.json").write_text("{")
    found = {
        one["ID"]: (one["State"]["Status"], one["State"]["Pid"])
        for one in offline.containers(tmp_path)
    }
    assert found.pop("ended") == ("unknown", 0)
    assert found.pop("gone") == ("unknown", 0)
    if mine:
        assert found.pop(mine) == ("running", os.getpid())
    assert not found


def test_nothing_where_there_is_no_engine(tmp_path):
    assert offline.containers(tmp_path) == []
    root = offline.root_of(f"unix://{tmp_path}/none")
    assert root.is_absolute()


def test_the_folder_is_that_of_who_listens(tmp_path, monkeypatch):
    """This process stands for an engine; its command line is ours to say."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        read = pathlib.Path.read_bytes
        line = b"dockerd\0--data-root=/srv/docker\0"
        monkeypatch.setattr(
            pathlib.Path,
            "read_bytes",
            lambda path: line if path.name == "cmdline" else read(path),
        )
        url = f"unix://{tmp_path}/s"
        assert offline.root_of(url) == pathlib.Path("/srv/docker")
        line = b"dockerd\0--data-root\0/srv/d2\0"
        assert offline.root_of(url) == pathlib.Path("/srv/d2")
        file = tmp_path / "daemon.json"
        file.write_text('{"data-root": "/srv/d3"}')
        line = f"dockerd\0--config-file\0{file}\0".encode()
        assert offline.root_of(url) == pathlib.Path("/srv/d3")
