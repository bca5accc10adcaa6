"""[pull]: how hosts get images without credentials of the cloud.

An assignment carries a token for each image in it, signed by the conductor
with ``keys`` and good for ``ttl``; the agent presents it at ``endpoint``, and
lets the engine of its host pull through ``port`` of the loopback.
"""

from oslo_config import cfg

GROUP = "pull"

OPTS = [
    cfg.ListOpt(
        "keys",
        default=[],
        secret=True,
        help="Fernet keys of the tokens, the same in all API and conductor "
        "processes and on no host: the first one signs, all are accepted. "
        "caas-manage pull_key makes one.",
    ),
    cfg.IntOpt(
        "ttl",
        default=3600,
        min=60,
        help="Seconds for which a token may begin a download.",
    ),
    cfg.URIOpt(
        "endpoint",
        schemes=["http", "https"],
        default="http://127.0.0.1:9523",
        help="Base URL of caas-registry as hosts reach it.",
    ),
    cfg.StrOpt(
        "ca_file",
        help="Certificate authorities that sign for an https endpoint; those "
        "of the system when not set.",
    ),
    cfg.IntOpt(
        "timeout",
        default=60,
        min=1,
        help="Seconds without a byte after which a download is given up, to "
        "be begun anew; until then it goes on where it was as soon as the "
        "registry is back.",
    ),
    cfg.PortOpt(
        "port",
        default=0,
        help="Port of 127.0.0.1 at which the agent has its engine pull; 0 for "
        "one that is free. It is open while images are pulled.",
    ),
    cfg.IntOpt(
        "max_unpacked_gb",
        default=64,
        min=1,
        help="Largest size of an image, all its layers unpacked, that a host "
        "takes in.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
