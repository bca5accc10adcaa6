"""Which image is meant, over real HTTP."""

import hashlib
from collections.abc import Iterator

import pytest
from keystoneauth1 import noauth, token_endpoint
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from caas import exception
from caas.clients.glance import Images
from caas.context import RequestContext
from tests.functional.glance import Glance, Image


@pytest.fixture
def glance() -> Iterator[Glance]:
    made = Glance()
    yield made
    made.stop()


@pytest.fixture
def images(glance: Glance) -> Images:
    return Images(Session(noauth.NoAuth()), endpoint=f"{glance.url}/v2/")


def _ctx(project: str = "p1", **how: object) -> RequestContext:
    return RequestContext(
        auth_token=f"u1:{project}:member", overwrite=False, **how
    )


def test_by_id_name_tag_and_digest(glance: Glance, images: Images) -> None:
    image = glance.add("registry:5000/team/app:latest", b"data")
    glance.add("other:1")
    digest = f"sha512:{hashlib.sha512(b'data').hexdigest()}"
    refs = {
        image.id,
        "registry:5000/team/app:latest",
        "registry:5000/team/app",
        digest,
    }
    found = images.resolve(_ctx(), refs)
    assert found.keys() == refs
    for ref, one in found.items():
        assert one.ref == ref
        assert one.id == image.id
        assert one.digest == digest
        assert one.name == "registry:5000/team/app:latest"
        assert one.size == 4


def test_one_request_for_each_image(glance: Glance, images: Images) -> None:
    glance.add("a:1")
    image = glance.add("b:1")
    images.resolve(_ctx(), {"a:1", image.id})
    assert sorted(glance.requests) == sorted(
        ["/v2/images?name=eq%3Aa%3A1", f"/v2/images/{image.id}"]
    )


def test_a_name_may_look_like_an_id(glance: Glance, images: Images) -> None:
    name = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"
    image = glance.add(f"{name}:latest")
    assert images.resolve(_ctx(), {name})[name].id == image.id


@pytest.mark.parametrize(
    ("ref", "how", "words"),
    [
        ("none:1", {}, "no image 'none:1' that you can see"),
        ("theirs:1", {"owner": "p2"}, "no image 'theirs:1' that you can"),
        ("queued:1", {"status": "queued"}, "is queued; only an active"),
        ("vm:1", {"container_format": "bare"}, "not a Docker image"),
        ("in:a,b", {}, "no image 'in:a,b'"),
    ],
)
def test_unusable(
    glance: Glance, images: Images, ref: str, how: dict, words: str
) -> None:
    if how:
        glance.add(ref, **how)
    with pytest.raises(exception.BadRequest, match=words):
        images.resolve(_ctx(), {ref})


def test_ambiguous_names_the_ids(glance: Glance, images: Images) -> None:
    two = [glance.add("app:1"), glance.add("app:1")]
    with pytest.raises(exception.BadRequest) as caught:
        images.resolve(_ctx(), {"app:1"})
    assert all(image.id in caught.value.message for image in two)


def test_of_equal_digests_any_usable_one_will_do(
    glance: Glance, images: Images
) -> None:
    glance.add("bare:1", b"same", container_format="bare")
    glance.add("queued:1", b"same", status="queued")
    usable = {glance.add(f"app:{n}", b"same").id for n in range(2)}
    glance.add("other:1", b"other")
    digest = f"sha512:{hashlib.sha512(b'same').hexdigest()}"
    assert images.resolve(_ctx(), {digest})[digest].id in usable


def test_a_closed_connection_is_no_matter(
    glance: Glance, images: Images
) -> None:
    image = glance.add("app:1", b"data")
    images.resolve(_ctx(), {"app:1"})
    glance.closing = 2
    assert images.resolve(_ctx(), {"app:1"})["app:1"].id == image.id


@pytest.mark.parametrize("status", [401, 500, 503])
def test_glance_fails(glance: Glance, images: Images, status: int) -> None:
    glance.failing = status
    with pytest.raises(exception.Unavailable, match=str(status)):
        images.resolve(_ctx(), {"app:1"})


def test_glance_is_away(glance: Glance) -> None:
    images = Images(Session(noauth.NoAuth()), endpoint="http://127.0.0.1:1")
    with pytest.raises(exception.Unavailable, match="does not answer"):
        images.resolve(_ctx(), {"app:1"})


def test_the_catalog_of_the_user_says_where(glance: Glance) -> None:
    glance.add("app:1")
    endpoints = [
        {"region": "one", "publicURL": "http://127.0.0.1:1/v2"},
        {
            "region": "two",
            "publicURL": "http://127.0.0.1:1",
            "internalURL": glance.url,
        },
    ]
    catalog = [{"type": "image", "name": "glance", "endpoints": endpoints}]
    images = Images(Session(noauth.NoAuth()), region="two")
    ctx = _ctx(service_catalog=catalog)
    assert images.resolve(ctx, {"app:1"})


def test_the_service_user_reads_the_bytes(
    glance: Glance, images: Images
) -> None:
    data = bytes(range(256)) * 10_000
    image = glance.add("app:1", data, owner="p2")
    content = images.open(image.id)
    assert content.size == len(data)
    assert b"".join(content.chunks) == data


def test_no_bytes(glance: Glance, images: Images) -> None:
    with pytest.raises(exception.NotFound, match="has no content"):
        images.open("1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43")


def test_else_the_catalog_of_the_service_user(glance: Glance) -> None:
    glance.add("app:1")
    auth = token_endpoint.Token(f"{glance.url}/v2", "token")
    images = Images(Session(auth))
    assert images.resolve(_ctx(), {"app:1"})
    elsewhere = [{"type": "compute", "endpoints": []}]
    assert images.resolve(_ctx(service_catalog=elsewhere), {"app:1"})


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        (noauth.NoAuth(), "has no image service"),
        (v3.Password("http://127.0.0.1:1", "u", "p"), "Keystone does not"),
    ],
)
def test_nobody_knows_where(auth: object, words: str) -> None:
    with pytest.raises(exception.Unavailable, match=words):
        Images(Session(auth)).resolve(_ctx(), {"app:1"})


def test_an_image_of_old_has_no_digest(
    glance: Glance, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = {**glance.add("app:1").view(), "os_hash_value": None}
    monkeypatch.setattr(Image, "view", lambda self: view)
    with pytest.raises(exception.BadRequest, match="has no digest"):
        images.resolve(_ctx(), {view["id"]})
