"""[glance]: the image service, and the user caas reads images with.

Images are looked up with the token of the user who names them.  Only to
stream an image to a host that was told to run it, the service user named
here is used.
"""

from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = "glance"

OPTS = [
    cfg.StrOpt(
        "region_name",
        help="Region of the image service; any when not set.",
    ),
    cfg.ListOpt(
        "valid_interfaces",
        default=["internal", "public"],
        help="Endpoint interfaces to use, the best first.",
    ),
    cfg.URIOpt(
        "endpoint_override",
        help="URL of the image service to use instead of the catalog's.",
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
