"""[streams]: where an agent lets proxies look inside its sets."""

from oslo_config import cfg

GROUP = "streams"

OPTS = [
    cfg.StrOpt(
        "listen",
        default="0.0.0.0",  # noqa: S104 - nobody gets in without a certificate
        help="Address to listen at for caas-console, caas-ssh and caas-api.",
    ),
    cfg.PortOpt(
        "port",
        default=9518,
        help="Port to listen at; 0 for one the kernel chooses.",
    ),
    cfg.HostAddressOpt(
        "address",
        help="Name or address by which the proxies reach this host; its "
        "first one that is routed when not set.",
    ),
    cfg.StrOpt(
        "ca_file",
        help="Certificate of the authority that signs for proxies and hosts. "
        "Without it nobody can look inside the sets of this host. "
        "'caas-manage certificate' makes all three files.",
    ),
    cfg.StrOpt(
        "cert_file",
        help="Certificate of this host, for its name ([DEFAULT] host).",
    ),
    cfg.StrOpt("key_file", help="Its private key."),
    cfg.StrOpt(
        "proxy_name",
        default="caas-console",
        help="The name that the certificate of a proxy has to bear.",
    ),
    cfg.IntOpt(
        "max_streams",
        default=1000,
        min=1,
        help="Streams at once; more are refused until one has ended.",
    ),
    cfg.IntOpt(
        "max_copy_mb",
        default=10240,
        min=1,
        help="Size in MiB of an archive that is copied into or out of a "
        "container; a larger one is broken off.",
    ),
    cfg.IntOpt(
        "max_copies",
        default=8,
        min=1,
        help="Archives copied at once; more are refused until one is done.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
