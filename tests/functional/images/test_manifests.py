"""Manifests and tags."""

import contextlib
import json
from typing import Any

import pytest

from caas import exception
from caas.core import blobs, manifests, namespaces
from caas.model import manifests as parsing
from caas.model.images import Name, Role
from caas.store import tables
from tests.functional.images import registry
from tests.functional.images.registry import APP, Registry, ctx, digest

LINUX = {"os": "linux", "architecture": "amd64"}
BASE = registry.layer(a="base")
TOP = registry.layer(b="top")
IMAGE = registry.image(BASE, TOP)


def test_an_image_is_a_tree_in_glance(whole: Registry) -> None:
    """On a real one, with our filter."""
    name = Name("tree", "app")
    who = ctx("tree")
    pushed = whole.push(IMAGE, "1", name, who)
    assert pushed.digest == IMAGE.digest
    assert not pushed.problem
    assert (pushed.os, pushed.architecture) == ("linux", "amd64")
    assert whole.pull("1", name, who) == IMAGE
    assert whole.pull(IMAGE.digest, name, who) == IMAGE
    (shown,) = whole.records.list(owner="tree")
    assert shown["name"] == "tree/app:1"
    assert shown["caas_kind"] == "image"
    assert shown["caas_digest"] == IMAGE.digest
    assert shown["caas_size"] == str(len(BASE) + len(TOP))
    assert shown["parent_id"] == pushed.top_layer_id
    content = whole.records.open(shown["id"])
    assert b"".join(content.chunks) == IMAGE.manifest
    hidden = {
        record["caas_digest"]: record
        for record in whole.records.list(owner="tree", os_hidden="true")
    }
    assert len(hidden) == 3
    config = hidden[digest(IMAGE.blobs[0])]
    assert config["caas_kind"] == "blob"
    base, top = hidden[digest(BASE)], hidden[digest(TOP)]
    assert "parent_id" not in base
    assert top["parent_id"] == base["id"]
    assert top["id"] == pushed.top_layer_id
    assert base["caas_chain_id"] == base["caas_diff_id"]
    assert {base["caas_kind"], top["caas_kind"]} == {"layer"}
    with pytest.raises(exception.Conflict):
        whole.records.delete(base["id"])


def test_a_layer_under_two_parents(whole: Registry) -> None:
    name, who = Name("twice", "app"), ctx("twice")
    other = registry.layer(a="another base")
    whole.push(IMAGE, "1", name, who)
    second = registry.image(other, TOP)
    third = registry.image(BASE, TOP, TOP)
    whole.push(second, "2", name, who)
    whole.push(third, "3", name, who)
    for tag, what in (("1", IMAGE), ("2", second), ("3", third)):
        assert whole.pull(tag, name, who) == what
    tops = [
        record
        for record in whole.records.list(owner="twice", os_hidden="true")
        if record["caas_digest"] == digest(TOP)
    ]
    assert len(tops) == 3
    (first,) = [record for record in tops if "caas_data_id" not in record]
    places = [record for record in tops if "caas_data_id" in record]
    assert {record["caas_data_id"] for record in places} == {first["id"]}
    assert {record["size"] for record in places} == {0}
    assert {record["status"] for record in places} == {"active"}
    assert len({record["parent_id"] for record in tops}) == 3
    # all of it goes when nobody wants it
    for tag in "123":
        manifests.delete(whole.deps, who, name, tag)
    for days in (10, 20):
        whole.collector(lambda days=days: later(days)).round()
    assert whole.count() == {}
    assert list(whole.records.list(owner="twice", os_hidden="true")) == []
    assert list(whole.records.list(owner="twice")) == []


def later(days: float) -> Any:
    from datetime import timedelta

    return blobs.utcnow() + timedelta(days=days)


def test_calls_of_glance_are_few(fake: Registry) -> None:
    def calls() -> dict[str, int]:
        made = {c: fake.records.calls.count(c) for c in fake.records.calls}
        fake.records.calls.clear()
        return made

    for data in IMAGE.blobs:
        fake.upload(data)
    calls()
    fake.put(IMAGE.manifest)
    # configuration read; two layers told; record made, and filled
    assert calls() == {"open": 1, "update": 2, "create": 1, "upload": 1}
    fake.put(IMAGE.manifest)
    assert calls() == {}
    fake.put(IMAGE.manifest, "2")
    assert calls() == {"create": 1, "upload": 1}
    more = registry.image(BASE, TOP, registry.layer(c="more"))
    for data in more.blobs:
        fake.upload(data)
    calls()
    fake.put(more.manifest)
    # only what is new; and the former image is hidden
    assert calls() == {"open": 1, "update": 2, "create": 1, "upload": 1}
    fake.put(more.manifest, more.digest)
    assert calls() == {}
    manifests.get(fake.deps, ctx(), APP, "1")
    fake.share("p1", "p2", Role.PULL)
    manifests.get(fake.deps, ctx("p2"), APP, "1")
    assert calls() == {}
    with pytest.raises(exception.ManifestUnknown):
        manifests.get(fake.deps, ctx("p3"), APP, "1")
    assert calls() == {"visible": 1}
    manifests.delete(fake.deps, ctx(), APP, "1")
    assert calls() == {"update": 1}


def test_a_tag_moves(fake: Registry) -> None:
    fake.push(IMAGE)
    other = registry.image(BASE)
    fake.push(other)
    assert fake.pull() == other
    assert fake.pull(IMAGE.digest) == IMAGE
    (shown,) = fake.records.list()
    assert shown["caas_digest"] == other.digest
    binned = [row for row in fake.rows(tables.tags) if row.deleted_at]
    assert len(binned) == 1
    fake.check()


def test_delete_a_tag_and_a_manifest(fake: Registry) -> None:
    fake.push(IMAGE)
    fake.push(IMAGE, "2")
    manifests.delete(fake.deps, ctx(), APP, "1")
    assert manifests.list_tags(fake.deps, ctx(), APP) == ["2"]
    assert fake.pull(IMAGE.digest) == IMAGE
    for gone in ("1", "no", digest(b"no")):
        with pytest.raises(exception.ManifestUnknown):
            manifests.delete(fake.deps, ctx(), APP, gone)
    manifests.delete(fake.deps, ctx(), APP, IMAGE.digest)
    for reference in ("2", IMAGE.digest):
        with pytest.raises(exception.ManifestUnknown):
            fake.pull(reference)
    with pytest.raises(exception.NameUnknown):
        manifests.list_tags(fake.deps, ctx(), APP)
    assert list(fake.records.list()) == []
    # hosts that run it go on
    host = manifests.get_for_host(fake.deps, APP, IMAGE.digest, IMAGE.digest)
    assert host.body == IMAGE.manifest
    # it can be pushed again, without its bytes
    fake.push(IMAGE, "3")
    assert fake.pull("3") == IMAGE
    fake.check()


def test_an_index(fake: Registry) -> None:
    one, two = IMAGE, registry.image(BASE)
    body = registry.index(one, two)
    with pytest.raises(exception.ManifestBlobUnknown, match=one.digest):
        fake.put(body)
    for each in (one, two):
        fake.push(each, each.digest)
    pushed = fake.put(body)
    assert manifests.get(fake.deps, ctx(), APP, "1").body == body
    with pytest.raises(exception.Conflict, match="An index in p1/app names"):
        manifests.delete(fake.deps, ctx(), APP, one.digest)
    for each in (one, two):
        found = manifests.get_for_host(
            fake.deps, APP, pushed.digest, each.digest
        )
        assert found.body == each.manifest
        for data in each.blobs:
            manifests.blob_for_host(
                fake.deps, APP, pushed.digest, digest(data)
            )
    # a token for one of them is none for the other
    with pytest.raises(exception.ManifestUnknown):
        manifests.get_for_host(fake.deps, APP, two.digest, one.digest)
    with pytest.raises(exception.BlobUnknown):
        manifests.blob_for_host(fake.deps, APP, two.digest, digest(TOP))
    manifests.delete(fake.deps, ctx(), APP, pushed.digest)
    manifests.delete(fake.deps, ctx(), APP, one.digest)
    with pytest.raises(exception.ManifestBlobUnknown, match=one.digest):
        fake.put(body)


def test_glance_decides_who_else_may_pull(fake: Registry) -> None:
    fake.push(IMAGE)
    (row,) = fake.rows(tables.tags)
    who = ctx("p2")
    for call in (
        lambda: fake.pull("1", who=who),
        lambda: fake.pull(IMAGE.digest, who=who),
        lambda: manifests.list_tags(fake.deps, who, APP),
    ):
        with pytest.raises(exception.NotFound):
            call()
    fake.records.share(row.image_id, "p2", "accepted")
    fake.push(registry.image(BASE, BASE), "secret")
    assert fake.pull("1", who=who) == IMAGE
    assert fake.pull(IMAGE.digest, who=who) == IMAGE
    assert manifests.list_tags(fake.deps, who, APP) == ["1"]
    assert manifests.repositories(fake.deps, who) == []
    with pytest.raises(exception.ManifestUnknown):
        fake.pull("secret", who=who)
    with pytest.raises(exception.NameUnknown):
        fake.push(IMAGE, "mine", who=who)


def test_an_index_that_is_shared_shares_what_is_in_it(fake: Registry) -> None:
    fake.push(IMAGE, IMAGE.digest)
    fake.put(registry.index(IMAGE))
    (row,) = fake.rows(tables.tags)
    fake.records.share(row.image_id, "p2", "accepted")
    assert fake.pull(IMAGE.digest, who=ctx("p2")) == IMAGE


def test_public_base(fake: Registry) -> None:
    """Used by all, stored once, on its owner's account."""
    namespaces.create(fake.deps, ctx(), "library", public=True)
    base = Name("library", "base")
    fake.push(registry.image(BASE), "1", base)
    assert fake.pull("1", base, ctx("p2")) == registry.image(BASE)
    before = len(fake.records.records)
    mine = Name("p2", "app")
    pushed = fake.push(IMAGE, "1", mine, ctx("p2"))
    assert fake.pull("1", mine, ctx("p2")) == IMAGE
    # configuration, the top layer, the image
    assert len(fake.records.records) == before + 3
    spent = len(TOP) + len(IMAGE.blobs[0]) + len(IMAGE.manifest)
    assert fake.used("p2") == spent
    top = fake.records.records[pushed.top_layer_id]
    assert top["owner"] == "p2"
    assert fake.records.records[top["parent_id"]]["owner"] == "p1"
    # and it stays when its owner deletes it
    manifests.delete(fake.deps, ctx(), base, "1")
    for days in (10, 20, 30):
        fake.collector(lambda days=days: later(days)).round()
    assert fake.pull("1", mine, ctx("p2")) == IMAGE
    fake.check()


def test_tags_and_repositories(fake: Registry) -> None:
    for tag in ("b", "a", "B", "10", "9"):
        fake.push(IMAGE, tag)
    fake.push(IMAGE, "x", Name("p1", "app-two/sub"))
    listed = manifests.list_tags(fake.deps, ctx(), APP)
    assert listed == sorted(["b", "a", "B", "10", "9"])
    page = manifests.list_tags(fake.deps, ctx(), APP, "10", 2)
    assert page == ["9", "B"]
    both = ["p1/app", "p1/app-two/sub"]
    assert manifests.repositories(fake.deps, ctx()) == both
    assert manifests.repositories(fake.deps, ctx(), both[0]) == both[1:]
    assert manifests.repositories(fake.deps, ctx(), "", 1) == both[:1]
    with pytest.raises(exception.NameUnknown):
        manifests.list_tags(fake.deps, ctx(), Name("p1", "none"))


def test_referrers(fake: Registry) -> None:
    fake.push(IMAGE)
    empty = b"{}"
    fake.upload(empty)
    subject = {
        "mediaType": parsing.OCI_MANIFEST,
        "digest": IMAGE.digest,
        "size": len(IMAGE.manifest),
    }

    def signature(kind: str) -> str:
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": parsing.OCI_MANIFEST,
                "artifactType": kind,
                "config": registry.descriptor(parsing.OCI_EMPTY, empty),
                "layers": [registry.descriptor(parsing.OCI_EMPTY, empty)],
                "subject": subject,
                "annotations": {"kind": kind},
            }
        ).encode()
        pushed = fake.put(body, digest(body))
        assert pushed.subject == IMAGE.digest
        return pushed.digest

    made = [signature("a/sbom"), signature("a/signature")]
    found = manifests.referrers(fake.deps, ctx(), APP, IMAGE.digest)
    assert [each["digest"] for each in found] == made
    assert found[0]["artifactType"] == "a/sbom"
    assert found[0]["annotations"] == {"kind": "a/sbom"}
    (one,) = manifests.referrers(
        fake.deps, ctx(), APP, IMAGE.digest, "a/signature"
    )
    assert one["digest"] == made[1]
    assert manifests.referrers(fake.deps, ctx(), APP, digest(b"x")) == []
    with pytest.raises(exception.NameUnknown):
        manifests.referrers(fake.deps, ctx("p2"), APP, IMAGE.digest)
    # they stay as long as what they are about
    fake.collector(lambda: later(100)).round()
    assert len(manifests.referrers(fake.deps, ctx(), APP, IMAGE.digest)) == 2
    manifests.delete(fake.deps, ctx(), APP, "1")
    for days in (200, 300, 400):
        fake.collector(lambda days=days: later(days)).round()
    assert fake.count() == {}


def other(change: dict[str, Any]) -> bytes:
    return json.dumps(json.loads(IMAGE.manifest) | change).encode()


def ended(with_: str) -> bytes:
    """One more member of the manifest, as text."""
    return IMAGE.manifest[:-1] + f", {with_}}}".encode()


@pytest.mark.parametrize(
    ("body", "media_type", "error", "words"),
    [
        (b"", "", "ManifestInvalid", "is not JSON"),
        (b"[]", "", "ManifestInvalid", "is no JSON object"),
        (b"[" * 100_000, "", "ManifestInvalid", "is not JSON"),
        (b'{"schemaVersion": 1}', "", "ManifestInvalid", "schemaVersion 2"),
        (b"\xff", "", "ManifestInvalid", "is not JSON"),
        (
            IMAGE.manifest.decode().encode("utf-16"),
            "",
            "ManifestInvalid",
            "is not JSON",
        ),
        (
            b"\xef\xbb\xbf" + IMAGE.manifest,
            "",
            "ManifestInvalid",
            "is not JSON",
        ),
        (ended('"a": NaN'), "", "ManifestInvalid", "NaN is no number"),
        (ended('"a": 1e999'), "", "ManifestInvalid", "1e999 is no number"),
        (ended('"layers": []'), "", "ManifestInvalid", "'layers' twice"),
        (ended('"Layers": []'), "", "ManifestInvalid", "for 'layers'"),
        (
            IMAGE.manifest.replace(b'"size":', b'"Size":'),
            "",
            "ManifestInvalid",
            "for 'size'",
        ),
        (other({"layers": {}}), "", "ManifestInvalid", "no list of 'layers'"),
        (other({"config": 1}), "", "ManifestInvalid", "descriptor at"),
        (
            other({"layers": [{"digest": "x", "size": True}]}),
            "",
            "ManifestInvalid",
            "is not a number of bytes",
        ),
        (
            other(
                {"layers": [{"digest": "x", "size": 1, "mediaType": "a/b"}]}
            ),
            "",
            "ManifestInvalid",
            "not of the form sha256:HEX",
        ),
        (
            IMAGE.manifest,
            parsing.DOCKER_MANIFEST,
            "ManifestInvalid",
            "both must be the same",
        ),
        (
            other({"mediaType": "a/b"}),
            "a/b",
            "ManifestInvalid",
            "'a/b' is not known here",
        ),
        (
            other({"annotations": {"a": 1}}),
            "",
            "ManifestInvalid",
            "no object of strings",
        ),
        (
            other(
                {
                    "layers": [
                        registry.descriptor("a/b", BASE),
                        {"mediaType": "a/b", "size": 5}
                        | {"digest": digest(TOP)},
                    ]
                }
            ),
            "",
            "ManifestInvalid",
            "5 bytes; it has",
        ),
        (
            other({"layers": [registry.descriptor("a/b", b"none")]}),
            "",
            "ManifestBlobUnknown",
            digest(b"none"),
        ),
        (
            other({"layers": [registry.descriptor("a/b", BASE)]}),
            "",
            "ManifestInvalid",
            "has 1 layers, but the configuration tells of 2",
        ),
        (
            other(
                {
                    "layers": [
                        registry.descriptor("a/b", each)
                        for each in (TOP, BASE)
                    ]
                }
            ),
            "",
            "ManifestInvalid",
            "unpacks to",
        ),
    ],
)
def test_what_is_wrong_is_a_sentence(
    fake: Registry, body: bytes, media_type: str, error: str, words: str
) -> None:
    for data in IMAGE.blobs:
        fake.upload(data)
    before = fake.count()
    with pytest.raises(getattr(exception, error)) as raised:
        fake.put(body, media_type=media_type)
    assert words in raised.value.message
    assert fake.count() == before
    fake.check()


def test_a_digest_that_is_another(fake: Registry) -> None:
    with pytest.raises(exception.DigestInvalid, match="has the digest"):
        fake.put(IMAGE.manifest, digest(b"x"))
    with pytest.raises(exception.ManifestInvalid, match="neither a tag"):
        fake.put(IMAGE.manifest, "bad tag")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"os": "windows", "architecture": "amd64"}, "system 'windows'"),
        ({"os": "linux", "architecture": "amd64"}, "not say what its layers"),
        (
            {"os": "linux", "rootfs": {"diff_ids": []}},
            "for which architecture",
        ),
    ],
)
def test_images_of_which_no_set_is_made(
    fake: Registry, config: dict[str, Any], words: str
) -> None:
    """They are stored as any other."""
    what = registry.image(BASE, config=config)
    assert words in fake.push(what).problem
    assert fake.pull() == what


def test_layers_that_are_no_tars(fake: Registry) -> None:
    what = registry.image(b"no tar", config=LINUX)
    pushed = fake.push(what)
    assert "is no tar" in pushed.problem
    assert pushed.top_layer_id == ""
    assert fake.pull() == what


def test_labels_of_ours_are_refused(fake: Registry) -> None:
    what = registry.image(
        BASE, config={"os": "linux", "config": {"Labels": {"caas.set": "x"}}}
    )
    with pytest.raises(exception.ManifestInvalid, match=r"'caas.set'"):
        fake.push(what)
    fake.check()


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ('"config": {"Labels": {"caas.set": "x"}}', "'config' twice"),
        ('"Config": {"Labels": {"caas.set": "x"}}', "'Config', which some"),
        ('"a": {"b": 1, "b": 1}', "'b' twice"),
        ('"a": Infinity', "Infinity is no number"),
    ],
)
def test_a_configuration_that_can_be_read_otherwise(
    fake: Registry, member: str, words: str
) -> None:
    """Than the engine would: policies look at what is run."""
    raw = json.dumps({**LINUX, "config": {}})[:-1] + f", {member}}}"
    _refused(fake, raw.encode(), words)


@pytest.mark.parametrize("key", ["user", "USER", "u\u017fer", "labels", "env"])
def test_keys_of_a_configuration_have_one_spelling(
    fake: Registry, key: str
) -> None:
    raw = json.dumps({**LINUX, "config": {"User": "app", key: "root"}})
    _refused(fake, raw.encode(), "it has to be spelled so")


def _refused(fake: Registry, config: bytes, words: str) -> None:
    manifest = other(
        {"config": registry.descriptor(parsing.OCI_CONFIG, config)}
    )
    what = registry.Image(manifest, (config, *IMAGE.blobs[1:]))
    with pytest.raises(exception.ManifestInvalid, match=words):
        fake.push(what)
    fake.check()


def test_an_index_that_lies(fake: Registry) -> None:
    """Clients would fail when they pull what it names."""
    fake.push(IMAGE, IMAGE.digest)
    right = json.loads(registry.index(IMAGE))
    for wrong in ({"size": 1}, {"mediaType": parsing.DOCKER_MANIFEST}):
        [child] = right["manifests"]
        body = json.dumps({**right, "manifests": [child, child | wrong]})
        with pytest.raises(exception.ManifestInvalid, match="The index says"):
            fake.put(body.encode())
    fake.put(registry.index(IMAGE))
    fake.check()


def test_glance_fails_in_the_middle(
    fake: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push fails or it works; nothing is shown that does not pull."""
    fake.push(registry.image(BASE))
    for data in IMAGE.blobs:
        with contextlib.suppress(exception.CaasError):
            fake.upload(data)

    def fail(*_args: Any, **_how: Any) -> None:
        raise exception.Unavailable("Glance does not answer.")

    for call in ("update", "create"):
        with monkeypatch.context() as patch:
            patch.setattr(fake.records, call, fail)
            with pytest.raises(exception.Unavailable):
                fake.put(IMAGE.manifest)
        assert fake.pull() == registry.image(BASE)
        (shown,) = fake.records.list()
        assert shown["caas_digest"] == registry.image(BASE).digest
        fake.check()
    with monkeypatch.context() as patch:
        patch.setattr(fake.records, "upload", fail)
        fake.put(IMAGE.manifest)
    # it is there, though its record is of no use yet
    assert fake.pull() == IMAGE
    assert [r["status"] for r in fake.records.list()] == ["queued"]
    fake.collector(lambda: later(1)).round()
    assert [r["status"] for r in fake.records.list()] == ["active"]
