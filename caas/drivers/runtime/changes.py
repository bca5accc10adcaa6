"""What a container of Docker changed of the files of its image."""

import json
from collections.abc import Sequence

from caas.drivers.runtime.base import Change
from caas.drivers.runtime.streaming import Streaming

_WHAT = "What the container changed cannot be told"
_KINDS = ("modified", "added", "deleted")


async def diff(
    streaming: Streaming, runtime_id: str, most: int
) -> tuple[Sequence[Change], bool]:
    """See :meth:`caas.drivers.runtime.base.Runtime.diff`."""
    answer = await streaming.ask(
        _WHAT, "GET", f"/containers/{runtime_id}/changes"
    )
    try:
        async with streaming.timely(_WHAT):
            return parse(await answer.all(most))
    finally:
        answer.close()


def parse(said: bytes) -> tuple[list[Change], bool]:
    """:param said: a list in JSON, or its beginning.

    :returns: with whether it was all.
    """
    text = said.decode(errors="ignore").strip()
    if text in ("null", ""):
        return [], True
    decoder = json.JSONDecoder()
    found: list[Change] = []
    at = 1
    while at < len(text) and text[at] != "]":
        try:
            item, at = decoder.raw_decode(text, at)
        except ValueError:
            return found, False
        found.append(Change(item["Path"], _KINDS[item["Kind"]]))
        while text[at : at + 1] in (",", " ", "\n"):
            at += 1
    return found, at < len(text)
