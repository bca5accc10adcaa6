"""Images in archives: those let in, and those that are not."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from typing import Any

import pytest
import zstandard

from caas.layers import archive
from tests.archives import (
    OCI,
    ONE,
    TWO,
    Layout,
    config_of,
    packed,
    path,
    saved,
    sha256,
)

LIMIT = 1 << 30


def read(data: bytes, limit: int = LIMIT) -> archive.Archive:
    return archive.read(io.BytesIO(data), limit)


def blobs(data: bytes) -> dict[str, bytes]:
    """By digest, read again."""
    file = io.BytesIO(data)
    return {
        blob.content.digest: b"".join(archive.chunks(file, blob))
        for blob in archive.read(file, LIMIT).blobs
    }


def top(data: bytes) -> dict[str, Any]:
    return json.loads(read(data).manifests[-1].body)  # type: ignore[no-any-return]


CONFIG = json.dumps(config_of([ONE, TWO])).encode()


def test_docker_save_up_to_24() -> None:
    found = read(saved())
    (manifest,) = found.manifests
    assert manifest.media_type == f"{OCI}.manifest.v1+json"
    assert json.loads(manifest.body) == {
        "schemaVersion": 2,
        "mediaType": manifest.media_type,
        "config": {
            "mediaType": f"{OCI}.config.v1+json",
            "digest": sha256(CONFIG),
            "size": len(CONFIG),
        },
        "layers": [
            {
                "mediaType": f"{OCI}.layer.v1.tar",
                "digest": sha256(layer),
                "size": len(layer),
            }
            for layer in (ONE, TWO)
        ],
    }
    assert manifest.digest == sha256(manifest.body)
    assert {b.content.digest: b.content.diff_id for b in found.blobs} == {
        sha256(ONE): sha256(ONE),
        sha256(TWO): sha256(TWO),
        sha256(CONFIG): "",
    }
    assert blobs(saved()) == {sha256(b): b for b in (ONE, TWO, CONFIG)}


def test_the_same_archive_is_the_same_image() -> None:
    assert read(saved()) == read(saved())


def test_layout_of_docker_25_stays_as_it_is() -> None:
    """Blobs by digest; manifest.json beside index.json."""
    layout = Layout()
    entry = layout.manifest(ONE, TWO)
    layout.files["manifest.json"] = b"[{}, {}]"
    # once for each tag
    found = read(layout.archive(entry, entry))
    (manifest,) = found.manifests
    assert manifest.digest == entry["digest"]
    assert manifest.body == layout.files[path(entry["digest"])]
    assert len(found.blobs) == 3


def test_index_after_what_it_names() -> None:
    layout = Layout()
    entries = [layout.manifest(ONE), layout.manifest(ONE, TWO)]
    index = layout.index(*entries)
    found = read(layout.archive(index))
    assert [m.digest for m in found.manifests] == [
        e["digest"] for e in [*entries, index]
    ]
    assert len(found.blobs) == 4
    nested = layout.index(index, entries[0])
    found = read(layout.archive(nested))
    assert found.manifests[-1].digest == nested["digest"]
    assert len(found.manifests) == 4


def test_engine_saves_one_image_of_an_index() -> None:
    layout = Layout()
    mine, other = layout.manifest(ONE), layout.manifest(TWO)
    proof = layout.manifest(b"{}") | {
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"}
    }
    index = layout.index(mine, other, proof)
    del layout.files[path(other["digest"])]
    found = read(layout.archive(index))
    assert [m.digest for m in found.manifests] == [mine["digest"]]


def test_engine_saves_some_images_of_an_index() -> None:
    layout = Layout()
    entries = [layout.manifest(b) for b in (ONE, TWO, packed({"c": b"3"}))]
    index = layout.index(*entries)
    del layout.files[path(entries[1]["digest"])]
    manifests = read(layout.archive(index)).manifests
    assert len(manifests) == 3
    assert json.loads(manifests[-1].body)["manifests"] == [
        entries[0],
        entries[2],
    ]


def test_artifact() -> None:
    """What is no image has other things for layers."""
    layout = Layout()
    entry = layout.manifest(
        layers=[layout.blob(b"some chart", "application/vnd.chart")]
    )
    (manifest,) = read(layout.archive(entry)).manifests
    assert manifest.digest == entry["digest"]


def test_names_with_a_dot_in_front() -> None:
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(saved())) as old,
        tarfile.open(fileobj=out, mode="w") as new,
    ):
        for member in old.getmembers():
            content = old.extractfile(member)
            member.name = f"./{member.name}"
            new.addfile(member, content)
    assert read(out.getvalue()).manifests == read(saved()).manifests


def test_equal_layers_are_links() -> None:
    config = json.dumps(config_of([ONE, ONE])).encode()
    data = saved(
        files={"bbb/layer.tar": "../aaa/layer.tar", "config.json": config}
    )
    first, second = top(data)["layers"]
    assert first == second
    assert len(read(data).blobs) == 2


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress]
)
def test_compressed_as_a_whole(pack: Any) -> None:
    out = io.BytesIO()
    assert archive.expand(io.BytesIO(pack(saved())), out, LIMIT)
    assert out.getvalue() == saved()
    with pytest.raises(archive.TooLarge, match="4 MiB when unpacked"):
        archive.expand(io.BytesIO(pack(bytes(9 << 20))), io.BytesIO(), 4 << 20)
    for damaged in (
        pack(saved())[:-20],
        pack(saved())[:300] + b"x" * 99,
        pack(saved()) + b"more",
    ):
        with pytest.raises(archive.BadArchive, match="damaged"):
            archive.expand(io.BytesIO(damaged), io.BytesIO(), LIMIT)


def test_not_compressed() -> None:
    out = io.BytesIO()
    file = io.BytesIO(saved())
    assert not archive.expand(file, out, LIMIT)
    assert not out.getvalue()
    assert archive.read(file, LIMIT)


@pytest.mark.parametrize(
    ("pack", "suffix"),
    [(gzip.compress, "+gzip"), (zstandard.compress, "+zstd")],
)
def test_compressed_layer_stays_as_it_is(pack: Any, suffix: str) -> None:
    layer = pack(ONE)
    first, _ = top(saved(files={"aaa/layer.tar": layer}))["layers"]
    assert first["digest"] == sha256(layer)
    assert first["mediaType"] == f"{OCI}.layer.v1.tar{suffix}"


BOMB = gzip.compress(packed({"zeros": bytes(20 << 20)}))


def layout(**changes: Any) -> bytes:
    """A layout of one image, with another manifest."""
    made = Layout()
    return made.archive(made.manifest(ONE, **changes))


def without(what: str) -> bytes:
    made = Layout()
    entry = made.manifest(ONE, TWO)
    del made.files[path(sha256({"config": CONFIG, "layer": ONE}[what]))]
    return made.archive(entry)


def damaged(what: str) -> bytes:
    made = Layout()
    entry = made.manifest(ONE, TWO)
    digests = {
        "manifest": entry["digest"],
        "layer": sha256(TWO),
        "configuration": sha256(CONFIG),
    }
    data = made.files[path(digests[what])]
    made.files[path(digests[what])] = data[:-1] + b"x"
    return made.archive(entry)


def indexed(**changes: Any) -> bytes:
    made = Layout()
    return made.archive(made.manifest(ONE) | changes)


def several() -> bytes:
    made = Layout()
    return made.archive(made.manifest(ONE), made.manifest(TWO))


def deep() -> bytes:
    made = Layout()
    entry = made.manifest(ONE)
    for _ in range(9):
        entry = made.index(entry)
    return made.archive(entry)


def hollow() -> bytes:
    made = Layout()
    entry = made.manifest(ONE)
    index = made.index(entry)
    del made.files[path(entry["digest"])]
    return made.archive(index)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither a manifest.json"),
        (b"hello" * 1000, "not a tar"),
        (packed({"some": b"file"}), "neither a manifest.json"),
        (saved(files={"manifest.json": b"{}"}), "not one of an image"),
        (saved(files={"manifest.json": b"[]"}), "lists no image"),
        (saved(files={"manifest.json": b"[1"}), "not JSON"),
        (saved(files={"manifest.json": b"[" * 100_000}), "not JSON"),
        (saved(files={"manifest.json": b"[1]"}), "not one of docker save"),
        (saved(files={"manifest.json": b"[{}, {}]"}), "holds 2 images"),
        (saved(Config=None), "not one of docker save"),
        (saved(Layers=[1]), "not one of docker save"),
        (saved(Layers=[]), "has 0 layers"),
        (saved(Layers=["aaa/layer.tar"] * 600), "has 600 layers"),
        (saved(Layers=["aaa/layer.tar"]), "does not fit"),
        (saved(Layers=["aaa/layer.tar", "ccc"]), "lacks ccc"),
        (
            saved(Layers=["bbb/layer.tar", "aaa/layer.tar"]),
            "layer 1 is not the one",
        ),
        (saved(Config="../../etc/passwd"), "not a file of the archive"),
        (saved(Config="/etc/passwd"), "not a file of the archive"),
        (
            saved(files={"bbb/layer.tar": "../../../etc/shadow"}),
            "not a file of the archive",
        ),
        (
            saved(files={"bbb/layer.tar": "layer.tar"}),
            "not a file of the archive",
        ),
        (saved(files={"config.json": b"[]"}), "does not fit"),
        (saved(files={"config.json": b"{}"}), "does not fit"),
        (saved(files={"bbb/layer.tar": b"no tar"}), "layer 2 .* not a tar"),
        (saved(files={"bbb/layer.tar": b"{}"}), "layer 2 .* not a tar"),
        (saved(files={"bbb/layer.tar": BOMB}), "when unpacked"),
        (saved(files={"bbb/layer.tar": gzip.compress(TWO)[:50]}), "damaged"),
        (saved(files={"bbb/layer.tar": bz2.compress(TWO)}), "by bzip2"),
        (saved(files={"config.json": bytes(9 << 20)}), "too large"),
        (saved()[:3000], "not a tar"),
        (indexed(digest="sha512:" + "a" * 128), "has to be sha256"),
        (indexed(digest="sha256:../../x"), "has to be sha256"),
        (indexed(digest=None), "not one of an image"),
        (indexed(digest="sha256:" + "a" * 64), "lacks blobs/sha256/aaa"),
        (Layout().archive(), "lists no image"),
        (several(), "holds 2 images"),
        (deep(), "too many manifests"),
        (hollow(), "it has none"),
        (without("config"), "lacks blobs/sha256"),
        (without("layer"), "lacks blobs/sha256"),
        (damaged("manifest"), "damaged"),
        (damaged("layer"), "layer 2 is damaged"),
        (damaged("configuration"), "configuration is damaged"),
        (layout(mediaType="text/plain"), "unknown type: text/plain"),
        (layout(layers=None), "has no layers"),
        (layout(layers=["x"]), "not one of an image"),
        (layout(config=None), "not one of an image"),
        (layout(layers=[{"digest": sha256(ONE)}] * 600), "has 600 layers"),
        (
            layout(layers=[{"digest": sha256(ONE), "size": 1}]),
            "layer 1 is damaged",
        ),
    ],
)
def test_refused(data: bytes, words: str) -> None:
    with pytest.raises(archive.BadArchive, match=words):
        read(data, limit=16 << 20)


def test_the_same_layer_many_times_counts_each_time() -> None:
    """A small file, listed often enough to fill a disk."""
    big = packed({"zeros": bytes(1 << 20)})
    data = saved(
        files={
            "aaa/layer.tar": big,
            "config.json": json.dumps(config_of([big] * 500)).encode(),
        },
        Layers=["aaa/layer.tar"] * 500,
    )
    with pytest.raises(archive.TooLarge):
        read(data, limit=100 << 20)
