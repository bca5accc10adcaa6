"""What a stream is asked with, taken for nothing but what it has to be.

Proxies check more, with better words; but a host must not be at the mercy of
whoever can send it a message.
"""

from typing import Any

from caas.agent.streams.link import Refused
from caas.model import streams

_LONGEST_PATH = 4096


class Arguments:
    """:raises Refused: by all methods, for what cannot be."""

    def __init__(self, ask: streams.Ask) -> None:
        self._given = ask.arguments

    def flag(self, name: str) -> bool:
        found: bool = self._of(name, bool, False, "be true or false")
        return found

    def number(self, name: str, least: int, most: int, default: int) -> int:
        must = f"be a number from {least} to {most}"
        found: int = self._of(name, int, default, must)
        if isinstance(found, bool) or (
            found != default and not least <= found <= most
        ):
            raise _wrong(name, must)
        return found

    def text(self, name: str) -> str:
        """ "" if it is not given."""
        found: str = self._of(name, str, "", "be a text")
        if "\0" in found:
            raise _wrong(name, "be without zero bytes")
        return found

    def path(self, name: str) -> str:
        found = self.text(name)
        if not found.startswith("/") or len(found) > _LONGEST_PATH:
            raise _wrong(name, "be an absolute path")
        return found

    def words(self, name: str) -> tuple[str, ...]:
        must = "be a list of texts with at least one in it"
        found = self._of(name, list, [], must)
        if not found or not all(
            isinstance(word, str) and "\0" not in word for word in found
        ):
            raise _wrong(name, must)
        return tuple(found)

    def texts(self, name: str) -> dict[str, str]:
        must = "be an object of texts"
        found: dict[str, str] = self._of(name, dict, {}, must)
        for key, value in found.items():
            if not isinstance(value, str) or not key or "=" in key:
                raise _wrong(name, must)
            if "\0" in key + value:
                raise _wrong(name, "be without zero bytes")
        return found

    def _of(self, name: str, kind: type, default: Any, must: str) -> Any:
        found = self._given.get(name)
        if found is None:
            return default
        if not isinstance(found, kind):
            raise _wrong(name, must)
        return found


def _wrong(name: str, must: str) -> Refused:
    # without the value: it may be a secret
    return Refused(400, f"{name!r} has to {must}.")
