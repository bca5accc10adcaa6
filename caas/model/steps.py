"""How an image was built: the lines of its Dockerfile, as far as its
configuration tells.

Builders differ in what they write, and may write anything; nothing here
depends on its being right.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from caas.model import loose
from caas.model.images import PlacedLayer, Step

_SHELL = "/bin/sh -c "
_NOP = re.compile(r"/bin/sh -c #\(nop\)\s+")
#: How builders mark what is theirs.
_MARK = re.compile(r"\s+# buildkit\Z")
_RUN = re.compile(r"RUN (\|\d+ .*?)?/bin/sh -c ", re.S)


def steps(
    config: Mapping[str, Any], layers: Sequence[PlacedLayer]
) -> list[Step]:
    """The oldest first.

    :param config: of the image.
    :param layers: from the bottom; those the configuration tells nothing of
        come last.
    """
    left = list(layers)
    found = []
    history = config.get("history")
    for entry in history if isinstance(history, list) else ():
        if not isinstance(entry, dict):
            continue
        layer = None
        if left and not entry.get("empty_layer"):
            layer = left.pop(0)
        found.append(
            Step(
                created_by=loose.text(entry, "created_by"),
                created=loose.text(entry, "created"),
                author=loose.text(entry, "author"),
                comment=loose.text(entry, "comment"),
                layer=layer,
            )
        )
    return [*found, *(Step("", "", "", "", layer) for layer in left)]


def instruction(created_by: str) -> str:
    """As it stood in the Dockerfile, most likely."""
    text = _MARK.sub("", created_by.strip())
    if _NOP.match(text):
        return _NOP.sub("", text, count=1).strip()
    text = _RUN.sub("RUN ", text, count=1)
    if text.startswith(_SHELL):
        return f"RUN {text.removeprefix(_SHELL).strip()}"
    return text
