"""The service in one process: as deployed, but for Keystone and Glance."""

import hashlib
import json
import pathlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
import webob
from cryptography.fernet import Fernet
from oslo_config import cfg
from oslo_messaging._drivers import impl_fake

import caas
from caas import rpc
from caas.model.images import Manifest, Namespace, Role, State, Tag
from caas.model.manifests import OCI_CONFIG, OCI_MANIFEST
from caas.store import (
    images,
    manifests,
    namespaces,
    sessions,
    tables,
    tags,
)
from caas.store.engine import Store, utcnow
from caas.wsgi import auth, pipeline
from tests.functional.auth import Auth
from tests.functional.glance import Glance, Image
from tests.many_images import Rows

PASTE = pathlib.Path(caas.__file__).parent.parent / "etc/caas/api-paste.ini"

CONFIG = """
[DEFAULT]
host = conductor-1
transport_url = fake://
control_exchange = {exchange}
[api]
paste_config = {paste}
response_validation = raise
[database]
connection = {database}
[glance]
auth_type = none
endpoint_override = {glance}
[oslo_policy]
policy_file = {folder}/policy.yaml
[pull]
keys = {key}
"""

#: A set that is valid, and small.
SET: dict[str, Any] = {
    "name": "web",
    "flavor": "small",
    "containers": [{"name": "app", "image": "app:1"}],
}

#: Of an image: what its builder wrote.
CONFIG_OF_IMAGE: dict[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "created": "2026-11-20T12:00:00Z",
    "author": "Ann",
    "config": {
        "Env": ["PATH=/bin", "A=b"],
        "Cmd": ["serve"],
        "Entrypoint": None,
        "Labels": {"team": "shop", "odd": 5},
        "ExposedPorts": {"80/tcp": {}},
        "User": 7,
    },
    "history": [
        {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
        {"created_by": "ENV A=b", "empty_layer": True},
        {"created_by": "RUN /bin/sh -c make # buildkit", "author": "Ann"},
    ],
}


#: Of an image without layers.
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": OCI_CONFIG,
            "digest": "sha256:" + "0" * 64,
            "size": 2,
        },
        "layers": [],
    }
).encode()


#: What a database says of all that was ever written to it: the same again,
#: and nobody has written.
WRITTEN = {
    "sqlite": "PRAGMA data_version",
    "mysql": "SHOW GLOBAL STATUS WHERE Variable_name IN"
    " ('Handler_write', 'Handler_update', 'Handler_delete')",
    "postgresql": "SELECT pg_current_snapshot()::text",
}


class Service:
    """caas-api on a database of its own."""

    def __init__(
        self, folder: pathlib.Path, database: str, patch: pytest.MonkeyPatch
    ) -> None:
        """:param database: URL of one with all tables, and nothing in them."""
        self.glance = Glance()
        patch.setattr(auth.Auth, "factory", Auth.factory)
        patch.setattr(Auth, "image_url", f"{self.glance.url}/v2")
        self._senders: list[rpc.Sender] = []
        patch.setattr(rpc, "Sender", self._sender(rpc.Sender))
        text = CONFIG.format(
            # what is sent over fake:// waits in this process for ever
            exchange=uuid.uuid4(),
            folder=folder,
            database=database,
            glance=self.glance.url,
            key=Fernet.generate_key().decode(),
            paste=PASTE,
        )
        self._file = folder / "caas.conf"
        self._file.write_text(text)
        self.conf = cfg.CONF
        self.conf.clear()
        self.app = pipeline.init_application(str(folder))
        self.store = Store(self.conf)
        self._watch: sa.Connection | None = None
        self._rows_at: list[Any] = []
        self._rows: dict[str, list[Any]] = {}

    def stop(self) -> None:
        for sender in self._senders:
            sender.stop()
        self.glance.stop()
        if self._watch is not None:
            self._watch.close()
        self.store.engine.dispose()
        self.conf.clear()
        impl_fake.FakeExchangeManager.cleanup()

    def _sender(self, make: Callable[[Any], rpc.Sender]) -> Any:
        def made(transport: Any) -> rpc.Sender:
            self._senders.append(make(transport))
            return self._senders[-1]

        return made

    def reconfigure(self, **groups: dict[str, str]) -> None:
        """Start it anew with these options as well."""
        with self._file.open("a") as file:
            for group, options in groups.items():
                file.write(f"[{group}]\n")
                file.writelines(f"{k} = {v}\n" for k, v in options.items())
        self.conf.clear()
        self.app = pipeline.init_application(str(self._file.parent))

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "u1:p1:admin",
        headers: dict[str, str] | None = None,
    ) -> webob.Response:
        """:param body: JSON, unless it is bytes."""
        request = webob.Request.blank(
            path, method=method, headers=headers or {}
        )
        if token is not None:
            request.headers["X-Auth-Token"] = token
        if body is not None:
            if not isinstance(body, bytes):
                body = json.dumps(body, ensure_ascii=False).encode()
            request.body = body
            request.headers.setdefault("Content-Type", "application/json")
        return request.get_response(self.app)

    def rows(self) -> dict[str, list[Any]]:
        """All there is in the database, to see that nothing changed."""
        written = self._written()
        if written != self._rows_at:
            with self.store.reader() as conn:
                self._rows = {
                    table.name: conn.execute(
                        sa.select(table).order_by(*table.primary_key)
                    ).all()
                    for table in tables.metadata.sorted_tables
                }
            self._rows_at = written
        return self._rows

    def _written(self) -> list[Any]:
        """What is another one whenever anybody has written."""
        # others have to write, so it is a connection of its own
        if self._watch is None:
            self._watch = self.store.engine.connect()
        name = self._watch.dialect.name
        with self._watch.begin():
            return list(self._watch.exec_driver_sql(WRITTEN[name]))

    def host(self, name: str = "h1") -> str:
        """A host that was here, with nothing on it.  :returns: its id."""
        host_id = str(uuid.uuid4())
        now = utcnow()
        with self.store.writer() as conn:
            conn.execute(
                tables.hosts.insert().values(
                    id=host_id,
                    name=name,
                    facts={"engine": "docker"},
                    created_at=now,
                    updated_at=now,
                )
            )
        return host_id

    def server_group(self, policy: str = "affinity") -> str:
        """:returns: the id of one of the project p1, which may have few."""
        found = self.request("GET", "/v1/server-groups", token="u1:p1:member")
        for each in found.json["server_groups"]:
            return str(each["id"])
        body = {"server_group": {"name": "near", "policy": policy}}
        answer = self.request(
            "POST", "/v1/server-groups", body, token="u1:p1:member"
        )
        made: str = answer.json["server_group"]["id"]
        return made

    def event(self, set_id: str) -> str:
        """The id of one of a set."""
        answer = self.request("GET", f"/v1/sets/{set_id}/events")
        found: str = answer.json["events"][0]["id"]
        return found

    def place(self, set_id: str, host: str = "h1") -> None:
        """Have it run on a host that lets proxies in."""
        if self.request("GET", f"/v1/hosts/{host}").status_int == 404:
            self.host(host)
        now = utcnow()
        with self.store.writer() as conn:
            conn.execute(
                tables.hosts.update()
                .where(tables.hosts.c.name == host)
                .values(facts={"streams": "192.0.2.7:9518"}, last_seen=now)
            )
            host_id = conn.execute(
                sa.select(tables.hosts.c.id).where(tables.hosts.c.name == host)
            ).scalar_one()
            conn.execute(
                tables.sets.update()
                .where(tables.sets.c.id == set_id)
                .values(
                    host_id=host_id,
                    placement="placed",
                    phase="running",
                    incarnation=1,
                    seen_incarnation=1,
                    seen_revision=tables.sets.c.revision,
                    launched_at=now,
                )
            )
            conn.execute(
                tables.containers.update()
                .where(tables.containers.c.set_id == set_id)
                .values(status="running", runtime_id="f00")
            )

    def session(
        self, set_id: str | None = None, **body: Any
    ) -> dict[str, Any]:
        """A session of a member, with something recorded.

        :param set_id: in this set; None for a new one.
        """
        set_id = set_id or self.create()[0]["id"]
        self.place(set_id)
        answer = self.request(
            "POST",
            f"/v1/sets/{set_id}/containers/app/exec",
            {"session": {"command": ["ls"], "record": True, **body}},
            token="u1:p1:member",
        )
        assert answer.status_int == 201, answer.text
        session: dict[str, Any] = answer.json["session"]
        with self.store.writer() as conn:
            sessions.record(conn, session["id"], 0, '{"version": 2}\n')
        return session

    def image_of(self, name: str = "shop/web:1") -> str:
        """An image of project p1: a layer on that of ``shop/base:1``, which
        comes with it, or an index of one such.  :returns: its id.
        """
        namespace, _, rest = name.partition("/")
        repository, _, tag = rest.partition(":")
        rows = Rows()
        with self.store.writer() as conn:
            if namespaces.get(conn, namespace) is None:
                rows.namespace(namespace)
        with self.store.reader() as conn:
            new = not images.find(conn, "shop/base:1")
        if new:
            rows.layer("p1", "base", 100)
            base = rows.manifest("shop", "base", "base", "p1", "base")
            rows.tag("shop", "base", "1", base)
        rows.layer("p1", f"base.{name}", 10)
        made = rows.manifest(
            namespace,
            repository,
            name,
            "p1",
            f"base.{name}",
            size=110,
            config=CONFIG_OF_IMAGE,
        )
        image_id = rows.tag(namespace, repository, tag, made)
        with self.store.writer() as conn:
            rows.write(conn)
        self.glance.add(name, b"", id=image_id, owner="p1", kind="image")
        return image_id

    def image(self, name: str, owner: str = "images") -> Image:
        """One that was pushed, by a project nobody here is in.

        :param owner: project that sees it; else all do.
        """
        repository, _, tag = name.partition(":")
        namespace = self.namespace(uuid.uuid4().hex, owner)
        now = utcnow()
        digest = hashlib.sha256(namespace.id.encode()).hexdigest()
        manifest = Manifest(
            id=str(uuid.uuid4()),
            namespace_id=namespace.id,
            repository=repository,
            digest=f"sha256:{digest}",
            media_type=OCI_MANIFEST,
            artifact_type="",
            subject="",
            annotations={},
            body=MANIFEST,
            config={},
            top_layer_id="",
            size=5,
            unpacked_size=10,
            os="linux",
            architecture="amd64",
            problem="",
            state=State.LIVE,
            created_at=now,
        )
        record = self.glance.add(
            name, kind="image", owner=None if owner == "images" else owner
        )
        with self.store.writer() as conn:
            manifests.insert(conn, manifest, [], [])
            shown = Tag(
                id=str(uuid.uuid4()),
                namespace_id=namespace.id,
                repository=repository,
                name=tag,
                manifest_id=manifest.id,
                image_id=record.id,
                published=True,
                user_id="",
                created_at=now,
                updated_at=now,
                deleted_at=None,
            )
            tags.insert(conn, shown)
            tags.switch(conn, shown, now)
        return record

    def namespace(
        self, name: str, project_id: str, *members: str
    ) -> Namespace:
        """One of a project, to which the members may push, too."""
        item = Namespace(
            id=str(uuid.uuid4()),
            name=name,
            project_id=project_id,
            description="",
            public=False,
            created_at=utcnow(),
        )
        with self.store.writer() as conn:
            namespaces.insert(conn, item)
            for member in members:
                namespaces.set_member(conn, item.id, member, Role.PUSH)
        return item

    def job(self, set_id: str | None = None) -> dict[str, Any]:
        """A commit that a member asked for.

        :param set_id: in this set; None for a new one.
        """
        set_id = set_id or self.create()[0]["id"]
        self.place(set_id)
        name = uuid.uuid4().hex
        self.namespace(name, "p1")
        answer = self.request(
            "POST",
            f"/v1/sets/{set_id}/containers/app/commit",
            {"commit": {"image": f"{name}/app:1"}},
            token="u1:p1:member",
        )
        assert answer.status_int == 202, answer.text
        job: dict[str, Any] = answer.json["job"]
        return job

    def flavor(self, name: str = "small", **size: Any) -> dict[str, Any]:
        body = {"name": name, "vcpus": 1, "memory_mb": 64, "disk_gb": 1}
        answer = self.request("POST", "/v1/flavors", {"flavor": body | size})
        assert answer.status_int == 201, answer.text
        return answer.json["flavor"]

    def create(
        self, token: str = "u1:p1:member", **changes: Any
    ) -> list[dict[str, Any]]:
        answer = self.request(
            "POST", "/v1/sets", {"set": SET | changes}, token=token
        )
        assert answer.status_int == 202, answer.text
        return answer.json["sets"]
