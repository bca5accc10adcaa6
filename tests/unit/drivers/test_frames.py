import random
import struct

import pytest

from caas.drivers.runtime.frames import Frames
from caas.model.streams import Channel


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">B3xL", stream, len(data)) + data


DATA = bytes(range(256))
STREAM = (
    frame(1, DATA)
    + frame(2, b"")
    + frame(2, b"x")
    + frame(2, DATA)
    + frame(1, b"\n")
)


def joined(pieces):
    found = {Channel.STDOUT: b"", Channel.STDERR: b""}
    for channel, data in pieces:
        found[channel] += data
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 100, len(STREAM)])
def test_cut_anywhere(size):
    frames = Frames()
    pieces = [
        piece
        for at in range(0, len(STREAM), size)
        for piece in frames.feed(STREAM[at : at + size])
    ]
    assert joined(pieces) == {
        Channel.STDOUT: DATA + b"\n",
        Channel.STDERR: b"x" + DATA,
    }


def test_cut_by_chance_the_order_stays():
    rng = random.Random(7)
    sent = [
        (rng.choice((1, 2)), rng.randbytes(rng.randrange(300)))
        for _ in range(200)
    ]
    stream = b"".join(frame(*each) for each in sent)
    frames = Frames()
    found = []
    while stream:
        size = rng.randrange(1, 500)
        found += frames.feed(stream[:size])
        stream = stream[size:]
    flat = [(c, bytes((b,))) for c, data in found for b in data]
    assert flat == [(c, bytes((b,))) for c, data in sent for b in data]


def test_neighbours_are_joined_and_nothing_waits():
    frames = Frames()
    assert frames.feed(frame(1, b"a") * 1000) == [
        (Channel.STDOUT, b"a" * 1000)
    ]
    # the beginning of a large one is not kept back
    assert frames.feed(frame(2, bytes(1 << 20))[:10]) == [
        (Channel.STDERR, bytes(2))
    ]
