"""[docker]: the Docker Engine of a host and how containers run in it."""

from oslo_config import cfg

GROUP = "docker"

OPTS = [
    cfg.StrOpt(
        "url",
        default="unix:///var/run/docker.sock",
        help="Where the Docker Engine of this host listens.",
    ),
    cfg.IntOpt(
        "timeout",
        default=60,
        min=1,
        help="Seconds to wait for an answer of the engine. Grace periods "
        "and the loading of images are allowed their own time.",
    ),
    cfg.StrOpt(
        "infra_binary",
        default="/bin/busybox",
        help="A statically linked busybox on this host. The image of infra "
        "containers is made from it.",
    ),
    cfg.StrOpt(
        "cgroup_root",
        default="/caas",
        help="Parent of the control groups of all sets, from the root of the "
        "hierarchy. Used where the engine drives cgroups itself; with "
        "systemd the sets are slices below caas.slice.",
    ),
    cfg.BoolOpt(
        "init",
        default=True,
        help="Run business containers below Docker's small init process, "
        "which reaps zombies and passes signals on to programs that, being "
        "the first process, would not see them.",
    ),
    cfg.IntOpt(
        "pids_limit",
        default=4096,
        min=0,
        help="Processes and threads one business container may have if it "
        "does not say how many; 0 for no limit.",
    ),
    cfg.IntOpt(
        "pids_limit_max",
        default=32768,
        min=0,
        help="The most processes and threads a business container may ask "
        "for; with more it is refused. 0 for as many as it likes.",
    ),
    cfg.StrOpt(
        "lxcfs",
        default="/var/lib/lxcfs",
        help="Where lxcfs is mounted, if it is: business containers then see "
        "their own limits in /proc. Empty to leave it alone.",
    ),
    cfg.StrOpt(
        "log_max_size",
        default="10m",
        help="Size at which the log of a container is rotated, as Docker's "
        "log option max-size.",
    ),
    cfg.IntOpt(
        "log_max_file",
        default=3,
        min=2,
        help="Log files of each container: the one that is written to, and "
        "those it was before. With a single one all would be gone at once "
        "when it is full.",
    ),
    cfg.IntOpt(
        "log_former",
        default=3,
        min=0,
        help="When a container of a set is replaced or removed, its log is "
        "kept until the set is deleted. This many are kept of each "
        "container, the oldest go first; 0 keeps none. They take no space "
        "of their own until the engine has removed the container, if "
        "[agent] state_path is on the same file system as the data of the "
        "engine; else they are copied.",
    ),
    cfg.IntOpt(
        "log_former_mb",
        default=100,
        min=1,
        help="MiB that all these logs of one set may take; the oldest go "
        "first.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
