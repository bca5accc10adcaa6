"""Which image is meant, over real HTTP."""

from collections.abc import Iterator

import pytest
from keystoneauth1 import noauth, token_endpoint
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from caas import exception
from caas.clients.glance import Images
from caas.context import RequestContext
from tests.functional.glance import Glance


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


def test_by_id_and_name(glance: Glance, images: Images) -> None:
    image = glance.add("registry:5000/team/app:latest", b"data")
    glance.add("other:1")
    (found,) = images.named(_ctx(), image.name)
    assert found == images.record(_ctx(), image.id)
    assert found is not None
    assert found["id"] == image.id
    assert glance.requests == [
        "/v2/images?name=eq%3Aregistry%3A5000%2Fteam%2Fapp%3Alatest",
        f"/v2/images/{image.id}",
    ]


@pytest.mark.parametrize("name", ["none:1", "theirs:1", "in:a,b"])
def test_not_seen(glance: Glance, images: Images, name: str) -> None:
    theirs = glance.add("theirs:1", owner="p2")
    assert images.named(_ctx(), name) == []
    assert images.record(_ctx(), theirs.id) is None


def test_several(glance: Glance, images: Images) -> None:
    two = [glance.add("app:1"), glance.add("app:1")]
    found = images.named(_ctx(), "app:1")
    assert [each["id"] for each in found] == [image.id for image in two]


def test_a_closed_connection_is_no_matter(
    glance: Glance, images: Images
) -> None:
    image = glance.add("app:1", b"data")
    images.named(_ctx(), "app:1")
    glance.closing = 2
    assert images.record(_ctx(), image.id)


@pytest.mark.parametrize("status", [401, 500, 503])
def test_glance_fails(glance: Glance, images: Images, status: int) -> None:
    glance.failing = status
    with pytest.raises(exception.Unavailable, match=str(status)):
        images.named(_ctx(), "app:1")


def test_glance_is_away(glance: Glance) -> None:
    images = Images(Session(noauth.NoAuth()), endpoint="http://127.0.0.1:1")
    with pytest.raises(exception.Unavailable, match="does not answer"):
        images.named(_ctx(), "app:1")


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
    assert images.named(ctx, "app:1")


def test_else_the_catalog_of_the_service_user(glance: Glance) -> None:
    glance.add("app:1")
    auth = token_endpoint.Token(f"{glance.url}/v2", "token")
    images = Images(Session(auth))
    assert images.named(_ctx(), "app:1")
    elsewhere = [{"type": "compute", "endpoints": []}]
    assert images.named(_ctx(service_catalog=elsewhere), "app:1")


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        (noauth.NoAuth(), "has no image service"),
        (v3.Password("http://127.0.0.1:1", "u", "p"), "Keystone does not"),
    ],
)
def test_nobody_knows_where(auth: object, words: str) -> None:
    with pytest.raises(exception.Unavailable, match=words):
        Images(Session(auth)).named(_ctx(), "app:1")
