"""What goes out of what an engine pushes, and in which order."""

import json
from collections.abc import Iterable

import pytest

from caas.drivers.image import stripping
from caas.drivers.image.base import ImageError
from caas.drivers.image.outbound import HELD, Outbound
from caas.drivers.image.target import _refused, _said

CONFIG = json.dumps({"config": {"Labels": {"caas.set": "x", "a": "b"}}})
LAYER = b"\x1f\x8blayer"


class Target:
    """:ivar there: blobs in the repository; ``base`` could be mounted."""

    tag = "2"

    def __init__(self) -> None:
        self.there: dict[str, bytes] = {}
        self.base: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.error: ImageError | None = None

    def stat(self, digest: str) -> int | None:
        found = self.there.get(digest)
        return None if found is None else len(found)

    def mount(self, digest: str) -> bool:
        if digest in self.base:
            self.there[digest] = self.base[digest]
        return digest in self.base

    def begin(self) -> str:
        location = f"/{len(self.uploads)}"
        self.uploads[location] = b""
        return location

    def append(self, location: str, chunks: Iterable[bytes]) -> str:
        if self.error:
            raise self.error
        self.uploads[location] += b"".join(chunks)
        return location

    def finish(self, location: str, digest: str) -> None:
        data = self.uploads[location]
        assert stripping.digest(data) == digest
        self.there[digest] = data

    def manifest(self, reference: str, media_type: str, body: bytes) -> None:
        self.manifests[reference] = body


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def outbound(target: Target) -> Outbound:
    return Outbound(target, lambda: False)  # type: ignore[arg-type]


def send(outbound: Outbound, data: bytes, *, size: int = 3) -> str:
    upload_id = outbound.begin()
    for at in range(0, len(data), 2 * size):
        part = data[at : at + 2 * size]
        assert outbound.append(upload_id, [part[:size], part[size:]])
    digest = stripping.digest(data)
    assert outbound.finish(upload_id, digest)
    return digest


def manifest(config: str, *layers: str) -> bytes:
    return json.dumps(
        {
            "config": {"digest": config, "size": len(CONFIG)},
            "layers": [{"digest": one, "size": 1} for one in layers],
        }
    ).encode()


def test_configurations_go_out_stripped(
    outbound: Outbound, target: Target
) -> None:
    layer = send(outbound, LAYER)
    assert target.there == {layer: LAYER}
    config = send(outbound, CONFIG.encode())
    # held back, and there for the engine
    assert target.there == {layer: LAYER}
    assert outbound.stat(config) == len(CONFIG)
    outbound.manifest("tag-of-the-engine", "m", manifest(config, layer))
    (body,) = target.manifests.values()
    assert list(target.manifests) == ["2"]
    found = json.loads(body)
    out = target.there[found["config"]["digest"]]
    assert json.loads(out)["config"]["Labels"] == {"a": "b"}
    assert found["layers"][0]["digest"] == layer
    assert outbound.digest == stripping.digest(body)
    assert outbound.sent == len(LAYER) + len(out) + len(body)
    # once more, as after a connection that broke
    outbound.manifest("tag-of-the-engine", "m", manifest(config, layer))
    assert len(target.uploads) == 2


def test_a_layer_may_look_like_a_configuration(
    outbound: Outbound, target: Target
) -> None:
    odd = send(outbound, b"{not JSON")
    long = send(outbound, b"{" + b"x" * HELD, size=HELD // 4)
    assert set(target.there) == {long}
    config = send(outbound, CONFIG.encode())
    outbound.manifest("t", "m", manifest(config, odd, long))
    assert target.there[odd] == b"{not JSON"


def test_what_it_is_made_from_is_mounted(
    outbound: Outbound, target: Target
) -> None:
    digest = stripping.digest(LAYER)
    assert outbound.stat(digest) is None
    target.base[digest] = LAYER
    assert outbound.stat(digest) == len(LAYER)
    assert outbound.sent == 0


def test_an_index_refers_to_what_went_out(
    outbound: Outbound, target: Target
) -> None:
    config = send(outbound, CONFIG.encode())
    part = manifest(config)
    outbound.manifest(stripping.digest(part), "m", part)
    assert outbound.digest == ""
    index = {"manifests": [{"digest": stripping.digest(part), "size": 1}]}
    outbound.manifest("t", "i", json.dumps(index).encode())
    (of_part, of_index) = target.manifests
    assert of_index == "2"
    found = json.loads(target.manifests["2"])
    assert found["manifests"][0]["digest"] == of_part
    assert outbound.digest == stripping.digest(target.manifests["2"])


@pytest.mark.parametrize("body", [b"", b"[]", manifest("sha256:" + "0" * 64)])
def test_what_is_no_image_is_refused(outbound: Outbound, body: bytes) -> None:
    with pytest.raises(ImageError, match="cannot be pushed") as error:
        outbound.manifest("t", "m", body)
    assert error.value.permanent
    assert outbound.fault is not None


def test_nothing_follows_a_fault(outbound: Outbound, target: Target) -> None:
    target.error = ImageError("Away.")
    with pytest.raises(ImageError, match=r"Away\."):
        send(outbound, LAYER)
    target.error = None
    for call in (
        lambda: send(outbound, LAYER),
        lambda: outbound.stat("sha256:1"),
        lambda: outbound.manifest("t", "m", b"{}"),
    ):
        with pytest.raises(ImageError, match=r"Away\."):
            call()


def test_nothing_follows_when_it_is_given_up(target: Target) -> None:
    given_up: list[bool] = []
    outbound = Outbound(
        target,  # type: ignore[arg-type]
        lambda: bool(given_up),
    )
    send(outbound, LAYER)
    given_up.append(True)
    with pytest.raises(ImageError, match="given up"):
        send(outbound, b"\x1f\x8bother")
    again = Outbound(target, lambda: False)  # type: ignore[arg-type]
    again.close()
    with pytest.raises(ImageError, match="given up"):
        send(again, LAYER)


def test_what_was_not_begun_is_not_taken(outbound: Outbound) -> None:
    assert not outbound.append("x", [b"y"])
    assert not outbound.finish("x", "sha256:1")
    upload_id = outbound.begin()
    assert outbound.append(upload_id, [b"{}"])
    assert not outbound.finish(upload_id, stripping.digest(b"[]"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errors": [{"message": "No room."}]}', "No room."),
        (b'{"errors": [{"message": "No\\u0007\\n room"}]}', "No room."),
        (b'{"errors": [{"message": ""}]}', ""),
        (b'{"errors": []}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"\xff", ""),
    ],
)
def test_what_the_registry_says(body: bytes, said: str) -> None:
    assert _said(body) == said


@pytest.mark.parametrize(
    ("status", "permanent", "expired"),
    [
        (401, False, True),
        (403, True, False),
        (404, True, False),
        (409, False, False),
        (429, False, False),
        (500, False, False),
        (302, False, False),
    ],
)
def test_what_is_tried_again(
    status: int, permanent: bool, expired: bool
) -> None:
    error = _refused(status, b"")
    assert (error.permanent, error.expired) == (permanent, expired)
