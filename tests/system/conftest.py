"""The quickstart stack, found or brought up, for tests against real parts.

``QUICKSTART_DIR`` names it; without one that runs, one is made as the README
says.  It is left running: the next session finds it.
"""

import os
import pathlib
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.openstack_cli import openstack

if TYPE_CHECKING:
    from tests.system.cloud import Cloud, Engines

REPO = pathlib.Path(__file__).resolve().parents[2]
QUICKSTART = REPO / "devstack" / "quickstart"


class Stack:
    """The stack, by the commands a person would use.

    :ivar path: its state directory.
    :ivar settings: what it was made with, by name.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.settings = dict(
            line.split("=", 1)
            for line in (path / "settings").read_text().splitlines()
        )

    @property
    def python(self) -> pathlib.Path:
        return self.path / "venv" / "bin" / "python"

    def quickstart(
        self, *args: str, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run ``devstack/quickstart`` on this stack."""
        return run_quickstart(self.path, *args, check=check, timeout=timeout)

    def openstack(self, *args: str, cloud: str = "caas-demo") -> Any:
        """Run a command of ``openstack``; return the JSON it prints.

        :raises AssertionError: with what it said, when it fails.
        """
        done = openstack(*args, "-f", "json", env=self._client(cloud))
        assert done.code == 0, done.err
        return done.json

    def openstack_raw(
        self, *args: str, cloud: str = "caas-demo", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run the ``openstack`` CLI of the stack, a process of its own."""
        return subprocess.run(
            [self.path / "venv" / "bin" / "openstack", *args],
            env=self._client(cloud),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def _client(self, cloud: str) -> dict[str, str]:
        """The environment of a client."""
        return {
            **_environment(),
            "OS_CLIENT_CONFIG_FILE": str(self.path / "clouds.yaml"),
            "OS_CLOUD": cloud,
        }

    def whole(self) -> bool:
        """Whether all services run."""
        return not self.quickstart("status", check=False).returncode

    def pid(self, service: str) -> int:
        """Of a service of this stack, as ``quickstart status`` names it.

        :raises FileNotFoundError: it does not run, or is not ours.
        """
        run = f"/run/{self.settings['QUICKSTART_NAME']}-quickstart"
        return int(
            pathlib.Path(run, f"{service}.pid")
            .read_text(encoding="utf-8")
            .split()[0]
        )

    def netns(self, host: str) -> pathlib.Path | None:
        """Network namespace of a host of ``--hosts``; None without them."""
        if self.settings["QUICKSTART_HOSTS"] == "0":
            return None
        return pathlib.Path("/run/netns", host)

    def on_host(self, host: str, *command: str) -> str:
        """Run a command where the addresses of a host's sets are known."""
        netns = self.netns(host)
        enter = [] if netns is None else ["nsenter", f"--net={netns}"]
        return subprocess.run(
            [*enter, *command],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout


def _environment() -> dict[str, str]:
    """Ours, without what would lead the CLI to another cloud."""
    return {k: v for k, v in os.environ.items() if not k.startswith("OS_")}


def run_quickstart(
    path: pathlib.Path, *args: str, check: bool = True, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run ``devstack/quickstart`` for the stack in ``path``."""
    done = subprocess.run(
        [QUICKSTART, *args],
        env={**_environment(), "QUICKSTART_DIR": str(path)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if check and done.returncode:
        pytest.fail(
            f"quickstart {' '.join(args)}:\n{done.stdout}{done.stderr}"
        )
    return done


@pytest.fixture(scope="session")
def stack() -> Stack:
    """A running quickstart stack."""
    path = pathlib.Path(
        os.environ.get("QUICKSTART_DIR", "/var/lib/caas-quickstart")
    )
    if run_quickstart(path, "status", check=False).returncode:
        run_quickstart(path, "--skip-hello", timeout=600)
    return Stack(path)


# What is in cloud.py needs Stack of this file.


@pytest.fixture(scope="module")
def cloud(stack: Stack) -> "Cloud":
    from tests.system.cloud import Cloud

    return Cloud(stack)


@pytest.fixture(scope="module")
def admin(stack: Stack) -> "Cloud":
    from tests.system.cloud import Cloud

    return Cloud(stack, "caas-admin")


@pytest.fixture(scope="module")
def engines(stack: Stack) -> "Engines":
    from tests.system.cloud import Engines

    return Engines(stack)
