"""A MariaDB whose data stay where they are from one run to the next."""

import contextlib
import shutil
import subprocess

import stack


def program(name):
    """:raises SystemExit: it is not there."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing; install mariadb-server.")
    return found


class MariaDB:
    """On a Unix socket only; nobody else's data are near.

    Its data are not safe from a crash of the machine: they can be made anew.

    :param folder: where the server keeps all it has.
    """

    def __init__(self, folder):
        self.folder = folder
        self._socket = folder / "s"

    @contextlib.contextmanager
    def run(self):
        data = self.folder / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.chown(self.folder, "mysql")
        with (self.folder / "log").open("ab") as log:
            if not (data / "mysql").is_dir():
                subprocess.run(
                    [
                        program("mariadb-install-db"),
                        *("--no-defaults", f"--datadir={data}"),
                        "--auth-root-authentication-method=normal",
                        *("--skip-test-db", "--user=mysql"),
                    ],
                    check=True,
                    stdout=log,
                    stderr=log,
                )
            process = subprocess.Popen(
                [
                    program("mariadbd"),
                    *("--no-defaults", "--user=mysql"),
                    f"--datadir={data}",
                    f"--socket={self._socket}",
                    f"--pid-file={self.folder / 'pid'}",
                    *("--skip-networking", f"--tmpdir={data}"),
                    "--innodb-buffer-pool-size=256M",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--max-connections=200",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            stack.wait(lambda: self._answers(process), "MariaDB")
            yield
        finally:
            process.terminate()
            process.wait()

    def _answers(self, process):
        if process.poll() is not None:
            raise SystemExit(f"MariaDB ended; see {self.folder / 'log'}.")
        with contextlib.suppress(Exception):
            self.execute("SELECT 1")
            return True
        return False

    def execute(self, statement):
        import pymysql

        connection = pymysql.connect(
            user="root", unix_socket=str(self._socket), autocommit=True
        )
        with connection:
            connection.cursor().execute(statement)

    def anew(self, *names):
        """Make databases, each of them empty."""
        for name in names:
            self.execute(f"DROP DATABASE IF EXISTS {name}")
            self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")

    def url(self, name):
        """What SQLAlchemy connects to."""
        return (
            f"mysql+pymysql://root@localhost/{name}"
            f"?unix_socket={self._socket}&charset=utf8mb4"
        )
