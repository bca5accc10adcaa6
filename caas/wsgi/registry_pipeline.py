"""What ``api-paste.ini`` names of the registry."""

import atexit
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from caas import kept, notifications
from caas.api.registry.app import Registry
from caas.api.registry.auth import Auth
from caas.api.registry.bearers import Bearers
from caas.api.registry.call import Settings
from caas.api.registry.login import Endpoint
from caas.clients.logins import Logins
from caas.core import quotas
from caas.core.deps import Deps, NoImages
from caas.policy import Policy
from caas.pull import Tokens
from caas.store.engine import Store

CONF = cfg.CONF


def app_factory(_global_conf: Any, **_local_conf: Any) -> WSGIApplication:
    """The registry, as configured."""
    session = kept.session(CONF)
    publisher = notifications.publisher(
        CONF, "caas-registry", lambda: Store(CONF)
    )
    if publisher is not None:
        atexit.register(publisher.stop)
    deps = Deps(
        store=Store(CONF, publisher.events if publisher else None),
        # nothing is done to sets here
        notify=lambda _ctx, _ids: None,
        images=NoImages(),
        quota_defaults=quotas.defaults(CONF.quota),
        kept=kept.from_conf(CONF, session),
    )
    options = CONF.registry
    # not CONF.pull.keys, which is the method of a mapping
    keys = CONF.pull["keys"]
    tokens = Tokens(keys, CONF.pull.ttl)
    bearers = Bearers(keys, options.token_ttl)
    logins = Logins(
        session,
        auth_url=options.auth_url,
        region=CONF.glance.region_name,
        interfaces=CONF.glance.valid_interfaces,
        default_domain=options.default_domain,
        ttl=options.login_ttl,
        failures=options.login_failures,
    )
    return Registry(
        deps,
        Settings(
            public_url=options.public_url,
            max_manifest=options.max_manifest_kb << 10,
            page_size=options.page_size,
        ),
        Auth(bearers, tokens, Policy(CONF)),
        Endpoint(deps, logins, bearers),
    )
