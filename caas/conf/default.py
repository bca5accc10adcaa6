"""[DEFAULT]: options of caas that belong to no group."""

import socket

from oslo_config import cfg

GROUP = "DEFAULT"

OPTS = [
    cfg.StrOpt(
        "host",
        default=socket.gethostname(),
        sample_default="<name of this machine>",
        help="Name of this host. Agents are known by it and are sent to by "
        "it, so it must be unique among them and must not change; "
        "conductors show it in the list of services.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS)
