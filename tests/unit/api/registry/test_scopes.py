import pytest

from caas import exception
from caas.api.registry import scopes


def test_actions_by_repository() -> None:
    found = scopes.parse(
        [
            "repository:demo/app:pull,push repository:demo/base:pull",
            "repository:demo/app:delete",
            "registry:catalog:*",
        ]
    )
    assert found == {
        "demo/app": {"pull", "push", "delete"},
        "demo/base": {"pull"},
        scopes.CATALOG: {"*"},
    }


@pytest.mark.parametrize(
    "text",
    ["", "   ", "nothing", "repository:", "a:b:c", "registry:other:*", ":::"],
)
def test_what_is_not_known_is_left_out(text: str) -> None:
    assert scopes.parse([text]) == {}


def test_actions_that_are_not_known_are_left_out() -> None:
    assert scopes.parse(["repository:a/b:pull,fly"]) == {"a/b": {"pull"}}


def test_the_class_of_a_repository_and_a_port_in_its_name() -> None:
    found = scopes.parse(["repository(plugin):host:5000/a/b:pull"])
    assert found == {"host:5000/a/b": {"pull"}}


def test_there_is_an_end() -> None:
    with pytest.raises(exception.BadRequest, match="64 scopes"):
        scopes.parse(["repository:a/b:pull " * 65])


def test_what_a_client_is_told_to_ask_for() -> None:
    assert scopes.text("a/b", "pull", "push") == "repository:a/b:pull,push"
    assert scopes.text(scopes.CATALOG, "pull") == "registry:catalog:*"
