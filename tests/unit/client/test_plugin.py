"""The openstack command finds all our commands."""

import importlib.metadata
import subprocess
import sys

import pytest

from tests.openstack_cli import openstack

COMMANDS = sorted(
    each.name.replace("_", " ")
    for each in importlib.metadata.entry_points(group="openstack.caas.v1")
)


def test_there_are_commands():
    nouns = {each.split()[1] for each in COMMANDS}
    assert nouns == {
        "container",
        "event",
        "flavor",
        "image",
        "host",
        "job",
        "keypair",
        "namespace",
        "quota",
        "server",
        "service",
        "session",
        "set",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    done = openstack("help", *command.split())
    assert done.code == 0
    assert f" {command} [-h]" in done.out
    assert "provided by the python-caasclient plugin" in done.out


def test_as_a_process():
    done = subprocess.run(
        [sys.executable, "-m", "openstackclient.shell", "caas", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for command in COMMANDS:
        assert f"  {command}\n" in done.stdout
    assert "Failed to import" not in done.stderr
