"""What sets and containers may be called."""

import pytest

from caas.host import names
from caas.host.errors import HostError
from caas.host.listing import Container, Listing, Set


def container(name, set_id, number, role="business", incarnation=1):
    return Container(
        name=name,
        role=role,
        id=f"{number}c" * 4 if role == "business" else "",
        engine_id=f"{number}e" * 8,
        engine_name=f"caas-{set_id}-{incarnation}-{name}",
        set_id=set_id,
        incarnation=incarnation,
        state="running",
        pid=number,
    )


SHOP = Set(
    "aa11",
    "shop",
    address="10.0.0.2",
    containers=(
        container("infra", "aa11", 1, "infra"),
        container("web", "aa11", 2),
        container("db", "aa11", 3),
    ),
)
WEB = Set(
    "aa22",
    "web",
    containers=(
        container("infra", "aa22", 4, "infra"),
        container("main", "aa22", 5),
        container("main", "aa22", 6, incarnation=0),
    ),
)
EMPTY = Set("bb33", "empty")
ALL = Listing((SHOP, WEB, EMPTY))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("db", 3),
        ("shop/web", 2),
        ("aa11/web", 2),
        ("web.shop", 2),
        ("web.aa11", 2),
        ("shop/infra", 1),
        ("2c2c2c2c", 2),
        ("2c2c", 2),
        ("2e2e2e2e2e2e2e2e", 2),
        ("3e3", 3),
        ("caas-aa11-1-db", 3),
        # the newest of a set
        ("aa22", 5),
        ("web/infra", 4),
        ("6e", 6),
    ],
)
def test_containers(text, number):
    assert names.find_container(ALL, text).pid == number


@pytest.mark.parametrize(
    ("text", "set_id"),
    [
        ("shop", "aa11"),
        ("aa2", "aa22"),
        ("db", "aa11"),
        ("main.web", "aa22"),
        ("3c", "aa11"),
        ("empty", "bb33"),
    ],
)
def test_sets(text, set_id):
    assert names.find_set(ALL, text).id == set_id


@pytest.mark.parametrize(
    ("find", "text", "words"),
    [
        (names.find_container, "shop", "db.shop, web.shop"),
        # a set, and a container of another one
        (names.find_container, "web", "main.web, web.shop"),
        (names.find_container, "infra", "infra.shop, infra.web"),
        (names.find_set, "aa", "shop (aa11), web (aa22)"),
        (names.find_set, "web", "shop (aa11), web (aa22)"),
        (names.find_container, "nothing", "'caas-host ps'"),
        (names.find_set, "", "'caas-host ps'"),
        (names.find_container, "empty", "no business container"),
    ],
)
def test_what_is_not_clear(find, text, words):
    with pytest.raises(HostError) as caught:
        find(ALL, text)
    assert words in caught.value.message
    assert caught.value.code == 1
