"""Ansible's modules for OpenStack, in playbooks as VMs have them."""

import dataclasses
import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.system.cloud import Cloud
from tests.system.compute.conftest import REGION, Compute, removed
from tests.system.conftest import Stack

pytestmark = pytest.mark.timeout(240)

PLAYBOOKS = pathlib.Path(__file__).with_name("ansible")
PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJHcF1aR6Yv0rJqPTz0TSqg6X3WPvM2P"
    "7H0oZyF3nYt5 test"
)


@dataclasses.dataclass(frozen=True)
class Played:
    """What a playbook did.

    :ivar changed: names of the tasks that have changed something.
    """

    changed: set[str]


@pytest.fixture
def play(
    stack: Stack,
    user: Compute,
    operator: Compute,
    image: str,
    name: str,
    tmp_path: pathlib.Path,
) -> Callable[..., Played]:
    """Run a playbook, with what it needs to know."""
    venv = pathlib.Path(stack.quickstart("venv", "ansible").stdout.strip())
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(
        yaml.safe_dump(
            {"clouds": {each.name: each.entry for each in (user, operator)}}
        )
    )
    known = {
        "region": REGION,
        "cloud": user.name,
        "operator": operator.name,
        "project": user.connection.current_project_id,
        "prefix": name,
        "image": image,
        "public_key": PUBLIC_KEY,
        "ansible_python_interpreter": str(venv / "bin" / "python"),
    }

    def run(playbook: str, **more: Any) -> Played:
        done = subprocess.run(
            [
                *(venv / "bin" / "ansible-playbook", "--inventory=localhost,"),
                f"--extra-vars={json.dumps({**known, **more})}",
                PLAYBOOKS / playbook,
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LC_ALL": "C.UTF-8",
                "OS_CLIENT_CONFIG_FILE": str(clouds),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_PIPELINING": "true",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not done.returncode, done.stdout + done.stderr
        [played] = json.loads(done.stdout)["plays"]
        return Played(
            {
                task["task"]["name"]
                for task in played["tasks"]
                if task["hosts"]["localhost"]["changed"]
            }
        )

    return run


@pytest.fixture
def _clean(user: Compute, cloud: Cloud, name: str) -> Iterator[None]:
    with removed(cloud, name), removed(cloud, f"{name}-two"):
        yield
    user.connection.delete_keypair(name)


@pytest.mark.usefixtures("_clean")
def test_servers(
    play: Callable[..., Played], user: Compute, cloud: Cloud, name: str
) -> None:
    tasks = {"key pair", "server", "server with variables"}
    assert play("present.yaml").changed == tasks
    found = user.connection.get_server(name)
    assert (found.status, found.metadata) == ("ACTIVE", {"role": "web"})
    assert found.tags == ["blue"]
    assert not play("present.yaml").changed
    # with any Nova the module sets a value that is another one, then takes it
    # away with the former
    for _ in range(2):
        assert play("present.yaml", role="db").changed == {"server"}
    play("life.yaml")
    assert user.connection.get_server(name).metadata == {"role": "db"}
    assert play("absent.yaml").changed == {"servers", "key pair"}
    assert cloud.show(found.id) is None
    assert not play("absent.yaml").changed


def test_around_servers(
    play: Callable[..., Played], user: Compute, operator: Compute, name: str
) -> None:
    tasks = {"flavor", "access", "group", "aggregate"}
    playbook = "operator.yaml"
    try:
        assert play(playbook, state="present").changed == tasks
        assert user.connection.get_flavor(name) is not None
        assert not play(playbook, state="present").changed
        changed = play(playbook, state="absent").changed
        assert changed == tasks - {"access"}
    finally:
        play(playbook, state="absent")
    assert operator.connection.get_flavor(name) is None
