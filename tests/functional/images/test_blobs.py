"""Uploads, on a real Glance with our filter."""

import gzip
import hashlib
import itertools
from collections.abc import Iterator

import pytest

from caas import exception
from caas.core import blobs, namespaces
from caas.model.images import Kind, Name, Role
from caas.store import tables
from tests.functional.images import registry
from tests.functional.images.registry import APP, Registry, ctx, digest

LAYER = registry.layer(a="base")


def nothing_left(it: Registry, blobs_kept: int = 0) -> None:
    """No upload, and no record but those of blobs."""
    counts = it.count()
    assert counts.pop("blobs", 0) == blobs_kept
    assert counts.pop("blob_links", 0) == blobs_kept
    assert counts == {}
    mine = [
        record
        for record in it.records.list(os_hidden="true", owner=owner(it))
        if record["owner"] == owner(it)
    ]
    assert len(mine) == blobs_kept


def owner(it: Registry) -> str:
    (row,) = it.rows(tables.namespaces)
    project: str = row.project_id
    return project


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """One of the test's own: all tests share a Glance."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    return f"b{name}"


@pytest.fixture
def name(project: str) -> Name:
    return Name(project, "app")


def test_one_body_is_the_blob_as_it_is(
    whole: Registry, name: Name, project: str
) -> None:
    blob = whole.upload(LAYER, name=name, who=ctx(project))
    assert blob.id == blob.data_id
    content = blob.content
    assert (content.digest, content.size) == (digest(LAYER), len(LAYER))
    assert content.kind == Kind.TAR
    assert content.diff_id == digest(gzip.decompress(LAYER))
    found = blobs.find(whole.deps, ctx(project), name, digest(LAYER))
    assert found == blob
    assert b"".join(blobs.open_(whole.deps, found).chunks) == LAYER
    for start, end in ((0, 0), (3, 9), (5, None), (5, 10**9), (None, 4)):
        content_ = blobs.open_(whole.deps, found, start, end)
        stop = None if end is None else end + 1
        piece = LAYER[start or 0 : stop]
        assert content_.size == len(piece)
        assert b"".join(content_.chunks) == piece
    assert whole.used(project) == len(LAYER)
    nothing_left(whole, 1)


def test_bodies_are_put_together(
    whole: Registry, name: Name, project: str
) -> None:
    who = ctx(project)
    begun = blobs.begin(whole.deps, who, name)
    for start in range(0, len(LAYER), 60):
        assert begun.size == start
        piece = LAYER[start : start + 60]
        begun = blobs.append(
            whole.deps, who, name, begun.id, [piece], offset=start
        )
        assert blobs.get_upload(whole.deps, who, name, begun.id) == begun
    blob = blobs.finish(whole.deps, who, name, begun.id, digest(LAYER))
    assert blob.content.diff_id == digest(gzip.decompress(LAYER))
    assert b"".join(blobs.open_(whole.deps, blob).chunks) == LAYER
    nothing_left(whole, 1)


def test_nothing_at_all_is_a_blob_too(
    whole: Registry, name: Name, project: str
) -> None:
    who = ctx(project)
    begun = blobs.begin(whole.deps, who, name)
    assert blobs.append(whole.deps, who, name, begun.id, [b""]).size == 0
    blob = blobs.finish(whole.deps, who, name, begun.id, digest(b""))
    assert b"".join(blobs.open_(whole.deps, blob).chunks) == b""
    nothing_left(whole, 1)


def test_the_same_bytes_are_stored_once(
    whole: Registry, name: Name, project: str
) -> None:
    first = whole.upload(LAYER, name=name, who=ctx(project))
    again = whole.upload(LAYER, name=name, who=ctx(project))
    other = Name(project, "other/app")
    assert whole.upload(LAYER, name=other, who=ctx(project)) == first == again
    assert whole.used(project) == len(LAYER)
    nothing_left(whole, 1)


def test_a_body_that_breaks_off_leaves_the_upload_as_it_was(
    whole: Registry, name: Name, project: str
) -> None:
    who = ctx(project)

    def broken() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise OSError("the client is gone")

    begun = blobs.begin(whole.deps, who, name)
    begun = blobs.append(whole.deps, who, name, begun.id, [LAYER[:50]])
    with pytest.raises(OSError, match="the client is gone"):
        blobs.append(whole.deps, who, name, begun.id, broken(), offset=50)
    assert blobs.get_upload(whole.deps, who, name, begun.id).size == 50
    blobs.append(whole.deps, who, name, begun.id, [LAYER[50:]], offset=50)
    blob = blobs.finish(whole.deps, who, name, begun.id, digest(LAYER))
    assert b"".join(blobs.open_(whole.deps, blob).chunks) == LAYER
    # Glance may be at the one that broke off when it is told to delete it
    whole.collector(blobs.utcnow).round()
    nothing_left(whole, 1)


def test_lies_leave_nothing(whole: Registry, name: Name, project: str) -> None:
    who = ctx(project)
    with pytest.raises(exception.DigestInvalid, match="have the digest"):
        whole.upload(LAYER, digest(b"else"), name, who)
    nothing_left(whole)
    with pytest.raises(exception.DigestInvalid, match="the only one taken"):
        whole.upload(LAYER, "sha512:" + "a" * 128, name, who)
    nothing_left(whole)
    begun = blobs.begin(whole.deps, who, name)
    for length in (len(LAYER) - 1, len(LAYER) + 1):
        with pytest.raises(exception.SizeInvalid, match="bytes came"):
            blobs.append(
                whole.deps, who, name, begun.id, [LAYER], length=length
            )
        assert blobs.get_upload(whole.deps, who, name, begun.id).size == 0
    with pytest.raises(exception.SizeInvalid, match="0 bytes came"):
        blobs.append(whole.deps, who, name, begun.id, [], length=5)
    with pytest.raises(exception.RangeInvalid, match="goes on there") as at:
        blobs.append(whole.deps, who, name, begun.id, [LAYER], offset=7)
    assert at.value.size == 0
    blobs.abort(whole.deps, who, name, begun.id)
    nothing_left(whole)
    with pytest.raises(exception.UploadUnknown):
        blobs.get_upload(whole.deps, who, name, begun.id)


def test_a_bomb(store: registry.Store) -> None:
    it = registry.fake(store, max_unpacked=1 << 20)
    bomb = registry.layer(zeros="0" * (2 << 20))
    with pytest.raises(exception.BadRequest, match="not taken: it takes more"):
        it.upload(bomb)
    nothing_left(it)
    it = registry.fake(store, max_blob=1000)
    with pytest.raises(exception.SizeInvalid, match="1000 bytes at most"):
        it.upload([b"x" * 600, b"y" * 600], digest(b""))


def test_quota(store: registry.Store) -> None:
    it = registry.fake(store, limits={"image_bytes": 3 << 20})
    whole_mb = [b"a" * (1 << 20), b"b" * (1 << 20)]
    for data in whole_mb:
        it.upload(data)
    # again costs nothing
    it.upload(whole_mb[0])
    with pytest.raises(
        exception.QuotaExceeded, match=r"images_mb: asked .*used 2.0 of 3"
    ):
        it.upload(itertools.repeat(b"c" * (1 << 20), 5), digest(b""))
    nothing_left(it, 2)
    # what is under way counts
    begun = blobs.begin(it.deps, ctx(), APP)
    blobs.append(it.deps, ctx(), APP, begun.id, [b"d" * (1 << 20)])
    with pytest.raises(exception.QuotaExceeded, match=r"used 3.0 of 3"):
        blobs.begin(it.deps, ctx(), APP)
    blobs.abort(it.deps, ctx(), APP, begun.id)
    nothing_left(it, 2)
    assert it.used() == 2 << 20


def test_parts_have_a_limit(
    fake: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "MAX_PARTS", 3)
    begun = blobs.begin(fake.deps, ctx(), APP)
    for _ in range(3):
        blobs.append(fake.deps, ctx(), APP, begun.id, [b"x"])
    with pytest.raises(exception.BadRequest, match="3 pieces at most"):
        blobs.append(fake.deps, ctx(), APP, begun.id, [b"x"])
    blobs.finish(fake.deps, ctx(), APP, begun.id, digest(b"xxx"))


def test_a_client_that_comes_back_while_its_old_body_is_still_read(
    fake: Registry,
) -> None:
    """The connection broke, and the server has not noticed."""
    begun = blobs.begin(fake.deps, ctx(), APP)

    def slow() -> Iterator[bytes]:
        yield LAYER[:10]
        # meanwhile, by another connection
        blobs.append(fake.deps, ctx(), APP, begun.id, [LAYER], offset=0)
        yield b"rest"

    with pytest.raises(exception.Conflict, match="Something else was done"):
        blobs.append(fake.deps, ctx(), APP, begun.id, slow(), offset=0)
    blob = blobs.finish(fake.deps, ctx(), APP, begun.id, digest(LAYER))
    assert b"".join(blobs.open_(fake.deps, blob).chunks) == LAYER
    nothing_left(fake, 1)


def test_aborted_while_a_body_comes(fake: Registry) -> None:
    begun = blobs.begin(fake.deps, ctx(), APP)

    def slow() -> Iterator[bytes]:
        yield LAYER[:10]
        blobs.abort(fake.deps, ctx(), APP, begun.id)
        yield LAYER[10:]

    with pytest.raises(exception.Conflict):
        blobs.append(fake.deps, ctx(), APP, begun.id, slow())
    nothing_left(fake)


def test_who_may_push(fake: Registry) -> None:
    with pytest.raises(exception.NameUnknown) as none:
        fake.upload(LAYER, name=Name("p2", "app"))
    fake.upload(LAYER, name=Name("p2", "app"), who=ctx("p2"))
    with pytest.raises(exception.NameUnknown) as theirs:
        fake.upload(LAYER, name=Name("p2", "app"))
    # there is no telling one from the other
    assert none.value.message == theirs.value.message
    fake.share("p2", "p1", Role.PULL)
    with pytest.raises(exception.Forbidden, match="may pull from the"):
        fake.upload(LAYER, name=Name("p2", "app"))
    fake.share("p2", "p1", Role.PUSH)
    blob = fake.upload(b"more", name=Name("p2", "app"))
    # it belongs to the namespace's project, and that pays
    assert blob.project_id == "p2"
    assert (fake.used(), fake.used("p2")) == (0, len(LAYER) + 4)
    namespaces.remove_member(fake.deps, ctx("p2"), fake.namespace("p2"), "p1")
    with pytest.raises(exception.NameUnknown):
        fake.upload(b"yet more", name=Name("p2", "app"))


def test_an_upload_is_of_one_repository(fake: Registry) -> None:
    begun = blobs.begin(fake.deps, ctx(), APP)
    for other, who in ((Name("p1", "b"), "p1"), (Name("p2", "app"), "p2")):
        with pytest.raises(exception.UploadUnknown):
            blobs.append(fake.deps, ctx(who), other, begun.id, [b"x"])


def test_members_of_one_namespace_do_not_see_another(fake: Registry) -> None:
    namespaces.create(fake.deps, ctx(), "shared")
    namespaces.create(fake.deps, ctx(), "secret")
    fake.share("shared", "p2", Role.PUSH)
    secret, shared = Name("secret", "app"), Name("shared", "app")
    first = fake.upload(LAYER, name=secret)
    with pytest.raises(exception.BlobUnknown):
        blobs.find(fake.deps, ctx("p2"), shared, digest(LAYER))
    assert not blobs.mount(fake.deps, ctx("p2"), shared, digest(LAYER), secret)
    # who has them may upload them, and they are stored once all the same
    again = fake.upload(LAYER, name=shared, who=ctx("p2"))
    assert again == first
    blobs.find(fake.deps, ctx("p2"), shared, digest(LAYER))


def test_mount(fake: Registry) -> None:
    namespaces.create(fake.deps, ctx(), "other")
    there = Name("other", "app")
    blob = fake.upload(LAYER)
    mounted = blobs.mount(fake.deps, ctx(), there, digest(LAYER), APP)
    assert mounted == blob
    assert blobs.find(fake.deps, ctx(), there, digest(LAYER)) == blob
    assert not blobs.mount(fake.deps, ctx(), there, digest(b"no"), APP)
    # of another project only what is public, even for members
    fake.share("p1", "p2", Role.PULL)
    mine = Name("p2", "app")
    args = (ctx("p2"), mine, digest(LAYER), APP)
    assert blobs.mount(fake.deps, *args) is None
    namespaces.update(fake.deps, ctx(), fake.namespace(), {"public": True})
    assert blobs.mount(fake.deps, *args) == blob
    namespaces.update(fake.deps, ctx(), fake.namespace(), {"public": False})
    assert blobs.find(fake.deps, ctx("p2"), mine, digest(LAYER)) == blob
    assert fake.used("p2") == 0


def test_mount_of_an_image_that_glance_shows_to_everybody(
    fake: Registry,
) -> None:
    """Who builds on it sends only what is new, though its namespace is not
    public; whether there is one is not told by whether Glance is asked."""
    fake.push(registry.image(LAYER))
    blob = blobs.find(fake.deps, ctx(), APP, digest(LAYER))
    mine = Name("p2", "app")
    args = (ctx("p2"), mine, digest(LAYER))
    for source in (APP, Name("p1", "other"), Name("nobody", "app")):
        fake.records.calls.clear()
        assert blobs.mount(fake.deps, *args, source) is None
        assert fake.records.calls == ["public"]
    (tag,) = fake.rows(tables.tags)
    fake.records.update(tag.image_id, {"visibility": "public"})
    assert blobs.mount(fake.deps, *args, APP) == blob
    # no other repository of the namespace, whatever bytes it has
    assert not blobs.mount(fake.deps, *args, Name("p1", "other"))
    assert fake.used("p2") == 0


def test_delete(fake: Registry) -> None:
    fake.push(registry.image(LAYER))
    with pytest.raises(exception.Conflict, match="is part of p1/app@sha256"):
        blobs.delete(fake.deps, ctx(), APP, digest(LAYER))
    fake.upload(b"free")
    blobs.delete(fake.deps, ctx(), APP, digest(b"free"))
    with pytest.raises(exception.BlobUnknown):
        blobs.find(fake.deps, ctx(), APP, digest(b"free"))
    with pytest.raises(exception.BlobUnknown):
        blobs.delete(fake.deps, ctx(), APP, digest(b"free"))


def test_calls_of_glance_are_few(fake: Registry) -> None:
    fake.upload(LAYER)
    assert fake.records.calls == ["create", "upload"]
    fake.records.calls.clear()
    blobs.find(fake.deps, ctx(), APP, digest(LAYER), touch=True)
    assert fake.records.calls == []
    # a copy that is not needed is deleted
    fake.upload(LAYER)
    assert fake.records.calls == ["create", "upload", "delete"]
    fake.records.calls.clear()
    with pytest.raises(exception.BlobUnknown):
        blobs.find(fake.deps, ctx("p2"), APP, digest(LAYER))
    assert fake.records.calls == ["visible"]


@pytest.mark.parametrize(
    "what",
    [
        Name("p1", "app"),
        Name("p1", "other"),
        Name("nobody", "app"),
    ],
    ids=str,
)
def test_an_outsider_learns_nothing(fake: Registry, what: Name) -> None:
    """Not by words, and not by whether Glance had to be asked."""
    fake.push(registry.image(LAYER))
    fake.records.calls.clear()
    with pytest.raises(exception.BlobUnknown) as error:
        blobs.find(fake.deps, ctx("p2"), what, digest(LAYER))
    assert error.value.message == (
        f"There is no blob {digest(LAYER)} in {what} that the project can see."
    )
    assert fake.records.calls == ["visible"]


def test_bytes_deleted_in_glance_are_uploaded_again(fake: Registry) -> None:
    what = registry.image(LAYER)
    fake.push(what)
    blob = blobs.find(fake.deps, ctx(), APP, digest(LAYER))
    used = fake.used()
    fake.records.guarded = False
    fake.records.delete(blob.data_id)
    with pytest.raises(exception.BlobUnknown, match="somebody deleted them"):
        blobs.open_(fake.deps, blob)
    with pytest.raises(exception.BlobUnknown):
        blobs.find(fake.deps, ctx(), APP, digest(LAYER))
    fake.push(what)
    assert fake.pull() == what
    assert fake.used() == used
    again = blobs.find(fake.deps, ctx(), APP, digest(LAYER))
    assert again.id == blob.id
    assert again.data_id != blob.data_id
