"""How values of several nouns are shown."""

import datetime
import functools
import re

from caas.model import addressing


def zulu(value: datetime.datetime) -> str:
    """As ``created`` and ``updated`` of a server."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(value: datetime.datetime | None) -> str | None:
    """As every other time: clients fail on a zone there."""
    return None if value is None else value.isoformat(timespec="microseconds")


def links(url: str, noun: str, ident: str) -> list[dict[str, str]]:
    """:param url: of the API with its version."""
    return [
        {"rel": "self", "href": f"{url}/{noun}/{ident}"},
        {"rel": "bookmark", "href": bookmark(url, noun, ident)},
    ]


def bookmark(url: str, noun: str, ident: str) -> str:
    """Without a version."""
    return f"{_root(url)}/{noun}/{ident}"


@functools.lru_cache(maxsize=16)
def _root(url: str) -> str:
    """Lists ask for it some thousand times."""
    return re.sub(r"/v2(\.1)?$", "", url)


def mac(address: str) -> str:
    """The one that goes with an address of a set."""
    return addressing.mac_of(address)


def vcpus(millicpus: int) -> int:
    """Nova knows whole CPUs only."""
    return max(1, -(-millicpus // 1000))


def number(ident: str) -> int:
    """Of a UUID, for what knows numbers only; as good as unique."""
    return int(ident.replace("-", "")[:7], 16)
