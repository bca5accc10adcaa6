"""A real Glance under uWSGI, on a port, a database and a store of its own.

Glance is what users run; only Keystone is left out, so that tests of one
service need no second one: a token is ``USER:PROJECT:ROLE``, as in
:mod:`tests.functional.auth`, and a request without a token is the service
user of caas, which the fake Glance of the functional tests takes it for too.
The system tests have both for real.

Tests ask for the fixtures of :mod:`tests.fixtures`::

    def test_it(glance_server: GlanceServer) -> None:
        glance = glance_server.client("u1:p1:member")
        answer = glance.get("/v2/images")
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.functional import auth

REPO = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(sys.executable).parent
#: Where wheels put what belongs into /etc.
SHIPPED = pathlib.Path(sys.prefix) / "etc" / "glance"

CONFIG = """
[DEFAULT]
use_stderr = true
enabled_backends = images:{kind}
enabled_import_methods = [glance-direct]
worker_self_reference_url = http://127.0.0.1:{port}

[database]
connection = {database}

[paste_deploy]
flavor = keystone
config_file = {folder}/paste.ini

[glance_store]
default_backend = images

[images]
{store}

[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging

[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks

[oslo_policy]
policy_file = {folder}/policy.yaml
"""

UWSGI = """
[uwsgi]
module = tests.glance_app:application
http-socket = 127.0.0.1:{port}
http-chunked-input = true
chunked-input-limit = 16777216
chunked-input-timeout = 60
socket-timeout = 60
add-header = Connection: close
master = true
processes = 1
threads = 8
lazy-apps = true
need-app = true
die-on-term = true
no-orphans = true
worker-reload-mercy = 10
buffer-size = 65535
disable-logging = true
"""


class Auth(auth.Auth):
    """Who sends no token is the service user."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        # keystoneauth1.noauth sends a word
        if ":" in environ.get("HTTP_X_AUTH_TOKEN", ""):
            return super().__call__(environ, start_response)
        environ |= {
            "HTTP_X_IDENTITY_STATUS": "Confirmed",
            "HTTP_X_USER_ID": "caas",
            "HTTP_X_PROJECT_ID": "service",
            "HTTP_X_ROLES": "service,admin,member,reader",
        }
        return self._app(environ, start_response)


class Client(requests.Session):
    """Glance as one caller sees it; paths instead of URLs.

    :param token: ``USER:PROJECT:ROLE``; None for the service user.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__()
        self._url = url
        # nothing of this machine's proxies
        self.trust_env = False
        if token:
            self.headers["X-Auth-Token"] = token

    def request(  # type: ignore[override]
        self, method: str, path: str, **how: Any
    ) -> requests.Response:
        how.setdefault("timeout", 60)
        return super().request(method, self._url + path, **how)


class GlanceServer:
    """One Glance, started at once.

    :ivar url: without a path.
    :ivar folder: of all it has; the file store's files are in ``images``.
    """

    def __init__(
        self,
        *,
        database: str | None = None,
        kind: str = "file",
        store: dict[str, str] | None = None,
        guard: dict[str, str] | None = None,
        policy: str = "{}\n",
    ) -> None:
        """
        :param database: URL of an empty one; SQLite when not given.
        :param kind: driver of glance_store; ``store``: its options.
        :param guard: options of our filter; without them Glance is stock.
        :param policy: Glance's policy file.
        """
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="caas-glance-"))
        for name in ("images", "staging", "tasks"):
            (self.folder / name).mkdir()
        with contextlib.closing(socket.create_server(("", 0))) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        store = store or {"filesystem_store_datadir": f"{self.folder}/images"}
        (self.folder / "glance-api.conf").write_text(
            CONFIG.format(
                folder=self.folder,
                port=self.port,
                kind=kind,
                store="\n".join(f"{k} = {v}" for k, v in store.items()),
                database=database or f"sqlite:///{self.folder}/glance.sqlite",
            )
        )
        (self.folder / "policy.yaml").write_text(policy)
        (self.folder / "paste.ini").write_text(paste(guard))
        (self.folder / "uwsgi.ini").write_text(UWSGI.format(port=self.port))
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "log"

    def manage(self, *command: str) -> None:
        """Run ``glance-manage``."""
        done = subprocess.run(
            [BIN / "glance-manage", "--config-dir", self.folder, *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def start(self, timeout: float = 60) -> None:
        environment = {
            **os.environ,
            "OS_GLANCE_CONFIG_DIR": str(self.folder),
            "PYTHONPATH": f"{REPO}:{REPO}/glance:{REPO}/devstack/lib",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "uwsgi", "--ini", self.folder / "uwsgi.ini"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        until = time.monotonic() + timeout
        while True:
            with contextlib.suppress(requests.ConnectionError):
                Client(self.url).get("/", timeout=timeout)
                return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Keeps what is stored; ``start`` goes on with it."""
        if self.process:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def close(self) -> None:
        # at once, whatever is under way
        self.stop(signal.SIGINT)
        shutil.rmtree(self.folder)

    def client(self, token: str | None = None) -> Client:
        return Client(self.url, token)


def paste(guard: dict[str, str] | None) -> str:
    """Glance's own paste file, with our filter as the guide says."""
    text = (SHIPPED / "glance-api-paste.ini").read_text()
    text = re.sub(
        r"(?ms)^\[filter:authtoken\].*?(?=^\[)",
        "[filter:authtoken]\n"
        f"paste.filter_factory = {__name__}:Auth.factory\n\n",
        text,
    )
    if guard is None:
        return text
    text = re.sub(r"(?m)^(keystone\S* = .* context)\b", r"\1 caas", text)
    options = "".join(f"{k} = {v}\n" for k, v in guard.items())
    return (
        f"{text}\n[filter:caas]\n"
        f"paste.filter_factory = caas_glance.filter:factory\n{options}"
    )


@pytest.fixture(scope="session")
def glance_servers() -> Iterator[Callable[..., GlanceServer]]:
    """Give the Glance of these options, started when first asked for."""
    started: dict[str, GlanceServer] = {}

    def get(**options: Any) -> GlanceServer:
        key = repr(sorted(options.items()))
        if key not in started:
            started[key] = GlanceServer(**options)
        return started[key]

    yield get
    for server in started.values():
        server.close()


@pytest.fixture(scope="session")
def glance_server(
    glance_servers: Callable[..., GlanceServer],
) -> GlanceServer:
    """A stock Glance on SQLite with files."""
    return glance_servers()
