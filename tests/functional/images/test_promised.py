"""Images whose ids were told before there was anything of them."""

import datetime
import uuid

import pytest

from caas import exception
from caas.core import manifests
from caas.model.jobs import Job, Kind, State
from caas.store import backups, jobs, parts, tables
from caas.store.engine import utcnow
from tests.functional.images import registry
from tests.functional.images.registry import APP, Registry, ctx
from tests.functional.images.test_collector import collect
from tests.records import FakeRecords

IMAGE = registry.image(registry.layer(a="base"), registry.layer(b="top"))
OTHER = registry.image(registry.layer(a="base"), registry.layer(b="other"))


def promise(
    it: Registry, name: str = "My snapshot", rotation: int | None = None
) -> tuple[str, str]:
    """A commit that makes an image.  :returns: ids of both."""
    job_id, image_id = str(uuid.uuid4()), str(uuid.uuid4())
    now = utcnow()
    job = Job(
        id=job_id,
        kind=Kind.COMMIT,
        project_id="p1",
        user_id="u1",
        request_id="",
        subject=job_id,
        created_at=now,
        updated_at=now,
        deadline=now + datetime.timedelta(days=99),
        set_id="s1",
    )
    with it.store.writer() as conn:
        jobs.insert(conn, job)
        parts.promise(conn, image_id, job_id)
        if rotation is not None:
            backups.insert(conn, image_id, "s1", "daily", rotation, now)
    it.records.create(
        image_id,
        owner="p1",
        name=name,
        hidden=False,
        properties={"caas_kind": "image", "color": "red"},
    )
    return job_id, image_id


def end(it: Registry, job_id: str, state: State = State.FAILED) -> None:
    with it.store.writer() as conn:
        assert jobs.end(conn, job_id, state, utcnow())


def push(
    it: Registry, job_id: str, tag: str = "1", what: registry.Image = IMAGE
) -> None:
    for data in what.blobs:
        it.upload(data)
    manifests.put(it.deps, ctx(), APP, tag, "", what.manifest, job_id=job_id)


def ids(it: Registry) -> list[str]:
    """Of images that have their names."""
    return sorted(r.image_id for r in it.rows(tables.tags) if not r.former)


@pytest.mark.parametrize("kind", ["fake", "whole"])
def test_it_becomes_the_image(
    request: pytest.FixtureRequest, kind: str
) -> None:
    it: Registry = request.getfixturevalue(kind)
    job_id, image_id = promise(it)
    record = it.records.get(image_id)
    assert record is not None
    assert record["status"] == "queued"
    # whatever the collector does meanwhile
    collect(it, 1)
    push(it, job_id)
    record = it.records.get(image_id)
    assert record is not None
    assert record["status"] == "active"
    assert (record["name"], record["color"]) == ("My snapshot", "red")
    assert record["caas_digest"] == IMAGE.digest
    assert record["parent_id"]
    assert ids(it) == [image_id]
    assert it.pull() == IMAGE
    # once more, as after an answer that was lost
    push(it, job_id)
    assert ids(it) == [image_id]
    # the next one has another id
    push(it, job_id, "2")
    assert len(ids(it)) == 2


def test_nothing_is_left_of_one_that_failed(fake: Registry) -> None:
    job_id, image_id = promise(fake)
    end(fake, job_id)
    collect(fake, 0)
    assert fake.records.get(image_id) is None
    assert fake.count() == {}
    # who comes after that gets an image all the same
    push(fake, job_id)
    assert image_id not in ids(fake)
    assert fake.pull() == IMAGE


def test_what_fails_may_be_tried_again(
    fake: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, image_id = promise(fake)

    def silent(*_: object) -> None:
        raise exception.Unavailable("Glance does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(FakeRecords, "update", silent)
        with pytest.raises(exception.Unavailable):
            push(fake, job_id)
    assert fake.records.get(image_id) is not None
    assert ids(fake) == []
    push(fake, job_id)
    assert ids(fake) == [image_id]


def test_deleted_in_glance_before_it_was_there(fake: Registry) -> None:
    job_id, image_id = promise(fake)
    fake.records.delete(image_id)
    with pytest.raises(exception.Conflict, match="was deleted in Glance"):
        push(fake, job_id)
    assert ids(fake) == []


def test_backups_rotate(fake: Registry) -> None:
    kept = []
    for number in range(4):
        job_id, image_id = promise(fake, rotation=2)
        push(fake, job_id, str(number), (IMAGE, OTHER)[number % 2])
        end(fake, job_id, State.DONE)
        kept = [*kept, image_id][-2:]
        assert ids(fake) == sorted(kept)
    # other images have nothing to do with it
    job_id, image_id = promise(fake)
    push(fake, job_id, "other")
    assert ids(fake) == sorted([*kept, image_id])
    hidden = [
        each
        for each in fake.records.records.values()
        if each["os_hidden"] and each.get("caas_kind") == "image"
    ]
    assert len(hidden) == 2
    # none is kept
    job_id, _ = promise(fake, rotation=0)
    push(fake, job_id, "last")
    assert ids(fake) == [image_id]
