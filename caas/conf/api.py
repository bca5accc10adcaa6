"""[api]: the HTTP API."""

from oslo_config import cfg

GROUP = "api"

OPTS = [
    cfg.StrOpt(
        "paste_config",
        default="api-paste.ini",
        help="File with the WSGI pipeline; a relative name is looked for "
        "beside caas.conf.",
    ),
    cfg.URIOpt(
        "public_url",
        help="URL under which clients reach this API, for links in answers. "
        "Not set: the URL of the request, which is right unless a proxy "
        "hides it without X-Forwarded headers (see "
        "[oslo_middleware] enable_proxy_headers_parsing).",
    ),
    cfg.IntOpt(
        "default_limit",
        default=100,
        min=1,
        help="Objects on one page of a list when the request names no limit.",
    ),
    cfg.IntOpt(
        "max_limit",
        default=1000,
        min=1,
        help="Most objects on one page; a higher limit is lowered to it.",
    ),
    cfg.StrOpt(
        "response_validation",
        default="off",
        choices=[
            ("off", "answers are not checked"),
            ("log", "an answer against its schema is logged as an error"),
            ("raise", "such an answer becomes an error 500; for tests"),
        ],
        help="What to do about answers that do not fit their documented "
        "schema.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
