"""A host of real parts: an engine, its agent, and how to look at both."""

import contextlib
import dataclasses
import json
import multiprocessing
import pathlib
import threading
import time
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

import docker
import docker.errors

from caas.agent import main, state
from caas.agent.fitness.look import Fitness
from caas.agent.logs import of_host
from caas.model import spec, wire
from caas.model.states import Desired, Phase
from tests.scripted import Conductor, deleted
from tests.system.agent import process

#: Processes are forked from one that has imported all and started nothing.
_CLEAN = multiprocessing.get_context("forkserver")
_CLEAN.set_forkserver_preload(["tests.system.agent.process"])


def until(condition: Callable[[], Any], timeout: float = 30.0) -> None:
    """Poll until it holds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s"
        time.sleep(0.01)


SETTINGS = {"host": "host", "heartbeat": 1.0}


class Host:
    """:param api: the engine, spoken to past our drivers.
    :param options: configuration of the agent, by ``group.name``.
    :param image: what business containers are made from.
    :param network: first two numbers of addresses.
    """

    def __init__(
        self,
        api: docker.APIClient,
        options: dict[str, Any],
        image: spec.ImageRef,
        network: str,
        path: pathlib.Path,
    ) -> None:
        self.api = api
        self.options = options
        self.image = image
        #: leave to, in what is wanted
        self.pull: wire.Pull | None = None
        self.network = network
        self.path = path
        self.conductor = Conductor()
        #: it looks whether it is fit
        self.looks = False
        self.agent: main.Agent | Process | None = None
        self._state: state.State | None = None
        self._count = 1

    # The agent, inside this process or in one of its own.

    def start(self) -> None:
        conf = process.configuration(self.options)
        self._state = state.State(pathlib.Path(conf.agent.state_path, "agent"))
        self.agent = main.Agent(
            main.Settings(**SETTINGS),
            process.drivers(conf),
            self._state,
            self.conductor.sync,
            **({"look": Fitness(conf).look} if self.looks else {}),
            former=of_host(conf),
        )
        self.conductor.agent = self.agent
        self.agent.start()

    def start_process(self) -> "Process":
        self.agent = Process(self)
        self.conductor.agent = self.agent
        return self.agent

    def stop(self) -> None:
        self.conductor.agent = None
        if isinstance(self.agent, Process):
            self.agent.kill()
        elif self.agent is not None and self._state is not None:
            self.agent.stop()
            self._state.close()
        self.agent = None

    # What is wanted.

    def container(
        self, name: str, index: int = 0, *, policy: str = "no", **fields: Any
    ) -> wire.WantedContainer:
        fields.setdefault("command", ("sleep", "1000"))
        return wire.WantedContainer(
            id=f"id-{name}",
            pull=self.pull,
            spec=spec.ContainerSpec(
                name=name,
                image=self.image,
                index=index,
                restart_policy=spec.RestartPolicy(policy),
                **fields,
            ),
        )

    def wanted(self, *containers: wire.WantedContainer) -> wire.Wanted:
        """A set with an address of its own."""
        self._count += 1
        n = self._count
        return wire.Wanted(
            id=f"{self.options['agent.deployment']}-{n}",
            incarnation=1,
            revision=1,
            desired=Desired.RUNNING,
            project_id=str(self.options["agent.deployment"]),
            name=f"set-{n}",
            hostname=f"set-{n}",
            grace_period=1,
            resources=spec.Resources(1000, 64, 1),
            nic=wire.Nic(
                address=f"{self.network}.{n // 250}.{n % 250 + 2}",
                prefix_len=16,
                gateway=f"{self.network}.0.1",
                mac=f"02:00:00:00:{n // 256:02x}:{n % 256:02x}",
            ),
            containers=containers or (self.container("web"),),
            request_id=f"req-{n}",
        )

    def create(self, *containers: wire.WantedContainer) -> wire.Wanted:
        one = self.wanted(*containers)
        self.conductor.want(one)
        self.conductor.wait(one, phase=Phase.RUNNING)
        return one

    def change(self, one: wire.Wanted, **fields: Any) -> wire.Wanted:
        one = dataclasses.replace(one, revision=one.revision + 1, **fields)
        self.conductor.want(one)
        return one

    def delete_all(self) -> None:
        gone = [
            deleted(w)
            for w in self.conductor.sets.values()
            if w.desired != Desired.DELETED
        ]
        if gone:
            self.conductor.want(*gone)
        self.conductor.wait_for(lambda: not self.conductor.sets, 120)

    # What is there.

    def containers(self, one: wire.Wanted | None = None) -> dict[str, Any]:
        """As the engine shows them, by name within the set."""
        labels = [f"caas.deployment={self.options['agent.deployment']}"]
        if one is not None:
            labels.append(f"caas.set={one.id}")
        found = {}
        for item in self.api.containers(all=True, filters={"label": labels}):
            with contextlib.suppress(docker.errors.NotFound):
                there = self.api.inspect_container(item["Id"])
                name = there["Config"]["Labels"]["caas.name"]
                key = name if one else f"{item['Labels']['caas.set']} {name}"
                assert key not in found, f"{key} is there twice"
                found[key] = there
        return found

    def running(self, one: wire.Wanted) -> list[str]:
        return sorted(
            n for n, c in self.containers(one).items() if c["State"]["Running"]
        )

    def run(self, one: wire.Wanted, name: str, *command: str) -> str:
        """The output of a command in a container."""
        made = self.api.exec_create(
            self.containers(one)[name]["Id"], list(command)
        )
        return self.api.exec_start(made["Id"]).decode().strip()

    def left(self) -> list[str]:
        """All there is of any set on this host."""
        deployment = str(self.options["agent.deployment"])
        root = str(self.options["docker.cgroup_root"]).strip("/")
        home = pathlib.Path(str(self.options["agent.state_path"]))
        mounts = (
            pathlib.Path("/proc/self/mounts")
            .read_text(encoding="utf-8")
            .split()
        )
        links = pathlib.Path("/sys/class/net").iterdir()
        prefix = f"{self.options['bridge.prefix']}"
        return [
            *self.containers(),
            *(str(p) for p in home.glob("volumes/*")),
            *(str(p) for p in home.glob("logs/*")),
            *(str(p) for p in home.glob("agent/sets/*")),
            *(
                str(p)
                for place, pattern in (
                    ("/sys/fs/cgroup", f"{root}/*/"),
                    ("/sys/fs/cgroup", f"*/{root}/*/"),
                    ("/sys/fs/cgroup", "caas.slice/*/"),
                    ("/run/systemd", "*/caas-*.slice*"),
                )
                for p in pathlib.Path(place).glob(pattern)
                if deployment in p.name
            ),
            *(m for m in mounts if m.startswith(str(home))),
            *(
                p.name
                for p in links
                if p.name.startswith((f"{prefix}v", f"{prefix}-"))
            ),
        ]

    def purge(self) -> None:
        """Remove what a failed test left."""
        for there in self.containers().values():
            self.api.remove_container(there["Id"], force=True, v=True)
        parts = process.drivers(process.configuration(self.options))
        for set_id in {*parts.volume.list(), *parts.network.list()}:
            parts.network.unplug(set_id)
            parts.volume.delete(set_id)


class Process:
    """An agent that can be killed."""

    def __init__(self, host: Host) -> None:
        address = str(host.path / "line")
        pathlib.Path(address).unlink(missing_ok=True)
        self._conductor = host.conductor
        self._listener = connection.Listener(address)
        self.log = host.path / "agent.log"
        self._process = _CLEAN.Process(
            target=process.run,
            args=(
                address,
                str(self.log),
                host.options,
                SETTINGS,
            ),
        )
        self._process.start()
        self._lock = threading.Lock()
        self._assigns: Any = None
        for _ in range(2):
            line = self._listener.accept()
            if line.recv() == "assigns":
                self._assigns = line
            else:
                threading.Thread(
                    target=self._answer, args=(line,), daemon=True
                ).start()

    def assign(self, message: dict[str, Any]) -> None:
        # one that nobody takes any more is lost, as messages are
        with self._lock, contextlib.suppress(OSError):
            self._assigns.send(json.dumps(message))

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.join()
        self._listener.close()
        self._assigns.close()

    def _answer(self, line: Any) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                report = json.loads(line.recv())
                try:
                    reply = self._conductor.sync(report)
                except Exception as error:
                    reply = {"error": str(error)}
                line.send(json.dumps(reply))
