"""[quota]: what a project may use unless a quota of its own says else."""

from oslo_config import cfg

GROUP = "quota"

OPTS = [
    cfg.IntOpt(
        "sets",
        default=100,
        min=-1,
        help="Sets of one project; -1 for no limit.",
    ),
    cfg.IntOpt(
        "containers",
        default=1000,
        min=-1,
        help="Business containers in all sets of one project; -1 for no "
        "limit.",
    ),
    cfg.IntOpt(
        "millicpus",
        default=100_000,
        min=-1,
        help="CPU of the flavors of all sets of one project, in thousandths "
        "of a CPU; -1 for no limit.",
    ),
    cfg.IntOpt(
        "memory_mb",
        default=204_800,
        min=-1,
        help="Memory of the flavors of all sets of one project, in MiB; -1 "
        "for no limit.",
    ),
    cfg.IntOpt(
        "disk_gb",
        default=1000,
        min=-1,
        help="Disk of the flavors of all sets of one project, in GiB; -1 for "
        "no limit.",
    ),
    cfg.IntOpt(
        "images_mb",
        default=102_400,
        min=-1,
        help="Images in the namespaces of one project, in MiB as pushed, "
        "what they share counted once; -1 for no limit.",
    ),
    cfg.IntOpt(
        "server_groups",
        default=10,
        min=-1,
        help="Server groups of one project; -1 for no limit.",
    ),
    cfg.IntOpt(
        "server_group_members",
        default=10,
        min=-1,
        help="Sets in each server group; -1 for no limit.",
    ),
    cfg.IntOpt(
        "keypairs",
        default=100,
        min=-1,
        help="Key pairs of one user; -1 for no limit.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
