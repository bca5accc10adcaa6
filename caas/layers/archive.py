"""An image in one file: what ``docker save`` writes, or an OCI layout.

Found in it are blobs and manifests as a registry would get them. Of a Docker
archive the manifest is made here; that of an OCI layout stays as it is, byte
for byte, so that digests and signatures hold.
"""

import contextlib
import dataclasses
import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from caas.layers import tap, tar, unpack
from caas.model.images import Content, Kind
from caas.model.manifests import (
    INDEXES,
    MANIFESTS,
    OCI_CONFIG,
    OCI_MANIFEST,
)

_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"

_CHUNK = 1 << 20
_JSON = 8 << 20
_MEMBERS = 100_000
_LAYERS = 512
_LINKS = 8
_MANIFESTS = 256
_DEPTH = 4
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class BadArchive(Exception):
    """It is not one image, or not one to let in; the message says why."""


class TooLarge(BadArchive):
    """It unpacks to more than it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"it takes more than {limit >> 20} MiB when unpacked")


@dataclasses.dataclass(frozen=True)
class Blob:
    """:ivar content: as read, not as told.
    :ivar offset: where its ``content.size`` bytes begin in the archive.
    """

    content: Content
    offset: int


@dataclasses.dataclass(frozen=True)
class Manifest:
    """:ivar digest: ``sha256:HEX`` of the body."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"


@dataclasses.dataclass(frozen=True)
class Archive:
    """:ivar blobs: configurations and layers, each once.
    :ivar manifests: what an index names before the index; the last one is
        the image.
    """

    blobs: tuple[Blob, ...]
    manifests: tuple[Manifest, ...]


def expand(file: IO[bytes], out: IO[bytes], limit: int) -> bool:
    """Write the tar of an archive that is compressed as a whole to ``out``.

    :param file: at its beginning, where it is left again.
    :param limit: bytes it may unpack to.
    :returns: False, and nothing is written, when it is not compressed.
    :raises BadArchive:
    """
    head = file.read(unpack.HEAD)
    file.seek(0)
    kind = unpack.compression(head)
    if not kind:
        return False
    unpacker = unpack.unpacker(kind)
    try:
        while data := file.read(_CHUNK):
            for piece in unpacker.feed(data):
                if out.tell() + len(piece) > limit:
                    raise TooLarge(limit)
                out.write(piece)
        unpacker.finish()
    except unpack.Damaged as e:
        raise BadArchive(f"its {kind} is damaged: {e}") from e
    file.seek(0)
    return True


def read(file: IO[bytes], limit: int) -> Archive:
    """Find the one image in an archive.

    :param file: its tar, seekable.
    :param limit: bytes its layers may unpack to, all together.
    :raises BadArchive:
    """
    return _Reading(file, limit).archive()


def chunks(file: IO[bytes], blob: Blob) -> Iterator[bytes]:
    """The bytes of a blob.

    :param file: as given to :func:`read`; not read by anybody else meanwhile.
    :raises BadArchive: the file is shorter than it was.
    """
    yield from _stretch(file, blob.offset, blob.content.size)


class _Reading:
    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self._limit = limit
        self._unpacked = 0
        self._found: dict[str, tar.Member] = {}
        self._blobs: dict[str, Blob] = {}
        self._by_place: dict[tuple[int, int], Blob] = {}
        self._manifests: dict[str, Manifest] = {}

    def archive(self) -> Archive:
        try:
            for member in tar.members(self._file):
                self._found[posixpath.normpath(member.name)] = member
                if len(self._found) > _MEMBERS:
                    raise BadArchive("it has too many files")
        except tar.NotTar as e:
            raise BadArchive(f"it is not a tar: {e}") from e
        if {"index.json", "oci-layout"} <= self._found.keys():
            self._layout()
        elif "manifest.json" in self._found:
            self._saved()
        else:
            raise BadArchive(
                "it has neither a manifest.json, as docker save writes it, "
                "nor the oci-layout and index.json of an OCI layout"
            )
        return Archive(
            tuple(self._blobs.values()), tuple(self._manifests.values())
        )

    # --- docker save up to version 24, and what imitates it

    def _saved(self) -> None:
        entry = self._entry()
        config_member = self._resolve(entry["Config"])
        config = self._json(config_member, "configuration")
        rootfs = config.get("rootfs") if isinstance(config, dict) else None
        diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
        names = entry["Layers"]
        if not isinstance(diff_ids, list) or len(diff_ids) != len(names):
            raise BadArchive("its configuration does not fit its layers")
        layers = []
        for number, name in enumerate(names, 1):
            blob, kind = self._layer(number, name)
            if blob.content.diff_id != diff_ids[number - 1]:
                raise BadArchive(
                    f"its layer {number} is not the one its configuration "
                    "names"
                )
            suffix = f"+{kind}" if kind else ""
            layers.append(_descriptor(_OCI_LAYER + suffix, blob.content))
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _descriptor(
                OCI_CONFIG, self._blob(config_member).content
            ),
            "layers": layers,
        }
        self._add(OCI_MANIFEST, _dump(manifest))

    def _entry(self) -> dict[str, Any]:
        entries = self._json(
            self._found["manifest.json"], "manifest.json", list
        )
        if not entries:
            raise BadArchive("its manifest.json lists no image")
        if len(entries) > 1:
            raise _several(len(entries))
        (entry,) = entries
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("Config"), str)
            or not isinstance(entry.get("Layers"), list)
            or not all(isinstance(name, str) for name in entry["Layers"])
        ):
            raise BadArchive("its manifest.json is not one of docker save")
        _check_number(len(entry["Layers"]))
        return entry

    def _layer(self, number: int, name: str) -> tuple[Blob, str]:
        """:returns: the blob, and how it is compressed."""
        member = self._resolve(name)
        blob = self._blob(member)
        if blob.content.kind is not Kind.TAR:
            why = blob.content.problem or "it is not a tar"
            raise BadArchive(f"its layer {number} cannot be used: {why}")
        self._file.seek(member.offset)
        return blob, unpack.compression(self._file.read(unpack.HEAD))

    # --- OCI layouts, those in what docker save writes since 25 too

    def _layout(self) -> None:
        index = self._json(self._found["index.json"], "index.json", dict)
        # with several tags it is listed several times
        entries = {
            entry["digest"]: entry
            for entry in _descriptors(index, "manifests", "index.json")
        }
        if not entries:
            raise BadArchive("its index.json lists no image")
        if len(entries) > 1:
            raise _several(len(entries))
        (entry,) = entries.values()
        if self._member(entry["digest"]) is None:
            raise BadArchive(f"it lacks {_path(entry['digest'])}")
        self._descend(entry, 0)

    def _descend(self, entry: Mapping[str, Any], depth: int) -> Manifest:
        """Take in a manifest, and before it what it names."""
        digest = entry["digest"]
        if digest in self._manifests:
            return self._manifests[digest]
        if depth > _DEPTH or len(self._manifests) > _MANIFESTS:
            raise BadArchive("its indexes name too many manifests")
        member = self._member(digest)
        assert member is not None
        body = self._bytes(member)
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise BadArchive(f"its {member.name[:80]} is damaged")
        document = _parse(body, f"manifest {digest}", dict)
        media_type = document.get("mediaType") or entry.get("mediaType")
        if media_type in INDEXES:
            return self._index(document, media_type, body, depth)
        if media_type not in MANIFESTS:
            raise BadArchive(
                f"its manifest {digest} is of an unknown type: "
                f"{str(media_type)[:80]}"
            )
        self._manifest(document, digest)
        return self._add(media_type, body)

    def _index(
        self,
        document: dict[str, Any],
        media_type: str,
        body: bytes,
        depth: int,
    ) -> Manifest:
        entries = _descriptors(document, "manifests", "index")
        # the engine saves an index whole, and of the images in it those it
        # has
        there = [e for e in entries if self._member(e["digest"]) is not None]
        images = [e for e in there if not _is_attestation(e)]
        if not images:
            raise BadArchive("of the images its index names it has none")
        if len(there) == len(entries):
            for entry in there:
                self._descend(entry, depth + 1)
            return self._add(media_type, body)
        if len(images) == 1:
            return self._descend(images[0], depth + 1)
        for entry in there:
            self._descend(entry, depth + 1)
        return self._add(media_type, _dump(document | {"manifests": there}))

    def _manifest(self, document: dict[str, Any], digest: str) -> None:
        what = f"manifest {digest}"
        layers = _descriptors(document, "layers", what)
        if len(layers) > _LAYERS:
            _check_number(len(layers))
        config = document.get("config")
        _check_descriptor(config, what)
        assert isinstance(config, dict)
        for number, entry in enumerate([config, *layers]):
            wanted = entry["digest"]
            member = self._member(wanted)
            if member is None:
                raise BadArchive(f"it lacks {_path(wanted)}")
            blob = self._blob(member)
            if (blob.content.digest, blob.content.size) != (
                wanted,
                entry.get("size", blob.content.size),
            ):
                of = f"layer {number}" if number else "configuration"
                raise BadArchive(
                    f"its {of} is damaged: it is not what {what} says"
                )

    # --- both

    def _add(self, media_type: str, body: bytes) -> Manifest:
        manifest = Manifest(media_type, body)
        return self._manifests.setdefault(manifest.digest, manifest)

    def _blob(self, member: tar.Member) -> Blob:
        """Read a blob through, once for each place in the archive."""
        place = (member.offset, member.size)
        if place not in self._by_place:
            seen = tap.Tap(self._limit)
            try:
                for data in _stretch(self._file, *place):
                    seen.feed(data)
                content = seen.finish()
            except tap.Bomb as e:
                raise TooLarge(self._limit) from e
            self._by_place[place] = Blob(content, member.offset)
        blob = self._by_place[place]
        self._unpacked += blob.content.unpacked_size
        if self._unpacked > self._limit:
            raise TooLarge(self._limit)
        return self._blobs.setdefault(blob.content.digest, blob)

    def _member(self, digest: str) -> tar.Member | None:
        """The file of a blob in a layout, None if it is not there."""
        path = _path(digest)
        return self._resolve(path) if path in self._found else None

    def _resolve(self, name: str) -> tar.Member:
        """The regular file a name leads to, within the archive."""
        path = name
        for _ in range(_LINKS):
            path = posixpath.normpath(path)
            if path.startswith(("/", "..")):
                break
            member = self._found.get(path)
            if member is None:
                raise BadArchive(f"it lacks {name[:80]}")
            if member.kind == "0":
                return member
            if member.kind == "1":
                path = member.link
            elif member.kind == "2":
                path = posixpath.join(posixpath.dirname(path), member.link)
            else:
                break
        raise BadArchive(f"its {name[:80]} is not a file of the archive")

    def _json(
        self, member: tar.Member, what: str, kind: type[Any] = object
    ) -> Any:
        return _parse(self._bytes(member), what, kind)

    def _bytes(self, member: tar.Member) -> bytes:
        if member.size > _JSON:
            raise BadArchive(f"its {member.name[:80]} is too large")
        return b"".join(_stretch(self._file, member.offset, member.size))


def _stretch(file: IO[bytes], offset: int, size: int) -> Iterator[bytes]:
    file.seek(offset)
    while size:
        data = file.read(min(size, _CHUNK))
        if not data:
            raise BadArchive("it ends within a file")
        size -= len(data)
        yield data


def _parse(data: bytes, what: str, kind: type[Any]) -> Any:
    found: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(data)
    if found is None:
        raise BadArchive(f"its {what} is not JSON")
    if not isinstance(found, kind):
        raise BadArchive(f"its {what} is not one of an image")
    return found


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _descriptor(media_type: str, content: Content) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": content.digest,
        "size": content.size,
    }


def _descriptors(
    document: dict[str, Any], key: str, what: str
) -> list[dict[str, Any]]:
    found = document.get(key)
    if not isinstance(found, list):
        raise BadArchive(f"its {what} has no {key}")
    for entry in found:
        _check_descriptor(entry, what)
    return found


def _check_descriptor(entry: Any, what: str) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str):
        raise BadArchive(f"its {what} is not one of an image")
    if not _DIGEST.fullmatch(entry["digest"]):
        raise BadArchive(
            f"its {what} names something by {entry['digest'][:80]!r}; it has "
            "to be sha256: and 64 hexadecimal digits"
        )


def _is_attestation(entry: Mapping[str, Any]) -> bool:
    """Written by BuildKit beside an image: no image itself."""
    annotations = entry.get("annotations")
    return (
        isinstance(annotations, dict)
        and annotations.get("vnd.docker.reference.type")
        == "attestation-manifest"
    )


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _several(count: int) -> BadArchive:
    return BadArchive(f"it holds {count} images: save one image to an archive")


def _check_number(layers: int) -> None:
    if not 0 < layers <= _LAYERS:
        raise BadArchive(
            f"its image has {layers} layers; it may have 1 to {_LAYERS}"
        )
