"""What ``openstack server create`` hands into the containers."""

import io
import json
import pathlib
import stat
from collections.abc import Iterator

import pytest
from novaclient import client, exceptions

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.compute.conftest import (
    REGION,
    Compute,
    Container,
    removed,
)

KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzFlb+kW7xZgDTv2Cpk1PjANc9FAPFae77B"
    "6CdtODiZ me@home"
)
SCRIPT = "#!/bin/sh\necho 'not for \"nobody\"'\n"


@pytest.fixture
def key(user: Compute, name: str, tmp_path: pathlib.Path) -> Iterator[str]:
    """Name of a key pair."""
    file = tmp_path / "key.pub"
    file.write_text(f"{KEY}\n")
    user.do("keypair", "create", "--public-key", str(file), name)
    yield name
    user.do("keypair", "delete", name)


def meta_data(there: Container) -> dict[str, object]:
    text = there.execute("cat", "/run/caas/meta_data.json")
    found: dict[str, object] = json.loads(text)
    return found


def test_containers_find_it(
    user: Compute,
    cloud: Cloud,
    engines: Engines,
    image: str,
    name: str,
    key: str,
    tmp_path: pathlib.Path,
) -> None:
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    with removed(cloud, name):
        made = user(
            *("server", "create", name, "--use-config-drive"),
            *("--image", image, "--flavor", "c1.tiny"),
            *("--user-data", str(script), "--key-name", key),
            *("--property", "role=web", "--property", "caas_env_A=1"),
        )
        assert made["key_name"] == key
        user.reach(made["id"], "ACTIVE", {"BUILD"})
        there = Container(engines, made["id"])
        assert there.execute("cat", "/run/caas/user_data") == SCRIPT
        assert there.execute("cat", "/run/caas/authorized_keys") == f"{KEY}\n"
        assert "A=1\n" in there.execute("env")
        shown = meta_data(there)
        assert shown["uuid"] == made["id"]
        assert shown["name"] == shown["hostname"] == name
        assert shown["meta"] == {"role": "web", "caas_env_A": "1"}
        assert shown["public_keys"] == {key: KEY}
        # it is a secret on the host, too
        for file in pathlib.Path(user.stack.path).rglob(f"{made['id']}*"):
            if file.parent.name == "inputs":
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
                break
        else:
            pytest.fail("the agent keeps nothing")

        # what changes is told while it runs
        user.do("server", "set", name, "--property", "role=db")
        wait_for(
            "the new role",
            lambda: (
                meta_data(there)["meta"] == {"role": "db", "caas_env_A": "1"}
            ),
        )
        assert Container(engines, made["id"]).pid == there.pid
        script.write_text("#!/bin/sh\n")
        user.do(
            *("server", "rebuild", "--image", image, name),
            *("--user-data", str(script), "--key-unset"),
        )
        user.reach(made["id"], "ACTIVE", {"REBUILD"})
        anew = Container(engines, made["id"])
        assert anew.id != there.id
        assert anew.execute("cat", "/run/caas/user_data") == "#!/bin/sh\n"
        assert "No such file" in anew.execute(
            "cat", "/run/caas/authorized_keys"
        )


def test_files(
    user: Compute, cloud: Cloud, engines: Engines, image: str, name: str
) -> None:
    """By novaclient: those of ``openstack server create --file`` fail before
    they are sent anywhere (10.5)."""
    nova = client.Client(
        "2.56", session=user.connection.session, region_name=REGION
    )
    [tiny] = [f for f in nova.flavors.list() if f.name == "c1.tiny"]

    def create(path: str) -> str:
        made = nova.servers.create(
            name, image, tiny, files={path: io.StringIO("hi\n")}, nics="auto"
        )
        ident: str = made.id
        return ident

    for path, why in (
        ("/proc/sys/kernel/core_pattern", "/proc is not of the image"),
        ("/etc/hosts", "all containers of the set share it"),
        ("../etc/motd", "it is not an absolute path of a file"),
    ):
        with pytest.raises(exceptions.BadRequest, match=why):
            create(path)
    with removed(cloud, name):
        server = create("/etc/motd")
        user.reach(server, "ACTIVE", {"BUILD"})
        there = Container(engines, server)
        assert there.execute("cat", "/etc/motd") == "hi\n"
        nova.servers.rebuild(server, image)
        user.reach(server, "ACTIVE", {"REBUILD"})
        anew = Container(engines, server)
        assert anew.id != there.id
        assert anew.execute("cat", "/etc/motd") == "hi\n"
    with removed(cloud, name):
        # only its host can see what the image has there
        server = create("/etc")
        user.reach(server, "ERROR", {"BUILD"})
        assert "/etc is a folder" in nova.servers.get(server).fault["message"]


def test_no_network(
    user: Compute, cloud: Cloud, engines: Engines, image: str, name: str
) -> None:
    with removed(cloud, name):
        made = user(
            *("server", "create", name, "--nic", "none"),
            *("--image", image, "--flavor", "c1.tiny"),
        )
        user.reach(made["id"], "ACTIVE", {"BUILD"})
        assert user("server", "show", name)["addresses"] == {}
        there = Container(engines, made["id"])
        text = pathlib.Path(f"/proc/{there.pid}/net/dev").read_text()
        assert [line.split(":")[0].strip() for line in text.splitlines()][
            2:
        ] == ["lo"]
