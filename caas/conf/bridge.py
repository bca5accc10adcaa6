"""[bridge]: the network driver that gives each project a Linux bridge."""

from oslo_config import cfg, types

GROUP = "bridge"

OPTS = [
    cfg.Opt(
        "prefix",
        type=types.String(regex=r"^[a-z][a-z0-9]{0,5}\Z"),
        default="caas",
        help="Begins the names of bridges, interfaces and chains of iptables "
        "on this host: a letter, then up to five letters or digits. Agents "
        "that share a network namespace need one each.",
    ),
    cfg.BoolOpt(
        "masquerade",
        default=True,
        help="Let sets reach the outside with the address of the host. "
        "Without it the network around the host has to route theirs.",
    ),
    cfg.StrOpt(
        "iptables",
        default="iptables",
        help="Command that sets packet filter rules: the same one, and so "
        "the same back end, that the Docker Engine of this host uses.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
