"""Names of images: given, taken away, and had back."""

import datetime
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from caas import exception
from caas.core import catalog, manifests, namespaces, retentions, tagging
from caas.model.images import Image, Name, Role
from caas.model.query import Query
from caas.model.retention import Retention, Rule
from caas.store import tables
from caas.store.engine import utcnow
from tests.functional.images import registry
from tests.functional.images.registry import Registry, ctx, layer

BASE = layer(base="0" * 1000)
APP = registry.image(BASE, layer(app="1"))
OTHER = registry.image(BASE, layer(app="2"))


def find(it: Registry, ident: str, project: str = "p1") -> Image:
    return catalog.find(it.deps, ctx(project), ident).image


def names(it: Registry, **filters: Any) -> list[str]:
    query = Query(filters, sort_key="name", sort_dir="asc", project_id="p1")
    return [each.name for each in catalog.list_(it.deps, ctx(), query)]


def shown(it: Registry) -> set[str]:
    """Names in the list of images of Glance."""
    return {
        record["name"]
        for record in it.records.records.values()
        if not record["os_hidden"]
    }


def test_one_more_name(fake: Registry) -> None:
    fake.push(APP)
    image = find(fake, "p1/app:1")
    calls = len(fake.records.calls)
    made = tagging.tag(fake.deps, ctx(), image, "p1/app:stable")
    # its record, and its bytes
    assert len(fake.records.calls) == calls + 2
    assert (made.name, made.digest) == ("p1/app:stable", image.digest)
    assert shown(fake) == {"p1/app:1", "p1/app:stable"}
    assert fake.pull("stable") == APP
    assert tagging.tag(fake.deps, ctx(), image, made.name) == made
    fake.check()


def test_a_name_in_another_repository(fake: Registry) -> None:
    """No bytes move, and none are counted twice."""
    fake.push(APP)
    namespaces.create(fake.deps, ctx(), "shop")
    image = find(fake, "p1/app:1")
    before = fake.used()
    made = tagging.tag(fake.deps, ctx(), image, "shop/web/app:2")
    assert fake.pull("2", Name("shop", "web/app")) == APP
    assert (made.namespace, made.repository) == ("shop", "web/app")
    assert fake.used() == before + len(APP.manifest)
    assert len(fake.rows(tables.blobs)) == 3
    fake.check()


def test_an_index_in_another_repository(fake: Registry) -> None:
    fake.push(APP, APP.digest)
    fake.push(OTHER, OTHER.digest)
    fake.put(registry.index(APP, OTHER), "all")
    image = find(fake, "p1/app:all")
    tagging.tag(fake.deps, ctx(), image, "p1/both:1")
    assert fake.pull(OTHER.digest, Name("p1", "both")) == OTHER
    assert find(fake, "p1/both:1").digest == image.digest


def test_names_in_other_projects(fake: Registry) -> None:
    fake.push(APP)
    image = find(fake, "p1/app:1")
    namespaces.create(fake.deps, ctx("p2"), "theirs")
    for name in ("theirs/app:1", "none/app:1"):
        with pytest.raises(exception.NameUnknown):
            tagging.tag(fake.deps, ctx(), image, name)
    fake.share("theirs", "p1", Role.PUSH)
    with pytest.raises(exception.Conflict, match="skopeo copy"):
        tagging.tag(fake.deps, ctx(), image, "theirs/app:1")
    for name in ("app", "p1/app", "p1/app:", "p1/App:1", ":1", "p1/app:a b"):
        with pytest.raises(exception.BadRequest):
            tagging.tag(fake.deps, ctx(), image, name)
    fake.share("p1", "p2", Role.PULL)
    with pytest.raises(exception.Forbidden):
        tagging.tag(fake.deps, ctx("p2"), image, "p1/app:2")


def test_deleted_and_restored(fake: Registry) -> None:
    fake.push(APP)
    image = find(fake, "p1/app:1")
    assert tagging.delete(fake.deps, ctx(), image)
    assert not tagging.delete(fake.deps, ctx(), image)
    assert names(fake) == []
    assert names(fake, deleted=True) == ["p1/app:1"]
    assert shown(fake) == set()
    with pytest.raises(exception.ManifestUnknown):
        manifests.get(fake.deps, ctx(), registry.APP, "1")
    restored = tagging.restore(fake.deps, ctx(), find(fake, image.id))
    assert restored.id == image.id
    assert shown(fake) == {"p1/app:1"}
    assert fake.pull() == APP
    with pytest.raises(exception.Conflict, match="not in the recycle bin"):
        tagging.restore(fake.deps, ctx(), restored)
    fake.check()


@pytest.mark.parametrize("name", [None, "other"])
def test_restored_after_it_was_deleted_by_digest(
    fake: Registry, name: str | None
) -> None:
    """As ``skopeo delete`` does: what is listed can be pulled."""
    parts = [APP, OTHER]
    for each in parts:
        fake.push(each, each.digest)
    body = registry.index(*parts)
    pushed = fake.put(body)
    index = find(fake, "p1/app:1")
    for what in (pushed.digest, *(each.digest for each in parts)):
        manifests.delete(fake.deps, ctx(), registry.APP, what)
    assert names(fake) == []
    restored = tagging.restore(fake.deps, ctx(), find(fake, index.id), name)
    tag = name or "1"
    assert restored.tag == tag
    assert manifests.get(fake.deps, ctx(), registry.APP, tag).body == body
    for each in parts:
        found = manifests.get(fake.deps, ctx(), registry.APP, each.digest)
        assert found.body == each.manifest
    with pytest.raises(exception.Conflict, match="names this manifest"):
        manifests.delete(fake.deps, ctx(), registry.APP, APP.digest)
    fake.check()


def test_a_name_that_was_given_to_another(fake: Registry) -> None:
    """By a push: what it replaced can be had back."""
    fake.push(APP)
    old = find(fake, "p1/app:1")
    fake.push(OTHER)
    old = find(fake, old.id)
    assert old.deleted_at is not None
    with pytest.raises(exception.Conflict, match="under another tag"):
        tagging.restore(fake.deps, ctx(), old)
    with pytest.raises(exception.Conflict, match="under another tag"):
        tagging.restore(fake.deps, ctx(), old, "1")
    restored = tagging.restore(fake.deps, ctx(), old, "before")
    assert restored.name == "p1/app:before"
    assert fake.pull("before") == APP
    assert fake.pull() == OTHER
    tagging.delete(fake.deps, ctx(), restored)
    with pytest.raises(exception.Conflict, match="under another tag"):
        tagging.restore(fake.deps, ctx(), find(fake, restored.id), "1")
    fake.check()


def test_restored_after_glance_forgot_it(fake: Registry) -> None:
    fake.push(APP)
    image = find(fake, "p1/app:1")
    tagging.delete(fake.deps, ctx(), image)
    fake.records.delete(image.id)
    restored = tagging.restore(fake.deps, ctx(), find(fake, image.id))
    assert restored.name == "p1/app:1"
    assert shown(fake) == {"p1/app:1"}
    assert fake.pull() == APP


def test_deleted_for_good(fake: Registry) -> None:
    fake.push(APP)
    fake.push(OTHER, "2")
    tagging.delete(fake.deps, ctx(), find(fake, "p1/app:1"))
    for image in (*_deleted(fake), find(fake, "p1/app:2")):
        tagging.purge(fake.deps, ctx(), image)
        assert image.id not in fake.records.records
        with pytest.raises(exception.NotFound):
            find(fake, image.id)
    _collect(fake)
    assert fake.count() == {}
    assert not fake.records.records
    assert fake.used() == 0


def _deleted(it: Registry) -> list[Image]:
    query = Query({"deleted": True}, sort_key="name", project_id="p1")
    return catalog.list_(it.deps, ctx(), query)


def _collect(it: Registry, days: float = 400) -> None:
    later = utcnow() + datetime.timedelta(days=days)
    it.collector(lambda: later).round()


def test_what_a_set_uses_stays(fake: Registry) -> None:
    """Deleted or not, hosts may ask for it."""
    fake.push(APP)
    image = find(fake, "p1/app:1")
    use(fake, image)
    with pytest.raises(exception.Conflict, match="Sets use the image"):
        tagging.purge(fake.deps, ctx(), image)
    # nothing of that happened
    assert names(fake) == ["p1/app:1"]
    [used], sets = catalog.users(
        fake.deps, image, Query(project_id="p1", sort_key="created_at")
    )
    assert (used.name, sets) == ("app", {used.set_id: "web"})
    tagging.delete(fake.deps, ctx(), image)
    _collect(fake)
    assert _deleted(fake) == [find(fake, image.id)]


def use(it: Registry, image: Image) -> None:
    """Have a set of p1 use it."""
    ids = {"set_id": str(uuid.uuid4()), "project_id": "p1"}
    ref = {"ref": image.name, "id": image.id, "digest": image.digest}
    with it.store.writer() as conn:
        _insert(
            conn,
            tables.sets,
            **ids,
            id=ids["set_id"],
            name="web",
            metadata={},
        )
        _insert(
            conn,
            tables.containers,
            **ids,
            id=str(uuid.uuid4()),
            name="app",
            spec={"name": "app", "image": ref},
            image_id=image.id,
            status="running",
        )


def _insert(conn: sa.Connection, table: sa.Table, **values: Any) -> None:
    """A row whose other columns mean nothing."""
    row = {}
    for column in table.c:
        if column.name in values:
            row[column.name] = values[column.name]
        elif not column.nullable and column.default is None:
            kind = column.type.python_type
            row[column.name] = (
                utcnow() if kind is datetime.datetime else kind()
            )
    conn.execute(table.insert().values(row))


def test_the_recycle_bin_is_emptied(fake: Registry) -> None:
    fake.push(APP)
    tagging.delete(fake.deps, ctx(), find(fake, "p1/app:1"))
    _collect(fake, 6)
    assert len(_deleted(fake)) == 1
    _collect(fake, 8)
    assert _deleted(fake) == []


def test_rules_of_retention(fake: Registry) -> None:
    """A conductor applies them now and then, as the preview says."""
    fake.push(APP, "1")
    fake.push(OTHER, "2")
    fake.push(OTHER, "3")
    use(fake, find(fake, "p1/app:1"))
    rules = Retention((Rule("app", keep_last=1),))
    namespace = fake.namespace()
    seen = retentions.preview(fake.deps, namespace, rules)
    assert [g.image.name for g in seen.going] == ["p1/app:2"]
    # the third has the same layers
    assert seen.frees == 0
    assert retentions.apply(fake.deps, utcnow()) == 0
    retentions.put(fake.deps, ctx(), namespace, rules)
    _collect(fake, 0)
    assert names(fake) == ["p1/app:1", "p1/app:3"]
    assert names(fake, deleted=True) == ["p1/app:2"]
    with fake.store.reader() as conn:
        event = conn.execute(
            sa.select(tables.events).where(
                tables.events.c.action == "image.delete"
            )
        ).one()
    assert event.reason == "Rule 1: not among the 1 newest."
    assert (event.user_id, event.project_id) == (None, "p1")
    assert event.details["name"] == "p1/app:2"
    # once in an hour
    retentions.put(
        fake.deps, ctx(), namespace, Retention((Rule(older_than_days=1),))
    )
    _collect(fake, 0.01)
    assert len(names(fake)) == 2
    _collect(fake, 2)
    assert names(fake) == ["p1/app:1"]


@pytest.mark.parametrize("whose", ["member", "public", "glance"])
def test_who_sees_an_image_of_others(fake: Registry, whose: str) -> None:
    fake.push(APP)
    image = find(fake, "p1/app:1")
    for ident in (image.id, image.name, image.digest):
        with pytest.raises(exception.NotFound) as none:
            find(fake, ident, "p2")
        assert ident in none.value.message
    if whose == "member":
        fake.share("p1", "p2", Role.PULL)
    elif whose == "public":
        namespaces.update(fake.deps, ctx(), fake.namespace(), {"public": True})
    else:
        fake.records.share(image.id, "p2", "accepted")
    for ident in (image.id, image.name):
        seen = catalog.find(fake.deps, ctx("p2"), ident)
        assert seen.role == Role.PULL
    # what is deleted is for those who could push
    tagging.delete(fake.deps, ctx(), image)
    with pytest.raises(exception.NotFound):
        find(fake, image.id, "p2")
    if whose == "member":
        fake.share("p1", "p2", Role.PUSH)
        assert find(fake, image.id, "p2").id == image.id


def test_public_images_are_in_all_lists(fake: Registry) -> None:
    """Those of Glance, in namespaces that are not."""
    fake.push(APP)
    fake.push(OTHER, "2")
    image = find(fake, "p1/app:1")

    def listed(**filters: Any) -> list[str]:
        query = Query(filters, sort_key="name", project_id="p2")
        found = catalog.list_(fake.deps, ctx("p2"), query)
        return [each.name for each in found]

    assert listed() == []
    fake.records.update(image.id, {"visibility": "public"})
    assert listed() == listed(repository="app") == ["p1/app:1"]
    assert listed(repository="web") == listed(owner="p2") == []
    tagging.delete(fake.deps, ctx(), image)
    assert listed() == listed(deleted=True) == []
