"""[console]: the websocket proxy of users, and limits of their sessions."""

from oslo_config import cfg

GROUP = "console"

OPTS = [
    cfg.StrOpt(
        "listen",
        default="127.0.0.1",
        help="Address caas-console listens at.",
    ),
    cfg.PortOpt("port", default=9519, help="Port caas-console listens at."),
    cfg.URIOpt(
        "url",
        schemes=["ws", "wss"],
        default="ws://127.0.0.1:9519",
        help="Where users reach caas-console; caas-api tells them.",
    ),
    cfg.StrOpt(
        "cert_file",
        help="Certificate shown to users, with those that lead to its "
        "authority; without it something in front has to do TLS.",
    ),
    cfg.StrOpt("key_file", help="Its private key."),
    cfg.ListOpt(
        "allowed_origins",
        default=[],
        help="Where web pages come from that may open sessions "
        "(https://dashboard.example.org); other programs are not concerned.",
    ),
    cfg.BoolOpt(
        "check_user",
        default=True,
        help="Whoever comes with the token of a session has to show a token "
        "of Keystone, too, of the same user. Without that the token alone is "
        "good, once, within a minute.",
    ),
    cfg.IntOpt(
        "max_sessions",
        default=1000,
        min=1,
        help="Sessions at once in one process; more are refused.",
    ),
    cfg.FloatOpt(
        "idle_timeout",
        default=3600,
        min=1,
        help="Seconds without a byte in either direction after which a shell "
        "is ended. Followers of logs may wait for ever.",
    ),
    cfg.FloatOpt(
        "max_time",
        default=86400,
        min=1,
        help="Seconds after which any session is ended.",
    ),
    cfg.IntOpt(
        "recording_max_mb",
        default=64,
        min=1,
        help="Largest recording in MiB; a session that would exceed it is "
        "ended.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
