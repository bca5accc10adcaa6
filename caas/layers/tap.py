"""What a blob is, learnt while its bytes pass by.

A registry is told a digest and a media type and has to believe neither. The
tap is fed with what goes to Glance anyway and keeps a few KiB, whatever is
sent.
"""

import dataclasses
import hashlib

from caas.layers import tar, unpack
from caas.model.images import Content, Kind

_HEAD = 512


class Bomb(Exception):
    """It unpacks to more than it may; the message is a sentence's end."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"it takes more than {limit >> 20} MiB when unpacked")


class Tap:
    """Is fed with all bytes of a blob in turn.

    :param limit: bytes a tar may take when unpacked, as a stream and as
        files.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._digest = hashlib.sha256()
        self._size = 0
        self._head = bytearray()
        self._begun = False
        self._tar: _Tar | None = None
        self._kind = Kind.OTHER
        self._problem = ""

    def feed(self, data: bytes) -> None:
        """:raises Bomb: and nothing more is to be fed."""
        self._digest.update(data)
        self._size += len(data)
        if self._begun:
            self._look(data)
            return
        self._head += data
        if len(self._head) >= _HEAD:
            self._begin()

    def finish(self) -> Content:
        """:raises Bomb: what is short is looked at only now."""
        if not self._begun:
            self._begin()
        found = Content(
            digest=f"sha256:{self._digest.hexdigest()}",
            size=self._size,
            kind=self._kind,
            problem=self._problem,
        )
        if self._tar is None:
            return found
        try:
            return self._tar.finish(found)
        except _Other as e:
            return dataclasses.replace(found, problem=str(e))

    def _begin(self) -> None:
        head = bytes(self._head)
        self._head.clear()
        self._begun = True
        kind = unpack.compression(head)
        if not head:
            self._problem = "it is empty"
        elif kind in ("bzip2", "xz"):
            self._problem = (
                f"it is compressed by {kind}; layers are by gzip, zstd, or "
                "not at all"
            )
        elif head.lstrip()[:1] in (b"{", b"[") and not tar.begins(head):
            self._kind = Kind.JSON
        else:
            self._tar = _Tar(self._limit, kind)
            self._look(head)

    def _look(self, data: bytes) -> None:
        if self._tar is None:
            return
        try:
            self._tar.feed(data)
        except _Other as e:
            self._tar = None
            self._problem = str(e)


class _Other(Exception):
    """It is not what it began like."""


class _Tar:
    def __init__(self, limit: int, compression: str) -> None:
        self._compression = compression
        self._unpacker = unpack.unpacker(compression) if compression else None
        self._limit = limit
        self._reader = tar.Reader()
        self._diff = hashlib.sha256()
        self._stream = 0
        self._files = 0

    def feed(self, data: bytes) -> None:
        if self._unpacker is None:
            self._plain(data)
            return
        try:
            for piece in self._unpacker.feed(data):
                self._plain(piece)
        except unpack.Damaged as e:
            raise _Other(f"its {self._compression} is damaged: {e}") from e

    def _plain(self, data: bytes) -> None:
        self._stream += len(data)
        try:
            for member in self._reader.feed(data):
                self._files += member.unpacked
        except tar.NotTar as e:
            raise self._not_tar(e) from e
        if max(self._stream, self._files) > self._limit:
            raise Bomb(self._limit)
        if self._unpacker is not None:
            self._diff.update(data)

    def finish(self, found: Content) -> Content:
        try:
            if self._unpacker is not None:
                self._unpacker.finish()
            self._reader.finish()
        except unpack.Damaged as e:
            raise _Other(f"its {self._compression} is damaged: {e}") from e
        except tar.NotTar as e:
            raise self._not_tar(e) from e
        return dataclasses.replace(
            found,
            kind=Kind.TAR,
            diff_id=(
                f"sha256:{self._diff.hexdigest()}"
                if self._unpacker
                else found.digest
            ),
            unpacked_size=self._files,
        )

    def _not_tar(self, error: tar.NotTar) -> _Other:
        return _Other(f"it is not a tar: {error}")
