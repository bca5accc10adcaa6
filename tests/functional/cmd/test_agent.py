"""caas-agent as a service manager runs it, on fake drivers."""

import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

Start = Callable[..., "subprocess.Popen[str]"]

CONFIG = """
[DEFAULT]
host = h1
transport_url = {transport}
[agent]
state_path = {folder}/state
runtime = fake
network = fake
volume = fake
image = fake
heartbeat_interval = 0.2
"""


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Start]:
    """Starts an agent; its log is ``tmp_path/log``."""
    processes: list[subprocess.Popen[str]] = []

    def start(transport: str = "fake://") -> "subprocess.Popen[str]":
        (tmp_path / "caas.conf").write_text(
            CONFIG.format(folder=tmp_path, transport=transport)
        )
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [
                    pathlib.Path(sys.executable).parent / "caas-agent",
                    "--config-dir",
                    tmp_path,
                ],
                stdout=log,
                stderr=log,
                text=True,
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def logged(tmp_path: pathlib.Path) -> Callable[[str], None]:
    """Waits for words in the log."""

    def logged(words: str) -> None:
        end = time.monotonic() + 30
        while words not in (text := (tmp_path / "log").read_text()):
            assert time.monotonic() < end, text
            time.sleep(0.02)

    return logged


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once(start: Start, logged, number) -> None:
    process = start()
    logged("The agent of host h1 has started")
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(30) == 0
    assert time.monotonic() - began < 8


def test_it_works_without_a_broker(start: Start, logged) -> None:
    # nobody listens on port 1
    process = start("rabbit://guest:guest@127.0.0.1:1/")
    logged("Connection failed")
    logged("The agent of host h1 has started")
    process.terminate()
    assert process.wait(10) == 0


def test_a_second_one_is_refused(start: Start, logged) -> None:
    start()
    logged("The agent of host h1 has started")
    assert start().wait(30) == 1
    logged("Another agent works with")


def test_hangup_is_survived(start: Start, logged) -> None:
    process = start()
    logged("The agent of host h1 has started")
    process.send_signal(signal.SIGHUP)
    process.terminate()
    assert process.wait(10) == 0
