"""[pull]: how hosts get images without credentials of the cloud.

An assignment carries a token for each image in it, signed by the API with
``keys`` and good for ``ttl``; the agent presents it at ``endpoint``.
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
        default="http://127.0.0.1:9517",
        help="Base URL of caas-api as hosts reach it.",
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
        "be begun anew.",
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
