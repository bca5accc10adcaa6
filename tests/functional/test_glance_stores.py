"""Life of records and their bytes in Glance, on each kind of store."""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from keystoneauth1 import noauth
from keystoneauth1.session import Session

from caas.clients.records import Records
from tests.glance_server import GlanceServer
from tests.swift_server import SwiftServer

#: Of the pieces Swift is given; see ``SwiftServer.glance``.
PIECE = 1 << 20


@pytest.fixture(params=["file", "swift"])
def store(
    request: pytest.FixtureRequest,
    glance_servers: Callable[..., GlanceServer],
) -> tuple[Records, Callable[[], list[str]]]:
    """Records on it, and the names of what is in it."""
    if request.param == "file":
        glance = glance_servers()
        folder = glance.folder / "images"

        def stored() -> list[str]:
            return [path.name for path in folder.iterdir()]
    else:
        swift: SwiftServer = request.getfixturevalue("swift_server")
        glance = glance_servers(kind="swift", store=swift.glance())
        stored = swift.objects
    session = Session(noauth.NoAuth())
    return Records(session, endpoint=glance.url), stored


def chunks(size: int) -> Iterator[bytes]:
    """Bytes that differ from place to place, by 100,000."""
    for start in range(0, size, 100_000):
        part = hashlib.sha256(str(start).encode()).digest() * 3125
        yield part[: size - start]


@pytest.mark.parametrize(
    "size", [0, 1, PIECE, 5 * PIECE + 7], ids=["empty", "1", "1M", "5M"]
)
def test_bytes_are_stored_read_and_removed(
    store: tuple[Records, Callable[[], list[str]]], size: int
) -> None:
    records, stored = store
    record_id = str(uuid.uuid4())
    records.create(record_id, owner="p1", name="layer")
    records.upload(record_id, chunks(size))
    whole = b"".join(chunks(size))
    content = records.open(record_id)
    assert b"".join(content.chunks) == whole
    assert content.size == size
    assert any(record_id in name for name in stored())
    if size > PIECE:
        content = records.open(record_id, PIECE - 2)
        assert content.size == size - PIECE + 2
        assert b"".join(content.chunks) == whole[PIECE - 2 :]
    records.delete(record_id)
    assert not any(record_id in name for name in stored())


def test_an_upload_that_breaks_off_leaves_nothing(
    store: tuple[Records, Callable[[], list[str]]],
) -> None:
    records, stored = store
    record_id = str(uuid.uuid4())
    records.create(record_id, owner="p1", name="layer")

    def broken() -> Iterator[bytes]:
        yield from chunks(2 * PIECE + 5)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        records.upload(record_id, broken())
    records.delete(record_id)
    # Glance learns a little later that nothing more comes.
    until = time.monotonic() + 30
    while any(record_id in name for name in stored()):
        assert time.monotonic() < until, stored()
        time.sleep(0.05)
