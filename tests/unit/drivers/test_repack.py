"""What of a Docker archive goes on to the engine, and what does not."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from typing import Any

import pytest

from caas.drivers.image import repack

LIMIT = 1 << 30


def layer(*files: tuple[str, bytes]) -> bytes:
    return archive(dict(files))


def archive(files: dict[str, Any]) -> bytes:
    """A tar of files; a str is the target of a symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def config_of(layers: list[bytes], **more: Any) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {
            "type": "layers",
            "diff_ids": [
                "sha256:" + hashlib.sha256(data).hexdigest() for data in layers
            ],
        },
        **more,
    }


ONE = layer(("bin/one", b"1"))
TWO = layer(("bin/two", b"2"))


def saved(**changes: Any) -> bytes:
    """An archive as docker save writes it up to version 24."""
    config = json.dumps(config_of([ONE, TWO])).encode()
    files: dict[str, Any] = {
        "aaa/layer.tar": ONE,
        "aaa/json": b"{}",
        "bbb/layer.tar": TWO,
        "config.json": config,
        "manifest.json": json.dumps(
            [
                {
                    "Config": "config.json",
                    "RepoTags": ["other/image:latest"],
                    "Layers": ["aaa/layer.tar", "bbb/layer.tar"],
                }
            ]
        ).encode(),
        "repositories": b'{"other/image": {"latest": "bbb"}}',
    }
    files.update(changes.pop("files", {}))
    if changes:
        (entry,) = json.loads(files["manifest.json"])
        files["manifest.json"] = json.dumps([entry | changes]).encode()
    return archive({n: d for n, d in files.items() if d is not None})


def repacked(data: bytes, limit: int = LIMIT) -> dict[str, bytes]:
    file = io.BytesIO(data)
    image = repack.read(file, limit)
    out = b"".join(repack.write(file, image, "caas.local/image:abc"))
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        return {
            m.name: tar.extractfile(m).read()  # type: ignore[union-attr]
            for m in tar.getmembers()
        }


def test_only_config_layers_and_our_tag_go_on() -> None:
    found = repacked(saved())
    manifest = json.loads(found.pop("manifest.json"))
    assert manifest == [
        {
            "Config": "config.json",
            "RepoTags": ["caas.local/image:abc"],
            "Layers": ["0.tar", "1.tar"],
        }
    ]
    config = json.dumps(config_of([ONE, TWO])).encode()
    assert found == {"config.json": config, "0.tar": ONE, "1.tar": TWO}


def test_layout_of_docker_25() -> None:
    """Blobs by digest, an OCI index beside the manifest."""
    config = json.dumps(config_of([ONE])).encode()
    config_name = "blobs/sha256/" + hashlib.sha256(config).hexdigest()
    layer_name = "blobs/sha256/" + hashlib.sha256(ONE).hexdigest()
    found = repacked(
        archive(
            {
                config_name: config,
                layer_name: ONE,
                "index.json": b"{}",
                "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
                "manifest.json": json.dumps(
                    [
                        {
                            "Config": config_name,
                            "RepoTags": None,
                            "Layers": [layer_name],
                            "LayerSources": {},
                        }
                    ]
                ).encode(),
            }
        )
    )
    assert found["0.tar"] == ONE
    assert found["config.json"] == config


def test_names_with_a_dot_in_front() -> None:
    data = saved()
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        tarfile.open(fileobj=out, mode="w") as new,
    ):
        for member in old.getmembers():
            content = old.extractfile(member)
            member.name = f"./{member.name}"
            new.addfile(member, content)
    assert repacked(out.getvalue())["0.tar"] == ONE


def test_equal_layers_are_links() -> None:
    config = json.dumps(config_of([ONE, ONE])).encode()
    found = repacked(
        saved(
            files={
                "bbb/layer.tar": "../aaa/layer.tar",
                "config.json": config,
            }
        )
    )
    assert found["0.tar"] == found["1.tar"] == ONE


def test_labels_of_ours_are_taken_out() -> None:
    config = config_of(
        [ONE, TWO],
        config={"Labels": {"caas.set": "another", "theirs": "stays"}},
    )
    found = repacked(saved(files={"config.json": json.dumps(config).encode()}))
    assert json.loads(found["config.json"])["config"]["Labels"] == {
        "theirs": "stays"
    }


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_as_a_whole(pack: Any) -> None:
    out = io.BytesIO()
    assert repack.decompress(io.BytesIO(pack(saved())), out, LIMIT)
    assert repacked(out.getvalue())["0.tar"] == ONE
    with pytest.raises(repack.BadArchive, match="when unpacked"):
        repack.decompress(io.BytesIO(pack(bytes(9 << 20))), out, 4 << 20)
    with pytest.raises(repack.BadArchive, match="damaged"):
        repack.decompress(io.BytesIO(pack(saved())[:-20]), io.BytesIO(), LIMIT)


def test_not_compressed() -> None:
    out = io.BytesIO()
    file = io.BytesIO(saved())
    assert not repack.decompress(file, out, LIMIT)
    assert not out.getvalue()
    assert repack.read(file, LIMIT)


def test_zstd_as_a_whole_is_told() -> None:
    with pytest.raises(repack.BadArchive, match="zstd"):
        repack.decompress(
            io.BytesIO(b"\x28\xb5\x2f\xfd" + bytes(100)), io.BytesIO(), LIMIT
        )


def test_compressed_layer_goes_on_as_it_is() -> None:
    packed = gzip.compress(ONE)
    assert repacked(saved(files={"aaa/layer.tar": packed}))["0.tar"] == packed


BOMB = gzip.compress(layer(("zeros", bytes(20 << 20))))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a tar"),
        (b"hello" * 1000, "not a tar"),
        (archive({"some": b"file"}), "no manifest.json"),
        (saved(files={"manifest.json": b"{}"}), "lists no image"),
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
        (saved(files={"config.json": b"[]"}), "not one of an image"),
        (saved(files={"config.json": b'{"os": "windows"}'}), "for windows"),
        (saved(files={"config.json": b"{}"}), "does not fit"),
        (saved(files={"bbb/layer.tar": b"no tar"}), "not a tar"),
        (saved(files={"bbb/layer.tar": BOMB}), "when unpacked"),
        (saved(files={"bbb/layer.tar": gzip.compress(TWO)[:50]}), "damaged"),
        (saved(files={"bbb/layer.tar": bz2.compress(TWO)[:50]}), "damaged"),
        (saved(files={"bbb/layer.tar": b"BZh9" + bytes(90)}), "damaged"),
        (saved(files={"config.json": bytes(9 << 20)}), "too large"),
        (saved()[:3000], "not a tar"),
    ],
)
def test_refused(data: bytes, words: str) -> None:
    with pytest.raises(repack.BadArchive, match=words):
        repacked(data, limit=16 << 20)


def test_the_same_layer_many_times_counts_each_time() -> None:
    """A small file, listed often enough to fill a disk."""
    big = layer(("zeros", bytes(1 << 20)))
    data = saved(
        files={
            "aaa/layer.tar": big,
            "config.json": json.dumps(config_of([big] * 500)).encode(),
        },
        Layers=["aaa/layer.tar"] * 500,
    )
    with pytest.raises(repack.BadArchive, match="when unpacked"):
        repacked(data, limit=100 << 20)
