"""A project, a real Glance, and a conductor that takes archives apart."""

import dataclasses
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from keystoneauth1 import token_endpoint

from caas.clients.records import Records
from caas.conductor import imports as conductor
from caas.context import RequestContext
from caas.core import imports, jobs
from caas.core.deps import Deps
from caas.model.images import Tag
from caas.model.jobs import Job, State
from caas.store import tables
from tests.glance_server import Client, GlanceServer


class Killed(BaseException):
    """As if the process were killed: from then on nothing works."""


class Life:
    """Counts calls of Glance and transactions of one process.

    :ivar steps: calls so far.
    :ivar last: at which one it dies; None for never.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.last: int | None = None
        # some things are done side by side
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self.steps += 1
            if self.last is not None and self.steps >= self.last:
                raise Killed


class Mortal:
    """What works as long as the process lives."""

    def __init__(self, life: Life, of: Any, *names: str) -> None:
        self._life = life
        self.of = of
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.of, name)
        if name not in self._names:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._life.step()
            return found(*args, **kwargs)

        return call


@dataclasses.dataclass
class World:
    """A project with a name of its own, in a Glance many tests share.

    :ivar time: by which the clock of conductors is ahead.
    """

    glance: GlanceServer
    deps: Deps
    life: Life
    records: Records
    importer: conductor.Importer
    project: str
    time: timedelta = timedelta()

    @property
    def ctx(self) -> RequestContext:
        return RequestContext(
            user_id="u1",
            project_id=self.project,
            project_name=self.project,
            roles=["member"],
            auth_token=f"u1:{self.project}:member",
            overwrite=False,
        )

    @property
    def user(self) -> Client:
        return self.glance.client(f"u1:{self.project}:member")

    def upload(self, name: str, data: bytes, **more: Any) -> dict[str, Any]:
        made = self.user.post(
            "/v2/images",
            json={
                "name": name,
                "container_format": "docker",
                "disk_format": "raw",
                **more,
            },
        )
        assert made.status_code == 201, made.text
        path = f"/v2/images/{made.json()['id']}"
        sent = self.user.put(
            f"{path}/file",
            data=data,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert sent.status_code == 204, sent.text
        return self.show(made.json()["id"])

    def show(self, record_id: str) -> dict[str, Any]:
        answer = self.glance.client().get(f"/v2/images/{record_id}")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def there(self, record_id: str) -> bool:
        answer = self.glance.client().get(f"/v2/images/{record_id}")
        return answer.status_code == 200

    def listed(self, hidden: bool = False) -> list[dict[str, Any]]:
        answer = self.glance.client().get(
            "/v2/images",
            params={
                "owner": self.project,
                "os_hidden": str(hidden).lower(),
                "visibility": "all",
            },
        )
        found: list[dict[str, Any]] = answer.json()["images"]
        return found

    def become(self, record: Mapping[str, Any]) -> Tag:
        """Take an archive apart."""
        job = self.worked(record)
        assert job.state == State.DONE, job.reason
        found = imports.become(self.deps, record["id"])
        assert found is not None
        assert found.image_id == job.image_id
        return found

    def worked(self, record: Mapping[str, Any]) -> Job:
        job = imports.start(self.deps, self.ctx, record)
        assert self.importer.work()
        return jobs.get(self.deps, self.ctx, job.id)

    def nothing(self) -> bool:
        """Whether nothing but archives is stored."""
        index = (tables.blobs, tables.uploads, tables.upload_parts)
        with self.deps.store.reader() as conn:
            rows = [conn.execute(table.select()).all() for table in index]
        return not any(rows) and self.listed(hidden=True) == []


class Nobody(token_endpoint.Token):
    """Sends no token, which is the service user to that Glance."""

    def __init__(self) -> None:
        super().__init__("", "")

    def get_headers(self, session: Any) -> dict[str, str]:
        return {"User-Agent": "caas"}
