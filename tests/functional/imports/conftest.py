import pathlib
import uuid
from collections.abc import Iterator
from typing import cast

import pytest
from keystoneauth1 import session as ksa

from caas.clients.glance import Images
from caas.clients.records import Records
from caas.conductor import imports as conductor
from caas.core.deps import Deps, Kept, NoImages
from caas.model.quotas import RESOURCES
from caas.store.engine import Store, utcnow
from tests.functional.imports.world import Life, Mortal, Nobody, World
from tests.glance_server import GlanceServer


@pytest.fixture
def world(
    store: Store, glance_server: GlanceServer, tmp_path: pathlib.Path
) -> Iterator[World]:
    session = ksa.Session(auth=Nobody())
    records = Records(session, endpoint=glance_server.url)
    life = Life()
    project = "p" + uuid.uuid4().hex[:12]
    deps = Deps(
        store=cast(Store, Mortal(life, store, "writer")),
        notify=lambda ctx, ids: None,
        images=NoImages(),
        quota_defaults=dict.fromkeys(RESOURCES, -1),
        kept=Kept(
            records=cast(
                Records,
                Mortal(life, records, "create", "upload", "update", "delete"),
            ),
            seen=Images(session, endpoint=glance_server.url),
            max_unpacked=16 << 20,
            wait=0,
        ),
    )
    made = World(
        glance_server,
        deps,
        life,
        records,
        conductor.Importer(
            deps,
            lambda project_id: project_id,
            spool=tmp_path / "spool",
            clock=lambda: utcnow() + made.time,
        ),
        project,
    )
    yield made
    assert not any((tmp_path / "spool").glob("*"))
