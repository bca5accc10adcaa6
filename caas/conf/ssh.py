"""[ssh]: the gateway by which users enter containers with ssh.

How long a session may last, and how long nothing may move, is in [console].
"""

from oslo_config import cfg

GROUP = "ssh"

OPTS = [
    cfg.StrOpt(
        "listen",
        default="127.0.0.1",
        help="Address caas-ssh listens at.",
    ),
    cfg.PortOpt("port", default=9522, help="Port caas-ssh listens at."),
    cfg.StrOpt(
        "host_key_file",
        help="Private key the gateway shows who it is with, the same for all "
        "processes behind one name: ssh-keygen -t ed25519 -N '' -f FILE.",
    ),
    cfg.IntOpt(
        "max_connections",
        default=1000,
        min=1,
        help="Connections at once in one process; more are closed.",
    ),
    cfg.IntOpt(
        "max_startups",
        default=100,
        min=1,
        help="Connections at once that nobody has signed in on; more are "
        "closed.",
    ),
    cfg.IntOpt(
        "max_startups_per_address",
        default=20,
        min=1,
        help="The same, from one address.",
    ),
    cfg.IntOpt(
        "max_sessions",
        default=10,
        min=1,
        help="Shells, commands and transfers at once on one connection.",
    ),
    cfg.IntOpt(
        "max_forwards",
        default=100,
        min=1,
        help="Forwarded connections at once on one connection.",
    ),
    cfg.FloatOpt(
        "login_time",
        default=30,
        min=1,
        help="Seconds to sign in.",
    ),
    cfg.FloatOpt(
        "keepalive",
        default=15,
        min=1,
        help="Seconds of silence after which a client is asked whether it is "
        "there; after three questions without an answer it is gone.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
