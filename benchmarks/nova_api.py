"""A real Nova with servers: what the Nova-compatible API is measured beside.

Its API under uWSGI, cells, and an environment of its own with Nova from PyPI;
behind it nothing runs, as lists and look-ups ask nobody else.
"""

import contextlib
import functools
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import threading

import stack
import wsgi

VERSION = "34.0.0"
DATABASES = ("nova_api", "nova_cell0", "nova_cell1")
#: What it is run with.
_WITH = ("PyMySQL", "pyuwsgi")
_FILL = pathlib.Path(__file__).with_name("nova_servers.py")


class Nova:
    """:param folder: where all is kept that it needs.
    :param mariadb: a :class:`mariadb.MariaDB` that runs.
    """

    def __init__(self, folder, mariadb):
        self._venv = folder / "nova-venv"
        self._etc = folder / "nova-etc"
        self._folder = folder
        self._mariadb = mariadb

    def prepare(self, wanted):
        """Install it, and have it know servers.

        :param wanted: see ``nova_servers.py``.
        """
        self._install()
        self._configure(network="http://127.0.0.1:9")
        self._mariadb.anew(*DATABASES)
        stack.say("Making the databases of Nova ...")
        self._manage("api_db", "sync")
        cell0 = self._mariadb.url("nova_cell0")
        self._manage("cell_v2", "map_cell0", "--database_connection", cell0)
        self._manage("db", "sync")
        self._manage(
            *("cell_v2", "create_cell", "--name", "cell1"),
            *("--transport-url", "fake:///"),
            *("--database_connection", self._mariadb.url("nova_cell1")),
        )
        stack.say(f"Making {len(wanted['servers'])} servers of Nova ...")
        self._run(
            *(str(self._venv / "bin/python"), str(_FILL), str(self._etc)),
            input=json.dumps(wanted),
        )

    def _install(self):
        python = self._venv / "bin/python"
        if not (self._venv / "bin/nova-manage").exists():
            stack.say(f"Installing Nova {VERSION} from PyPI ...")
            own = stack.DIR / "venv/bin"
            self._run(str(own / "python"), "-m", "venv", str(self._venv))
            pip = (str(python), "-m", "pip", "install", "--quiet")
            self._run(*pip, f"nova=={VERSION}", *_WITH)

    def _manage(self, *words):
        manage = str(self._venv / "bin/nova-manage")
        self._run(manage, "--config-dir", str(self._etc), *words)

    def _run(self, *command, **more):
        done = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **more,
        )
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stdout[-2000:]}")

    def _configure(self, network):
        """:param network: URL of a network service."""
        self._etc.mkdir(exist_ok=True)
        paste = "etc/nova/api-paste.ini"
        shutil.copy(self._venv / paste, self._etc)
        (self._etc / "nova.conf").write_text(
            f"""[DEFAULT]
transport_url = fake://
use_stderr = true
log_file =
state_path = {self._etc}

[api_database]
connection = {self._mariadb.url("nova_api")}

[database]
connection = {self._mariadb.url("nova_cell1")}

[neutron]
endpoint_override = {network}
{login()}

[oslo_concurrency]
lock_path = {self._etc}

[keystone_authtoken]
{login()}
"""
        )

    @contextlib.contextmanager
    def run(self):
        """Its URL."""
        with no_network() as network:
            self._configure(network)
            with wsgi.run(
                "nova.wsgi.osapi_compute:application",
                self._folder,
                "nova-api",
                self._venv,
                OS_NOVA_CONFIG_DIR=str(self._etc),
            ) as url:
                yield f"{url}/v2.1"


def login():
    """How services of the stack ask Keystone who somebody is."""
    text = (stack.DIR / "etc/caas-api/caas.conf").read_text()
    section = re.search(
        r"^\[keystone_authtoken\]\n(.*?)(?=^\[|\Z)", text, re.M | re.S
    )
    return section[1]


@contextlib.contextmanager
def no_network():
    """The URL of a network service that has nothing, and says so at once."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            noun = self.path.partition("?")[0].rpartition("/")[2]
            name = noun.removesuffix(".json").replace("-", "_")
            body = json.dumps({name: []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=functools.partial(server.serve_forever, 0.1)
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
