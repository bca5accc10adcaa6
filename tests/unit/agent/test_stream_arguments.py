import pytest

from caas.agent.streams import looks
from caas.agent.streams.arguments import Arguments
from caas.agent.streams.link import Refused
from caas.model import streams


def given(**arguments):
    return Arguments(streams.Ask("exec", "s", 1, arguments=arguments))


def test_what_is_given():
    found = given(
        command=["a", "b"],
        tty=True,
        user="me",
        env={"A": "b=c"},
        width=80,
        path="/a b",
    )
    assert found.words("command") == ("a", "b")
    assert found.flag("tty")
    assert found.text("user") == "me"
    assert found.texts("env") == {"A": "b=c"}
    assert found.number("width", 1, 100, 0) == 80
    assert found.path("path") == "/a b"


def test_what_is_not_given():
    found = given(user=None)
    assert not found.flag("tty")
    assert found.text("user") == ""
    assert found.texts("env") == {}
    assert found.number("width", 1, 100, 0) == 0


@pytest.mark.parametrize(
    ("method", "value", "more"),
    [
        ("words", None, ()),
        ("words", [], ()),
        ("words", "ls -l", ()),
        ("words", ["a", 1], ()),
        ("words", ["a\0"], ()),
        ("flag", 1, ()),
        ("flag", "yes", ()),
        ("text", 7, ()),
        ("text", "a\0b", ()),
        ("path", None, ()),
        ("path", "a", ()),
        ("path", "/" + "a" * 5000, ()),
        ("texts", [], ()),
        ("texts", {"A": 1}, ()),
        ("texts", {"": "x"}, ()),
        ("texts", {"A=B": "x"}, ()),
        ("texts", {"A": "\0"}, ()),
        ("number", True, (1, 9, 0)),
        ("number", 10, (1, 9, 0)),
        ("number", 1.5, (1, 9, 0)),
        ("number", "1", (1, 9, 0)),
    ],
)
def test_what_cannot_be(method, value, more):
    with pytest.raises(Refused, match="'x' has to") as refused:
        getattr(given(x=value), method)("x", *more)
    assert refused.value.code == 400


def test_what_fits_into_a_message():
    items = [{"a": "b" * 10}] * 100
    assert looks.fitting(items) == (items, True)
    assert looks.fitting(items, 100) == (items[:4], False)
    assert looks.fitting([], 0) == ([], True)
