"""caas-console: websockets between users and the agents of hosts.

Stateless; any number of them, each with a [DEFAULT] host of its own.
"""

import asyncio
import atexit
import signal
import ssl
import sys
from typing import Protocol

from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log as logging

from caas import conf, notifications
from caas.clients import agents, tokens
from caas.console import link, relay, server
from caas.core.deps import Deps, NoImages
from caas.store.engine import Store

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Whose login to Keystone is used.
AUTH = "keystone_authtoken"


def deps(binary: str) -> Deps:
    """What proxies need of the world.

    :param binary: name of the program.
    """
    publisher = notifications.publisher(CONF, binary, lambda: Store(CONF))
    if publisher is not None:
        atexit.register(publisher.stop)
    return Deps(
        store=Store(CONF, publisher.events if publisher else None),
        notify=lambda _ctx, _ids: None,
        images=NoImages(),
        quota_defaults={},
        heartbeat_timeout=CONF.conductor.heartbeat_timeout,
    )


def links() -> link.Links:
    """:raises OSError: there is no certificate, or it is of no use."""
    settings = agents.from_conf(CONF)
    if settings is None:
        raise OSError(
            "[proxy] ca_file is not set; 'caas-manage certificate' makes what "
            "it takes"
        )
    return link.Links(settings)


def limits() -> relay.Limits:
    options = CONF.console
    return relay.Limits(
        idle=options.idle_timeout,
        total=options.max_time,
        recording=options.recording_max_mb << 20,
    )


def keystone() -> object:
    """A session of keystoneauth for this service."""
    loading.register_auth_conf_options(CONF, AUTH)
    loading.register_session_conf_options(CONF, AUTH)
    auth = loading.load_auth_from_conf_options(CONF, AUTH)
    session: object = loading.load_session_from_conf_options(
        CONF, AUTH, auth=auth
    )
    return session


def _console() -> server.Console:
    options = CONF.console
    tls = None
    if options.cert_file:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert_file, options.key_file)
    proxied = deps("caas-console")
    return server.Console(
        server.Settings(
            name=f"{CONF.host}:{options.port}",
            listen=options.listen,
            port=options.port,
            tls=tls,
            origins=options.allowed_origins,
            max_sessions=options.max_sessions,
        ),
        proxied,
        tokens.Users(keystone()) if options.check_user else None,
        relay.Relay(proxied, links(), limits()),
    )


class _Server(Protocol):
    async def run(self, stop: asyncio.Event) -> None: ...


async def until_told(run: _Server) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, CONF.mutate_config_files)
    await run.run(stop)


def main() -> int:
    logging.register_options(CONF)
    conf.register_all(CONF)
    CONF(sys.argv[1:], project="caas")
    logging.setup(CONF, "caas")
    try:
        asyncio.run(until_told(_console()))
    except OSError as error:
        LOG.error("The console cannot work: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
