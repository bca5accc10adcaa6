"""The quickstart sees beforehand whether a broker can be had."""

import os
import pathlib
import random
import socket
import subprocess
from collections.abc import Iterator

import pytest

LIB = pathlib.Path(__file__).resolve().parents[2] / "devstack/lib"

SCRIPT = """
set -euo pipefail
for each in common services rabbitmq; do source "$LIB/$each.sh"; done
claim_broker
echo claimed
"""


class Machine:
    """:ivar port: of the broker, which nobody listens at, nor at the one
    20000 above.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._open: list[socket.socket] = []
        self.port = self._free()
        # this machine has no broker of its own, and no epmd
        self.program("rabbitmq-diagnostics", "exit 69")
        self.program("epmd", "exit 1")
        self.epmd = self._free()

    def _free(self) -> int:
        while True:
            port = random.randrange(20000, 40000)
            with socket.socket() as one, socket.socket() as other:
                try:
                    one.bind(("127.0.0.1", port))
                    other.bind(("127.0.0.1", port + 20000))
                except OSError:
                    continue
                return port

    def program(self, name: str, does: str) -> None:
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    def listen(self, port: int) -> None:
        self._open.append(socket.create_server(("127.0.0.1", port)))

    def stop(self) -> None:
        for each in self._open:
            each.close()

    def claim(self, **environment: str) -> str:
        """What is said; the last line is ``claimed`` if all is well."""
        done = subprocess.run(
            ["bash", "-c", SCRIPT],
            env={
                "PATH": f"{self._folder}:{os.environ['PATH']}",
                "LIB": str(LIB),
                "RUN_DIR": str(self._folder),
                "QUICKSTART_NAME": "caas",
                "QUICKSTART_RABBITMQ_PORT": str(self.port),
                "ERL_EPMD_PORT": str(self.epmd),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not done.stderr
        assert (done.returncode == 0) == (done.stdout == "claimed\n")
        return done.stdout


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.stop()


def test_all_is_free(machine: Machine) -> None:
    assert machine.claim() == "claimed\n"


def test_the_broker_of_the_machine(machine: Machine) -> None:
    machine.listen(machine.port)
    machine.program(
        "rabbitmq-diagnostics",
        f'[ "$*" = "--quiet check_port_listener {machine.port}" ]',
    )
    assert machine.claim() == "claimed\n"


def test_another_broker(machine: Machine) -> None:
    machine.listen(machine.port)
    said = machine.claim()
    assert f"Port {machine.port}, where RabbitMQ should listen" in said
    assert "set QUICKSTART_RABBITMQ_PORT" in said


def test_our_own(machine: Machine, tmp_path: pathlib.Path) -> None:
    """A stack that runs is made again over itself."""
    machine.listen(machine.port)
    machine.listen(machine.port + 20000)
    stat = pathlib.Path("/proc/self/stat").read_text()
    start = stat.rpartition(") ")[2].split()[19]
    (tmp_path / "rabbitmq.pid").write_text(f"{os.getpid()} {start}\n")
    assert machine.claim() == "claimed\n"


def test_the_port_of_nodes_is_taken(machine: Machine) -> None:
    machine.listen(machine.port + 20000)
    assert f"Port {machine.port + 20000}, which RabbitMQ" in machine.claim()


def test_no_port_of_nodes(machine: Machine) -> None:
    said = machine.claim(QUICKSTART_RABBITMQ_PORT="50000")
    assert "45535 at most" in said


def test_what_is_no_epmd(machine: Machine) -> None:
    machine.listen(machine.epmd)
    assert f"Port {machine.epmd}, where Erlang's epmd" in machine.claim()


def test_names_of_nodes(machine: Machine) -> None:
    machine.listen(machine.epmd)
    machine.program("epmd", "echo name other-quickstart at port 1")
    assert machine.claim() == "claimed\n"
    machine.program("epmd", "echo name caas-quickstart at port 1")
    assert "another stack runs that is named caas" in machine.claim()
