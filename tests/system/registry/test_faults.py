"""Many clients at once, while workers of the registry are killed and Glance
is: no image is listed that cannot be pulled, and none is lost.

The seed is printed; ``CAAS_TEST_SEED`` repeats a run.
"""

import concurrent.futures
import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests import archives
from tests.registry import Client, sha256
from tests.system.cloud import wait_for
from tests.system.conftest import Stack
from tests.system.registry.conftest import Registry
from tests.system.registry.deaths import (
    complete,
    kill_a_worker,
    kill_glance,
    well,
)

SEED = int(os.environ.get("CAAS_TEST_SEED", random.randrange(10**6)))
CLIENTS = 8
#: Images each of them pushes; all stand on the same base.
IMAGES = 2
#: Times something dies.
DEATHS = 3
#: Times something is pushed before that counts as a failure.
TRIES = 8

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(autouse=True)
def _running_at_the_end(stack: Stack) -> Iterator[None]:
    yield
    stack.quickstart("start")


def persist(client: Client, repository: str, tag: str, *layers: bytes) -> None:
    """Push until it is done, as docker tries again and again."""
    for left in reversed(range(TRIES)):
        try:
            client.push(repository, tag, *layers)
        except (AssertionError, requests.RequestException):
            if not left:
                raise
            time.sleep(1)
        else:
            return


def look(client: Client, repository: str, over: threading.Event) -> None:
    """What is listed can be pulled, or the service says that it is ill."""
    while not over.wait(0.2):
        with contextlib.suppress(requests.RequestException):
            listed = client("GET", f"/v2/{repository}/tags/list")
            for tag in listed.json().get("tags", ())[-3:]:
                answer = client.manifest(repository, tag)
                assert answer.status_code in (200, 500, 502, 503)


@pytest.mark.parametrize(
    "break_it", [kill_a_worker, kill_glance], ids=lambda f: f.__name__
)
def test_something_dies(
    stack: Stack, registry: Registry, repository: str, break_it
) -> None:
    print(f"CAAS_TEST_SEED={SEED}")
    dice = random.Random(SEED)
    base = archives.packed({"base": dice.randbytes(2 << 20)})
    tops = {
        f"{n}-{m}": archives.packed({"top": dice.randbytes(200_000)})
        for n in range(CLIENTS)
        for m in range(IMAGES)
    }
    over = threading.Event()

    def push(n: int) -> None:
        client = registry.client()
        for m in range(IMAGES):
            tag = f"{n}-{m}"
            persist(client, repository, tag, base, tops[tag])

    def break_again_and_again() -> None:
        for _ in range(DEATHS):
            over.wait(dice.uniform(0.5, 1.5))
            break_it(stack, dice)
            wait_for("the registry to answer", lambda: well(registry))

    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 2) as pool:
        breaking = pool.submit(break_again_and_again)
        looking = pool.submit(look, registry.client(), repository, over)
        pushing = [pool.submit(push, n) for n in range(CLIENTS)]
        try:
            breaking.result()
            for each in pushing:
                each.result()
        finally:
            over.set()
        looking.result()
    stack.quickstart("start")
    client = registry.client()
    listed = client("GET", f"/v2/{repository}/tags/list").json()["tags"]
    assert sorted(listed) == sorted(tops)
    for tag in listed:
        assert complete(client, repository, tag)[1:] == [
            sha256(base),
            sha256(tops[tag]),
        ]
    for tag in listed:
        digest = client.manifest(repository, tag).headers[
            "Docker-Content-Digest"
        ]
        assert client.delete(repository, digest) == 202
