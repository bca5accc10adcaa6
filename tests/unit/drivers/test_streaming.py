"""What an engine may answer, over a real socket."""

import asyncio
import contextlib

import pytest

from caas.drivers.runtime import base
from caas.drivers.runtime.changes import parse
from caas.drivers.runtime.streaming import Streaming
from caas.drivers.runtime.terminals import Mark


class Told:
    def version(self):
        return "1.41"


@contextlib.asynccontextmanager
async def engine(path, *pieces, timeout=5.0, stay=False):
    """One that answers so, whatever it is asked."""
    asked = []

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.decode())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if stay:
            await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(answer, str(path))
    async with server:
        yield Streaming(Told(), f"unix://{path}", timeout), asked


def ask(path, *pieces, **options):
    async def run():
        async with engine(path, *pieces, **options) as (streaming, asked):
            answer = await streaming.ask(
                "It fails", "GET", "/x", {"a": "b c/"}
            )
            try:
                found = b""
                while data := await answer.read():
                    found += data
                return found, asked
            finally:
                answer.close()

    return asyncio.run(run())


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s"


def test_chunks_cut_anywhere(path):
    body = (
        CHUNKED
        + b"3\r\nabc\r\n"
        + b"1F;x=y\r\n"
        + b"z" * 31
        + b"\r\n0\r\n\r\n"
    )
    pieces = [body[i : i + 1] for i in range(len(body))]
    found, asked = ask(path, *pieces, stay=True)
    assert found == b"abc" + b"z" * 31
    assert asked[0].startswith("GET /v1.41/x?a=b+c%2F HTTP/1.1\r\n")


def test_a_length(path):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    assert ask(path, head, b"ab", b"cdef", stay=True)[0] == b"abcd"


def test_raw_until_the_end(path):
    head = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nearly"
    assert ask(path, head, b"\0\xff")[0] == b"early\0\xff"


@pytest.mark.parametrize(
    "pieces",
    [
        (b"",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab",),
        (CHUNKED, b"5\r\nab"),
        (CHUNKED, b"5\r\nabcde\r\n"),
        (CHUNKED, b"x\r\n"),
        (b"nonsense\r\n\r\n",),
    ],
)
def test_what_breaks_off(path, pieces):
    with pytest.raises(base.EngineError, match="cannot be reached"):
        ask(path, *pieces)


def test_a_refusal(path):
    text = b'{"message": "No such container: x"}'
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(text)
    with pytest.raises(base.Absent, match=r"It fails: No such container: x\."):
        ask(path, head + text, stay=True)


def test_silence(path):
    with pytest.raises(base.EngineError, match=r"within 0\.2 s"):
        ask(path, b"HTTP/1.1", timeout=0.2, stay=True)


def test_nobody_there(path):
    async def run():
        streaming = Streaming(Told(), f"unix://{path}", 5)
        await streaming.ask("It fails", "GET", "/x")

    with pytest.raises(base.EngineError, match="No such file or directory"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "paths", "whole"),
    [
        (b"null", [], True),
        (b"[]", [], True),
        (
            b'[{"Path":"/a","Kind":0},{"Path":"/b","Kind":1}]\n',
            ["/a", "/b"],
            True,
        ),
        (b'[{"Path":"/a","Kind":2},{"Path":"/b","K', ["/a"], False),
        (b'[{"Path":"/a","Kind":2},', ["/a"], False),
        (b'[{"Path":"/\xc3', [], False),
    ],
)
def test_changes_cut_anywhere(said, paths, whole):
    found, all_ = parse(said)
    assert [c.path for c in found] == paths
    assert all_ == whole


def test_a_mark_tells_runs_apart():
    import base64

    mark, other = Mark(), Mark()
    told = {
        each: base64.b64encode(
            each.keys.replace("ctrl-^", "\x1e").replace(",", "").encode()
        ).decode()
        for each in (mark, other)
    }
    assert mark.is_of_another(told[other])
    assert not mark.is_of_another(told[mark])
    assert not mark.is_of_another("EBE=")
    assert not mark.is_of_another(None)
