"""What a blob is, by its bytes alone."""

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from caas.layers import tap
from caas.model.images import Content, Kind

LIMIT = 1 << 30


def packed(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    return zstandard.compress(data)


def skippable(data: bytes) -> bytes:
    return (
        (0x184D2A53).to_bytes(4, "little")
        + len(data).to_bytes(4, "little")
        + data
    )


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def content(data: bytes, step: int = 1 << 20, limit: int = LIMIT) -> Content:
    seen = tap.Tap(limit)
    for at in range(0, len(data), step):
        seen.feed(data[at : at + step])
    return seen.finish()


TAR = packed(("etc/passwd", os.urandom(100_000)), ("b", b"x" * 3000))
HALF = len(TAR) // 2

GOOD: dict[str, bytes] = {
    "plain": TAR,
    "gzip": gzip.compress(TAR),
    "gzip of several members": gzip.compress(TAR[:HALF])
    + gzip.compress(b"")
    + gzip.compress(TAR[HALF:]),
    "zstd": zstd(TAR),
    "zstd of several frames": skippable(b"first")
    + zstd(TAR[:HALF])
    + skippable(b"x" * 5000)
    + zstd(TAR[HALF:])
    + skippable(b"table of contents"),
}


@pytest.mark.parametrize("step", [1, 511, 4096, 1 << 20])
@pytest.mark.parametrize("name", GOOD)
def test_layers(name: str, step: int) -> None:
    data = GOOD[name]
    assert content(data, step) == Content(
        digest=sha256(data),
        size=len(data),
        kind=Kind.TAR,
        diff_id=sha256(TAR),
        unpacked_size=103_000,
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_empty_layer(pack: Callable[[bytes], bytes]) -> None:
    found = content(pack(bytes(1024)))
    assert (found.kind, found.unpacked_size) == ("tar", 0)
    assert found.diff_id == sha256(bytes(1024))


def test_what_follows_the_archive_is_of_its_digest() -> None:
    data = TAR + b"what follows" * 1000
    assert content(gzip.compress(data)).diff_id == sha256(data)


@pytest.mark.parametrize("data", [b"{}", b' \n[{"a": 1}]', b'{"a":"' * 2000])
def test_json(data: bytes) -> None:
    assert content(data) == Content(sha256(data), len(data), Kind.JSON)


def test_a_file_with_a_name_like_json() -> None:
    assert content(packed(("[", b"x"))).kind == "tar"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"some text", "not a tar: it ends within a header"),
        (os.urandom(5000), "not a tar: a header"),
        (bytes(512) + b"x" * 512, "not a tar: a header is damaged"),
        (TAR[:50_000], "not a tar: it ends within a file"),
        (gzip.compress(TAR)[:50_000], "its gzip is damaged"),
        (gzip.compress(TAR)[:-5], "its gzip is damaged: it ends too early"),
        (gzip.compress(TAR)[:-8] + bytes(8), "its gzip is damaged"),
        (gzip.compress(TAR) + b"garbage", "its gzip is damaged"),
        (gzip.compress(b"no tar" * 1000), "not a tar: a header is damaged"),
        (zstd(TAR)[:50_000], "its zstd is damaged: it ends too early"),
        (zstd(TAR)[:-1], "its zstd is damaged: it ends too early"),
        (zstd(TAR) + b"garbage", "its zstd is damaged"),
        (zstd(TAR) + skippable(b"abc")[:-1], "its zstd is damaged"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "its zstd is damaged"),
        (bz2.compress(TAR), "it is compressed by bzip2"),
        (lzma.compress(TAR), "it is compressed by xz"),
    ],
    # not of the data, which is another one for each worker
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_something_else(data: bytes, words: str) -> None:
    found = content(data)
    assert found.digest == sha256(data)
    assert found.size == len(data)
    assert (found.kind, found.diff_id) == ("other", "")
    assert words in found.problem


def _zeros(size: int) -> bytes:
    """The header and the end of a tar with a file of zeros, without those."""
    info = tarfile.TarInfo("zeros")
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def _sparse() -> bytes:
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(1 << 50),
    }
    return info.tobuf(tarfile.PAX_FORMAT) + bytes(1024)


GZIP_BOMB = gzip.compress(_zeros(64 << 20) + bytes(64 << 20))
ZSTD_BOMB = zstd(_zeros(1 << 30) + bytes(1 << 30))
BOMBS = {
    "gzip": GZIP_BOMB,
    "zstd": ZSTD_BOMB,
    "zeros after the end": zstd(TAR + bytes(64 << 20)),
    "sparse": _sparse(),
    "sparse in gzip": gzip.compress(_sparse()),
    "the size of one file": _zeros(1 << 40) + bytes(1024),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    with pytest.raises(tap.Bomb, match="more than 16 MiB when unpacked"):
        content(BOMBS[name], limit=16 << 20)


@pytest.mark.parametrize("data", [GZIP_BOMB, ZSTD_BOMB, TAR * 200])
def test_memory_is_bounded(data: bytes) -> None:
    """The zstd library returns all that a piece becomes, joined."""
    tracemalloc.start()
    try:
        with contextlib.suppress(tap.Bomb):
            content(data, step=64 << 10, limit=512 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 72 << 20


def test_a_window_of_zstd_beyond_reason() -> None:
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27)
    )
    found = content(packer.stream_reader(io.BytesIO(TAR)).read())
    assert found.kind == "other"
    assert "its zstd is damaged" in found.problem
