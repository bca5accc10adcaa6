"""Regular expressions that users send.

They are those of RE2, which every database of ours understands and which take
time in proportion to the text: no look-around and no references back, with
which one request could keep a process busy for ever.
"""

import re2

_OPTIONS = re2.Options()
# it would write its own words about each bad one to stderr
_OPTIONS.log_errors = False


def check(pattern: str) -> None:
    """:raises ValueError: it is none."""
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error:
        raise ValueError("It is no regular expression of RE2.") from None


def found(pattern: str, text: str) -> bool:
    """Whether a text holds what a checked pattern says, as databases do it."""
    return re2.compile(pattern, _OPTIONS).search(text) is not None
