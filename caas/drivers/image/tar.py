"""Reads the headers of a tar that nobody vouches for.

The standard library reads extended headers of any length into memory and has
no notion of what a sparse file takes once unpacked; this knows both, and
skips the data of members without reading it.
"""

import dataclasses
from collections.abc import Iterator
from typing import IO

_BLOCK = 512
#: Longest extended header: far more than any path.
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


def members(file: IO[bytes]) -> Iterator[Member]:
    """The members of an archive in turn.

    :param file: at its beginning; needs ``seek`` forward only.
    :raises NotTar: also when it ends within a member.
    """
    position = 0
    extended: dict[str, str] = {}
    for _ in range(_MEMBERS):
        header = file.read(_BLOCK)
        position += _BLOCK
        if not header or header == bytes(_BLOCK):
            if position == _BLOCK:
                raise NotTar("it is empty")
            return
        _check(header)
        kind = header[156:157]
        size = _number(header[124:136])
        if kind in b"xgLK":
            _read_extended(file, kind, size, extended)
            position += _padded(size)
            continue
        size = int(extended.get("size", size))
        sparse = 0
        if kind == b"S":
            sparse = _number(header[483:495])
            position += _skip_sparse_map(file, header)
        for key in ("GNU.sparse.realsize", "GNU.sparse.size"):
            sparse = max(sparse, int(extended.get(key, 0)))
        regular = kind in _REGULAR
        if not regular and kind in b"123456":
            # links and devices have no data, whatever their header says
            size = 0
        yield Member(
            name=extended.get("path") or _name(header),
            kind="0" if regular else kind.decode("latin-1"),
            link=extended.get("linkpath") or _text(header[157:257]),
            offset=position,
            size=size,
            unpacked=max(size, sparse),
        )
        extended = {}
        position += _padded(size)
        if size:
            file.seek(position - 1)
            if not file.read(1):
                raise NotTar("it ends within a file")
    raise NotTar("it has too many files")


def _check(header: bytes) -> None:
    if len(header) < _BLOCK:
        raise NotTar("it ends within a header")
    total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if total != _number(header[148:156]):
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
    text = field.strip(b" \0")
    try:
        return int(text or b"0", 8)
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


def _read_extended(
    file: IO[bytes], kind: bytes, size: int, extended: dict[str, str]
) -> None:
    """Take in what an extended header says of the next member."""
    if size > _EXTENDED:
        raise NotTar("a header is too long")
    data = file.read(_padded(size))[:size]
    if len(data) < size:
        raise NotTar("it ends within a header")
    if kind == b"L":
        extended["path"] = _text(data)
    elif kind == b"K":
        extended["linkpath"] = _text(data)
    elif kind == b"x":
        extended.update(_records(data))


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


def _skip_sparse_map(file: IO[bytes], header: bytes) -> int:
    """Skip the rest of an old GNU sparse header; return its length."""
    length = 0
    more = header[482:483] != b"\0"
    while more:
        block = file.read(_BLOCK)
        if len(block) < _BLOCK or length > _EXTENDED:
            raise NotTar("a header is damaged")
        length += _BLOCK
        more = block[504:505] != b"\0"
    return length
