"""A Docker archive as it came, and as the engine is to see it.

Of what ``docker save`` writes only the configuration and the layers of its
one image go on, with names of ours: no path, tag or other image of whoever
made the archive gets near the engine.
"""

import bz2
import contextlib
import dataclasses
import gzip
import io
import json
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from caas.drivers.image import tar

_CHUNK = 1 << 20
_JSON = 8 << 20
_MEMBERS = 100_000
_LAYERS = 512
_LINKS = 8
_LABELS = "caas."


class BadArchive(Exception):
    """It is not one image, or not one to let in; the message says why."""


class TooLarge(BadArchive):
    """It unpacks to more than it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"it takes more than {limit >> 20} MiB when unpacked")


@dataclasses.dataclass(frozen=True)
class Part:
    """A stretch of the archive's file."""

    offset: int
    size: int


@dataclasses.dataclass(frozen=True)
class Image:
    """:ivar config: JSON; layers are listed from the bottom up."""

    config: bytes
    layers: tuple[Part, ...]


def decompress(file: IO[bytes], out: IO[bytes], limit: int) -> bool:
    """Write the tar of an archive that is compressed as a whole to ``out``.

    :param limit: bytes it may unpack to.
    :returns: False, and nothing is written, when it is not compressed.
    """
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        raise BadArchive(
            "it is compressed by zstd as a whole; use gzip, or none"
        )
    source = _decompressed(file, head)
    if source is None:
        return False
    with _damage("it"):
        while data := source.read(_CHUNK):
            if out.tell() + len(data) > limit:
                raise TooLarge(limit)
            out.write(data)
    return True


def read(file: IO[bytes], limit: int) -> Image:
    """Find the one image in an archive.

    :param file: its tar, seekable.
    :param limit: bytes its layers may unpack to.
    :raises BadArchive:
    """
    found: dict[str, tar.Member] = {}
    with _damage("it"):
        for member in tar.members(file):
            found[posixpath.normpath(member.name)] = member
            if len(found) > _MEMBERS:
                raise BadArchive("it has too many files")
    manifest = _manifest(file, found)
    config_bytes = _read(file, _resolve(found, manifest["Config"]))
    config = _config(config_bytes)
    names = manifest["Layers"]
    diff_ids = config.get("rootfs", {}).get("diff_ids")
    if not isinstance(diff_ids, list) or len(diff_ids) != len(names):
        raise BadArchive("its configuration does not fit its layers")
    parts, unpacked = [], 0
    sizes: dict[Part, int] = {}
    for name in names:
        member = _resolve(found, name)
        part = Part(member.offset, member.size)
        if part not in sizes:
            sizes[part] = _unpacked(file, part, limit)
        unpacked += sizes[part]
        if unpacked > limit:
            raise TooLarge(limit)
        parts.append(part)
    if _strip_labels(config):
        config_bytes = json.dumps(config).encode()
    return Image(config_bytes, tuple(parts))


def write(file: IO[bytes], image: Image, reference: str) -> Iterator[bytes]:
    """The archive to load, piece by piece.

    :param file: as given to :func:`read`.
    :param reference: ``name:tag`` the image is to have.
    """
    names = [f"{number}.tar" for number in range(len(image.layers))]
    manifest = [
        {"Config": "config.json", "RepoTags": [reference], "Layers": names}
    ]
    yield from _file("config.json", image.config)
    for name, part in zip(names, image.layers, strict=True):
        yield _header(name, part.size)
        file.seek(part.offset)
        left = part.size
        while left:
            data = file.read(min(left, _CHUNK))
            if not data:
                raise BadArchive("it ends within a layer")
            left -= len(data)
            yield data
        yield bytes(-part.size % tarfile.BLOCKSIZE)
    yield from _file("manifest.json", json.dumps(manifest).encode())
    yield bytes(2 * tarfile.BLOCKSIZE)


def _decompressed(file: IO[bytes], head: bytes) -> IO[bytes] | None:
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(file)
    return None


def _manifest(file: IO[bytes], found: dict[str, tar.Member]) -> dict[str, Any]:
    if "manifest.json" not in found:
        raise BadArchive(
            "it has no manifest.json: it has to be written by docker save"
        )
    images = _json(_read(file, found["manifest.json"]), "manifest.json")
    if not isinstance(images, list) or not images:
        raise BadArchive("its manifest.json lists no image")
    if len(images) > 1:
        raise BadArchive(
            f"it holds {len(images)} images: save one image to an archive"
        )
    (image,) = images
    if (
        not isinstance(image, dict)
        or not isinstance(image.get("Config"), str)
        or not isinstance(image.get("Layers"), list)
        or not all(isinstance(name, str) for name in image["Layers"])
    ):
        raise BadArchive("its manifest.json is not one of docker save")
    if not 0 < len(image["Layers"]) <= _LAYERS:
        raise BadArchive(f"its image has {len(image['Layers'])} layers")
    return image


def _config(data: bytes) -> dict[str, Any]:
    config = _json(data, "configuration")
    if not isinstance(config, dict) or not isinstance(
        config.get("rootfs", {}), dict
    ):
        raise BadArchive("its configuration is not one of an image")
    system = config.get("os") or "linux"
    if system != "linux":
        raise BadArchive(f"its image is for {system}, hosts run Linux")
    return config


def _strip_labels(config: dict[str, Any]) -> bool:
    """Remove labels by which containers of ours are known.

    ``docker commit`` of a container in a set leaves them there.

    :returns: whether there were any; if not, the image keeps its id.
    """
    stripped = False
    for key in ("config", "container_config"):
        part = config.get(key)
        labels = part.get("Labels") if isinstance(part, dict) else None
        if isinstance(labels, dict):
            for name in [n for n in labels if n.startswith(_LABELS)]:
                del labels[name]
                stripped = True
    return stripped


def _json(data: bytes, what: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as e:
        raise BadArchive(f"its {what} is not JSON") from e


def _read(file: IO[bytes], member: tar.Member) -> bytes:
    if member.size > _JSON:
        raise BadArchive(f"its {member.name[:80]} is too large")
    file.seek(member.offset)
    return file.read(member.size)


def _resolve(found: dict[str, tar.Member], name: str) -> tar.Member:
    """The regular file a name of the manifest leads to, within the archive."""
    path = name
    for _ in range(_LINKS):
        path = posixpath.normpath(path)
        if path.startswith(("/", "..")):
            break
        member = found.get(path)
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


def _unpacked(file: IO[bytes], part: Part, limit: int) -> int:
    """What a layer takes when unpacked; more than ``limit`` is not counted."""
    window: IO[bytes] = io.BufferedReader(_Window(file, part))
    head = window.read(6)
    window.seek(0)
    layer = _decompressed(window, head) or window
    total = 0
    with _damage("a layer of it"):
        for member in tar.members(layer):
            total += member.unpacked
            if total > limit:
                break
    return total


@contextlib.contextmanager
def _damage(of: str) -> Iterator[None]:
    try:
        yield
    except tar.NotTar as e:
        raise BadArchive(f"{of} is not a tar: {e}") from e
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as e:
        raise BadArchive(f"{of} is damaged") from e
    except OSError as e:
        if e.errno is None:
            # of bz2, which has no error of its own
            raise BadArchive(f"{of} is damaged") from e
        raise


class _Window(io.RawIOBase):
    """A stretch of a file as a file."""

    def __init__(self, file: IO[bytes], part: Part) -> None:
        self._file = file
        self._part = part
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = (0, self._at, self._part.size)[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        left = max(0, self._part.size - self._at)
        self._file.seek(self._part.offset + self._at)
        data = self._file.read(min(left, len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    # sizes of 8 GiB and more
    return info.tobuf(tarfile.GNU_FORMAT)


def _file(name: str, data: bytes) -> Iterator[bytes]:
    yield _header(name, len(data))
    yield data
    yield bytes(-len(data) % tarfile.BLOCKSIZE)
