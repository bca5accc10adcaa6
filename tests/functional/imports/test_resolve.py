"""Which image a reference means, to whom."""

import dataclasses
import uuid

import pytest

from caas import exception
from caas.context import RequestContext
from caas.core import blobs, images, manifests, namespaces
from caas.model.images import Name, Role
from caas.model.spec import ImageRef
from tests.archives import OCI, ONE, TWO, Layout, path, saved, sha256
from tests.functional.imports.world import World


def found(world: World, ref: str, project: str = "") -> ImageRef:
    ctx = world.ctx
    if project:
        ctx.project_id = ctx.project_name = project
        ctx.auth_token = f"u1:{project}:member"
    return images.resolve(world.deps, ctx, [ref])[ref]


@pytest.fixture
def image(world: World) -> ImageRef:
    """Once an archive."""
    tag = world.become(world.upload("app:1", saved()))
    return found(world, tag.image_id)


def pushed(world: World, name: str, tag: str, *layers: bytes) -> str:
    """As by docker push.

    :returns: the digest.
    """
    layout = Layout()
    entry = layout.manifest(*layers)
    where = Name.parse(name)
    body = layout.files.pop(path(entry["digest"]))
    for file, data in layout.files.items():
        if file.startswith("blobs/"):
            upload = blobs.begin(world.deps, world.ctx, where)
            blobs.append(world.deps, world.ctx, where, upload.id, [data])
            blobs.finish(world.deps, world.ctx, where, upload.id, sha256(data))
    manifests.put(world.deps, world.ctx, where, tag, entry["mediaType"], body)
    return str(entry["digest"])


def test_what_is_found(world: World, image: ImageRef) -> None:
    assert image.repository == f"{world.project}/app"
    assert image.name == f"{world.project}/app:1"
    assert image.size == len(ONE) + len(TWO)
    assert image.unpacked_size == 2
    assert world.show(image.id)["caas_digest"] == image.digest


def test_names_of_one_image(world: World, image: ImageRef) -> None:
    for ref in (
        "app:1",
        f"{world.project}/app:1",
        f"{world.project}/app@{image.digest}",
        f"{world.project}/app:old@{image.digest}",
        image.digest,
        image.id.upper(),
    ):
        assert found(world, ref) == dataclasses.replace(image, ref=ref)


def test_latest_and_the_own_namespace(world: World) -> None:
    digest = pushed(world, f"{world.project}/group/web", "latest", ONE)
    assert found(world, f"{world.project}/group/web").digest == digest
    digest = pushed(world, f"{world.project}/web", "latest", TWO)
    assert found(world, "web").digest == digest


def test_archive_is_waited_for(world: World) -> None:
    record = world.upload("app:1", saved())
    with pytest.raises(exception.Conflict, match="waits for its turn"):
        found(world, "app:1")
    assert world.importer.work()
    image = found(world, "app:1")
    # the id it was uploaded by
    assert found(world, record["id"]).id == image.id
    # a newer one of that name
    layout = Layout()
    world.upload("app:1", layout.archive(layout.manifest(TWO)))
    with pytest.raises(exception.Conflict):
        found(world, "app:1")
    assert world.importer.work()
    assert found(world, "app:1").digest != image.digest


def test_archive_of_no_use(world: World) -> None:
    record = world.upload("app:1", b"no tar")
    world.worked(record)
    for ref in ("app:1", record["id"]):
        with pytest.raises(exception.BadRequest, match="not a tar"):
            found(world, ref)


def test_index(world: World) -> None:
    layout = Layout()
    index = layout.index(layout.manifest(ONE), layout.manifest(ONE, TWO))
    world.become(world.upload("app:1", layout.archive(index)))
    image = found(world, "app:1")
    assert image.digest == index["digest"]
    assert image.size == len(ONE) + len(TWO)


def test_what_no_set_can_be_made_of(world: World) -> None:
    layout = Layout()
    chart = layout.manifest(
        layers=[layout.blob(b"some chart", "application/vnd.chart")],
        config=layout.blob(b"{}", "application/vnd.chart.config"),
    )
    world.become(world.upload("chart:1", layout.archive(chart)))
    with pytest.raises(exception.BadRequest, match="No set can be made"):
        found(world, "chart:1")
    record = world.user.post(
        "/v2/images",
        json={"name": "vm:1", "container_format": "bare"},
    ).json()
    with pytest.raises(exception.BadRequest, match="not a Docker image"):
        found(world, "vm:1")
    with pytest.raises(exception.BadRequest, match="not a Docker image"):
        found(world, record["id"])
    layer = world.show(
        next(
            each["id"]
            for each in world.listed(hidden=True)
            if each["caas_kind"] == "blob"
        )
    )
    with pytest.raises(exception.BadRequest, match="a part of one"):
        found(world, layer["id"])


def test_others_find_what_is_shown_to_them(
    world: World, image: ImageRef
) -> None:
    other = "q" + uuid.uuid4().hex[:12]
    refs = (
        image.id,
        image.name,
        image.digest,
        f"{image.repository}@{image.digest}",
    )
    for ref in (*refs, str(uuid.uuid4()), f"{OCI}/none:1", "x@sha256:1"):
        with pytest.raises(exception.BadRequest, match="There is no image"):
            found(world, ref, other)
    namespace = namespaces.find(world.deps, world.ctx, world.project).namespace
    assert namespace is not None
    namespaces.add_member(world.deps, world.ctx, namespace, other, Role.PULL)
    for ref in refs:
        assert found(world, ref, other).digest == image.digest
    # by Glance's own means
    third = "r" + uuid.uuid4().hex[:12]
    added = world.user.post(
        f"/v2/images/{image.id}/members", json={"member": third}
    )
    assert added.status_code == 200
    assert found(world, image.id, third).digest == image.digest


def test_ambiguous(world: World, image: ImageRef) -> None:
    made = RequestContext(project_id=world.project, overwrite=False)
    name = "n" + uuid.uuid4().hex[:12]
    namespaces.create(world.deps, made, name)
    tag = world.become(world.upload(f"{name}/app:1", saved()))
    world.records.update(tag.image_id, {"name": "app:1"})
    with pytest.raises(exception.BadRequest, match="More than one image"):
        found(world, "app:1")


def test_calls_of_glance(
    world: World, image: ImageRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by a name, none by what is in the index."""
    seen = world.deps.kept and world.deps.kept.seen
    calls = []
    get = seen._user_get  # type: ignore[union-attr]
    monkeypatch.setattr(
        seen, "_user_get", lambda *a, **k: calls.append(a) or get(*a, **k)
    )
    for ref, most in (("app:1", 1), (image.digest, 0), (image.id, 0)):
        calls.clear()
        found(world, ref)
        assert len(calls) == most
