"""What a client of the registry does, by the use cases; images to push."""

import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from caas.conductor.collector import Collector, Times
from caas.context import RequestContext
from caas.core import blobs, manifests, namespaces
from caas.core.deps import Deps, Kept
from caas.model import manifests as parsing
from caas.model.images import Blob, Manifest, Name, Namespace, Role
from caas.model.quotas import RESOURCES
from caas.store import namespaces as namespaces_store
from caas.store import tables
from caas.store.engine import Store as Store
from tests.records import FakeRecords

APP = Name("p1", "app")


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def ctx(project: str = "p1", user: str = "u1") -> RequestContext:
    """Of a member of a project, which is named as its id."""
    return RequestContext(
        auth_token=f"{user}:{project}:member",
        user_id=user,
        project_id=project,
        project_name=project.upper(),
        roles=["member", "reader"],
        overwrite=False,
    )


def layer(**files: str) -> bytes:
    """A layer, compressed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


@dataclasses.dataclass(frozen=True)
class Image:
    """:ivar blobs: configuration and layers."""

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        return digest(self.manifest)


def descriptor(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": digest(data),
        "size": len(data),
        **more,
    }


def image(*layers: bytes, config: Any = None, **more: Any) -> Image:
    """:param config: instead of a right one."""
    if config is None:
        config = {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Cmd": ["sh"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [digest(gzip.decompress(x)) for x in layers],
            },
        }
    raw = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": parsing.OCI_MANIFEST,
        "config": descriptor(parsing.OCI_CONFIG, raw),
        "layers": [
            descriptor("application/vnd.oci.image.layer.v1.tar+gzip", each)
            for each in layers
        ],
        **more,
    }
    return Image(json.dumps(manifest).encode(), (raw, *layers))


def index(*images: Image, **more: Any) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": parsing.OCI_INDEX,
            "manifests": [
                descriptor(parsing.OCI_MANIFEST, each.manifest)
                for each in images
            ],
            **more,
        }
    ).encode()


class Registry:
    """One of them, on a database and records."""

    def __init__(self, store: Any, records: Any, seen: Any, **how: Any):
        self.store = store
        self.records = records
        limits = dict.fromkeys(RESOURCES, -1)
        limits |= how.pop("limits", {})
        self.deps = Deps(
            store=store,
            notify=lambda _ctx, _ids: None,
            images=seen,
            quota_defaults=limits,
            kept=Kept(records, seen, **how),
        )

    def upload(
        self,
        data: bytes | Iterable[bytes],
        want: str | None = None,
        name: Name = APP,
        who: RequestContext | None = None,
    ) -> Blob:
        """As docker does: all in one body, then the digest."""
        who = who or ctx()
        begun = blobs.begin(self.deps, who, name)
        chunks = [data] if isinstance(data, bytes) else data
        blobs.append(self.deps, who, name, begun.id, chunks)
        if want is None:
            assert isinstance(data, bytes)
            want = digest(data)
        return blobs.finish(self.deps, who, name, begun.id, want)

    def push(
        self,
        what: Image,
        reference: str = "1",
        name: Name = APP,
        who: RequestContext | None = None,
    ) -> Manifest:
        """Only what is not there."""
        who = who or ctx()
        for data in what.blobs:
            try:
                blobs.find(self.deps, who, name, digest(data), touch=True)
            except blobs.exception.NotFound:
                self.upload(data, name=name, who=who)
        return self.put(what.manifest, reference, name, who)

    def put(
        self,
        body: bytes,
        reference: str = "1",
        name: Name = APP,
        who: RequestContext | None = None,
        media_type: str = "",
    ) -> Manifest:
        return manifests.put(
            self.deps, who or ctx(), name, reference, media_type, body
        )

    def pull(
        self,
        reference: str = "1",
        name: Name = APP,
        who: RequestContext | None = None,
    ) -> Image:
        """All of an image, checked."""
        who = who or ctx()
        found = manifests.get(self.deps, who, name, reference)
        assert digest(found.body) == found.digest
        data = json.loads(found.body)
        pulled = []
        for each in (data["config"], *data["layers"]):
            blob = blobs.find(self.deps, who, name, each["digest"])
            content = blobs.open_(self.deps, blob)
            pulled.append(b"".join(content.chunks))
            assert digest(pulled[-1]) == each["digest"]
        return Image(found.body, tuple(pulled))

    def namespace(self, name: str = APP.namespace) -> Namespace:
        with self.store.reader() as conn:
            found = namespaces_store.get(conn, name)
        assert found is not None
        return found

    def share(self, name: str, project: str, role: Role) -> None:
        namespaces.add_member(
            self.deps, ctx(), self.namespace(name), project, role
        )

    def collector(self, clock: Any, **times: float) -> Collector:
        return Collector(self.deps, Times(**times), clock)

    def rows(self, table: sa.Table) -> list[Any]:
        with self.store.reader() as conn:
            return list(conn.execute(sa.select(table)))

    def count(self) -> dict[str, int]:
        """Rows of the tables of images that are not empty."""
        return {
            table.name: len(rows)
            for table in (
                tables.uploads,
                tables.upload_parts,
                tables.blobs,
                tables.blob_links,
                tables.layers,
                tables.manifests,
                tables.manifest_blobs,
                tables.manifest_children,
                tables.tags,
            )
            if (rows := self.rows(table))
        }

    def used(self, project: str = "p1") -> int:
        """Bytes of the quota of a project."""
        return sum(
            row.used
            for row in self.rows(tables.quota_usages)
            if (row.project_id, row.resource) == (project, "image_bytes")
        )

    def check(self) -> None:
        """What is in Glance is what is written down, and so is the quota."""
        assert isinstance(self.records, FakeRecords)
        known = set()
        for row in self.rows(tables.blobs):
            known |= {row.id, row.data_id}
        for table in (tables.layers, tables.upload_parts):
            known |= {row.id for row in self.rows(table)}
        known |= {row.image_id for row in self.rows(tables.tags)}
        assert set(self.records.records) <= known, "lost in Glance"
        parts = {row.id for row in self.rows(tables.upload_parts)}
        pending = {
            row.image_id
            for row in self.rows(tables.tags)
            if row.former == row.id and row.deleted_at is None
        }
        places = {
            row.id for row in self.rows(tables.layers) if not row.published
        }
        assert known - parts - pending - places <= set(self.records.records), (
            "not in Glance"
        )
        spent = {"p1": 0}
        for row in self.rows(tables.blobs):
            spent[row.project_id] = spent.get(row.project_id, 0) + row.size
        owners = {r.id: r.project_id for r in self.rows(tables.namespaces)}
        for row in self.rows(tables.manifests):
            owner = owners[row.namespace_id]
            spent[owner] = spent.get(owner, 0) + len(row.body)
        for project, size in spent.items():
            assert self.used(project) == size, f"quota of {project}"


def fake(store: Store, **how: Any) -> Registry:
    records = FakeRecords()
    return Registry(store, records, records, **how)
