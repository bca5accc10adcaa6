"""A cloud of two services on 127.0.0.1: Keystone's part, played by 50 lines,
and the real API of caas over a database, with nobody behind it: what a
conductor and agents would do, ``Cloud.settle`` writes into the database."""

import json
import threading
import uuid
from collections.abc import Iterable
from typing import Any
from wsgiref import simple_server

import sqlalchemy as sa
from keystoneauth1 import fixture as ksa_fixture
from oslo_middleware import request_id

from caas.api import app
from caas.api.operation import Settings
from caas.context import RequestContext
from caas.core import changes
from caas.core.deps import Deps, Kept
from caas.model import spec
from caas.model.images import Name
from caas.policy import Policy
from caas.store import sets
from caas.store import tables as t
from caas.store.engine import Store, utcnow
from tests.functional.images import registry
from tests.records import FakeRecords

#: User -> roles. The project of all is "demo"; "other" has another one.
USERS = {
    "admin": ["admin", "manager", "member", "reader"],
    "member": ["member", "reader"],
    "other": ["member", "reader"],
}
PROJECTS = {"demo": "d" * 32, "elsewhere": "e" * 32}
IMAGES = {
    "busybox:latest": str(uuid.uuid4()),
    "quickstart:1": str(uuid.uuid4()),
}
QUOTA = {
    "sets": 10,
    "containers": 20,
    "millicpus": 10_000,
    "memory_mb": 10_240,
    "disk_gb": 100,
    "image_bytes": 1 << 30,
    "server_groups": 10,
    "server_group_members": 10,
}


class Images:
    def resolve(
        self, ctx: Any, refs: Iterable[str]
    ) -> dict[str, spec.ImageRef]:
        return {
            ref: spec.ImageRef(ref, IMAGES[ref], "sha512:" + "0" * 128, ref)
            for ref in refs
        }


class Cloud:
    def __init__(self, store: Store, policy: Policy) -> None:
        self.store = store
        self.server = simple_server.make_server(
            "127.0.0.1",
            0,
            self,
            server_class=_Server,
            handler_class=_Quiet,
        )
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        #: As in the catalog; None: it is not there.
        self.caas_url: str | None = f"{self.url}/v1"
        #: Where images are kept, see :meth:`push`.
        self.records = FakeRecords()
        deps = Deps(
            store,
            lambda ctx, ids: self.notify(ids),
            Images(),
            QUOTA,
            kept=Kept(self.records, self.records),
        )
        settings = Settings(response_validation="raise")
        self.caas = request_id.RequestId(app.make_app(deps, policy, settings))
        #: What settle makes of sets that are to run.
        self.running: dict[str, Any] = {"placement": "placed"}
        #: Why hosts cannot make sets of something else; "" if they can.
        self.refused = ""
        #: Sets that are to be made of something else, and are so only when
        #: somebody has looked at them.
        self.changing: set[str] = set()
        self.host_id = str(uuid.uuid4())
        threading.Thread(
            # how long a shutdown may take
            target=self.server.serve_forever,
            args=[0.02],
            daemon=True,
        ).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def env(self, user: str = "member") -> dict[str, str]:
        """What an rc file sets."""
        return {
            "OS_AUTH_URL": f"{self.url}/identity/v3",
            "OS_USERNAME": user,
            "OS_PASSWORD": "secret",
            "OS_PROJECT_NAME": "elsewhere" if user == "other" else "demo",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_REGION_NAME": "RegionOne",
        }

    def push(self, image: registry.Image, name: str) -> None:
        """Push an image, as the project demo."""
        namespace, _, rest = name.partition("/")
        repository, _, tag = rest.partition(":")
        who = RequestContext(
            user_id="member",
            project_id=PROJECTS["demo"],
            project_name="demo",
            roles=USERS["member"],
            overwrite=False,
        )
        registry.Registry(self.store, self.records, self.records).push(
            image, tag, Name(namespace, repository), who
        )

    def notify(self, ids: Iterable[str]) -> None:
        """Something else is wanted of the sets."""
        with self.store.reader() as conn:
            found = [sets.get(conn, ident) for ident in ids]
        self.changing |= {s.id for s in found if s and s.change_revision}
        self.settle([i for i in ids if i not in self.changing])

    def settle(self, ids: Iterable[str]) -> None:
        """Let the sets be as desired, but for what ``running`` and
        ``refused`` say."""
        now = utcnow()
        with self.store.writer() as conn:
            for ident in ids:
                item = sets.get(conn, ident)
                if item is None or not item.change_revision:
                    continue
                if self.refused:
                    changes.take_back(conn, item, self.refused, now)
                else:
                    changes.finish(conn, item)
            for row in conn.execute(
                sa.select(t.sets).where(t.sets.c.id.in_(ids))
            ).all():
                values: dict[str, Any] = {
                    "phase": row.desired,
                    "placement": "placed",
                    "seen_revision": row.revision,
                    "seen_incarnation": row.incarnation,
                    "address": "10.89.0.2",
                    "launched_at": row.launched_at or now,
                    "host_id": self.host_id,
                }
                if row.desired == "running":
                    values |= self.running
                if row.desired == "deleted":
                    values = {"deleted_at": now}
                conn.execute(
                    t.sets.update()
                    .where(t.sets.c.id == row.id)
                    .values(**values)
                )

    def add_host(self, name: str) -> str:
        """:returns: its id."""
        now = utcnow()
        ident = str(uuid.uuid4())
        with self.store.writer() as conn:
            conn.execute(
                t.hosts.insert().values(
                    id=ident,
                    name=name,
                    zone="default",
                    millicpus=2000,
                    memory_mb=4096,
                    disk_gb=20,
                    used_millicpus=500,
                    used_sets=1,
                    facts={"engine": "docker", "labels": {"rack": "1"}},
                    last_seen=now,
                    created_at=now,
                    updated_at=now,
                )
            )
        return ident

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/identity/"):
            return self.identity(environ, start_response)
        user, _, project = environ.get("HTTP_X_AUTH_TOKEN", "").partition(":")
        if user in USERS:
            environ |= {
                "HTTP_X_IDENTITY_STATUS": "Confirmed",
                "HTTP_X_USER_ID": user,
                "HTTP_X_PROJECT_ID": project,
                "HTTP_X_ROLES": ",".join(USERS[user]),
            }
        answer: Iterable[bytes] = self.caas(environ, start_response)
        if environ["REQUEST_METHOD"] == "GET" and self.changing:
            self.settle(self.changing)
            self.changing = set()
        return answer

    def identity(self, environ: Any, start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"].removeprefix("/identity/v3")
        headers = []
        code = "200 OK"
        if path == "/auth/tokens":
            size = int(environ["CONTENT_LENGTH"])
            auth = json.loads(environ["wsgi.input"].read(size))["auth"]
            user = auth["identity"]["password"]["user"]["name"]
            project = PROJECTS[auth["scope"]["project"]["name"]]
            headers.append(("X-Subject-Token", f"{user}:{project}"))
            code = "201 Created"
            body: Any = ksa_fixture.V3Token(project_id=project)
            for kind, url in (
                ("caas", self.caas_url),
                ("identity", f"{self.url}/identity/v3"),
            ):
                if url:
                    body.add_service(kind).add_standard_endpoints(
                        public=url, region="RegionOne"
                    )
        elif path.startswith("/projects"):
            body = {
                "projects": [
                    {"id": ident, "name": name}
                    for name, ident in PROJECTS.items()
                    if f"name={name}" in environ["QUERY_STRING"]
                ]
            }
            if path != "/projects":
                ident = path.rpartition("/")[2]
                body = {"project": {"id": ident}}
                if ident not in PROJECTS.values():
                    code, body = "404 Not Found", {}
        else:
            version = ksa_fixture.V3Discovery(f"{self.url}/identity/v3")
            body = {"version": version}
        start_response(code, [("Content-Type", "application/json"), *headers])
        return [json.dumps(body).encode()]


class _Server(simple_server.WSGIServer):
    # many small requests of one client, one after the other
    request_queue_size = 16


class _Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass
