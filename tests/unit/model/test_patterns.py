"""Which regular expressions of users are taken."""

import pytest

from caas.model import patterns


@pytest.mark.parametrize(
    "text",
    [
        *("web", "^web-[0-9]+$", "(?i)web", "(?:a|b)*", r"a\.b\\c", r"\d\S\w"),
        *("a{255}", "a{1,255}", "[[:alpha:]]", "ü", "a[.]b"),
    ],
)
def test_taken(text: str) -> None:
    patterns.check(text)


@pytest.mark.parametrize(
    "text",
    [
        *("(", "[", "a**", "*a", r"a\1", "(?=a)", "(?!a)"),
        # databases differ in these
        *(r"\bweb", r"\Qa.b\E", r"\z", r"\pN", r"\C", r"\x{61}", "(?P<x>a)"),
        *("[[.a.]]", "[[=a=]]", "[[:^alpha:]]", "a{1", "a{,2}", "", "a" * 256),
        *("(?U)a", "a(?i)b", "(?s).", "a{256}", "a{1,1000}", "a{300,}"),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        patterns.check(text)
