"""The application of caas-api, and what ``api-paste.ini`` names of ours."""

import atexit
import os
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIApplication

from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log
from oslo_middleware import cors
from paste import deploy

from caas import conf, notifications, rpc
from caas.api.app import make_app
from caas.api.operation import Settings
from caas.api.pull import Pull
from caas.clients import agents, glance
from caas.conf import glance as conf_glance
from caas.conf import opts
from caas.core.deps import Agents, Deps, NoAgents
from caas.model.quotas import RESOURCES
from caas.policy import Policy
from caas.pull import Tokens
from caas.store.engine import Store

CONF = cfg.CONF


def init_application(folder: str) -> WSGIApplication:
    """Read the configuration and build the pipeline.

    :param folder: where ``caas.conf`` is, and ``api-paste.ini`` unless
        ``[api] paste_config`` names another file.
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
    log.setup(CONF, "caas-api")
    paste_config = os.path.join(os.path.abspath(folder), CONF.api.paste_config)
    app: WSGIApplication = deploy.loadapp(f"config:{paste_config}")
    return app


def app_factory(_global_conf: Any, **_local_conf: Any) -> WSGIApplication:
    """The API, as configured."""
    images = _images()
    sender = rpc.Sender(rpc.transport(CONF))
    publisher = notifications.publisher(CONF, "caas-api", lambda: Store(CONF))
    if publisher is not None:
        atexit.register(publisher.stop)
    deps = Deps(
        store=Store(CONF, publisher.events if publisher else None),
        notify=sender.look_again,
        images=images,
        quota_defaults={r: CONF.quota[r] for r in RESOURCES},
        heartbeat_timeout=CONF.conductor.heartbeat_timeout,
        keypairs_limit=CONF.quota.keypairs,
        agents=_agents(),
    )
    settings = Settings(
        public_url=CONF.api.public_url,
        console_url=CONF.console.url,
        default_limit=CONF.api.default_limit,
        max_limit=CONF.api.max_limit,
        response_validation=CONF.api.response_validation,
    )
    app = make_app(deps, Policy(CONF), settings)
    # not CONF.pull.keys, which is the method of a mapping
    tokens = Tokens(CONF.pull["keys"], CONF.pull.ttl)
    return Pull(app, tokens, images)


def _agents() -> Agents:
    settings = agents.from_conf(CONF)
    return agents.Agents(settings) if settings else NoAgents()


def _images() -> glance.Images:
    group = conf_glance.GROUP
    auth = loading.load_auth_from_conf_options(CONF, group)
    return glance.Images(
        loading.load_session_from_conf_options(CONF, group, auth=auth),
        region=CONF.glance.region_name,
        interfaces=CONF.glance.valid_interfaces,
        endpoint=CONF.glance.endpoint_override,
    )


def cors_factory(
    _global_conf: Any, **_local_conf: Any
) -> Callable[[WSGIApplication], WSGIApplication]:
    """oslo.middleware's own factory wants a configuration of its own."""
    return lambda app: cors.CORS(app, CONF)
