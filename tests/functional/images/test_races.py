"""Many at once, on each kind of database."""

import concurrent.futures
import contextlib
import random
import threading
from collections.abc import Callable

import pytest

from caas import exception
from caas.core import blobs, manifests
from caas.model.images import Name
from caas.store import tables
from caas.store.engine import utcnow
from tests import fixtures
from tests.functional.images import registry
from tests.functional.images.registry import (
    APP,
    Image,
    Registry,
    ctx,
    digest,
)

THREADS = 6
LAYERS = [registry.layer(a=str(n)) for n in range(4)]

pytestmark = pytest.mark.parametrize("database", fixtures.DATABASES)


def at_once(*acts: Callable[[], object]) -> None:
    """Each in a thread; what one raises is raised."""
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        ready.wait(30)
        act()

    with concurrent.futures.ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(run, act) for act in acts]:
            done.result(90)


def test_the_same_blob_is_uploaded_by_many(fake: Registry) -> None:
    at_once(*[lambda: fake.upload(LAYERS[0])] * THREADS)
    assert fake.count() == {"blobs": 1, "blob_links": 1}
    assert len(fake.records.records) == 1
    assert fake.used() == len(LAYERS[0])
    fake.check()


def test_the_same_image_is_pushed_by_many(fake: Registry) -> None:
    what = registry.image(*LAYERS)
    at_once(*[lambda: fake.push(what)] * THREADS)
    assert fake.pull() == what
    counts = fake.count()
    assert (counts["blobs"], counts["layers"]) == (5, 4)
    assert counts["manifests"] == 1
    settle(fake)


def test_a_tag_is_moved_by_many(fake: Registry) -> None:
    images = [registry.image(*LAYERS[:2], each) for each in LAYERS]
    for each in images:
        fake.push(each, each.digest)
    acts = [lambda each=each: fake.put(each.manifest) for each in images]
    at_once(*acts)
    found = manifests.get(fake.deps, ctx(), APP, "1")
    assert found.digest in {each.digest for each in images}
    live = [row for row in fake.rows(tables.tags) if row.former == ""]
    assert len(live) == 1
    settle(fake)
    (shown,) = fake.records.list()
    assert shown["id"] == live[0].image_id


def test_quota_is_never_passed(store: registry.Store) -> None:
    size = 1000
    it = registry.fake(store, limits={"image_bytes": 2 * size})
    it.upload(b"first")

    def upload(n: int) -> None:
        with contextlib.suppress(exception.QuotaExceeded):
            it.upload(bytes([n]) * size)

    at_once(*[lambda n=n: upload(n) for n in range(THREADS)])
    assert it.used() == 5 + size
    it.check()


def test_a_namespace_is_made_by_many(fake: Registry) -> None:
    there = [Name("p1", f"app{n}") for n in range(THREADS)]
    at_once(
        *[
            lambda name=name: blobs.begin(fake.deps, ctx(), name)
            for name in there
        ]
    )
    assert len(fake.rows(tables.namespaces)) == 1


def test_pushes_and_deletes_and_a_collector_without_patience(
    store: registry.Store,
) -> None:
    """Nothing is kept for a moment: whoever pushes may be told that a blob is
    gone, but never finds an image that does not pull."""
    it = registry.fake(store, recycle=0)
    images = [
        registry.image(LAYERS[0]),
        registry.image(LAYERS[0], LAYERS[1]),
        registry.image(LAYERS[2], LAYERS[1]),
    ]
    over = threading.Event()

    def collect() -> None:
        collector = it.collector(utcnow, upload=3600, unused=0, untagged=0)
        while not over.is_set():
            it.store.write(lambda conn: conn.execute(tables.duties.delete()))
            collector.round()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(8):
            tag = chance.choice("ab")
            what = chance.choice(images)
            with contextlib.suppress(exception.NotFound):
                if chance.random() < 0.3:
                    manifests.delete(it.deps, ctx(), APP, tag)
                elif pushed(what, tag):
                    # by its digest, for the tag may be another's by now
                    with contextlib.suppress(exception.ManifestUnknown):
                        manifests.get(it.deps, ctx(), APP, what.digest)

    def pushed(what: Image, tag: str) -> bool:
        for _ in range(20):
            with contextlib.suppress(
                exception.ManifestBlobUnknown, exception.Conflict
            ):
                it.push(what, tag)
                return True
        return False

    def all_work() -> None:
        try:
            at_once(*[lambda n=n: work(n) for n in range(4)])
        finally:
            over.set()

    at_once(all_work, collect)
    settle(it)
    for tag in manifests_of(it):
        it.pull(tag)
    it.push(images[2], "c")
    assert it.pull("c") == images[2]
    assert digest(LAYERS[1]) in {row.digest for row in it.rows(tables.blobs)}
    it.check()


def manifests_of(it: Registry) -> list[str]:
    try:
        return manifests.list_tags(it.deps, ctx(), APP)
    except exception.NameUnknown:
        return []


def settle(it: Registry) -> None:
    """Glance shows what is written here."""
    it.check()
    assert {
        row.image_id for row in it.rows(tables.tags) if row.former == ""
    } == {record["id"] for record in it.records.list()}
    assert "uploads" not in it.count()
