import io
from typing import Any

import pytest

from caas import exception
from caas.api import errors
from caas.api.registry.bodies import CHUNK, Body, Broken


def body(data: bytes, length: Any = None, **environ: Any) -> Body:
    return Body(
        {
            "wsgi.input": io.BytesIO(data),
            "CONTENT_LENGTH": str(len(data)) if length is None else length,
            **environ,
        }
    )


def chunked(stream: Any, **environ: Any) -> Body:
    return Body(
        {
            "wsgi.input": stream,
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
            **environ,
        }
    )


class Slow(io.RawIOBase):
    """Gives a little at a time, as a socket does."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read(self, _size: int = -1) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]
)
def test_pieces_are_of_one_size(size: int) -> None:
    data = bytes(size)
    found = list(body(data).chunks())
    assert b"".join(found) == data
    assert all(len(chunk) == CHUNK for chunk in found[:-1])
    assert body(data).length == size


def test_small_pieces_are_gathered() -> None:
    pieces = [b"x" * 30_000] * 100
    found = list(chunked(Slow(*pieces)).chunks())
    assert [len(chunk) for chunk in found] == [CHUNK] * 11 + [116_416]


def test_a_length_that_is_not_known() -> None:
    assert chunked(io.BytesIO(b"abc")).length is None
    assert list(chunked(io.BytesIO(b"abc")).chunks()) == [b"abc"]


def test_one_that_breaks_off() -> None:
    with pytest.raises(Broken, match="after 3 of 5 bytes"):
        list(body(b"abc", "5").chunks())


def test_one_whose_socket_fails() -> None:
    class Bad(io.RawIOBase):
        def read(self, _size: int = -1) -> bytes:
            raise OSError("reset")

    with pytest.raises(Broken):
        list(chunked(Bad()).chunks())


def test_no_more_is_read_than_was_said() -> None:
    assert list(body(b"abcdef", "3").chunks()) == [b"abc"]


def test_none() -> None:
    assert body(b"", "").length == 0
    assert list(body(b"ignored", "").chunks()) == []


@pytest.mark.parametrize("length", ["-1", "x", "1" * 19, "\u0661"])
def test_a_length_that_is_none(length: str) -> None:
    with pytest.raises(exception.BadRequest, match="no number"):
        body(b"", length)


def test_a_server_that_cannot() -> None:
    with pytest.raises(errors.LengthRequired):
        body(b"", HTTP_TRANSFER_ENCODING="chunked")


def test_whole_has_a_limit() -> None:
    assert body(b"abc").whole(3, "It") == b"abc"
    with pytest.raises(errors.TooLarge, match="It may have 2 bytes"):
        body(b"abc").whole(2, "It")


def test_what_is_not_wanted_is_drained() -> None:
    found = body(bytes(5 * CHUNK))
    next(found.chunks())
    found.drain()
    assert found.read == 5 * CHUNK
    broken = body(b"abc", "5")
    broken.drain()


@pytest.mark.parametrize(
    "text", ["0-4", "bytes 0-4", "bytes=0-4", "bytes 0-4/5", " 0-4 ", "0-4/*"]
)
def test_range(text: str) -> None:
    assert body(b"abcde", HTTP_CONTENT_RANGE=text).range() == (0, 4)


def test_no_range() -> None:
    assert body(b"abc").range() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0-3", "has 5 bytes"),
        ("4-0", "ends before"),
        ("0-", "FIRST-LAST"),
        ("-5", "FIRST-LAST"),
        ("a-b", "FIRST-LAST"),
        ("0-4x", "FIRST-LAST"),
        ("9" * 30 + "-1", "FIRST-LAST"),
    ],
)
def test_a_range_that_is_wrong(text: str, words: str) -> None:
    with pytest.raises(exception.BadRequest, match=words):
        body(b"abcde", HTTP_CONTENT_RANGE=text).range()
