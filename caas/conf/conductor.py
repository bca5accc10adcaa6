"""[conductor]: placing sets on hosts, and taking up again what got stuck."""

from oslo_config import cfg

GROUP = "conductor"

OPTS = [
    cfg.IntOpt(
        "heartbeat_timeout",
        default=45,
        min=2,
        help="Seconds of silence after which a host counts as down. Several "
        "times [agent] heartbeat_interval. Down hosts get no new sets; those "
        "on them stay where they are. Conductors and the API must agree.",
    ),
    cfg.FloatOpt(
        "batch_delay",
        default=0.001,
        min=0,
        help="Seconds to gather sets before they are placed together.",
    ),
    cfg.FloatOpt(
        "sweep_interval",
        default=10,
        min=0.1,
        help="Seconds between searches for work no message told about. Each "
        "conductor varies it by a quarter, so that several take turns.",
    ),
    cfg.IntOpt(
        "lease_time",
        default=15,
        min=1,
        help="Seconds for which a set taken up by one conductor is left alone "
        "by the others. Work on one takes milliseconds; this is how long it "
        "waits when its conductor dies and does not come back.",
    ),
    cfg.IntOpt(
        "settle_timeout",
        default=120,
        min=1,
        help="Seconds a host has to report progress on a set before it is "
        "asked again. The time doubles with each repetition, up to eight "
        "times this.",
    ),
    cfg.IntOpt(
        "resize_confirm_window",
        default=0,
        min=0,
        help="Seconds a resize of a server waits to be confirmed or reverted "
        "before it is confirmed by itself; 0 for ever. Until then the server "
        "is VERIFY_RESIZE, and nothing else of it can be changed.",
    ),
    cfg.FloatOpt(
        "cpu_allocation_ratio",
        default=16.0,
        min=0.01,
        help="CPUs of sets a host may take for each CPU it has.",
    ),
    cfg.FloatOpt(
        "memory_allocation_ratio",
        default=1.0,
        min=0.01,
        help="Memory of sets a host may take for each byte it has.",
    ),
    cfg.FloatOpt(
        "disk_allocation_ratio",
        default=1.0,
        min=0.01,
        help="Disk of sets a host may take for each byte it has.",
    ),
    cfg.BoolOpt(
        "enable_new_hosts",
        default=True,
        help="Whether a host may take sets from its first report on; if not, "
        "an administrator has to enable it.",
    ),
    cfg.IntOpt(
        "reclaim_interval",
        default=0,
        min=0,
        help="Seconds a deleted set stays in the recycle bin, from where it "
        "can be restored; 0 removes it at once, and nothing that is there. "
        "It is stopped, and its CPUs and memory are free for others; its "
        "volume stays, but counts in no quota. Known to the API, too. Nova's "
        "reclaim_instance_interval.",
    ),
    cfg.IntOpt(
        "event_retention_days",
        default=90,
        min=0,
        help="Days for which events are kept, and sessions with their "
        "recordings; 0 keeps them for ever. One conductor at a time removes "
        "older ones, a little at a time.",
    ),
    cfg.IntOpt(
        "deleted_set_retention_days",
        default=90,
        min=0,
        help="Days for which sets that were deleted can be listed "
        "(changes_since); 0 keeps them for ever.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
