"""All of caas in one process: API, conductors, agents on fake engines."""

import dataclasses
import functools
import pathlib
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import pytest

from caas import pull, rpc
from caas.agent.hands import Drivers
from caas.agent.main import Agent
from caas.agent.main import Settings as AgentSettings
from caas.agent.plan import Rules
from caas.agent.state import State
from caas.cmd.agent import Endpoint
from caas.conductor.main import Conductor
from caas.conductor.settings import Settings
from caas.drivers.faults import Faults
from caas.drivers.image.fake import FakeImage
from caas.drivers.network.fake import FakeNetwork
from caas.drivers.runtime.fake import FakeRuntime
from caas.drivers.volume.fake import FakeVolume
from caas.model import spec
from tests.functional.lossy import Network
from tests.functional.service import Service


def until(
    check: Callable[[], Any], what: Callable[[], str], timeout: float = 30
) -> Any:
    """Ask again until there is a true answer, and return it."""
    end = time.monotonic() + timeout
    while not (answer := check()):
        if time.monotonic() > end:
            pytest.fail(f"{what()} after {timeout} s")
        time.sleep(0.01)
    return answer


class Host:
    """An engine that lasts, and an agent that comes and goes.

    :ivar faults: what tests do to its drivers.
    """

    def __init__(
        self,
        whole: "Whole",
        name: str,
        folder: pathlib.Path,
        capacity: spec.Resources,
        zone: str,
    ) -> None:
        self.name = name
        self.faults = Faults()
        images: set[str] = set()
        self.runtime = FakeRuntime(faults=self.faults, images=images)
        self.network = FakeNetwork(faults=self.faults)
        self.volume = FakeVolume(faults=self.faults)
        self.image = FakeImage(faults=self.faults, images=images)
        self._whole = whole
        self._folder = folder
        self._settings = AgentSettings(
            host=name,
            zone=zone,
            capacity=capacity,
            heartbeat=0.5,
            gather=0.01,
            rules=Rules(backoff_cap=0.2, good_behaviour=60),
        )
        self.start()

    def start(self) -> None:
        transport = self._whole.transport()
        self._state = State(self._folder)
        conductors = rpc.ConductorClient(transport)
        self._agent = Agent(
            self._settings,
            Drivers(self.runtime, self.network, self.volume, self.image),
            self._state,
            conductors.sync,
            netns=lambda pid: None,
            inputs=functools.partial(conductors.inputs, self.name),
        )
        self._server = rpc.agent_server(
            transport, self.name, Endpoint(self._agent)
        )
        self._server.start()
        self._agent.start()

    def stop(self) -> None:
        """The agent goes; its containers stay."""
        self._server.stop()
        self._server.wait()
        self._agent.stop()
        self.runtime.disconnect()
        self._state.close()

    @property
    def running(self) -> list[str]:
        """Names of the containers that run, without the set's part."""
        return sorted(
            container.name.split("-", 7)[-1]
            for container in self.runtime.list()
            if container.state == "running"
        )

    @property
    def empty(self) -> bool:
        return not (
            self.runtime.containers
            or self.runtime.groups
            or self.volume.volumes
            or self.network.list()
        )


class Whole:
    """A service with conductors and hosts.

    :ivar network: what all messages go through; calm until told else.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        database: str,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self._folder = folder
        self.network = Network()
        real = rpc.transport
        patch.setattr(
            rpc, "transport", lambda conf: self.network.spoil(real(conf))
        )
        self.service = Service(folder, database, patch)
        self.hosts: dict[str, Host] = {}
        self.conductors: dict[str, tuple[Conductor, Any, rpc.Sender]] = {}

    def transport(self) -> Any:
        return rpc.transport(self.service.conf)

    def stop(self) -> None:
        self.network.stop()
        # each waits a second for its listener
        stops = [host.stop for host in self.hosts.values()]
        stops += [
            functools.partial(self.stop_conductor, name)
            for name in self.conductors
        ]
        with futures.ThreadPoolExecutor(len(stops)) as pool:
            for done in [pool.submit(stop) for stop in stops]:
                done.result()
        self.service.stop()

    def conductor(self, name: str = "c1") -> None:
        transport = self.transport()
        settings = dataclasses.replace(
            Settings.from_conf(self.service.conf),
            name=name,
            sweep_interval=0.2,
            lease_time=1,
            settle_timeout=1,
            # twenty beats: a busy machine is not to look like a dead host
            heartbeat_timeout=10,
        )
        sender = rpc.Sender(transport)
        made = Conductor(
            self.service.store,
            settings,
            pull.Tokens(self.service.conf.pull["keys"], 60),
            sender.assign,
        )
        made.start()
        server = rpc.conductor_server(transport, name, made)
        server.start()
        self.conductors[name] = (made, server, sender)

    def stop_conductor(self, name: str) -> None:
        made, server, sender = self.conductors.pop(name)
        server.stop()
        server.wait()
        made.stop()
        sender.stop()

    def host(
        self,
        name: str = "h1",
        *,
        vcpus: int = 4,
        memory_mb: int = 4096,
        zone: str = "z1",
    ) -> Host:
        """A new host, once the service knows it."""
        self.hosts[name] = Host(
            self,
            name,
            self._folder / name,
            spec.Resources(vcpus * 1000, memory_mb, 1000),
            zone,
        )
        until(
            lambda: self.get(f"/v1/hosts/{name}", 200, 404).get("host"),
            lambda: f"host {name} is not there",
        )
        return self.hosts[name]

    def get(self, path: str, *statuses: int) -> dict[str, Any]:
        answer = self.service.request("GET", path)
        assert answer.status_int in (statuses or (200,)), answer.text
        found: dict[str, Any] = answer.json
        return found

    def act(
        self, item: dict[str, Any], verb: str, body: Any = None
    ) -> dict[str, Any]:
        """A verb on a set; ``delete`` too."""
        path = f"/v1/sets/{item['id']}"
        method = "DELETE" if verb == "delete" else "POST"
        if verb != "delete":
            path += f"/{verb}"
        answer = self.service.request(method, path, body)
        assert answer.status_int == 202, answer.text
        made: dict[str, Any] = answer.json["set"]
        return made

    def wait(
        self, item: dict[str, Any], status: str, timeout: float = 30
    ) -> dict[str, Any]:
        """The set, once it has this status; GONE: once it is no more."""
        last: dict[str, Any] = {}

        def look() -> bool:
            last.clear()
            last.update(self.get(f"/v1/sets/{item['id']}", 200, 404))
            found = last.get("set", {"status": "GONE"})
            return bool(found["status"] == status)

        def what() -> str:
            found = last.get("set", {})
            return (
                f"{item['name']} is {found.get('status')}, not {status} "
                f"({found.get('reason')})"
            )

        until(look, what, timeout)
        return last.get("set", {})
