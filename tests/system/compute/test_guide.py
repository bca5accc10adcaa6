"""What the guide shows works as it stands there."""

import contextlib
import pathlib
import re
import shlex
from collections.abc import Iterator

import pytest

from tests.system.client.test_guides import blocks
from tests.system.cloud import Cloud, wait_for
from tests.system.compute.conftest import Compute, removed

#: Servers it makes.
NAMES = ("vm", "pair", "db", "told", "again")
#: Images it makes.
IMAGES = ("vm-snapshot", "vm-daily")


@pytest.fixture
def _clean(user: Compute, cloud: Cloud) -> Iterator[None]:
    """Its servers are not there, neither before nor after."""
    for turn in range(2):
        with contextlib.ExitStack() as stack:
            for name in NAMES:
                stack.enter_context(removed(cloud, name))
            stack.callback(user.run, "keypair", "delete", "vm-key")
            if turn:
                yield
        for group in user.connection.compute.server_groups():
            if group.name == "replicas":
                user.connection.compute.delete_server_group(group)
        for each in user.connection.image.images():
            if each.name in IMAGES:
                user.connection.image.delete_image(each)


@pytest.fixture
def files(tmp_path: pathlib.Path) -> dict[str, str]:
    """Those a user has, by what the guide calls them."""
    found = {
        "USER_DATA_FILE": "#!/bin/sh\n",
        "KEY_FILE": "ssh-ed25519 " + KEY + " me@home\n",
    }
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in found}


KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIGzFlb+kW7xZgDTv2Cpk1PjANc9FAPFae77B6CdtODiZ"


#: Statuses that go over into another by themselves.
PASSING = {"BUILD", "REBOOT", "RESIZE", "REVERT_RESIZE", "REBUILD"}


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("_clean")
def test_commands(user: Compute, image: str, files: dict[str, str]) -> None:
    text = "".join(blocks("compute.rst", "console")).replace("\\\n", " ")
    lines = re.findall(r"^\$ openstack (.*)$", text, re.M)
    assert len(lines) > 20
    for line in lines:
        command = line.replace("IMAGE_ID", image)
        for name, path in files.items():
            command = command.replace(name, path)
        user.do(*shlex.split(command))

        def settled() -> bool:
            return not [
                each
                for each in user.connection.compute.servers(
                    name=f"^({'|'.join(NAMES)})$"
                )
                if each.status in PASSING or each.task_state
            ]

        wait_for(f"the end of {line}", settled, 30)
