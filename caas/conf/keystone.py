"""[keystone]: the user caas-ssh and conductors ask the identity service with.

It needs the role ``reader`` on the system (``system_scope = all``), as it
looks at users, projects and roles; it changes nothing.
"""

from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = "keystone"

OPTS = [
    cfg.StrOpt(
        "region_name",
        help="Region of the identity service; any when not set.",
    ),
    cfg.ListOpt(
        "valid_interfaces",
        default=["internal", "public"],
        help="Endpoint interfaces to use, the best first.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
    loading.register_session_conf_options(conf, GROUP)
    loading.register_auth_conf_options(conf, GROUP)


def list_opts() -> list[Any]:
    """All options of the group, for the sample configuration."""
    return [
        *OPTS,
        *loading.get_session_conf_options(),
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options("v3password"),
    ]
