"""caas-ssh in this process: all as deployed, but for Keystone and Docker."""

import asyncio
import dataclasses
import pathlib
import socket
import subprocess
import threading
from typing import Any

import asyncssh
import sqlalchemy as sa

from caas import certificates
from caas.agent.streams import server as agent
from caas.clients import agents
from caas.clients.keystone import Project, User
from caas.console import link, relay, ssh_access, ssh_server
from caas.core.deps import Deps, NoImages
from caas.policy import Policy
from caas.store import tables
from tests.functional.auth import ROLES
from tests.functional.console.verbs import VERBS
from tests.functional.service import Service


class Identity:
    """Stands in for Keystone, which system tests have.

    :ivar roles: of users in projects, see ``tests.functional.auth``.
    :ivar disabled: users and projects.
    """

    def __init__(self) -> None:
        self.roles: dict[str, dict[str, str]] = {}
        self.disabled: set[str] = set()

    def user(self, user_id: str) -> User | None:
        if user_id in self.disabled:
            return None
        return User(
            user_id,
            "default",
            {
                project: Project("default", tuple(ROLES[role]))
                for project, role in self.roles.get(user_id, {}).items()
            },
        )

    def open(self, project_id: str) -> bool:
        return project_id not in self.disabled


class Gateway:
    """:ivar folder: for files of tests."""

    def __init__(
        self, service: Service, folder: pathlib.Path, **settings: Any
    ) -> None:
        self.service = service
        self.folder = folder
        self.identity = Identity()
        certificates.authority(folder)
        shown = certificates.issue(folder, certificates.HOST, "h1")
        proxy = certificates.issue(folder, certificates.PROXY, "caas-console")
        ca_file = str(folder / "ca.crt")
        self._agent = agent.StreamServer(
            agent.Settings(
                "127.0.0.1",
                0,
                agent.tls(ca_file, str(shown), str(shown.with_suffix(".key"))),
                "caas-console",
            ),
            VERBS,
        )
        self._agent_port = self._agent.start()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        links = link.Links(
            agents.Settings(
                ca_file, str(proxy), str(proxy.with_suffix(".key"))
            )
        )
        deps = Deps(service.store, lambda _ctx, _ids: None, NoImages(), {})
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._known_hosts = folder / "known_hosts"
        options = {"idle": 60.0, "total": 60.0, **settings}
        self.gateway = ssh_server.Gateway(
            ssh_server.Settings("g1:0", "127.0.0.1", 0, host_key, **options),
            deps,
            ssh_access.Access(
                deps, Policy(service.conf), self.identity, "g1:0"
            ),
            relay.Relay(
                deps,
                links,
                relay.Limits(options["idle"], options["total"], 1 << 20),
            ),
        )
        self._started: Any = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        assert ready.wait(20)
        self.port = self._started
        line = host_key.export_public_key().decode()
        self._known_hosts.write_text(f"[127.0.0.1]:{self.port} {line}")

    def _run(self, ready: threading.Event) -> None:
        async def main() -> None:
            started: asyncio.Future[int] = self._loop.create_future()

            def told(future: Any) -> None:
                self._started = future.result()
                ready.set()

            started.add_done_callback(told)
            await self.gateway.run(self._stop, started)

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(main())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._agent.stop()

    # What tests say.

    def set(self, token: str = "u1:p1:member", **body: Any) -> str:
        """A set that runs.  :returns: its id."""
        [made] = self.service.create(token, **body)
        self.service.place(made["id"])
        with self.service.store.writer() as conn:
            conn.execute(
                tables.hosts.update().values(
                    facts={"streams": f"127.0.0.1:{self._agent_port}"}
                )
            )
        return str(made["id"])

    def key(
        self,
        user: str = "u1",
        role: str = "member",
        project: str = "p1",
        kind: str = "ed25519",
    ) -> pathlib.Path:
        """A key pair of a user with a role.  :returns: the private key."""
        file = self.folder / f"{user}-{kind}"
        if not file.exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file],
                check=True,
            )
            public = file.with_suffix(".pub").read_text()
            answer = self.service.request(
                "POST",
                "/v1/keypairs",
                {"keypair": {"name": file.name, "public_key": public}},
                token=f"{user}:{project}:member",
            )
            assert answer.status_int == 201, answer.text
        self.identity.roles.setdefault(user, {})[project] = role
        return file

    def command(self, key: pathlib.Path, wanted: str, *args: str) -> list[str]:
        """``ssh`` that asks nothing and trusts only this gateway."""
        options = {
            "IdentityFile": str(key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "UserKnownHostsFile": str(self._known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "LogLevel": "INFO",
        }
        given = [f"-o{name}={value}" for name, value in options.items()]
        port = str(self.port)
        return [
            *("ssh", "-F", "none", "-p", port, "-l", wanted, *given),
            *("127.0.0.1", *args),
        ]

    def ssh(
        self,
        key: pathlib.Path,
        wanted: str,
        *args: str,
        stdin: bytes = b"",
        timeout: float = 30,
        options: tuple[str, ...] = (),
    ) -> "Done":
        command = self.command(key, wanted, *args)
        command[1:1] = options
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Done(
            done.returncode,
            done.stdout,
            done.stderr.decode().replace("\r\n", "\n"),
        )

    def events(self) -> list[Any]:
        with self.service.store.reader() as conn:
            return list(
                conn.execute(
                    sa.select(tables.events).order_by(tables.events.c.at)
                ).mappings()
            )


@dataclasses.dataclass(frozen=True)
class Done:
    code: int
    out: bytes
    err: str


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
