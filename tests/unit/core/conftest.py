import types
from typing import Any

import pytest

from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model import spec
from caas.store import tables
from caas.store.engine import Store
from tests import conf as test_conf


class Images:
    """Knows the images it is told of, by the reference used."""

    def __init__(self) -> None:
        self.known = {"app:1": "a" * 128, "web:1": "b" * 128}

    def resolve(self, ctx: Any, refs: Any) -> dict[str, spec.ImageRef]:
        return {
            ref: spec.ImageRef(ref, f"id-{ref}", f"sha512:{self.known[ref]}")
            for ref in refs
        }


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(test_conf.database(f"sqlite:///{tmp_path}/caas.db"))
    tables.metadata.create_all(store.engine)
    return store


@pytest.fixture
def world(store) -> types.SimpleNamespace:
    told: list[str] = []
    limits = {
        "sets": 10,
        "containers": 20,
        "millicpus": 10_000,
        "memory_mb": 10_240,
        "disk_gb": 100,
        "image_bytes": 1 << 30,
        "server_groups": 10,
        "server_group_members": 10,
    }
    deps = Deps(store, lambda ctx, ids: told.extend(ids), Images(), limits)
    ctx = RequestContext(
        user_id="u1", project_id="p1", request_id="req-1", overwrite=False
    )
    return types.SimpleNamespace(deps=deps, ctx=ctx, told=told, store=store)
