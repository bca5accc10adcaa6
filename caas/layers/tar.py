"""Reads the headers of a tar that nobody vouches for.

The standard library reads extended headers of any length into memory, has
no notion of what a sparse file takes once unpacked, and pulls; this is fed.
What is damaged here is so for the engine (Go's ``archive/tar``), too.
"""

import dataclasses
import io
from collections.abc import Callable, Iterator
from typing import IO

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
#: Longest extended header, as for Go: far more than any path.
_EXTENDED = 1 << 20
#: Members of one archive.
_MEMBERS = 2_000_000
_REGULAR = b"0\0007S"


class NotTar(Exception):
    """The bytes are no tar, or one that is not to be read further."""


@dataclasses.dataclass(frozen=True)
class Member:
    """:ivar kind: type flag; ``0`` for all kinds of regular files, ``1`` and
        ``2`` for hard and symbolic links.
    :ivar offset: of its data in the archive.
    :ivar size: of its data in the archive, bytes.
    :ivar unpacked: bytes it takes when unpacked by a tool that writes holes.
    """

    name: str
    kind: str
    link: str
    offset: int
    size: int
    unpacked: int


class Reader:
    """Fed with an archive piece by piece; keeps a header at most.

    :ivar skippable: bytes to come of which nothing is needed; who can seek
        may leave them out (:meth:`skip`).
    """

    def __init__(self) -> None:
        self.skippable = 0
        self._padding = 0
        self._position = 0
        self._count = 0
        self._extended: dict[str, str] = {}
        self._head: tuple[bytes, int] | None = None
        self._buffer = bytearray()
        self._needed = _BLOCK
        self._take: Callable[[bytes], Member | None] = self._header
        self._zeros = 0
        self._map = 0

    @property
    def ended(self) -> bool:
        """Whether the end of the archive was seen; more is not looked at."""
        return self._zeros == 2

    def feed(self, data: bytes) -> list[Member]:
        """The members that begin in the next bytes.

        :raises NotTar:
        """
        found = []
        at, end = 0, len(data)
        while at < end and not self.ended:
            if self.skippable:
                step = min(self.skippable, end - at)
                self.skip(step)
                at += step
                continue
            step = min(self._needed - len(self._buffer), end - at)
            if step == self._needed:
                block = data[at : at + step]
            else:
                self._buffer += data[at : at + step]
                block = b""
                if len(self._buffer) == self._needed:
                    block = bytes(self._buffer)
            at += step
            self._position += step
            if block:
                self._buffer.clear()
                member = self._take(block)
                if member is not None:
                    found.append(member)
        return found

    def skip(self, size: int) -> None:
        """Take ``size`` bytes, up to ``skippable``, as read."""
        self.skippable -= size
        self._position += size

    def finish(self) -> None:
        """:raises NotTar: the archive is cut short.

        That blocks of zeros or the padding are missing is let pass.
        """
        if self.ended:
            return
        if self.skippable > self._padding:
            raise NotTar("it ends within a file")
        if self._buffer or self._take != self._header:
            raise NotTar("it ends within a header")

    def _header(self, block: bytes) -> Member | None:
        if block == _ZEROS:
            self._zeros += 1
            return None
        if self._zeros:
            raise NotTar("a header is damaged")
        _check(block)
        kind = block[156:157]
        size = _number(block[124:136])
        if kind in b"xgLK":
            if size > _EXTENDED:
                raise NotTar("a header is too long")
            self._head = (block, size)
            if size:
                self._expect(_padded(size), self._read_extended)
            else:
                self._read_extended(b"")
            return None
        self._head = (block, size)
        if kind == b"S" and block[482:483] != b"\0":
            self._map = 0
            self._expect(_BLOCK, self._sparse_map)
            return None
        return self._member()

    def _expect(
        self, needed: int, take: Callable[[bytes], Member | None]
    ) -> None:
        self._needed, self._take = needed, take

    def _read_extended(self, block: bytes) -> None:
        """Take in what an extended header says of the next member."""
        assert self._head is not None
        head, size = self._head
        kind, data = head[156:157], block[:size]
        if kind == b"L":
            self._extended["path"] = _text(data)
        elif kind == b"K":
            self._extended["linkpath"] = _text(data)
        elif kind == b"x":
            self._extended.update(_records(data))
        self._expect(_BLOCK, self._header)

    def _sparse_map(self, block: bytes) -> Member | None:
        """More of the map of an old GNU sparse header."""
        self._map += len(block)
        if self._map > _EXTENDED:
            raise NotTar("a header is damaged")
        if block[504:505] != b"\0":
            return None
        return self._member()

    def _member(self) -> Member:
        assert self._head is not None
        header, size = self._head
        extended = self._extended
        self._extended = {}
        self._expect(_BLOCK, self._header)
        self._count += 1
        if self._count > _MEMBERS:
            raise NotTar("it has too many files")
        kind = header[156:157]
        size = int(extended.get("size", size))
        sparse = _number(header[483:495]) if kind == b"S" else 0
        for key in ("GNU.sparse.realsize", "GNU.sparse.size"):
            sparse = max(sparse, int(extended.get(key, 0)))
        regular = kind in _REGULAR
        if not regular and kind in b"123456":
            # links and devices have no data, whatever their header says
            size = 0
        self.skippable = _padded(size)
        self._padding = self.skippable - size
        return Member(
            name=extended.get("path") or _name(header),
            kind="0" if regular else kind.decode("latin-1"),
            link=extended.get("linkpath") or _text(header[157:257]),
            offset=self._position,
            size=size,
            unpacked=max(size, sparse),
        )


def begins(head: bytes) -> bool:
    """Whether bytes begin with the header of a member."""
    try:
        _check(head[:_BLOCK].ljust(_BLOCK, b" "))
    except NotTar:
        return False
    return len(head) >= _BLOCK


def members(file: IO[bytes]) -> Iterator[Member]:
    """The members of an archive in turn.

    :param file: at its beginning; needs ``seek`` forward only.
    :raises NotTar: also when it ends within a member.
    """
    reader = Reader()
    while not reader.ended:
        data = file.read(_BLOCK)
        if not data:
            break
        yield from reader.feed(data)
        if reader.skippable:
            file.seek(reader.skippable - 1, io.SEEK_CUR)
            if not file.read(1):
                break
            reader.skip(reader.skippable)
    reader.finish()


def _check(header: bytes) -> None:
    said = _number(header[148:156])
    blanks = 8 * ord(" ") - sum(header[148:156])
    total = sum(header) + blanks
    if said == total:
        return
    # some writers have taken bytes for signed ones
    if said != total - 256 * sum(
        byte > 127 for byte in header[:148] + header[156:]
    ):
        raise NotTar("a header is damaged")


def _number(field: bytes) -> int:
    """Octal text, or binary when the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & (
            (1 << (len(field) * 8 - 1)) - 1
        )
        if value >> 62:
            raise NotTar("a header holds a number beyond reason")
        return value
    text = field.strip(b" \0").partition(b"\0")[0]
    if not text:
        return 0
    try:
        return int(text if text.isdigit() else b"-", 8)
    except ValueError:
        raise NotTar("a header is damaged") from None


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), ""
    if header[257:263] == b"ustar\0":
        prefix = _text(header[345:500])
    return f"{prefix}/{name}" if prefix else name


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _records(data: bytes) -> dict[str, str]:
    """The records ``LENGTH KEY=VALUE`` of a PAX header."""
    found: dict[str, str] = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not len(length) < int(length) <= len(data):
            raise NotTar("an extended header is damaged")
        if data[int(length) - 1 : int(length)] != b"\n":
            raise NotTar("an extended header is damaged")
        record = data[len(length) + 1 : int(length) - 1]
        key, _, value = record.partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode(
            "utf-8", "surrogateescape"
        )
        data = data[int(length) :]
    for name in ("size", "GNU.sparse.realsize", "GNU.sparse.size"):
        number = found.get(name, "0")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise NotTar("an extended header is damaged")
    return found
