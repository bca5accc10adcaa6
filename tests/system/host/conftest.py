"""caas-host, run as its user does, on hosts of real parts."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.agent.conftest import (  # noqa: F401 - fixtures
    agent_image,
    api,
    docker_url,
    dockerd,
    host,
    make_host,
    network,
    run_id,
)

COMMAND = (sys.executable, "-m", "caas.cmd.host")

Done = subprocess.CompletedProcess[str]


def arguments(path: pathlib.Path, options: dict[str, Any]) -> list[str]:
    """The command, with a configuration of these options.

    :param options: by ``group.name``.
    """
    groups: dict[str, list[str]] = {}
    for key, value in options.items():
        group, _, name = key.partition(".")
        groups.setdefault(group, []).append(f"{name} = {value}")
    file = path / "caas.conf"
    file.write_text(
        "".join(f"[{g}]\n" + "\n".join(v) + "\n" for g, v in groups.items())
    )
    return [*COMMAND, "--config-file", str(file)]


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Callable[..., Done]:
    """Run a command on a host and wait for its end."""

    def run(options: dict[str, Any], *words: str, **kwargs: Any) -> Done:
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        if "input" in kwargs:
            del kwargs["stdin"]
        return subprocess.run(
            [*arguments(tmp_path, options), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
            env={**os.environ, "SUDO_USER": "alice"},
            **kwargs,
        )

    return run
