import contextlib
import hashlib
import json
import threading

import pytest

from caas.drivers.image.base import ImageError
from caas.drivers.image.passage import Passage
from caas.model import manifests, spec, wire

LAYER = "sha256:" + "a" * 64
CONFIG = "sha256:" + "b" * 64


def part(digest, size, media_type="application/x", **more):
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def manifest(*layers, config=manifests.DOCKER_CONFIG):
    return {
        "schemaVersion": 2,
        "mediaType": manifests.DOCKER_MANIFEST,
        "config": part(CONFIG, 10, config),
        "layers": list(layers),
    }


MANIFEST = manifest(part(LAYER, 1000))


def digest_of(body):
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


class Upstream:
    def __init__(self, *manifests):
        self.bodies = {digest_of(body): body for body in manifests}
        self.asked = []

    def manifest(self, what, pull, digest):
        self.asked.append((pull.token, digest))
        return self.bodies[digest], ""

    def blob(self, what, pull, digest, start, size, given_up, waiting):
        self.asked.append((pull().token, digest))
        yield b"x" * (size - start)


class Room:
    def __init__(self, free=1 << 40):
        self.free = free

    @contextlib.contextmanager
    def __call__(self, size):
        self.free -= size
        try:
            yield self.free >= 0
        finally:
            self.free += size


def passage(*chain, room=None, limit=1 << 20, **ref):
    """Of the last manifest."""
    bodies = [
        m if isinstance(m, bytes) else json.dumps(m).encode() for m in chain
    ]
    upstream = Upstream(*bodies)
    image = spec.ImageRef("web:1", "id", digest_of(bodies[-1]), **ref)
    made = Passage(
        image,
        wire.Pull("t1", "web/app", image.digest),
        upstream,
        room or Room(),
        lambda sentence: None,
        limit,
    )
    return made, upstream, image.digest


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        ({}, "schemaVersion"),
        (manifest(part("sha512:x", 1)), "sha256"),
        (manifest(part(LAYER, 1), config="application/x"), "no image"),
        (manifest(part(LAYER, 1, urls=["http://x"])), "not kept"),
        (manifest(part(LAYER, 2 << 20)), "max_unpacked_gb"),
    ],
)
def test_manifests_that_are_not_let_in(body, words):
    with pytest.raises(ImageError, match=words) as error:
        passage(body)
    assert error.value.permanent
    assert error.value.message.startswith("The image web:1 cannot be run: ")


def test_only_what_belongs_to_the_image():
    one, upstream, digest = passage(MANIFEST)
    assert (one.size(LAYER), one.size(CONFIG)) == (1000, 10)
    assert one.sizes == {LAYER: 1000}
    other = "sha256:" + "c" * 64
    assert one.size(other) is None
    assert one.manifest(other) is None
    # asked for once however often the engine asks
    assert one.manifest(digest).body == json.dumps(MANIFEST).encode()
    assert upstream.asked == [("t1", digest)]
    one.renew(wire.Pull("t2"))
    assert b"".join(one.blob(LAYER, 990)) == b"x" * 10
    assert upstream.asked[-1] == ("t2", LAYER)


def test_an_image_of_an_index():
    child = json.dumps(MANIFEST).encode()
    index = {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_INDEX,
        "manifests": [part(digest_of(child), len(child))],
    }
    one, _, _ = passage(child, index)
    assert one.size(LAYER) is None
    assert one.manifest(digest_of(child)).body == child
    assert one.size(LAYER) == 1000


@pytest.mark.parametrize(
    ("known", "free", "enough"),
    [
        ({}, 2000, True),
        ({}, 1999, False),
        ({"size": 500, "unpacked_size": 1500}, 4000, True),
        ({"size": 500, "unpacked_size": 1500}, 3999, False),
    ],
)
def test_room_for_a_layer_as_it_comes_and_unpacked(known, free, enough):
    room = Room(free)
    one, _, _ = passage(MANIFEST, room=room, **known)
    if enough:
        assert len(b"".join(one.blob(LAYER, 0))) == 1000
    else:
        with pytest.raises(ImageError, match="room") as error:
            next(one.blob(LAYER, 0))
        assert not error.value.permanent
    assert room.free == free


def test_the_first_fault_is_kept_and_ends_all():
    one, upstream, digest = passage(MANIFEST)
    first = ImageError("first", permanent=True)

    def broken(*args):
        yield b"x"
        raise first

    upstream.blob = broken
    chunks = one.blob(LAYER, 0)
    assert next(chunks) == b"x"
    with pytest.raises(ImageError):
        next(chunks)
    assert one.fault is first
    for again in (
        lambda: one.manifest(digest),
        lambda: next(one.blob(CONFIG, 0)),
    ):
        with pytest.raises(ImageError, match="first") as error:
            again()
        # of another thread, as a rule
        assert error.value is not first


def test_too_large_by_what_is_known_of_it():
    with pytest.raises(ImageError, match="max_unpacked_gb"):
        passage(MANIFEST, unpacked_size=(1 << 20) + 1)


def test_closed_is_told_to_who_waits():
    one, upstream, _ = passage(MANIFEST)
    told = []
    upstream.blob = lambda *args: (told.append(a) for a in args[5:6])
    list(one.blob(LAYER, 0))
    (given_up,) = told
    assert isinstance(given_up, threading.Event)
    one.close()
    assert given_up.is_set()
