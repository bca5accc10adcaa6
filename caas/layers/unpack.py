"""Takes the compression off bytes that come piece by piece.

Whoever made the bytes may want memory or time of ours, so input goes to the
libraries in pieces small enough that what one of them can become is bounded:
8 KiB of deflate make 8 MiB at most, 1 KiB of zstd 32 MiB.
"""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

#: Largest window of zstd, bytes: what RFC 8878 asks of every decoder, and as
#: much as builders of images use.
WINDOW = 8 << 20

_OUT = 1 << 20
_DEFLATE_PIECE = 8 << 10
_ZSTD_PIECE = 1 << 10
#: xz is free to ask for gigabytes.
_XZ_MEMORY = 128 << 20


class Damaged(Exception):
    """The bytes are not what they begin like."""


class Unpacker(Protocol):
    """One stream, possibly of several members in a row."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes become, in pieces.

        :raises Damaged:
        """

    def finish(self) -> None:
        """:raises Damaged: the stream ended too early."""


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _DEFLATE_PIECE):
            piece = data[start : start + _DEFLATE_PIECE]
            while piece:
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=31)
                try:
                    out = self._member.decompress(piece)
                except zlib.error as e:
                    raise Damaged(str(e)) from e
                if out:
                    yield out
                piece = self._member.unused_data

    def finish(self) -> None:
        if not self._member.eof:
            raise Damaged("it ends too early")


class _Zstd:
    def __init__(self) -> None:
        # not shared: the library's decompressor is for one thread
        self._library = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        self._frame = self._library.decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_PIECE):
            piece = data[start : start + _ZSTD_PIECE]
            while piece:
                if self._frame.eof:
                    self._frame = self._library.decompressobj()
                try:
                    out = self._frame.decompress(piece)
                except zstandard.ZstdError as e:
                    raise Damaged(str(e)) from e
                if out:
                    yield out
                piece = self._frame.unused_data if self._frame.eof else b""

    def finish(self) -> None:
        if not self._frame.eof:
            raise Damaged("it ends too early")


class _Block:
    """bzip2 and xz, whose classes behave alike."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._stream = self._open()

    def _open(self) -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
        if self._kind == "bzip2":
            return bz2.BZ2Decompressor()
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _DEFLATE_PIECE):
            piece = data[start : start + _DEFLATE_PIECE]
            while piece or not (self._stream.eof or self._stream.needs_input):
                if self._stream.eof:
                    self._stream = self._open()
                try:
                    out = self._stream.decompress(piece, _OUT)
                except (OSError, lzma.LZMAError) as e:
                    raise Damaged(str(e)) from e
                if out:
                    yield out
                piece = self._stream.unused_data if self._stream.eof else b""

    def finish(self) -> None:
        if not self._stream.eof:
            raise Damaged("it ends too early")


#: Bytes enough for :func:`compression`.
HEAD = 6


def compression(head: bytes) -> str:
    """``gzip``, ``zstd``, ``bzip2``, ``xz``, or '' for something else.

    :param head: the first bytes, at least :data:`HEAD` unless there are no
        more.
    """
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    # a frame, or one to be skipped
    if head.startswith(b"\x28\xb5\x2f\xfd") or (
        head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F
    ):
        return "zstd"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    return ""


def unpacker(kind: str) -> Unpacker:
    """:param kind: as :func:`compression` names it."""
    if kind == "gzip":
        return _Gzip()
    if kind == "zstd":
        return _Zstd()
    return _Block(kind)
