"""[network]: the addresses conductors give to sets."""

from oslo_config import cfg, types

GROUP = "network"

OPTS = [
    cfg.StrOpt(
        "pool",
        default="default",
        max_length=64,
        help="Name of the pool the addresses are counted under.",
    ),
    cfg.StrOpt(
        "cidr",
        default="10.89.0.0/16",
        help="IPv4 network of the pool. A set keeps its address for life, so "
        "change it only when there are no sets.",
    ),
    cfg.IPOpt(
        "gateway",
        version=4,
        help="Address of the gateway; the first one of the network if not "
        "set.",
    ),
    cfg.ListOpt(
        "dns",
        item_type=types.IPAddress(),
        default=[],
        help="Name servers of the sets. None: those of the host.",
    ),
    cfg.IntOpt(
        "mtu",
        default=1500,
        min=576,
        max=65535,
        help="Largest packet of the interfaces of sets, in bytes.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
