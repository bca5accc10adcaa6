"""How Docker sends stdout and stderr over one connection.

Each piece is preceded by 8 bytes: its stream, three of no meaning, and its
length (Docker Engine API, "Attach to a container", stream format).
"""

import struct
from collections.abc import Iterator

from caas.model.streams import Channel

_HEAD = struct.Struct(">B3xL")


class Frames:
    """Takes a stream apart that is cut anywhere, keeping no data of it."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._channel = Channel.STDOUT

    def feed(self, data: bytes) -> list[tuple[Channel, bytes]]:
        """What is in the next piece; neighbours of one stream are joined."""
        found: list[tuple[Channel, list[bytes]]] = []
        for channel, part in self._parts(data):
            if found and found[-1][0] == channel:
                found[-1][1].append(part)
            else:
                found.append((channel, [part]))
        return [(channel, b"".join(parts)) for channel, parts in found]

    def _parts(self, data: bytes) -> Iterator[tuple[Channel, bytes]]:
        at = 0
        while at < len(data):
            if self._left:
                part = data[at : at + self._left]
                self._left -= len(part)
                at += len(part)
                yield self._channel, part
                continue
            lacking = _HEAD.size - len(self._head)
            self._head += data[at : at + lacking]
            at += lacking
            if len(self._head) == _HEAD.size:
                stream, self._left = _HEAD.unpack(self._head)
                self._head = b""
                # 0 is stdin, written on stdout; 3 is what the engine says
                self._channel = (
                    Channel.STDERR if stream in (2, 3) else Channel.STDOUT
                )
