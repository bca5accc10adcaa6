"""Any process killed, the broker or an engine restarted: nothing is lost,
nothing doubled, nothing stuck.

The seed is printed; ``CAAS_TEST_SEED`` repeats a run.
"""

import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.conftest import Stack

SEED = int(os.environ.get("CAAS_TEST_SEED", random.randrange(10**6)))
#: Sets created and deleted while something dies.
SETS = 4


@pytest.fixture(autouse=True)
def _running_at_the_end(stack: Stack) -> Iterator[None]:
    yield
    if not stack.whole():
        stack.quickstart("start")


def agent_of(stack: Stack) -> str:
    some = stack.settings["QUICKSTART_HOSTS"] != "0"
    return "caas-agent-1" if some else "caas-agent"


def kill(stack: Stack, service: str) -> None:
    """SIGKILL, children and all (uWSGI has workers)."""
    os.killpg(stack.pid(service), signal.SIGKILL)


def restart_broker(stack: Stack) -> None:
    """Kill the stack's own one; the machine's is only restarted."""
    try:
        kill(stack, "rabbitmq")
    except FileNotFoundError:
        for command in ("stop_app", "start_app"):
            subprocess.run(
                ["rabbitmqctl", "-q", command], check=True, timeout=120
            )
    else:
        stack.quickstart("start")


def check(
    cloud: Cloud,
    admin: Cloud,
    engines: Engines,
    wanted: list[str],
    unwanted: list[str],
) -> None:
    """Docker, agents and database agree on what is there."""
    for set_id in wanted:
        cloud.reach(set_id, "ACTIVE", seconds=90)
    for set_id in unwanted:
        cloud.gone(set_id, seconds=90)
    for set_id in wanted:
        found = engines.containers(set_id)
        names = sorted(c["Config"]["Labels"]["caas.name"] for c in found)
        assert names == ["app", "infra"]
        assert all(c["State"]["Running"] for c in found)
    for set_id in unwanted:
        assert engines.containers(set_id) == []
    sets = admin.http.get("/sets?all_projects=true&limit=1000").json()["sets"]

    def claims() -> int:
        hosts = admin.http.get("/hosts").json()["hosts"]
        return sum(h["used"]["sets"] for h in hosts)

    wait_for("claims to match the sets", lambda: claims() == len(sets))


class Victims:
    """Some sets that run, to be deleted, and some to be created."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.old = [s["id"] for s in cloud.create(min_count=SETS)]
        for set_id in self.old:
            cloud.reach(set_id, "ACTIVE")
        self.new: list[str] = []

    def ask(self) -> None:
        """Asks again while the API is away, as a client would."""

        def once(method: Any) -> bool:
            try:
                method()
            except Exception:
                return False
            return True

        def create() -> None:
            if not self.new:
                made = self.cloud.create(min_count=SETS)
                self.new = [s["id"] for s in made]

        wait_for("the API to take a create", lambda: once(create), 90)
        for set_id in self.old:
            wait_for(
                "the API to take a delete",
                lambda i=set_id: once(lambda: self.cloud.delete(i)),
                90,
            )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("turn", range(2))
@pytest.mark.parametrize("victim", ["caas-api", "caas-conductor", "agent"])
def test_a_process_is_killed_amid_creates_and_deletes(
    stack: Stack,
    cloud: Cloud,
    admin: Cloud,
    engines: Engines,
    victim: str,
    turn: int,
) -> None:
    service = agent_of(stack) if victim == "agent" else victim
    moment = random.Random(f"{SEED}/{victim}/{turn}").uniform(0, 1.5)
    print(f"seed {SEED}: {service} is killed after {moment:.3f} s")
    victims = Victims(cloud)
    asking = threading.Thread(target=victims.ask)
    strike = threading.Timer(moment, kill, (stack, service))
    strike.start()
    asking.start()
    strike.join()
    stack.quickstart("start", service)
    asking.join(180)
    assert not asking.is_alive()
    check(cloud, admin, engines, victims.new, victims.old)
    for set_id in victims.new:
        cloud.delete(set_id)
    check(cloud, admin, engines, [], victims.new)


def test_an_agent_that_dies_and_returns_touches_no_container(
    stack: Stack, cloud: Cloud, engines: Engines
) -> None:
    """F21."""
    with cloud.sets(min_count=3) as made:
        before = {s["id"]: engines.pids(s["id"]) for s in made}
        kill(stack, agent_of(stack))
        stack.quickstart("start", agent_of(stack))
        # it does what it is asked for again, so it has settled
        with cloud.sets():
            pass
        after = {s["id"]: engines.pids(s["id"]) for s in made}
        assert after == before


@pytest.mark.timeout(300)
def test_rabbitmq_is_killed_amid_creates_and_deletes(
    stack: Stack, cloud: Cloud, admin: Cloud, engines: Engines
) -> None:
    victims = Victims(cloud)
    asking = threading.Thread(target=victims.ask)
    asking.start()
    restart_broker(stack)
    asking.join(180)
    assert not asking.is_alive()
    check(cloud, admin, engines, victims.new, victims.old)
    for set_id in victims.new:
        cloud.delete(set_id)
    check(cloud, admin, engines, [], victims.new)


@pytest.mark.timeout(300)
def test_dockerd_is_killed_amid_creates_and_deletes(
    stack: Stack, cloud: Cloud, admin: Cloud, engines: Engines
) -> None:
    """With live restore, what ran before goes on with the same PIDs."""
    some = stack.settings["QUICKSTART_HOSTS"] != "0"
    service = "dockerd-1" if some else "dockerd"
    with cloud.sets(min_count=2) as bystanders:
        before = {s["id"]: engines.pids(s["id"]) for s in bystanders}
        victims = Victims(cloud)
        asking = threading.Thread(target=victims.ask)
        asking.start()
        os.kill(stack.pid(service), signal.SIGKILL)
        stack.quickstart("start", service)
        asking.join(180)
        assert not asking.is_alive()
        check(
            cloud,
            admin,
            engines,
            victims.new + [s["id"] for s in bystanders],
            victims.old,
        )
        after = {s["id"]: engines.pids(s["id"]) for s in bystanders}
        assert after == before
        for set_id in victims.new:
            cloud.delete(set_id)
        for set_id in victims.new:
            cloud.gone(set_id)
