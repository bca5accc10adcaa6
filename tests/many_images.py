"""Rows of as many images as one likes, written straight into the tables."""

import dataclasses
import datetime
import functools
import hashlib
import json
import uuid
from typing import Any

import sqlalchemy as sa

from caas.store import layers
from caas.store import tables as t

#: Rows written at a time.
_BATCH = 5_000

START = datetime.datetime(2026, 1, 1)


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def ident(text: str) -> str:
    """The same for the same text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def _chains(chain: str) -> list[str]:
    """Those that end with each layer, from the bottom."""
    names = chain.split(".") if chain else []
    return [".".join(names[: n + 1]) for n in range(len(names))]


def _diff_id(chain: str) -> str:
    return digest(f"diff layer {chain}")


def _chain_id(chains: list[str]) -> str:
    return functools.reduce(layers.chain, map(_diff_id, chains))


def _body(chains: list[str], size: int) -> bytes:
    """A manifest whose uppermost layer has all the bytes."""

    def descriptor(kind: str, what: str, size: int) -> dict[str, Any]:
        media_type = f"application/vnd.oci.image.{kind}"
        found = {"mediaType": media_type, "digest": digest(what)}
        return {**found, "size": size}

    whole = {
        "schemaVersion": 2,
        "config": descriptor("config.v1+json", "config", 1000),
        "layers": [
            descriptor(
                "layer.v1.tar", f"layer {each}", size * (each is chains[-1])
            )
            for each in chains
        ],
    }
    return json.dumps(whole).encode()


@dataclasses.dataclass
class Rows:
    """Rows by table, to be written by :meth:`write`."""

    rows: dict[sa.Table, list[dict[str, Any]]] = dataclasses.field(
        default_factory=dict
    )

    def _add(self, table: sa.Table, **values: Any) -> None:
        self.rows.setdefault(table, []).append(values)

    def namespace(
        self, name: str, project_id: str = "p1", *, public: bool = False
    ) -> str:
        self._add(
            t.namespaces,
            id=ident(f"namespace {name}"),
            name=name,
            project_id=project_id,
            public=public,
            created_at=START,
        )
        return ident(f"namespace {name}")

    def member(self, namespace: str, project_id: str, role: str) -> None:
        self._add(
            t.namespace_members,
            namespace_id=ident(f"namespace {namespace}"),
            project_id=project_id,
            role=role,
            created_at=START,
        )

    def blob(self, project_id: str, what: str, size: int, kind: str) -> str:
        """:returns: its id."""
        blob_id = ident(f"blob {project_id} {what}")
        self._add(
            t.blobs,
            id=blob_id,
            data_id=blob_id,
            project_id=project_id,
            digest=digest(what),
            size=size,
            kind=kind,
            diff_id=digest(f"diff {what}") if kind == "tar" else "",
            unpacked_size=3 * size if kind == "tar" else 0,
            published=True,
            used_at=START,
            created_at=START,
        )
        return blob_id

    def layer(self, project_id: str, chain: str, size: int) -> str:
        """:param chain: names of layers from the bottom, with dots between;
        the last one is new.
        :returns: its id.
        """
        below, _, _last = chain.rpartition(".")
        blob_id = self.blob(project_id, f"layer {chain}", size, "tar")
        layer_id = ident(f"layer {project_id} {chain}")
        self._add(
            t.layers,
            id=layer_id,
            project_id=project_id,
            blob_id=blob_id,
            parent_id=ident(f"layer {project_id} {below}") if below else "",
            chain_id=_chain_id(_chains(chain)),
            published=True,
            used_at=START,
            created_at=START,
        )
        return layer_id

    def manifest(
        self,
        namespace: str,
        repository: str,
        what: str,
        project_id: str,
        chain: str = "",
        *,
        size: int = 0,
        architecture: str = "amd64",
        config: dict[str, Any] | None = None,
    ) -> str:
        """:param chain: of layers that are there.
        :returns: its id.
        """
        manifest_id = ident(f"manifest {namespace} {repository} {what}")
        chains = _chains(chain)
        rootfs = {"type": "layers", "diff_ids": list(map(_diff_id, chains))}
        self._add(
            t.manifests,
            id=manifest_id,
            namespace_id=ident(f"namespace {namespace}"),
            repository=repository,
            digest=digest(f"manifest {what}"),
            media_type="application/vnd.oci.image.manifest.v1+json",
            body=_body(chains, size),
            config={**(config or {}), "rootfs": rootfs},
            top_layer_id=ident(f"layer {project_id} {chain}") if chain else "",
            size=size,
            unpacked_size=3 * size,
            os="linux",
            architecture=architecture,
            state="live",
            used_at=START,
            created_at=START,
        )
        self._add(
            t.manifest_blobs,
            manifest_id=manifest_id,
            position=0,
            blob_id=self.blob(project_id, f"config {what}", 1000, "json"),
            layer_id="",
        )
        for position, each in enumerate(chains, 1):
            self._add(
                t.manifest_blobs,
                manifest_id=manifest_id,
                position=position,
                blob_id=ident(f"blob {project_id} layer {each}"),
                layer_id=ident(f"layer {project_id} {each}"),
            )
        return manifest_id

    def index(
        self, namespace: str, repository: str, what: str, *children: str
    ) -> str:
        """:returns: its id."""
        manifest_id = ident(f"manifest {namespace} {repository} {what}")
        self._add(
            t.manifests,
            id=manifest_id,
            namespace_id=ident(f"namespace {namespace}"),
            repository=repository,
            digest=digest(f"manifest {what}"),
            media_type="application/vnd.oci.image.index.v1+json",
            body=b"{}",
            config={},
            top_layer_id="",
            size=0,
            unpacked_size=0,
            os="",
            architecture="",
            state="live",
            used_at=START,
            created_at=START,
        )
        for position, child_id in enumerate(children):
            self._add(
                t.manifest_children,
                manifest_id=manifest_id,
                child_id=child_id,
                position=position,
            )
        return manifest_id

    def tag(
        self,
        namespace: str,
        repository: str,
        name: str,
        manifest_id: str,
        minute: int = 0,
    ) -> str:
        """:returns: the id of the image."""
        full = f"{namespace}/{repository}:{name}"
        at = START + datetime.timedelta(minutes=minute)
        self._add(
            t.tags,
            id=ident(f"tag {full}"),
            namespace_id=ident(f"namespace {namespace}"),
            repository=repository,
            name=name,
            former="",
            manifest_id=manifest_id,
            image_id=ident(f"image {full}"),
            published=True,
            created_at=at,
            updated_at=at,
        )
        return ident(f"image {full}")

    def write(self, conn: sa.Connection) -> None:
        for table, rows in self.rows.items():
            for start in range(0, len(rows), _BATCH):
                conn.execute(table.insert(), rows[start : start + _BATCH])
        self.rows.clear()


#: Of a cloud: base images of eight layers, tags in a repository, namespaces.
BASES = 20
DEPTH = 8
TAGS = 20
NAMESPACES = 10


def project(namespace: str) -> str:
    """Of a cloud's namespace."""
    return f"p{int(namespace.removeprefix('ns')) + 1}"


def cloud(conn: sa.Connection, images: int = 16_000, own: int = 6) -> None:
    """Write a cloud's images: ``team/app:v`` on ``base:v`` with layers of
    their own, 20 tags to a repository.

    Nine of ten are of one project, ``p1`` (namespace ``ns0``); those of
    ``ns9`` are public.

    :param own: layers that each image has on those of its base, up to ten.
    """
    rows = Rows()
    chains = [
        ".".join(f"b{base}-{depth}" for depth in range(DEPTH))
        for base in range(BASES)
    ]
    for number in range(NAMESPACES):
        name = f"ns{number}"
        rows.namespace(name, project(name), public=name == "ns9")
        for base, chain in enumerate(chains):
            for depth in range(DEPTH):
                part = ".".join(chain.split(".")[: depth + 1])
                rows.layer(project(name), part, 10_000_000)
            what = f"base {base}"
            made = rows.manifest(
                name, "base", what, project(name), chain, size=80_000_000
            )
            rows.tag(name, "base", f"v{base}", made)
    rows.write(conn)
    numbers = sa.Table(
        "numbers",
        sa.MetaData(),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("namespace_id", sa.String(36)),
        sa.Column("project_id", sa.String(64)),
        sa.Column("base_id", sa.String(36)),
        sa.Column("base_top_id", sa.String(36)),
        sa.Column("repository", sa.String(64)),
        sa.Column("tag", sa.String(16)),
        sa.Column("at", t.tags.c.created_at.type),
        prefixes=["TEMPORARY"],
    )
    numbers.create(conn)
    for number in range(images):
        name = f"ns{0 if number % 10 else number // 10 % 9 + 1}"
        base = number % BASES
        top = ident(f"layer {project(name)} {chains[base]}")
        rows._add(
            numbers,
            n=number,
            namespace_id=ident(f"namespace {name}"),
            project_id=project(name),
            base_id=ident(f"manifest {name} base base {base}"),
            base_top_id=top,
            repository=f"team{number // 200}/app{number // TAGS}",
            tag=f"v{number % TAGS}",
            at=START + datetime.timedelta(minutes=number),
        )
    rows.write(conn)
    _expand(conn, numbers, own)
    numbers.drop(conn)
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("ANALYZE")
    elif conn.dialect.name != "sqlite":
        for table in rows_of_images():
            conn.exec_driver_sql(f"ANALYZE TABLE {table.name}").all()


def rows_of_images() -> list[sa.Table]:
    return [t.blobs, t.layers, t.manifests, t.manifest_blobs, t.tags]


def _expand(conn: sa.Connection, numbers: sa.Table, own: int) -> None:
    """Have the database write the many rows itself."""
    n = numbers.c.n

    def number(kind: int, of: Any = n * 10) -> sa.ColumnElement[str]:
        """An id that looks like one."""
        return sa.literal(f"0000000{kind}-0000-4000-8000-") + sa.cast(
            of + 100_000_000_000, sa.String(12)
        )

    def sha(kind: int, of: Any = n * 10) -> sa.ColumnElement[str]:
        return sa.literal(f"sha256:{kind}".ljust(59, "0")) + sa.cast(
            of + 100_000_000_000, sa.String(12)
        )

    def write(table: sa.Table, **values: Any) -> None:
        """What is not given is as its column has it."""
        found = {}
        for column in table.c:
            default = getattr(column.default, "arg", None)
            value = values.get(column.name, default)
            if not isinstance(value, sa.ColumnElement):
                value = sa.literal(value, column.type)
            found[column.name] = value
        conn.execute(
            table.insert().from_select(
                list(found),
                sa.select(*found.values()).select_from(numbers),
                include_defaults=False,
            )
        )

    same = {"used_at": START, "created_at": START}
    write(
        t.blobs,
        id=number(1),
        data_id=number(1),
        project_id=numbers.c.project_id,
        digest=sha(1),
        size=1000,
        kind="json",
        published=True,
        **same,
    )
    write(
        t.manifests,
        id=number(2),
        namespace_id=numbers.c.namespace_id,
        repository=numbers.c.repository,
        digest=sha(2),
        media_type="application/vnd.oci.image.manifest.v1+json",
        body=b"{}" * 600,
        config={"os": "linux", "history": [{"created_by": "x" * 60}] * 14},
        top_layer_id=number(3, n * 10 + own - 1),
        size=80_000_000 + own * 1_000_000,
        unpacked_size=3 * (80_000_000 + own * 1_000_000),
        os="linux",
        architecture="amd64",
        state="live",
        **same,
    )
    write(
        t.tags,
        id=number(4),
        namespace_id=numbers.c.namespace_id,
        repository=numbers.c.repository,
        name=numbers.c.tag,
        former="",
        manifest_id=number(2),
        image_id=number(5),
        published=True,
        user_id="u1",
        created_at=numbers.c.at,
        updated_at=numbers.c.at,
    )
    write(
        t.manifest_blobs,
        manifest_id=number(2),
        position=0,
        blob_id=number(1),
        layer_id="",
    )
    b = t.manifest_blobs.alias()
    conn.execute(
        t.manifest_blobs.insert().from_select(
            ["manifest_id", "position", "blob_id", "layer_id"],
            sa.select(number(2), b.c.position, b.c.blob_id, b.c.layer_id)
            .select_from(numbers)
            .join(b, b.c.manifest_id == numbers.c.base_id)
            .where(b.c.position > 0),
        )
    )
    for depth in range(own):
        write(
            t.blobs,
            id=number(3, n * 10 + depth),
            data_id=number(3, n * 10 + depth),
            project_id=numbers.c.project_id,
            digest=sha(3, n * 10 + depth),
            size=1_000_000,
            kind="tar",
            diff_id=sha(4, n * 10 + depth),
            unpacked_size=3_000_000,
            published=True,
            **same,
        )
        write(
            t.layers,
            id=number(3, n * 10 + depth),
            project_id=numbers.c.project_id,
            blob_id=number(3, n * 10 + depth),
            parent_id=number(3, n * 10 + depth - 1)
            if depth
            else numbers.c.base_top_id,
            chain_id=sha(5, n * 10 + depth),
            published=True,
            used_at=START,
            created_at=START,
        )
        write(
            t.manifest_blobs,
            manifest_id=number(2),
            position=DEPTH + 1 + depth,
            blob_id=number(3, n * 10 + depth),
            layer_id=number(3, n * 10 + depth),
        )
