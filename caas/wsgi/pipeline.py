"""The applications, and what ``api-paste.ini`` names for caas-api."""

import atexit
import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg
from oslo_log import log
from oslo_middleware import cors
from paste import deploy

from caas import conf, kept, notifications, rpc
from caas.api.app import make_app
from caas.api.compute.app import make_app as make_compute_app
from caas.api.operation import Settings
from caas.clients import agents
from caas.conf import opts
from caas.core import images, quotas
from caas.core.deps import Agents, Deps, NoAgents, NoImages
from caas.policy import Policy
from caas.store.engine import Store

CONF = cfg.CONF
LOG = log.getLogger(__name__)


def init_application(folder: str, name: str = "main") -> WSGIApplication:
    """Read the configuration and build a pipeline.

    :param folder: where ``caas.conf`` is, and ``api-paste.ini`` unless
        ``[api] paste_config`` names another file.
    :param name: of the pipeline in that file.
    """
    log.register_options(CONF)
    conf.register_all(CONF)
    opts.set_defaults()
    CONF(
        [],
        project="caas",
        default_config_files=[],
        default_config_dirs=[folder],
    )
    program = "caas-api" if name == "main" else f"caas-{name}"
    log.setup(CONF, program)
    # made anew of what the configuration says now
    _parts.cache_clear()
    paste_config = os.path.join(os.path.abspath(folder), CONF.api.paste_config)
    app: WSGIApplication = deploy.loadapp(f"config:{paste_config}", name=name)
    LOG.info("A worker of %s on host %s has started", program, CONF.host)
    return app


def app_factory(_global_conf: Any, **_local_conf: Any) -> WSGIApplication:
    """The API, as configured."""
    return make_app(*_parts())


@functools.cache
def _parts() -> tuple[Deps, Policy, Settings]:
    """What the APIs of one process share."""
    where = kept.from_conf(CONF, kept.session(CONF))
    sender = rpc.Sender(rpc.transport(CONF))
    publisher = notifications.publisher(CONF, "caas-api", lambda: Store(CONF))
    if publisher is not None:
        atexit.register(publisher.stop)
    deps = Deps(
        store=Store(CONF, publisher.events if publisher else None),
        notify=sender.look_again,
        notify_jobs=sender.look_for_jobs,
        images=NoImages(),
        quota_defaults=quotas.defaults(CONF.quota),
        heartbeat_timeout=CONF.conductor.heartbeat_timeout,
        reclaim_interval=CONF.conductor.reclaim_interval,
        keypairs_limit=CONF.quota.keypairs,
        agents=_agents(),
        kept=where,
    )
    deps = dataclasses.replace(deps, images=images.Resolver(deps))
    settings = Settings(
        public_url=CONF.api.public_url,
        console_url=CONF.console.url,
        default_limit=CONF.api.default_limit,
        max_limit=CONF.api.max_limit,
        response_validation=CONF.api.response_validation,
    )
    return deps, Policy(CONF), settings


def compute_factory(_global_conf: Any, **_local_conf: Any) -> WSGIApplication:
    """The Nova-compatible API, as configured."""
    return make_compute_app(*_parts())


def _agents() -> Agents:
    settings = agents.from_conf(CONF)
    return agents.Agents(settings) if settings else NoAgents()


def cors_factory(
    _global_conf: Any, **_local_conf: Any
) -> Callable[[WSGIApplication], WSGIApplication]:
    """oslo.middleware's own factory wants a configuration of its own."""
    return lambda app: cors.CORS(app, CONF)
