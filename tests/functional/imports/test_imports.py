"""Archives in a real Glance become images, or stay what they are."""

import dataclasses
import gzip
import json
import pathlib
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from caas import exception
from caas.conductor import imports as conductor
from caas.context import RequestContext
from caas.core import blobs, imports, jobs, manifests, namespaces
from caas.model.images import Name, Role
from caas.model.jobs import State
from caas.model.query import Query
from caas.store import events, tables
from tests.archives import (
    ONE,
    TWO,
    Layout,
    config_of,
    packed,
    path,
    saved,
    sha256,
)
from tests.functional.imports.world import Killed, World


def test_docker_archive(world: World) -> None:
    record = world.upload("app:1", saved(), role="web", tags=["blue"])
    tag = world.become(record)
    assert (tag.repository, tag.name) == ("app", "1")
    (image,) = world.listed()
    assert image["id"] == tag.image_id
    assert image["name"] == "app:1"
    assert image["role"] == "web"
    assert image["tags"] == ["blue"]
    assert image["visibility"] == "shared"
    assert image["caas_kind"] == "image"
    hidden = {r["caas_digest"]: r for r in world.listed(hidden=True)}
    assert len(hidden) == 3
    assert image["parent_id"] == hidden[sha256(TWO)]["id"]
    assert hidden[sha256(TWO)]["parent_id"] == hidden[sha256(ONE)]["id"]
    assert not world.there(record["id"])
    name = Name(world.project, "app")
    manifest = manifests.get(world.deps, world.ctx, name, "1")
    layers = [x["digest"] for x in json.loads(manifest.body)["layers"]]
    assert layers == [sha256(ONE), sha256(TWO)]
    assert not manifest.problem
    blob = blobs.find(world.deps, world.ctx, name, sha256(ONE))
    assert b"".join(blobs.open_(world.deps, blob).chunks) == ONE


def test_layers_are_stored_once(world: World) -> None:
    first = world.become(world.upload("app:1", saved()))
    layout = Layout()
    entry = layout.manifest(ONE, packed({"c": b"3"}))
    second = world.become(world.upload("other", layout.archive(entry)))
    assert (second.repository, second.name) == ("other", "latest")
    assert first.image_id != second.image_id
    digests = [r["caas_digest"] for r in world.listed(hidden=True)]
    assert len(digests) == len(set(digests)) == 5


def test_layout_for_several_architectures(world: World) -> None:
    layout = Layout()
    entries = [layout.manifest(ONE), layout.manifest(ONE, TWO)]
    index = layout.index(*entries)
    data = gzip.compress(layout.archive(index))
    world.become(world.upload("app:1", data))
    name = Name(world.project, "app")
    found = manifests.get(world.deps, world.ctx, name, "1")
    assert found.digest == index["digest"]
    assert found.body == layout.files[path(index["digest"])]
    for entry in entries:
        manifests.get(world.deps, world.ctx, name, entry["digest"])


def test_twice_the_same(world: World) -> None:
    """The second one finds everything there."""
    first = world.become(world.upload("app:1", saved()))
    second = world.become(world.upload("app:1", saved()))
    assert first == second
    assert len(world.listed()) == 1


def test_another_of_the_same_name_takes_its_place(world: World) -> None:
    first = world.become(world.upload("app:1", saved()))
    layout = Layout()
    second = world.become(
        world.upload("app:1", layout.archive(layout.manifest(TWO)))
    )
    assert [image["id"] for image in world.listed()] == [second.image_id]
    # in the recycle bin
    assert world.show(first.image_id)["os_hidden"]


def test_members_and_visibility_go_along(world: World) -> None:
    record = world.upload("app:1", saved())
    members = f"/v2/images/{record['id']}/members"
    for project, status in (("q1", "accepted"), ("q2", "pending")):
        added = world.user.post(members, json={"member": project})
        assert added.status_code == 200
        if status != "pending":
            put = world.glance.client(f"u2:{project}:member").put(
                f"{members}/{project}", json={"status": status}
            )
            assert put.status_code == 200
    tag = world.become(record)
    found = world.glance.client().get(f"/v2/images/{tag.image_id}/members")
    assert {m["member_id"]: m["status"] for m in found.json()["members"]} == {
        "q1": "accepted",
        "q2": "pending",
    }
    hidden = world.upload("app:2", saved(), visibility="private")
    assert world.show(world.become(hidden).image_id)["visibility"] == "private"


def test_into_a_namespace(world: World) -> None:
    shared = "s" + uuid.uuid4().hex[:12]
    owner = RequestContext(project_id="owner", overwrite=False)
    namespace = namespaces.create(world.deps, owner, shared)
    record = world.upload(f"{shared}/group/app:1", saved())
    job = world.worked(record)
    assert job.state == State.FAILED
    assert "no namespace" in job.reason
    namespaces.add_member(
        world.deps, owner, namespace, world.project, Role.PUSH
    )
    tag = world.become(world.show(record["id"]))
    assert (tag.repository, tag.name) == ("group/app", "1")


BAD = {
    "no tar": (b"no tar at all", "not a tar"),
    "cut": (saved()[:3000], "not a tar"),
    "two images": (
        saved(files={"manifest.json": b"[{}, {}]"}),
        "holds 2 images",
    ),
    "lies about a layer": (
        saved(Layers=["bbb/layer.tar", "aaa/layer.tar"]),
        "layer 1 is not the one",
    ),
    "bomb": (
        saved(
            files={
                "bbb/layer.tar": gzip.compress(
                    packed({"zeros": bytes(20 << 20)})
                )
            }
        ),
        "more than 16 MiB when unpacked",
    ),
    "bomb as a whole": (
        gzip.compress(bytes(20 << 20)),
        "more than 16 MiB when unpacked",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_archives(world: World, case: str) -> None:
    data, words = BAD[case]
    record = world.upload("app:1", data)
    job = world.worked(record)
    assert job.state == State.FAILED
    assert words in job.reason
    (left,) = world.listed()
    assert left["id"] == record["id"]
    assert words in left["caas_problem"]
    assert world.nothing()
    with world.deps.store.reader() as conn:
        (event,) = events.list_(
            conn, Query(filters={"action": "image.import"}, sort_key="at")
        )
    assert (event.result, event.reason) == ("error", job.reason)
    assert event.object_id == record["id"]
    with pytest.raises(exception.BadRequest, match=words):
        imports.wait(world.deps, world.ctx, left, 0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "cannot be the name"),
        ("My App", "not a name of a repository"),
        ("app:1:2", "cannot be the name"),
        ("app@sha256:1", "not a name"),
        ("/app", "not a name"),
        ("ns/", "not a name"),
        ("ns/app:", "no namespace"),
    ],
)
def test_bad_names(world: World, name: str, words: str) -> None:
    job = world.worked(world.upload(name, saved()))
    assert job.state == State.FAILED
    assert words in job.reason


@pytest.mark.parametrize(
    ("project_name", "words"),
    [("Shop of Horrors", "cannot be one"), ("taken", "another project")],
)
def test_names_of_projects(
    world: World, project_name: str, words: str
) -> None:
    owner = RequestContext(project_id="owner", overwrite=False)
    namespaces.create(world.deps, owner, "taken")
    ctx = world.ctx
    ctx.project_name = project_name
    record = world.upload("app:1", saved())
    job = imports.start(world.deps, ctx, record)
    assert world.importer.work()
    assert words in jobs.get(world.deps, ctx, job.id).reason


def test_an_image_that_was_deleted_in_glance(world: World) -> None:
    """Goes to the recycle bin as soon as Glance tells of it."""
    record = world.upload("app:1", saved())
    imports.start(world.deps, world.ctx, record)
    assert world.importer.work()
    tag = imports.become(world.deps, record["id"])
    assert tag
    stranger = RequestContext(
        auth_token="u9:p9:member", project_id="p9", overwrite=False
    )
    # as it is there, nothing becomes of it; nor does of what others have
    assert imports.look(world.deps, world.ctx, tag.image_id) is None
    name = Name(world.ctx.project_name.lower(), "app")
    manifests.get(world.deps, world.ctx, name, "1")
    assert world.user.delete(f"/v2/images/{tag.image_id}").status_code == 204
    with pytest.raises(exception.NotFound):
        imports.look(world.deps, stranger, tag.image_id)
    manifests.get(world.deps, world.ctx, name, "1")
    assert imports.look(world.deps, world.ctx, tag.image_id) is None
    with pytest.raises(exception.ManifestUnknown):
        manifests.get(world.deps, world.ctx, name, "1")
    assert imports.look(world.deps, world.ctx, tag.image_id) is None


def test_found_by_looking(world: World) -> None:
    def swept() -> int:
        world.time += timedelta(seconds=61)
        world.importer.sweep()
        done = 0
        while world.importer.work():
            done += 1
        return done

    swept()
    good = world.upload("app:1", saved())
    bad = world.upload("app:2", b"no tar")
    other = world.user.post(
        "/v2/images",
        json={"name": "vm", "container_format": "bare", "disk_format": "raw"},
    )
    assert other.status_code == 201
    assert swept() == 2
    assert imports.become(world.deps, good["id"])
    # known to be of no use, until it has another name
    assert swept() == 0
    renamed = world.user.patch(
        f"/v2/images/{bad['id']}",
        data=json.dumps(
            [{"op": "replace", "path": "/name", "value": "app:3"}]
        ),
        headers={
            "Content-Type": "application/openstack-images-v2.1-json-patch"
        },
    )
    assert renamed.status_code == 200
    assert swept() == 1
    # not again within the interval
    world.upload("app:4", saved())
    world.importer.sweep()
    assert not world.importer.work()


def test_one_job_for_an_archive(world: World) -> None:
    record = world.upload("app:1", saved())
    job = imports.start(world.deps, world.ctx, record)
    assert imports.start(world.deps, world.ctx, record) == job
    assert world.importer.work()
    assert not world.importer.work()


def test_waiting_for_an_image(world: World) -> None:
    record = world.upload("app:1", saved())
    with pytest.raises(exception.Conflict, match="waits for its turn"):
        imports.wait(world.deps, world.ctx, record, 0)
    deps = dataclasses.replace(
        world.deps, notify_jobs=lambda ctx: world.importer.look()
    )
    world.importer.start()
    try:
        tag = imports.wait(deps, world.ctx, record, 60)
    finally:
        world.importer.stop(10)
    assert tag == imports.become(world.deps, record["id"])
    assert tag == imports.wait(world.deps, world.ctx, record, 0)


def test_archives_kept(world: World) -> None:
    world.importer._keep = True
    record = world.upload("app:1", saved())
    tag = world.become(record)
    left = world.show(record["id"])
    assert left["caas_kind"] == "archive"
    assert left["caas_image_id"] == tag.image_id
    assert not imports.is_archive(left)


def test_protected_archive_stays(world: World) -> None:
    record = world.upload("app:1", saved(), protected=True)
    tag = world.become(record)
    assert world.show(record["id"])["caas_image_id"] == tag.image_id


def test_cancelled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amid the bytes of a layer."""
    monkeypatch.setattr(conductor, "BEAT", 0)
    large = packed({"large": bytes(3 << 20)})
    config = json.dumps(config_of([large, TWO])).encode()
    record = world.upload(
        "app:1", saved(files={"aaa/layer.tar": large, "config.json": config})
    )
    job = imports.start(world.deps, world.ctx, record)
    upload = world.records.upload

    def cancel(record_id: str, chunks: Any) -> None:
        jobs.cancel(world.deps, world.ctx, job)
        upload(record_id, chunks)

    monkeypatch.setattr(world.records, "upload", cancel)
    assert world.importer.work()
    assert jobs.get(world.deps, world.ctx, job.id).state == State.CANCELLED
    assert [r["id"] for r in world.listed()] == [record["id"]]
    assert world.nothing()


@pytest.mark.parametrize("why", ["no folder", "no room", "no Glance"])
def test_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    record = world.upload("app:1", saved())
    with monkeypatch.context() as patch:
        if why == "no folder":
            patch.setattr(
                world.importer, "_spool", pathlib.Path("/dev/null/spool")
            )
        elif why == "no room":
            patch.setattr(imports, "SPARE", 1 << 60)
        else:
            patch.setattr(world.records, "_endpoint", "http://127.0.0.1:9")
        job = world.worked(record)
    assert job.state == State.PENDING
    words = {
        "no folder": "cannot be used",
        "no room": "room",
        "no Glance": "does not answer",
    }
    assert words[why] in job.reason
    assert not world.importer.work()
    world.time += timedelta(seconds=30)
    assert world.importer.work()
    assert imports.become(world.deps, record["id"])


def test_not_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    record = world.upload("app:1", saved())
    monkeypatch.setattr(imports, "SPARE", 1 << 60)
    job = world.worked(record)
    world.time += timedelta(hours=7)
    world.importer.sweep()
    job = jobs.get(world.deps, world.ctx, job.id)
    assert job.state == State.FAILED
    assert "not done in 6 hours" in job.reason
    assert "not done" in world.show(record["id"])["caas_problem"]


def test_killed_at_any_step(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another conductor ends with one image, whole, and nothing else.

    One step in eight, from another one on in each run.
    """

    # no steps that depend on the time it takes
    monkeypatch.setattr(conductor, "BEAT", 3600)
    monkeypatch.setattr(blobs, "BEAT", 3600)

    def upload(number: int) -> tuple[dict[str, Any], str]:
        layout = Layout()
        layer = packed({"new": str(number).encode()})
        data = layout.archive(layout.manifest(ONE, layer))
        return world.upload(f"app:{number}", data), sha256(layer)

    world.become(upload(0)[0])
    second, _ = upload(1)
    imports.start(world.deps, world.ctx, second)
    world.life.steps = 0
    assert world.importer.work()
    steps = world.life.steps
    assert imports.become(world.deps, second["id"])
    assert steps > 15
    numbers = range(random.randint(2, 9), steps + 1, 8)
    for number in numbers:
        record, layer = upload(number)
        job = imports.start(world.deps, world.ctx, record)
        world.life.steps, world.life.last = 0, number
        with pytest.raises(Killed):
            world.importer.work()
        world.life.last = None
        world.time += timedelta(seconds=conductor.LEASE + 1)
        assert world.importer.work(), number
        job = jobs.get(world.deps, world.ctx, job.id)
        assert job.state == State.DONE, (number, job.reason)
        assert imports.become(world.deps, record["id"])
        assert not world.there(record["id"])
        name = Name(world.project, "app")
        body = json.loads(
            manifests.get(world.deps, world.ctx, name, str(number)).body
        )
        assert body["layers"][1]["digest"] == layer
    listed = world.listed()
    # one that was begun is queued until the collector comes
    names = [r["name"] for r in listed if r["status"] == "active"]
    assert len(names) == len(set(names)) == len(numbers) + 2
    # what is left over is known, for the collector
    with world.deps.store.reader() as conn:
        known = {
            row[0]
            for column in (
                tables.blobs.c.id,
                tables.upload_parts.c.id,
                tables.tags.c.image_id,
            )
            for row in conn.execute(sa.select(column))
        }
    assert {r["id"] for r in world.listed(hidden=True) + listed} <= known
