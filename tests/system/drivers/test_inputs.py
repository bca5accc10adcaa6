"""What containers are told, and files of users in them, with real Docker.

Images and paths here are those of somebody who wants to get out.
"""

import io
import json
import pathlib
import tarfile
import uuid
from collections.abc import Iterator

import docker
import pytest

from caas.drivers.runtime import base
from caas.drivers.runtime.docker import DockerRuntime
from tests.system.drivers.conftest import busybox_tar
from tests.system.drivers.test_docker import poll, run_in
from tests.system.drivers.test_runtime import Kit, kit_of

#: Links of the image, by where they are.
LINKS = {
    "abs": "/etc",
    "up": "../../../../../../../../../../../../tmp",
    "loop": "loop",
    "ping": "pong",
    "pong": "ping",
    "volume": "/data",
    "around": "/data/../etc",
    "below": "etc/../data/sub",
    "system": "/sys/kernel",
    "processes": "proc",
    "told": "/run/caas",
    "names": "/etc/hosts",
    "dangling": "/new/place",
    "chain": "abs/deeper",
    "etc/deeper": "deepest",
    "root": "/",
}
SHARE = base.Share(500, 64)


@pytest.fixture(scope="module")
def hostile(api: docker.APIClient) -> Iterator[str]:
    """An image with links that lead elsewhere."""
    tag = uuid.uuid4().hex[:8]
    data = io.BytesIO(busybox_tar(tag))
    with tarfile.open(fileobj=data, mode="a") as tar:
        for name, target in LINKS.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, kind in (
            ("etc/motd", tarfile.REGTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("srv/full", tarfile.DIRTYPE),
        ):
            item = tarfile.TarInfo(name)
            item.type, item.mode = kind, 0o755
            tar.addfile(item)
    name = "caas.test/hostile"
    api.import_image_from_data(data.getvalue(), repository=name, tag=tag)
    yield f"{name}:{tag}"
    api.remove_image(f"{name}:{tag}", force=True)


@pytest.fixture
def kit(make_conf, hostile: str) -> Iterator[Kit]:
    with kit_of(DockerRuntime(make_conf()), hostile) as kit:
        yield kit


def created(kit: Kit, volume: pathlib.Path | None = None) -> str:
    binds = (base.Bind(str(volume), "/data"),) if volume else ()
    return kit.business("a", infra_id=kit.infra(), binds=binds, share=SHARE)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/etc/motd", "/etc/motd"),
        ("/not/there/yet", "/not/there/yet"),
        ("/abs/x", "/etc/x"),
        ("/up/x", "/tmp/x"),
        ("/dangling", "/new/place"),
        ("/dangling/x", "/new/place/x"),
        ("/chain", "/etc/deepest"),
        ("/around/x", "/etc/x"),
        ("/root/etc/motd", "/etc/motd"),
        ("/srv/full/x", "/srv/full/x"),
    ],
)
def test_a_file_is_where_the_path_leads(
    kit: Kit,
    api: docker.APIClient,
    tmp_path: pathlib.Path,
    path: str,
    found: str,
) -> None:
    there = created(kit, tmp_path)
    # once more, as after a crash
    for text in (b"one\n", b"two\n"):
        kit.runtime.place(there, {path: text})
    kit.runtime.start(there)
    assert run_in(api, there, f"cat {path} {found}") == "two\ntwo\n"
    said = run_in(api, there, f"stat -c '%u:%g %a' {found}")
    assert said == "0:0 644\n"
    assert run_in(api, there, f"test -L {found} || echo file") == "file\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/data/x", "/data is mounted there"),
        ("/data", "/data is mounted there"),
        ("/volume/x", "/data is mounted there"),
        ("/volume", "/data is mounted there"),
        ("/below/x", "/data is mounted there"),
        ("/root/data/x", "/data is mounted there"),
        ("/loop", "its links lead nowhere"),
        ("/loop/x", "its links lead nowhere"),
        ("/ping/x", "its links lead nowhere"),
        ("/system/x", "/sys is not of the image"),
        ("/processes/sys/kernel/core_pattern", "/proc is not of the image"),
        ("/told/user_data", "/run/caas is "),
        ("/names", "all containers of the set share it"),
        ("/abs/hosts", "all containers of the set share it"),
        ("/abs/resolv.conf", "all containers of the set share it"),
        ("/etc", "/etc is a folder"),
        ("/abs", "/etc is a folder"),
        ("/srv", "/srv is a folder"),
        ("/root", "folder"),
        ("/pipe", "is no folder or file"),
        ("/etc/motd/x", "is no folder or file"),
        ("/../x", "not an absolute path"),
        ("relative", "not an absolute path"),
        ("/dev/mem", "/dev is not of the image"),
        ("/run", "/run/caas is mounted below"),
    ],
)
def test_nothing_is_written_elsewhere(
    kit: Kit,
    api: docker.APIClient,
    tmp_path: pathlib.Path,
    path: str,
    why: str,
) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "sub").mkdir()
    there = created(kit, tmp_path)
    with pytest.raises(base.EngineError) as raised:
        kit.runtime.place(there, {path: b"evil"})
    assert raised.value.permanent, raised.value
    assert why in raised.value.message
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["kept", "sub"]
    # and what is there is as it was
    kit.runtime.start(there)
    said = run_in(
        api, there, "cat /etc/motd /data/kept; ls -d /srv/full; ls /run/caas"
    )
    assert said == "kept/srv/full\ncpu\nmemory\n"
    assert "evil" not in run_in(api, there, "cat /etc/hosts")


def test_a_hook_finds_them_too(kit: Kit) -> None:
    config = kit.config(
        "hook",
        "sh",
        "-c",
        "cat /etc/motd /run/caas/user_data",
        infra_id=kit.infra(),
        share=SHARE,
    )
    config.labels[base.LABEL_ROLE] = base.HOOK
    kit.runtime.show(kit.set_id, {"user_data": b"#!/bin/sh\n"})
    done = kit.runtime.run(config, 20, {"/etc/motd": b"hello\n"})
    assert done == base.Executed(0, "hello\n#!/bin/sh")


def test_what_containers_are_told(kit: Kit, api: docker.APIClient) -> None:
    kit.runtime.show(kit.set_id, {"meta_data.json": b"{}", "user_data": b"x"})
    infra = kit.infra()
    there = [
        kit.business(name, infra_id=infra, share=SHARE, user=user)
        for name, user in (("a", None), ("b", "1000:1000"))
    ]
    for each in there:
        kit.runtime.start(each)
        assert run_in(api, each, "cd /run/caas; head -n9 *") == (
            "==> cpu <==\n0.5\n\n==> memory <==\n64\n\n"
            "==> meta_data.json <==\n{}\n==> user_data <==\nx"
        )
        assert "Read-only" in run_in(
            api, each, "echo > /run/caas/user_data 2>&1 || true"
        )
    # while they run: one more, one less, one that is another
    kit.runtime.show(
        kit.set_id, {"meta_data.json": b"[]", "authorized_keys": b"key\n"}
    )
    kit.runtime.show(
        kit.set_id, {"meta_data.json": b"[]", "authorized_keys": b"key\n"}
    )
    for each in there:
        said = run_in(api, each, "cd /run/caas; ls -a; cat meta_data.json")
        assert said == (
            ".\n..\nauthorized_keys\ncpu\nmemory\nmeta_data.json\n[]"
        )


LABEL, START = base.LABEL_SCRIPT


@pytest.fixture(scope="module")
def willing(api: docker.APIClient, hostile: str) -> Iterator[str]:
    """An image that is started by user data."""
    made = api.create_container(hostile, command=["sh"])
    tag = uuid.uuid4().hex[:8]
    api.commit(
        made["Id"],
        repository="caas.test/willing",
        tag=tag,
        changes=f'LABEL {LABEL}={START}\nENTRYPOINT ["echo","entry"]\n'
        'CMD ["command"]',
    )
    api.remove_container(made["Id"])
    yield f"caas.test/willing:{tag}"
    api.remove_image(f"caas.test/willing:{tag}", force=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"command": None}, "script echo entry command"),
        ({"command": ("mine",)}, "script echo entry mine"),
        ({"command": None, "entrypoint": ("true",)}, "script true"),
        (
            {"command": ("c",), "entrypoint": ("true", "b")},
            "script true b c",
        ),
    ],
    ids=["image", "command", "entrypoint", "both"],
)
def test_user_data_start_what_wants_them_to(
    kit: Kit,
    api: docker.APIClient,
    willing: str,
    changes: dict[str, object],
    said: str,
) -> None:
    script = b'#!/bin/sh\necho script "$@"\nexec "$@"\n'
    kit.runtime.show(kit.set_id, {"user_data": script})
    made = {"infra_id": kit.infra(), "share": SHARE, **changes}
    there = kit.business("a", image=willing, **made)
    kit.runtime.start(there)
    poll(lambda: api.logs(there))
    assert api.logs(there).decode().splitlines()[0] == said
    # what an image of it is to run again
    labels = api.inspect_container(there)["Config"]["Labels"]
    was = json.loads(labels[base.LABEL_STARTED])
    words = [*(was["Entrypoint"] or ()), *(was["Cmd"] or ())]
    assert " ".join(words) == said.removeprefix("script ")
    # not where the image does not ask, and not if it is no script
    other = kit.business("b", "echo", "own", **(made | {"command": ("true",)}))
    assert api.inspect_container(other)["Path"] != "/run/caas/user_data"
    kit.runtime.show(kit.set_id, {"user_data": b"#cloud-config\n"})
    plain = kit.business("c", image=willing, **made)
    assert api.inspect_container(plain)["Path"] != "/run/caas/user_data"


def test_a_mount_hides_the_script(
    kit: Kit, willing: str, tmp_path: pathlib.Path
) -> None:
    kit.runtime.show(kit.set_id, {"user_data": b"#!/bin/sh\n"})
    with pytest.raises(base.EngineError, match="a mount hides") as raised:
        kit.business(
            "a",
            image=willing,
            infra_id=kit.infra(),
            share=SHARE,
            binds=(base.Bind(str(tmp_path), "/run"),),
        )
    assert raised.value.permanent
