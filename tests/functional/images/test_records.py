"""Records: the real Glance and the fake do the same."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from keystoneauth1 import plugin, token_endpoint
from keystoneauth1.session import Session

from caas import exception
from caas.clients.glance import Images
from caas.clients.records import Records
from tests.functional.images.registry import ctx
from tests.glance_server import GlanceServer
from tests.records import FakeRecords


class Nobody(plugin.BaseAuthPlugin):  # type: ignore[misc]
    """Without a token it is the service user, see tests.glance_server."""

    def get_headers(self, *_args: Any, **_how: Any) -> dict[str, str]:
        return {}


def real(server: GlanceServer) -> tuple[Records, Images]:
    session = Session(Nobody())
    return (
        Records(session, endpoint=server.url),
        Images(session, endpoint=server.url),
    )


@pytest.fixture(params=["fake", "stock"])
def pair(
    request: pytest.FixtureRequest,
    glance_servers: Callable[..., GlanceServer],
) -> tuple[Any, Any]:
    """Records, and what users see of them."""
    if request.param == "fake":
        records = FakeRecords()
        records.guarded = False
        return records, records
    return real(glance_servers())


@pytest.fixture
def records(pair: tuple[Any, Any]) -> Any:
    return pair[0]


@pytest.fixture
def record(records: Any) -> Iterator[str]:
    """A record without bytes."""
    record_id = str(uuid.uuid4())
    records.create(
        record_id, owner="p1", name="a", properties={"caas_kind": "blob"}
    )
    yield record_id
    records.delete(record_id)


def test_a_record_from_its_beginning_to_its_end(
    records: Any, record: str
) -> None:
    found = records.get(record)
    assert found["owner"] == "p1"
    assert found["os_hidden"] is True
    assert found["status"] == "queued"
    assert found["caas_kind"] == "blob"
    data = bytes(range(256)) * 8192
    records.upload(record, [data[:1000], b"", data[1000:]])
    assert records.get(record)["size"] == len(data)
    content = records.open(record)
    assert content.size == len(data)
    assert b"".join(content.chunks) == data
    for start, end in ((0, 0), (5, None), (100, 299), (None, 10)):
        content = records.open(record, start, end)
        piece = data[start or 0 : None if end is None else end + 1]
        assert b"".join(content.chunks) == piece
        assert content.size == len(piece)
    records.delete(record)
    assert records.get(record) is None
    with pytest.raises(exception.NotFound):
        records.open(record)
    records.delete(record)


def test_a_record_may_have_no_bytes(records: Any, record: str) -> None:
    with pytest.raises(exception.NotFound):
        records.open(record)
    records.upload(record, [])
    assert records.get(record)["status"] == "active"
    assert b"".join(records.open(record).chunks) == b""


def test_calls_may_be_made_again(records: Any, record: str) -> None:
    records.create(record, owner="p1", name="b")
    assert records.get(record)["name"] == "a"
    records.upload(record, [b"x"])
    with pytest.raises(exception.Conflict):
        records.upload(record, [b"y"])
    assert b"".join(records.open(record).chunks) == b"x"
    for _ in range(2):
        records.update(record, {"name": "c", "caas_digest": "sha256:1"})
    found = records.get(record)
    assert (found["name"], found["caas_digest"]) == ("c", "sha256:1")
    records.update(record, {"caas_digest": None})
    assert "caas_digest" not in records.get(record)


def test_what_is_gone(records: Any) -> None:
    record_id = str(uuid.uuid4())
    with pytest.raises(exception.NotFound):
        records.update(record_id, {"name": "x"})
    with pytest.raises(exception.NotFound):
        records.upload(record_id, [b"x"])
    assert records.get(record_id) is None
    records.delete(record_id)
    # an id is not used again
    records.create(record_id, owner="p1", name="a")
    records.delete(record_id)
    records.create(record_id, owner="p1", name="a")
    assert records.get(record_id) is None


def test_a_source_that_breaks_off(records: Any, record: str) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise OSError("the client is gone")

    with pytest.raises(OSError, match="the client is gone"):
        records.upload(record, broken())
    with pytest.raises(exception.NotFound):
        records.open(record)


def test_lists(records: Any, record: str) -> None:
    def listed(**filters: str) -> set[str]:
        return {each["id"] for each in records.list(**filters)}

    other = str(uuid.uuid4())
    assert record not in listed()
    assert record in listed(os_hidden="true")
    some = f"in:{record},{other}"
    assert listed(os_hidden="true", id=some) == {record}
    records.update(record, {"os_hidden": False})
    assert record in listed(owner="p1")
    assert record not in listed(owner="p2")
    assert record not in listed(os_hidden="true")


def test_who_sees_an_image(pair: tuple[Any, Any], record: str) -> None:
    records, seen = pair
    records.upload(record, [b"x"])
    others = [str(uuid.uuid4()) for _ in range(3)]

    def shown(project: str) -> bool:
        # not the same question twice, as answers are remembered
        wanted = [record, *others, str(uuid.uuid4())]
        found = seen.visible(ctx(project), wanted)
        assert found <= {record}
        return bool(found)

    assert not shown("p1")
    records.update(record, {"os_hidden": False})
    assert shown("p1")
    assert not shown("p2")
    records.update(record, {"visibility": "shared"})
    assert not shown("p2")
    records.share(record, "p2", "accepted")
    assert records.members(record) == {"p2": "accepted"}
    assert shown("p2")
    assert not shown("p3")
    records.share(record, "p3", "pending")
    assert shown("p3")
    assert not shown("p4")
    records.update(record, {"visibility": "community"})
    assert shown("p4")
    records.update(record, {"visibility": "public"})
    assert shown("p4")


def test_glance_is_away() -> None:
    auth = token_endpoint.Token("http://127.0.0.1:9", "caas:service:admin")
    records = Records(Session(auth), endpoint="http://127.0.0.1:9")
    some = str(uuid.uuid4())
    for call in (
        lambda: records.create(some, owner="p1", name="a"),
        lambda: records.upload(some, [b"x"]),
        lambda: records.open(some),
        lambda: records.update(some, {"name": "x"}),
        lambda: records.get(some),
        lambda: records.delete(some),
        lambda: list(records.list()),
    ):
        with pytest.raises(exception.Unavailable):
            call()


def test_no_kept_connection_for_an_upload(
    glance_servers: Callable[..., GlanceServer],
) -> None:
    """What an upload sends can be sent once only."""
    server = glance_servers()
    records, _ = real(server)
    for _ in range(20):
        record_id = str(uuid.uuid4())
        records.create(record_id, owner="p1", name="a")
        records.upload(record_id, iter([b"x"]))
        records.delete(record_id)
