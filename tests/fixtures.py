"""Real database servers for tests: private, started once per test process.

``store`` gives a test an empty, migrated database; ask for ``database_url``
and parametrize it to run on several kinds::

    @pytest.mark.parametrize("database", fixtures.DATABASES)
    def test_it(store): ...
"""

import abc
import functools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator

import psycopg2
import pymysql
import pytest
import sqlalchemy as sa

from caas.store import engine, migration
from tests import conf

#: Values of the ``database`` fixture.
DATABASES = ("sqlite", "mariadb", "postgresql")


class DatabaseServer(abc.ABC):
    """A server of our own in a folder of its own, on a unix socket only."""

    #: started by root, the server runs as this user
    user = ""
    #: ends it at once, whoever is connected
    ending = signal.SIGTERM

    def __init__(self) -> None:
        # short: the path of a socket has 107 characters at most
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="caas-db-"))
        self.run_as = self.user if os.geteuid() == 0 else None
        if self.run_as:
            owner = pwd.getpwnam(self.run_as)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.log = (self.folder / "log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def prepare(self) -> list[str]:
        """Make the data folder; return the command that serves it."""

    @abc.abstractmethod
    def execute(self, statement: str) -> None:
        """Run one statement as the server's administrator."""

    @abc.abstractmethod
    def url(self, database: str) -> str:
        """What SQLAlchemy connects to."""

    def run(self, *command: str) -> None:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            check=True,
            cwd=self.folder,
            user=self.run_as,
        )

    def start(self, timeout: float = 60) -> None:
        self.process = subprocess.Popen(
            self.prepare(),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            cwd=self.folder,
            user=self.run_as,
        )
        until = time.monotonic() + timeout
        while True:
            try:
                return self.execute("SELECT 1")
            except (pymysql.Error, psycopg2.Error) as error:
                if self.process.poll() is None and time.monotonic() < until:
                    time.sleep(0.05)
                    continue
                self.stop()
                raise RuntimeError(
                    f"{type(self).__name__} did not start: {error}"
                ) from error

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(self.ending)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def new_database(self, more: str = "") -> str:
        """Make a database, empty unless ``more`` of the statement says
        something else; return its URL."""
        name = "caas_" + uuid.uuid4().hex[:12]
        self.execute(f"CREATE DATABASE {name} {more}")
        return self.url(name)

    def migrated(self) -> str:
        """Make a database with all tables; return its URL."""
        url = self.new_database()
        _migrate(url)
        return url


def _migrate(url: str) -> None:
    store = engine.Store(conf.database(url))
    migration.sync(store.engine)
    store.engine.dispose()


def _program(name: str, *folders: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    found = shutil.which(name, path=path)
    if not found:
        pytest.fail(f"{name} is not installed; ./run_tests installs it.")
    return found


class MariaDB(DatabaseServer):
    user = "mysql"

    def prepare(self) -> list[str]:
        data = self.folder / "data"
        self.run(
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        return [
            _program("mariadbd", "/usr/sbin"),
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={self.folder / 's'}",
            f"--pid-file={self.folder / 'pid'}",
            "--skip-networking",
            # one that starts removes the files of others that it finds there
            f"--tmpdir={data}",
            "--innodb-buffer-pool-size=128M",
            # nobody needs the data after a crash
            "--innodb-flush-log-at-trx-commit=0",
        ]

    def execute(self, statement: str) -> None:
        with pymysql.connect(
            user="root", unix_socket=str(self.folder / "s"), autocommit=True
        ) as connection:
            connection.cursor().execute(statement)

    def url(self, database: str) -> str:
        return (
            f"mysql+pymysql://root@localhost/{database}"
            f"?unix_socket={self.folder / 's'}&charset=utf8mb4"
        )


class PostgreSQL(DatabaseServer):
    user = "postgres"
    ending = signal.SIGQUIT

    def migrated(self) -> str:
        return self.new_database(f"TEMPLATE {self._template}")

    @functools.cached_property
    def _template(self) -> str:
        """A database to copy, which is quicker than to migrate."""
        return str(sa.make_url(super().migrated()).database)

    def prepare(self) -> list[str]:
        versions = pathlib.Path("/usr/lib/postgresql").glob("*/bin")
        folders = [str(folder) for folder in sorted(versions, reverse=True)]
        data = self.folder / "data"
        self.run(
            _program("initdb", *folders),
            f"--pgdata={data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        return [
            _program("postgres", *folders),
            "-D",
            str(data),
            "-k",
            str(self.folder),
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]

    def execute(self, statement: str) -> None:
        connection = psycopg2.connect(
            user="postgres", host=str(self.folder), dbname="postgres"
        )
        try:
            # CREATE DATABASE refuses to run in a transaction
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://postgres@/{database}?host={self.folder}"


@pytest.fixture(scope="session")
def database_server() -> Iterator[Callable[[str], DatabaseServer]]:
    """Give the server of a kind, started when first asked for."""
    started: dict[str, DatabaseServer] = {}

    def get(kind: str) -> DatabaseServer:
        if kind not in started:
            server = {"mariadb": MariaDB, "postgresql": PostgreSQL}[kind]()
            server.start()
            started[kind] = server
        return started[kind]

    yield get
    for server in started.values():
        server.stop()


@pytest.fixture
def database() -> str:
    """Kind of database; parametrize it with ``DATABASES`` for all."""
    return "sqlite"


@pytest.fixture
def database_url(
    database: str,
    tmp_path: pathlib.Path,
    database_server: Callable[[str], DatabaseServer],
) -> str:
    """URL of an empty database of the kind ``database``."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'caas.sqlite'}"
    return database_server(database).new_database()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A file with all tables."""
    path = tmp_path_factory.mktemp("template") / "caas.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def migrated_url(
    database: str,
    tmp_path: pathlib.Path,
    sqlite_template: pathlib.Path,
    database_server: Callable[[str], DatabaseServer],
) -> str:
    """URL of a database with all tables, and nothing in them."""
    if database == "sqlite":
        path = shutil.copy(sqlite_template, tmp_path / "caas.sqlite")
        return f"sqlite:///{path}"
    return database_server(database).migrated()


@pytest.fixture
def bare_store(database_url: str) -> Iterator[engine.Store]:
    """A Store on a database without tables."""
    yield from _store(database_url)


@pytest.fixture
def store(migrated_url: str) -> Iterator[engine.Store]:
    """A Store on an empty database with all tables."""
    yield from _store(migrated_url)


def _store(url: str) -> Iterator[engine.Store]:
    made = engine.Store(conf.database(url))
    yield made
    made.engine.dispose()
