"""What dies while the registry is at work, and what has to be whole then."""

import json
import os
import pathlib
import random
import signal

import requests

from tests.registry import Client, sha256
from tests.system.cloud import wait_for
from tests.system.conftest import Stack
from tests.system.registry.conftest import Registry


def workers(pid: int) -> list[int]:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in children.split()]


def kill_a_worker(stack: Stack, dice: random.Random) -> None:
    """The master starts another one."""
    os.kill(dice.choice(workers(stack.pid("caas-registry"))), signal.SIGKILL)


def kill_glance(stack: Stack, _dice: random.Random) -> None:
    pid = stack.pid("glance")
    all_ = [pid, *workers(pid)]
    os.killpg(pid, signal.SIGKILL)
    # the next one needs their port
    wait_for("Glance to be dead", lambda: all(map(dead, all_)))
    stack.quickstart("start", "glance")


def dead(pid: int) -> bool:
    """Whether a process has let go of all it had."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    # the name, in parentheses, may hold anything
    return stat.rpartition(") ")[2][0] in "ZX"


def well(registry: Registry) -> bool:
    """Whether it answers, more often than there are workers."""
    try:
        return all(
            registry.client()("GET", "/v2/").status_code == 200
            for _ in range(4)
        )
    except requests.RequestException:
        return False


def complete(client: Client, repository: str, reference: str) -> list[str]:
    """What can be pulled of an image, which has to be all of it."""
    answer = client.manifest(repository, reference)
    assert answer.status_code == 200, answer.text
    manifest = json.loads(answer.content)
    assert sha256(answer.content) == answer.headers["Docker-Content-Digest"]
    digests = []
    for each in (manifest["config"], *manifest["layers"]):
        blob = client.blob(repository, each["digest"])
        assert blob.status_code == 200, blob.text
        assert sha256(blob.content) == each["digest"]
        digests.append(each["digest"])
    return digests
