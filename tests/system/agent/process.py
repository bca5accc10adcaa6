"""An agent of real parts, in a process of its own if it is to be killed.

The test is its conductor.
"""

import json
import logging
import pathlib
import threading
from collections.abc import Mapping
from multiprocessing import connection
from typing import Any

from oslo_config import cfg

from caas import conf as caas_conf
from caas.agent import main, state
from caas.agent.hands import Drivers
from caas.agent.logs import of_host
from caas.drivers.image.registry import RegistryImage
from caas.drivers.network.bridge import BridgeNetwork
from caas.drivers.runtime.docker import DockerRuntime
from caas.drivers.volume.directory import DirectoryVolume


def configuration(options: Mapping[str, Any]) -> cfg.ConfigOpts:
    """:param options: values by ``group.name``."""
    conf = cfg.ConfigOpts()
    caas_conf.register_all(conf)
    conf([], project="caas", default_config_files=[])
    for key, value in options.items():
        group, _, name = key.partition(".")
        conf.set_override(name, value, group)
    return conf


def drivers(conf: cfg.ConfigOpts) -> Drivers:
    return Drivers(
        DockerRuntime(conf),
        BridgeNetwork(conf),
        DirectoryVolume(conf),
        RegistryImage(conf),
    )


class Line:
    """Reports go out and answers come in; assigns come in by themselves."""

    def __init__(self, address: str) -> None:
        self._reports = connection.Client(address)
        self._reports.send("reports")
        self._assigns = connection.Client(address)
        self._assigns.send("assigns")
        self._lock = threading.Lock()

    def sync(self, report: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._reports.send(json.dumps(report))
            reply = json.loads(self._reports.recv())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return dict(reply)

    def listen(self, agent: main.Agent) -> None:
        while True:
            agent.assign(json.loads(self._assigns.recv()))


def run(
    address: str, log: str, options: dict[str, Any], settings: dict[str, Any]
) -> None:
    """:param address: of the socket the test listens on.
    :param log: file to log to.
    :param options: of the configuration, by ``group.name``.
    """
    logging.basicConfig(
        filename=log,
        level=logging.INFO,
        format="%(asctime)s %(name)s %(message)s",
    )
    line = Line(address)
    conf = configuration(options)
    agent = main.Agent(
        main.Settings(**settings),
        drivers(conf),
        state.State(pathlib.Path(conf.agent.state_path) / "agent"),
        line.sync,
        former=of_host(conf),
    )
    agent.start()
    line.listen(agent)
