"""A whole Swift in one process, with one device and one replica.

    swift_server.py FOLDER PORT [--keystone URL --user USER --project PROJECT]

Proxy, account, container and object server are Swift's own; they are one
process instead of four, as each is mostly its imports.  PORT is the proxy's,
the others have the three ports after it.  The password of the user by whom
tokens are checked comes by the environment (SWIFT_PASSWORD).  Without
Keystone everybody may do everything: for tests that are about other things.
"""

import argparse
import json
import os
import pathlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import eventlet
import eventlet.wsgi
from swift.common import utils, wsgi
from swift.common.ring import RingBuilder

#: On the ports after the proxy's.
BACKENDS = ("account", "container", "object")

COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
workers = 0
"""

BACKEND = """
[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY = """
[pipeline:main]
pipeline = catch_errors healthcheck {auth} dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:healthcheck]
use = egg:swift#healthcheck

[filter:dlo]
use = egg:swift#dlo

[filter:anybody]
paste.filter_factory = swift_server:anybody

[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, service

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true
auth_type = password
auth_url = {keystone}
www_authenticate_uri = {keystone}
username = {user}
password = {password}
project_name = {project}
user_domain_name = Default
project_domain_name = Default
"""


def anybody(_global_conf: Any, **_conf: Any) -> Callable[..., Any]:
    """Factory of a filter that lets everybody in.

    Clients want to get a token from Keystone first: they get one here.
    """

    def made(app: Any) -> Callable[..., Iterable[bytes]]:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/v3/auth/tokens":
                body = json.dumps(token(environ["HTTP_HOST"])).encode()
                headers = [
                    ("X-Subject-Token", "any"),
                    ("Content-Type", "application/json"),
                    ("Content-Length", str(len(body))),
                ]
                start_response("201 Created", headers)
                return [body]
            environ["swift_owner"] = True
            environ["swift.authorize"] = lambda _request: None
            answer: Iterable[bytes] = app(environ, start_response)
            return answer

        return call

    return made


def token(host: str) -> dict[str, Any]:
    """What Keystone says of one, with an account in this Swift."""
    domain = {"id": "default", "name": "Default"}
    endpoint = {
        "id": "e",
        "interface": "public",
        "region": "RegionOne",
        "region_id": "RegionOne",
        "url": f"http://{host}/v1/AUTH_glance",
    }
    return {
        "token": {
            "methods": ["password"],
            "user": {"id": "glance", "name": "glance", "domain": domain},
            "project": {"id": "service", "name": "service", "domain": domain},
            "roles": [{"id": "service", "name": "service"}],
            "issued_at": "2000-01-01T00:00:00.000000Z",
            "expires_at": "2999-01-01T00:00:00.000000Z",
            "catalog": [
                {"id": "s", "type": "object-store", "endpoints": [endpoint]}
            ],
        }
    }


def make(folder: pathlib.Path, port: int) -> None:
    """Rings, and what paths of objects are hashed with."""
    (folder / "devices" / "d1").mkdir(parents=True)
    for number, kind in enumerate(BACKENDS, 1):
        builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
        builder.add_dev(
            {
                "region": 1,
                "zone": 1,
                "ip": "127.0.0.1",
                "port": port + number,
                "device": "d1",
                "weight": 1,
            }
        )
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{kind}.ring.gz"))
    # last, as it says that the rest is there
    (folder / "swift.conf").write_text(
        f"[swift-hash]\nswift_hash_path_suffix = {secrets.token_hex(8)}\n"
    )


def configure(folder: pathlib.Path, args: argparse.Namespace) -> None:
    common = COMMON.replace("{folder}", str(folder))
    texts = {kind: BACKEND.format(kind=kind) for kind in BACKENDS}
    texts["proxy"] = PROXY.format(
        auth="authtoken keystoneauth" if args.keystone else "anybody",
        keystone=args.keystone,
        user=args.user,
        project=args.project,
        # paste reads a % as its own
        password=os.environ.get("SWIFT_PASSWORD", "").replace("%", "%%"),
    )
    for number, kind in enumerate(("proxy", *BACKENDS)):
        file = folder / f"{kind}.conf"
        file.touch(mode=0o600)
        file.write_text(common.format(port=args.port + number) + texts[kind])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--keystone", default="")
    parser.add_argument("--user", default="")
    parser.add_argument("--project", default="")
    args = parser.parse_args()
    folder = args.folder.resolve()
    if not (folder / "swift.conf").exists():
        make(folder, args.port)
    configure(folder, args)
    utils.set_swift_dir(str(folder))
    found = [
        wsgi.check_config(str(folder / f"{kind}.conf"), f"{kind}-server")
        for kind in (*BACKENDS, "proxy")
    ]
    eventlet.hubs.use_hub(utils.get_hub())
    # wsgi.run_server would take a hub of its own for each.
    servers = [
        eventlet.spawn(
            eventlet.wsgi.server,
            strategy.no_fork_sock(),
            wsgi.loadapp(conf["__file__"], global_conf=global_conf),
            utils.NullLogger(),
            protocol=wsgi.SwiftHttpProtocol,
            custom_pool=wsgi.RestrictedGreenPool(size=1024),
            capitalize_response_headers=False,
        )
        for conf, _logger, global_conf, strategy in found
    ]
    for server in servers:
        server.wait()


if __name__ == "__main__":
    main()
