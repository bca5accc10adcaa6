"""What is removed when, and what is made good."""

import datetime
import logging
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from caas import exception
from caas.core import blobs, manifests
from caas.model.images import Name
from caas.store import tables, tags
from caas.store.engine import utcnow
from tests.functional.images import registry
from tests.functional.images.registry import APP, Registry, ctx, digest

BASE = registry.layer(a="base")
TOP = registry.layer(b="top")
IMAGE = registry.image(BASE, TOP)

HOUR = 1 / 24


def collect(it: Registry, days: float, **times: float) -> None:
    """A round at a time from now."""
    at = utcnow() + datetime.timedelta(days=days)
    with it.store.writer() as conn:
        # it is our turn
        conn.execute(tables.duties.delete())
    it.collector(lambda: at, **times).round()


def actions(it: Registry) -> list[str]:
    return [row.action for row in it.rows(tables.events)]


def test_uploads_nobody_goes_on_with(fake: Registry) -> None:
    begun = blobs.begin(fake.deps, ctx(), APP)
    blobs.append(fake.deps, ctx(), APP, begun.id, [b"x"])
    collect(fake, 23 * HOUR)
    blobs.append(fake.deps, ctx(), APP, begun.id, [b"y"])
    collect(fake, 25 * HOUR)
    assert fake.count() == {}
    assert fake.records.records == {}


def test_blobs_without_an_image(fake: Registry) -> None:
    fake.upload(BASE)
    collect(fake, 23 * HOUR)
    blobs.find(fake.deps, ctx(), APP, digest(BASE), touch=False)
    collect(fake, 25 * HOUR)
    with pytest.raises(exception.BlobUnknown):
        blobs.find(fake.deps, ctx(), APP, digest(BASE))
    assert (fake.count(), fake.records.records, fake.used()) == ({}, {}, 0)


def test_who_asks_for_a_blob_relies_on_it(
    fake: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in IMAGE.blobs:
        fake.upload(data)
    later = utcnow() + datetime.timedelta(hours=23)
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "utcnow", lambda: later)
        for data in IMAGE.blobs:
            blobs.find(fake.deps, ctx(), APP, digest(data), touch=True)
    collect(fake, 40 * HOUR)
    fake.put(IMAGE.manifest)
    assert fake.pull() == IMAGE


def test_the_recycle_bin(fake: Registry) -> None:
    fake.push(IMAGE)
    manifests.delete(fake.deps, ctx(), APP, "1")
    (record,) = (
        r for r in fake.records.records.values() if r["caas_kind"] == "image"
    )
    assert record["os_hidden"]
    collect(fake, 6.9)
    assert fake.pull(IMAGE.digest) == IMAGE
    collect(fake, 7.1)
    assert (fake.count(), fake.records.records, fake.used()) == ({}, {}, 0)


def test_no_recycle_bin(store: registry.Store) -> None:
    it = registry.fake(store, recycle=0)
    it.push(IMAGE)
    manifests.delete(it.deps, ctx(), APP, "1")
    collect(it, 0.001)
    assert "tags" not in it.count()
    # what has no tag is kept for a while, as what never had one
    assert it.pull(IMAGE.digest) == IMAGE
    collect(it, 7.1)
    assert it.count() == {}


def test_manifests_without_a_tag(fake: Registry) -> None:
    fake.push(IMAGE, IMAGE.digest)
    fake.put(registry.index(IMAGE), "all")
    alone = registry.image(TOP)
    fake.push(alone, alone.digest)
    collect(fake, 6.9)
    assert fake.pull(alone.digest) == alone
    collect(fake, 7.1)
    with pytest.raises(exception.ManifestUnknown):
        fake.pull(alone.digest)
    assert fake.pull(IMAGE.digest) == IMAGE
    fake.check()
    manifests.delete(fake.deps, ctx(), APP, "all")
    collect(fake, 20)
    assert (fake.count(), fake.records.records, fake.used()) == ({}, {}, 0)


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_what_sets_are_made_of_stays(fake: Registry, by: str) -> None:
    pushed = fake.push(IMAGE, "1" if by == "tag" else IMAGE.digest)
    if by == "tag":
        (tag,) = fake.rows(tables.tags)
        image_id = tag.image_id
        manifests.delete(fake.deps, ctx(), APP, IMAGE.digest)
    else:
        image_id = pushed.id
    container = str(uuid.uuid4())
    with fake.store.writer() as conn:
        conn.execute(
            tables.containers.insert().values(
                id=container,
                set_id=str(uuid.uuid4()),
                project_id="p1",
                name="app",
                role="business",
                spec={},
                status="running",
                image_id=image_id,
                created_at=utcnow(),
            )
        )
    collect(fake, 100)
    found = manifests.get_for_host(fake.deps, APP, IMAGE.digest, IMAGE.digest)
    assert found.body == IMAGE.manifest
    blobs.open_(
        fake.deps,
        manifests.blob_for_host(fake.deps, APP, IMAGE.digest, digest(TOP)),
    )
    with fake.store.writer() as conn:
        conn.execute(tables.containers.update().values(deleted_at=utcnow()))
    collect(fake, 200)
    assert (fake.count(), fake.records.records) == ({}, {})


def test_only_what_is_not_needed_goes(fake: Registry) -> None:
    other = registry.image(BASE, registry.layer(c="other"))
    fake.push(IMAGE, "1")
    fake.push(other, "2")
    manifests.delete(fake.deps, ctx(), APP, "1")
    collect(fake, 10)
    collect(fake, 20)
    assert fake.pull("2") == other
    assert fake.count()["layers"] == 2
    assert fake.count()["blobs"] == 3
    fake.check()


def test_bytes_that_stand_elsewhere_too(whole: Registry) -> None:
    """Their record was made for a place nobody needs any more: what that
    stood on goes."""
    name, who = Name("moved", "app"), ctx("moved")
    old_base = registry.layer(a="old base")
    whole.push(registry.image(old_base, TOP), "1", name, who)
    whole.push(IMAGE, "1", name, who)
    collect(whole, 10)
    collect(whole, 10)
    collect(whole, 20)
    assert whole.pull("1", name, who) == IMAGE
    there = {
        record["caas_digest"]: record
        for record in whole.records.list(owner="moved", os_hidden="true")
        if "caas_data_id" not in record
    }
    assert digest(old_base) not in there
    assert "parent_id" not in there[digest(TOP)]
    assert there[digest(TOP)]["caas_kind"] == "blob"
    # and its place can be taken again
    whole.push(registry.image(TOP), "2", name, who)
    assert whole.pull("2", name, who) == registry.image(TOP)
    for tag in "12":
        manifests.delete(whole.deps, who, name, tag)
    for days in (40, 60):
        collect(whole, days)
    assert whole.count() == {}
    assert not list(whole.records.list(owner="moved", os_hidden="true"))


def test_what_glance_was_not_told_is_told(
    fake: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = registry.image(BASE)
    for data in (*IMAGE.blobs, *former.blobs):
        fake.upload(data)
    real = fake.records.update

    def fail(record_id: str, changes: Any) -> str:
        if "os_hidden" in changes or "caas_kind" in changes:
            raise exception.Conflict("Not now.")
        return real(record_id, changes)

    with monkeypatch.context() as patch:
        patch.setattr(fake.records, "update", fail)
        fake.put(former.manifest)
        fake.put(IMAGE.manifest)
        # what the tag showed before is not hidden yet
        assert len(list(fake.records.list())) == 2
    collect(fake, HOUR)
    (shown,) = fake.records.list()
    assert shown["name"] == "p1/app:1"
    assert {
        record["caas_digest"]: record["caas_kind"]
        for record in fake.records.list(os_hidden="true")
    } == {
        digest(IMAGE.blobs[0]): "blob",
        digest(former.blobs[0]): "blob",
        digest(BASE): "layer",
        digest(TOP): "layer",
        former.digest: "image",
    }
    for table in (tables.tags, tables.layers, tables.blobs):
        assert all(row.published for row in fake.rows(table))


def test_glance_died_while_it_stored_an_image(
    fake: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record says so for ever, and takes no bytes: it gets another."""
    for data in IMAGE.blobs:
        fake.upload(data)

    def die(record_id: str, _chunks: Any) -> None:
        fake.records.records[record_id]["status"] = "saving"
        raise exception.Unavailable("It does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(fake.records, "upload", die)
        fake.put(IMAGE.manifest)
    (old,) = fake.records.list()
    with monkeypatch.context() as patch:
        # not while somebody may be at it
        collect(fake, 0.9 / 1440)
        assert list(fake.records.list()) == [old]
        # nor does the next one get lost
        patch.setattr(fake.records, "upload", die)
        collect(fake, HOUR)
    assert not any(row.published for row in fake.rows(tables.tags))
    collect(fake, HOUR)
    collect(fake, 2 * HOUR)
    (shown,) = fake.records.list()
    assert shown["status"] == "active"
    assert {**shown, "id": 0, "status": 0, "size": 0} == {
        **old,
        "id": 0,
        "status": 0,
        "size": 0,
    }
    (tag,) = fake.rows(tables.tags)
    assert (tag.image_id, tag.published) == (shown["id"], True)
    assert old["id"] not in fake.records.records
    with fake.store.reader() as conn:
        assert old["id"] in tags.by_image(conn, [old["id"]])
    assert fake.pull() == IMAGE
    fake.check()


def test_an_image_deleted_in_glance(fake: Registry) -> None:
    fake.push(IMAGE)
    fake.push(IMAGE, "2")
    tag = next(row for row in fake.rows(tables.tags) if row.name == "1")
    fake.records.delete(tag.image_id)
    collect(fake, 0.01)
    assert manifests.list_tags(fake.deps, ctx(), APP) == ["2"]
    (event,) = (
        row for row in fake.rows(tables.events) if row.action == "image.delete"
    )
    assert event.object_id == tag.image_id
    assert event.reason == "It was deleted in Glance."
    fake.push(IMAGE)
    assert fake.pull() == IMAGE


def test_bytes_deleted_in_glance(fake: Registry) -> None:
    fake.push(IMAGE)
    (blob,) = (r for r in fake.rows(tables.blobs) if r.digest == digest(TOP))
    fake.records.guarded = False
    kept = fake.records.records[blob.id], fake.records.data[blob.id]
    fake.records.delete(blob.id)
    collect(fake, 0.01)
    with pytest.raises(exception.BlobUnknown):
        blobs.find(fake.deps, ctx(), APP, digest(TOP))
    # it was not so, after all
    fake.records.records[blob.id], fake.records.data[blob.id] = kept
    collect(fake, 0.02)
    assert fake.pull() == IMAGE


def test_a_glance_that_shows_nothing_is_not_believed(
    fake: Registry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The service user lost its role, or it is another Glance."""
    fake.push(IMAGE)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(fake.records, "get", lambda _id: None)
        patch.setattr(fake.records, "list", lambda **_how: iter(()))
        collect(fake, 0.01)
    assert "shows none of the records" in caplog.text
    assert fake.pull() == IMAGE


def test_a_pair_of_rounds_at_once(fake: Registry) -> None:
    """One of them does nothing."""
    now = utcnow()
    first, second = (fake.collector(lambda: now) for _ in range(2))
    seen: list[str] = []

    def uploads() -> None:
        seen.append("first")
        second.round()

    first.uploads = uploads  # type: ignore[method-assign]
    second.uploads = lambda: seen.append("second")  # type: ignore[method-assign]
    first.round()
    assert seen == ["first"]


def push_again(it: Registry) -> None:
    it.push(IMAGE)


def ask(it: Registry) -> None:
    for data in IMAGE.blobs:
        blobs.find(it.deps, ctx(), APP, digest(data), touch=True)


@pytest.mark.parametrize("act", [push_again, ask], ids=lambda a: a.__name__)
@pytest.mark.parametrize("step", ["manifests", "layers", "blobs", "waste"])
def test_somebody_comes_while_it_is_being_collected(
    fake: Registry,
    step: str,
    act: Callable[[Registry], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the look for what is unused and the removal: either it stays,
    or whoever comes is told to upload it."""
    at = utcnow() + datetime.timedelta(days=20)
    fake.push(IMAGE)
    manifests.delete(fake.deps, ctx(), APP, "1")
    for module in (blobs, manifests):
        monkeypatch.setattr(module, "utcnow", lambda: at)
    found = []
    collector = fake.collector(lambda: at)
    for each in ("tags", "manifests", "layers", "blobs", "waste"):
        if each == step:
            break
        getattr(collector, each)()
    real = collector._all

    def late(some: Any) -> Any:
        for item in real(some):
            come()
            yield item

    def come() -> None:
        try:
            act(fake)
            found.append(True)
        except exception.NotFound:
            assert act is ask
            found.append(False)

    collector._all = late  # type: ignore[method-assign]
    if step == "waste":
        come()
    getattr(collector, step)()
    collector._all = real  # type: ignore[method-assign]
    for each in ("layers", "blobs", "waste"):
        getattr(collector, each)()
    fake.check()
    assert found
    if found[-1]:
        # what was found can be relied on
        fake.put(IMAGE.manifest)
    fake.push(IMAGE)
    assert fake.pull() == IMAGE
    collect(fake, 20.01)
    assert fake.pull() == IMAGE
    fake.check()
