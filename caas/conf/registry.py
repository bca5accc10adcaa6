"""[registry]: the image registry, the API of docker push and pull."""

from oslo_config import cfg

GROUP = "registry"

OPTS = [
    cfg.URIOpt(
        "public_url",
        schemes=["http", "https"],
        help="URL under which clients reach caas-registry, without a path: "
        "they are sent there for tokens. Not set: the URL of the request, "
        "which is right unless a proxy hides it without X-Forwarded headers "
        "(see [oslo_middleware] enable_proxy_headers_parsing).",
    ),
    cfg.URIOpt(
        "auth_url",
        schemes=["http", "https"],
        help="URL of Keystone's API v3, where users of docker login are "
        "checked; that of the catalog when not set.",
    ),
    cfg.StrOpt(
        "default_domain",
        default="Default",
        help="Name of the domain of users who log in without one.",
    ),
    cfg.IntOpt(
        "token_ttl",
        default=600,
        min=60,
        max=3600,
        help="Seconds for which a login token is good. A user who lost a "
        "role keeps it here for so long.",
    ),
    cfg.IntOpt(
        "login_ttl",
        default=300,
        min=0,
        max=3600,
        help="Seconds for which a process remembers that a password was "
        "right or wrong, so that Keystone is not asked for each layer, and "
        "a client that goes on with an old password does not get its user "
        "locked out.",
    ),
    cfg.IntOpt(
        "login_failures",
        default=5,
        min=1,
        help="Different wrong passwords for one user, from one address, "
        "within login_ttl, after which Keystone is not asked about more.",
    ),
    cfg.IntOpt(
        "max_blob_gb",
        default=64,
        min=1,
        help="Largest layer, as pushed, that is taken.",
    ),
    cfg.IntOpt(
        "max_unpacked_gb",
        default=64,
        min=1,
        help="Largest layer, unpacked, that is taken.",
    ),
    cfg.IntOpt(
        "max_manifest_kb",
        default=8192,
        min=64,
        help="Largest manifest that is taken; clients expect 4 MiB at least.",
    ),
    cfg.StrOpt(
        "spool_path",
        default="/var/lib/caas/spool",
        help="Folder in which conductors take archives apart that users "
        "upload to Glance. It needs room for the largest, twice if that is "
        "compressed; nothing stays there.",
    ),
    cfg.BoolOpt(
        "keep_archives",
        default=False,
        help="Whether an archive stays in Glance, marked with caas_kind and "
        "caas_image_id, when it was taken apart. Its bytes are then stored "
        "twice. Tools that look for an image by the id they uploaded need "
        "it; caas itself knows the image by that id in any case.",
    ),
    cfg.IntOpt(
        "import_threads",
        default=2,
        min=0,
        help="Archives one conductor takes apart at the same time; with 0 it "
        "leaves that to others.",
    ),
    cfg.IntOpt(
        "sweep_interval",
        default=60,
        min=1,
        help="Seconds between looks for archives that were uploaded to "
        "Glance while nobody told of it: with caas_glance in its pipeline, "
        "Glance tells at once.",
    ),
    cfg.IntOpt(
        "wait",
        default=20,
        min=0,
        help="Seconds for which a request that names an archive waits until "
        "that has become an image.",
    ),
    cfg.IntOpt(
        "recycle_days",
        default=7,
        min=0,
        help="Days for which a deleted image can be had back, and takes its "
        "room; so can one whose tag was given to another image.",
    ),
    cfg.IntOpt(
        "untagged_days",
        default=7,
        min=1,
        help="Days for which an image is kept that never had a tag and no set "
        "is made of, after it was pushed.",
    ),
    cfg.IntOpt(
        "unused_hours",
        default=24,
        min=1,
        help="Hours for which layers are kept that no image is made of, "
        "after they were uploaded or a client last asked for them. A push "
        "may take so long.",
    ),
    cfg.IntOpt(
        "upload_hours",
        default=24,
        min=1,
        help="Hours for which an upload that broke off can be gone on with.",
    ),
    cfg.IntOpt(
        "collect_interval",
        default=60,
        min=1,
        help="Seconds between looks for what is not needed any more.",
    ),
    cfg.IntOpt(
        "page_size",
        default=1000,
        min=1,
        help="Most tags or repositories in one answer; the rest is told of "
        "by a link.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
