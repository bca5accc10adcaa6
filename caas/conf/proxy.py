"""[proxy]: what caas-api, caas-console and caas-ssh show to agents."""

from oslo_config import cfg

GROUP = "proxy"

OPTS = [
    cfg.StrOpt(
        "ca_file",
        help="Certificate of the authority that signs for hosts and proxies. "
        "Without it nobody can look inside sets. "
        "'caas-manage certificate' makes all three files.",
    ),
    cfg.StrOpt("cert_file", help="Certificate of a proxy."),
    cfg.StrOpt("key_file", help="Its private key."),
    cfg.FloatOpt(
        "timeout",
        default=5,
        min=0.1,
        help="Seconds to wait for a connection to an agent.",
    ),
    cfg.FloatOpt(
        "answer_timeout",
        default=15,
        min=0.1,
        help="Seconds to wait for the first answer of an agent.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
