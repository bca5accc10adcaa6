"""caas-conductor: places sets on hosts and keeps hosts informed.

Any number of them share the work.  Each can be killed at any moment.
"""

import importlib.metadata
import pathlib
import sys
import threading
from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log as logging
from oslo_service import service

from caas import conf, exception, kept, notifications, pull, rpc
from caas.clients.keystone import Identity
from caas.conductor.collector import Collector, Times
from caas.conductor.imports import Importer
from caas.conductor.main import Conductor
from caas.conductor.settings import Settings
from caas.core import quotas
from caas.core.deps import Deps, NoImages
from caas.store.engine import Store

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Seconds each part has to finish what it is at.
GRACE = 5.0


class Service(service.Service):  # type: ignore[misc]
    """Made in the parent; everything with a thread or a socket in it is made
    by ``start``, in the process that does the work."""

    def start(self) -> None:
        self._ended = threading.Event()
        transport = rpc.transport(CONF)
        self._sender = rpc.Sender(transport)
        self._publisher = notifications.publisher(
            CONF, "caas-conductor", lambda: Store(CONF)
        )
        publish = self._publisher.events if self._publisher else None
        store = Store(CONF, publish)
        self._conductor = Conductor(
            store,
            Settings.from_conf(CONF),
            _tokens(),
            self._sender.assign,
            importlib.metadata.version("caas"),
            **_of_images(store, self._sender),
        )
        self._conductor.start()
        self._server = rpc.conductor_server(
            transport, CONF.host, self._conductor
        )
        # Without a broker it waits for one, while sweeps go on.
        self._listen = threading.Thread(
            target=self._server.start, name="listen", daemon=True
        )
        self._listen.start()
        LOG.info("Conductor %s has started", CONF.host)

    def wait(self) -> None:
        self._ended.wait()

    def stop(self, graceful: bool = False) -> None:
        LOG.info("Conductor %s ends", CONF.host)
        if not self._listen.is_alive():
            # it waits for the broker if that is away
            closing = threading.Thread(target=self._close, daemon=True)
            closing.start()
            closing.join(GRACE)
        self._conductor.stop(GRACE)
        self._sender.stop(GRACE)
        if self._publisher is not None:
            self._publisher.stop(GRACE)
        self._ended.set()

    def _close(self) -> None:
        self._server.stop()
        self._server.wait()


def _tokens() -> pull.Tokens:
    # not by dot: "keys" is a method of every group
    return pull.Tokens(CONF.pull["keys"], CONF.pull.ttl)


def _of_images(store: Store, sender: rpc.Sender) -> dict[str, Any]:
    """What takes archives apart, and what collects."""
    session = kept.session(CONF)
    if session.auth is None:
        LOG.info("Images are left to conductors that may write to Glance")
        return {}
    deps = Deps(
        store=store,
        notify=sender.look_again,
        notify_jobs=sender.look_for_jobs,
        images=NoImages(),
        quota_defaults=quotas.defaults(CONF.quota),
        kept=kept.from_conf(CONF, session),
    )
    group = CONF.registry
    importer = Importer(
        deps,
        _identity().project_name,
        spool=pathlib.Path(group.spool_path),
        keep=group.keep_archives,
        threads=group.import_threads,
        sweep_interval=group.sweep_interval,
    )
    times = Times(
        interval=group.collect_interval,
        upload=group.upload_hours * 3600.0,
        unused=group.unused_hours * 3600.0,
        untagged=group.untagged_days * 86400.0,
    )
    return {
        "importer": importer if group.import_threads else None,
        "collector": Collector(deps, times),
    }


def _identity() -> Identity:
    auth = loading.load_auth_from_conf_options(CONF, "keystone")
    return Identity(
        loading.load_session_from_conf_options(CONF, "keystone", auth=auth),
        region=CONF.keystone.region_name,
        interfaces=CONF.keystone.valid_interfaces,
    )


def main() -> int:
    logging.register_options(CONF)
    conf.register_all(CONF)
    CONF(sys.argv[1:], project="caas")
    logging.setup(CONF, "caas")
    try:
        Settings.from_conf(CONF)
        _tokens()
    except exception.CaasError as error:
        LOG.error("%s", error.message)
        return 1
    launcher = service.launch(CONF, Service(), workers=1)
    code: int | None = launcher.wait()
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
