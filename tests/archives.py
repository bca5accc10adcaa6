"""Archives of images, made by hand: as docker save and others write them."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from typing import Any

OCI = "application/vnd.oci.image"


def packed(files: dict[str, Any]) -> bytes:
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


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


ONE = packed({"bin/one": b"1"})
TWO = packed({"bin/two": b"2"})


def config_of(layers: Iterable[bytes], **more: Any) -> dict[str, Any]:
    """A configuration; of layers without compression."""
    return {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [*map(sha256, layers)]},
        **more,
    }


def saved(**changes: Any) -> bytes:
    """As docker save writes it up to version 24, of ONE and TWO.

    :param changes: of the entry in manifest.json; ``files`` are added to the
        archive, None takes one out.
    """
    files: dict[str, Any] = {
        "aaa/layer.tar": ONE,
        "aaa/json": b"{}",
        "bbb/layer.tar": TWO,
        "config.json": json.dumps(config_of([ONE, TWO])).encode(),
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
    return packed({n: d for n, d in files.items() if d is not None})


class Layout:
    """An OCI layout that grows.

    :ivar files: of the archive, by path.
    """

    def __init__(self) -> None:
        self.files: dict[str, Any] = {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}'
        }

    def blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        """:returns: its descriptor."""
        digest = sha256(data)
        self.files[path(digest)] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def manifest(self, *layers: bytes, **more: Any) -> dict[str, Any]:
        """:param layers: without compression.
        :returns: its descriptor.
        """
        config = json.dumps(config_of(layers)).encode()
        body = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": self.blob(config, f"{OCI}.config.v1+json"),
            "layers": [
                self.blob(layer, f"{OCI}.layer.v1.tar") for layer in layers
            ],
            **more,
        }
        return self.blob(_body(body), f"{OCI}.manifest.v1+json")

    def index(self, *entries: dict[str, Any]) -> dict[str, Any]:
        """:returns: its descriptor."""
        media_type = f"{OCI}.index.v1+json"
        return self.blob(
            _body(
                {
                    "schemaVersion": 2,
                    "mediaType": media_type,
                    "manifests": entries,
                }
            ),
            media_type,
        )

    def archive(self, *entries: dict[str, Any]) -> bytes:
        """:param entries: of index.json."""
        index = {"schemaVersion": 2, "manifests": entries}
        return packed(self.files | {"index.json": json.dumps(index).encode()})


def path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _body(document: dict[str, Any]) -> bytes:
    # not as json.dumps writes it, to see that it is kept
    return json.dumps(document, indent=3).encode()
