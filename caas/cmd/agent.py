"""caas-agent: runs the sets of one host.

One process, no second one that watches it: the service manager starts it
again, and a host has better uses for the memory.
"""

import functools
import gc
import importlib.metadata
import os
import signal
import sys
import threading
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
from stevedore import driver

from caas import conf, rpc
from caas.agent.fitness.look import Fitness
from caas.agent.hands import Drivers
from caas.agent.logs import FormerLogs, of_host
from caas.agent.main import Agent, Settings
from caas.agent.plan import Rules
from caas.agent.state import State, StateError, folder
from caas.agent.streams import address, archives, server, verbs
from caas.context import RequestContext
from caas.model import spec

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Longest wait for the broker before work begins without it (s).
BROKER_WAIT = 3.0


class Endpoint:
    """What conductors may tell this host."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    @rpc.expose  # type: ignore[untyped-decorator]
    def assign(self, ctx: RequestContext, message: dict[str, Any]) -> None:
        self._agent.assign(message)


def _load(kind: str) -> Any:
    """The driver of a kind that the configuration names."""
    return driver.DriverManager(
        f"caas.{kind}",
        getattr(CONF.agent, kind),
        invoke_on_load=True,
        invoke_args=(CONF,),
    ).driver


def _settings() -> Settings:
    options = CONF.agent
    return Settings(
        host=CONF.host,
        zone=options.zone,
        labels=dict(options.labels),
        capacity=spec.Resources(
            millicpus=options.millicpus,
            memory_mb=options.memory_mb,
            disk_gb=options.disk_gb,
        ),
        reserved_memory_mb=options.reserved_memory_mb,
        version=importlib.metadata.version("caas"),
        heartbeat=options.heartbeat_interval,
        gather=options.gather,
        workers=options.workers or max(4, 2 * (os.cpu_count() or 1)),
        rules=Rules(
            boost=options.cpu_boost,
            backoff_cap=options.restart_backoff,
            good_behaviour=options.restart_reset,
        ),
    )


def _signals() -> int:
    """A descriptor to read the numbers of signals from, as they come.

    Handlers do nothing: one that took a lock (an Event has one) could meet
    the thread it interrupts holding it.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reader


def _streams(
    agent: Agent, runtime: Any, former: FormerLogs
) -> server.StreamServer | None:
    """Begin to let proxies in, if they can be told from others.

    :raises OSError: it cannot listen, or a file is of no use.
    """
    options = CONF.streams
    if not options.ca_file:
        LOG.warning("[streams] ca_file is not set: no logs, no shells")
        return None
    streams = server.StreamServer(
        server.Settings(
            listen=options.listen,
            port=options.port,
            tls=server.tls(
                options.ca_file, options.cert_file, options.key_file
            ),
            proxy_name=options.proxy_name,
            max_streams=options.max_streams,
        ),
        verbs.verbs(
            agent.sets,
            runtime,
            former,
            archives.Limits(options.max_copy_mb, options.max_copies),
        ),
        first=runtime.end_left,
    )
    port = streams.start()
    agent.streams_at = f"{options.address or address.own()}:{port}"
    return streams


def main() -> int:
    logging.register_options(CONF)
    conf.register_all(CONF)
    CONF(sys.argv[1:], project="caas")
    logging.setup(CONF, "caas")
    transport = rpc.transport(CONF)
    try:
        state = State(folder(CONF.agent.state_path))
    except (StateError, OSError) as error:
        LOG.error("%s", error)
        return 1
    drivers = Drivers(*map(_load, ("runtime", "network", "volume", "image")))
    former = of_host(CONF)
    conductors = rpc.ConductorClient(transport)
    agent = Agent(
        _settings(),
        drivers,
        state,
        conductors.sync,
        look=Fitness(CONF).look,
        former=former,
        inputs=functools.partial(conductors.inputs, CONF.host),
    )
    try:
        streams = _streams(agent, drivers.runtime, former)
    except OSError as error:
        LOG.error("Proxies cannot be let in: %s", error)
        return 1
    signals = _signals()
    server = rpc.agent_server(transport, CONF.host, Endpoint(agent))
    listen = threading.Thread(target=server.start, name="listen", daemon=True)
    listen.start()
    # Without a broker the sets of this host are kept all the same.
    listen.join(BROKER_WAIT)
    agent.start()
    LOG.info("The agent of host %s has started", CONF.host)
    # modules and options stay: no collection has to look at them again
    gc.collect()
    gc.freeze()
    # A byte for each signal, its number.
    while os.read(signals, 1)[0] == signal.SIGHUP:
        CONF.mutate_config_files()
    LOG.info("The agent of host %s ends; its sets go on", CONF.host)
    if streams:
        streams.stop()
    agent.stop()
    # Nothing is left to tidy up, and nothing must keep it from ending.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
