"""``download`` and ``upload``: files as tar archives, out of and into."""

import contextlib
import dataclasses
from collections.abc import Iterator

from caas.agent.streams.arguments import Arguments
from caas.agent.streams.inside import Inside
from caas.agent.streams.link import Link, Refused
from caas.model.streams import Verb


@dataclasses.dataclass(frozen=True)
class Limits:
    """See :mod:`caas.conf.streams`.

    :ivar max_mb: of one archive, in MiB.
    :ivar max_copies: at once.
    """

    max_mb: int = 10240
    max_copies: int = 8


class Archives:
    """:param inside: by which containers are entered."""

    def __init__(self, inside: Inside, limits: Limits) -> None:
        self._inside = inside
        self._limits = limits
        self._count = 0

    async def download(self, link: Link) -> None:
        given = {
            "path": Arguments(link.ask).path("path"),
            "most": self._limits.max_mb,
        }
        with self._one_more():
            async with self._inside.visit(link, Verb.DOWNLOAD, given) as visit:
                await visit.serve(link, link.gone())

    async def upload(self, link: Link) -> None:
        given = {
            "path": Arguments(link.ask).path("path"),
            "most": self._limits.max_mb,
        }
        with self._one_more():
            async with self._inside.visit(link, Verb.UPLOAD, given) as visit:
                await visit.serve(link, visit.feed(link))

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        if self._count >= self._limits.max_copies:
            raise Refused(
                503,
                f"This host copies for {self._count} others already; try "
                "again when one of them is done.",
            )
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
