"""Regular expressions that users send.

They are those of RE2, which take time in proportion to the text: no
look-around and no references back, with which one request could keep a process
busy for ever.  And of these what every database of ours understands, and in
the same way: no escapes of letters but ``\\d``, ``\\s``, ``\\w`` and their
opposites, no groups with a name or flags but ``(?i)`` before all, and no more
than 255 repetitions.
"""

import re

import re2

_TOKEN = re.compile(
    r"\\[^a-zA-Z0-9]|\\[dDsSwW]"
    r"|(?P<odd>\\|\(\?(?!:)|\[\[[.=]|\[\[:\^|\{(?!\d+(?:,\d*)?\})"
    r"|\{(?:\d*,)?0*(?:25[6-9]|2[6-9]\d|[3-9]\d\d|[1-9]\d{3,})\b)|.",
    re.DOTALL,
)

#: Characters: names have no more, and some databases take time for each.
MOST = 255

_OPTIONS = re2.Options()
# it would write its own words about each bad one to stderr
_OPTIONS.log_errors = False


def check(pattern: str) -> None:
    """:raises ValueError: it is none; with a sentence that says what is."""
    if not 0 < len(pattern) <= MOST:
        raise ValueError(f"It has to be of 1 to {MOST} characters.")
    rest = pattern.removeprefix("(?i)")
    if any(token["odd"] for token in _TOKEN.finditer(rest)):
        raise ValueError(
            "It has something that databases differ in: escapes of letters "
            "(but \\d, \\s, \\w and their opposites), flags (but (?i) at the "
            "start), look-around, groups with a name, or more than 255 "
            "repetitions."
        )
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error:
        raise ValueError("It is none of RE2.") from None


def found(pattern: str, text: str) -> bool:
    """Whether a text holds what a checked pattern says, as databases do it."""
    return re2.compile(pattern, _OPTIONS).search(text) is not None
