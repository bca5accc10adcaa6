"""[agent]: what a host is and how its agent works."""

from oslo_config import cfg

GROUP = "agent"

OPTS = [
    cfg.StrOpt(
        "state_path",
        default="/var/lib/caas",
        help="Folder of what must outlive the agent: the list of sets, "
        "volumes, notes of the network. Only root may get in.",
    ),
    cfg.StrOpt(
        "zone",
        default="default",
        help="Availability zone of this host.",
    ),
    cfg.StrOpt(
        "deployment",
        default="caas",
        help="Marks the containers of this agent, so that several agents (of "
        "several clouds, or of a test) can use one engine. What bears another "
        "mark is never touched.",
    ),
    cfg.StrOpt(
        "runtime",
        default="docker",
        help="Driver of the container engine (entry point caas.runtime).",
    ),
    cfg.StrOpt(
        "network",
        default="bridge",
        help="Driver of the network of sets (entry point caas.network).",
    ),
    cfg.StrOpt(
        "volume",
        default="directory",
        help="Driver of the volumes of sets (entry point caas.volume).",
    ),
    cfg.StrOpt(
        "image",
        default="registry",
        help="Driver that gets images to the engine (entry point caas.image).",
    ),
    cfg.FloatOpt(
        "heartbeat_interval",
        default=10,
        min=0.1,
        help="Seconds between two reports when nothing changes. [conductor] "
        "heartbeat_timeout should be several times as long.",
    ),
    cfg.FloatOpt(
        "gather",
        default=0.03,
        min=0,
        help="Shortest time between two reports, in seconds: what changes "
        "meanwhile goes with the next one.",
    ),
    cfg.IntOpt(
        "workers",
        default=0,
        min=0,
        help="Calls of the engine at once, 0 for two for each CPU and at "
        "least 4. Waiting for a grace period to end or for an image counts "
        "for nothing.",
    ),
    cfg.FloatOpt(
        "restart_backoff",
        default=60,
        min=1,
        help="Longest wait, in seconds, before a container that keeps ending "
        "is started again. The first start is at once, the next after 1, 2, "
        "4 ... seconds.",
    ),
    cfg.FloatOpt(
        "restart_reset",
        default=60,
        min=1,
        help="Seconds a container has to run for the waits to begin small "
        "again.",
    ),
    cfg.FloatOpt(
        "cpu_boost",
        default=5,
        min=0,
        help="A set has no cap on CPU time, only its weight against others, "
        "until its containers have started, and this many seconds at most; 0 "
        "caps it from the first moment, and small sets take longer to start.",
    ),
    cfg.IntOpt(
        "millicpus",
        default=0,
        min=0,
        help="CPUs for sets, in thousandths; 0 for all the host has.",
    ),
    cfg.IntOpt(
        "memory_mb",
        default=0,
        min=0,
        help="Memory for sets in MiB; 0 for what the host has, less "
        "reserved_memory_mb.",
    ),
    cfg.IntOpt(
        "disk_gb",
        default=0,
        min=0,
        help="Disk for volumes of sets in GiB; 0 for what there is.",
    ),
    cfg.IntOpt(
        "reserved_memory_mb",
        default=512,
        min=0,
        help="Memory in MiB kept for the system and the engine.",
    ),
    cfg.ListOpt(
        "tolerate",
        default=[],
        help="Names of checks ('caas-host check' shows them) that may find "
        "this host unfit without keeping new sets away from it; it is still "
        "told, as a warning.",
    ),
    cfg.DictOpt(
        "labels",
        default={},
        help="Labels of this host, as name:value pairs, shown to "
        "administrators.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
