"""Records of Glance in memory: for faults, and for many of them.

Held to the same tests as the real Glance (``tests/functional/images``).
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from caas import exception
from caas.clients.records import Content
from caas.context import RequestContext

_PIECE = 64 << 10


class FakeRecords:
    """Also what users see of them, see :class:`caas.core.deps.Seen`.

    :ivar records: by id.
    :ivar data: bytes by id, of those that have any.
    :ivar calls: names of the methods called.
    :ivar guarded: what others stand on is not deleted, as with caas_glance.
    """

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.data: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.guarded = True
        self._used: set[str] = set()
        self._members: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def create(
        self,
        record_id: str,
        *,
        owner: str,
        name: str,
        hidden: bool = True,
        visibility: str = "private",
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.calls.append("create")
        with self._lock:
            if record_id in self._used:
                return
            self._used.add(record_id)
            self.records[record_id] = {
                **(properties or {}),
                "id": record_id,
                "owner": owner,
                "name": name,
                "os_hidden": hidden,
                "visibility": visibility,
                "container_format": "docker",
                "disk_format": "raw",
                "status": "queued",
                "size": None,
            }

    def upload(self, record_id: str, chunks: Iterable[bytes]) -> None:
        self.calls.append("upload")
        data = b"".join(chunks)
        with self._lock:
            record = self._record(record_id)
            if record["status"] != "queued":
                raise exception.Conflict("It has bytes already.")
            self.data[record_id] = data
            record |= {"status": "active", "size": len(data)}

    def open(
        self, record_id: str, start: int | None = None, end: int | None = None
    ) -> Content:
        self.calls.append("open")
        self._record(record_id)
        if record_id not in self.data:
            raise exception.NotFound("It has no bytes.")
        stop = None if end is None else end + 1
        data = self.data[record_id][start or 0 : stop]
        pieces = range(0, len(data), _PIECE)
        return Content(len(data), (data[n : n + _PIECE] for n in pieces))

    def update(self, record_id: str, changes: Mapping[str, Any]) -> str:
        self.calls.append("update")
        with self._lock:
            record = self._record(record_id)
            for key, value in changes.items():
                if value is None:
                    if key not in record:
                        raise exception.Conflict(f"There is no {key}.")
                    del record[key]
                else:
                    record[key] = value
            return str(record["status"])

    def get(self, record_id: str) -> dict[str, Any] | None:
        self.calls.append("get")
        found = self.records.get(record_id)
        return None if found is None else dict(found)

    def delete(self, record_id: str) -> None:
        self.calls.append("delete")
        with self._lock:
            if self.guarded and any(
                record_id in (each.get("parent_id"), each.get("caas_data_id"))
                for each in self.records.values()
            ):
                raise exception.Conflict("Others stand on it.")
            self.records.pop(record_id, None)
            self.data.pop(record_id, None)

    def list(self, **filters: str) -> Iterator[dict[str, Any]]:
        self.calls.append("list")
        hidden = filters.pop("os_hidden", "false") == "true"
        ids = filters.pop("id", "")
        wanted = set(ids.removeprefix("in:").split(",")) if ids else None
        for record in list(self.records.values()):
            if (
                record["os_hidden"] == hidden
                and (wanted is None or record["id"] in wanted)
                and all(record.get(k) == v for k, v in filters.items())
            ):
                yield dict(record)

    def members(self, record_id: str) -> dict[str, str]:
        self.calls.append("members")
        return dict(self._members.get(record_id, {}))

    def share(self, record_id: str, project_id: str, status: str) -> None:
        self.calls.append("share")
        self._members.setdefault(record_id, {})[project_id] = status

    def properties(self, ctx: RequestContext, image_id: str) -> dict[str, Any]:
        return self.record(ctx, image_id) or {}

    def visible(
        self, ctx: RequestContext, image_ids: Collection[str]
    ) -> set[str]:
        self.calls.append("visible")
        return {
            image_id
            for image_id in image_ids
            if (record := self.records.get(image_id))
            and record["status"] == "active"
            and not record["os_hidden"]
            and (
                record["owner"] == ctx.project_id
                or record["visibility"] in ("public", "community")
                or ctx.project_id in self._members.get(image_id, {})
            )
        }

    def public(self) -> set[str]:
        self.calls.append("public")
        return {
            record["id"]
            for record in self.records.values()
            if record["visibility"] == "public" and not record["os_hidden"]
        }

    def named(self, ctx: RequestContext, name: str) -> Any:
        return [
            dict(record)
            for record in list(self.records.values())
            if record["name"] == name and self.visible(ctx, [record["id"]])
        ]

    def _record(self, record_id: str) -> dict[str, Any]:
        if record_id not in self.records:
            raise exception.NotFound("It is gone.")
        return self.records[record_id]
