"""What the use cases need of the world, handed in by ``wsgi`` and tests."""

import dataclasses
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any, Protocol

from caas import exception
from caas.context import RequestContext
from caas.model import spec, streams
from caas.store.engine import Store


class ImageResolver(Protocol):
    def resolve(
        self, ctx: RequestContext, refs: Collection[str]
    ) -> dict[str, spec.ImageRef]:
        """Find images as the user of ``ctx`` sees them.

        :param refs: Glance ids, ``name:tag``, names (``:latest``), digests.
        :raises BadRequest: one is unknown, ambiguous or not usable.
        :raises Unavailable: Glance does not answer.
        """


class NoImages:
    """Of processes that take no image."""

    def resolve(
        self, ctx: RequestContext, refs: Collection[str]
    ) -> dict[str, spec.ImageRef]:
        raise exception.Unavailable("This process does not ask Glance.")


class Bytes(Protocol):
    """What is read from a record; ``size`` is None if not known."""

    @property
    def size(self) -> int | None: ...

    @property
    def chunks(self) -> Iterator[bytes]: ...


class Records(Protocol):
    """Where images are kept; see :class:`caas.clients.records.Records`."""

    def create(
        self,
        record_id: str,
        *,
        owner: str,
        name: str,
        hidden: bool = True,
        visibility: str = "private",
        properties: Mapping[str, str] | None = None,
    ) -> None: ...

    def upload(self, record_id: str, chunks: Iterable[bytes]) -> None: ...

    def open(
        self, record_id: str, start: int | None = None, end: int | None = None
    ) -> Bytes: ...

    def update(
        self, record_id: str, changes: Mapping[str, str | bool | None]
    ) -> str: ...

    def get(self, record_id: str) -> dict[str, Any] | None: ...

    def delete(self, record_id: str) -> None: ...

    def list(self, **filters: str) -> Iterator[dict[str, Any]]: ...

    def members(self, record_id: str) -> dict[str, str]: ...

    def share(self, record_id: str, project_id: str, status: str) -> None: ...


class Seen(Protocol):
    """What a user sees in Glance; see :class:`caas.clients.glance.Images`."""

    def visible(
        self, ctx: RequestContext, image_ids: Collection[str]
    ) -> set[str]:
        """Those of these images that Glance shows to the user.

        :raises Unavailable: Glance does not answer.
        """

    def public(self) -> set[str]:
        """Ids of images that Glance shows to everybody.

        :raises Unavailable: Glance does not answer.
        """

    def record(
        self, ctx: RequestContext, image_id: str
    ) -> dict[str, Any] | None:
        """The record of an image, None if the user does not see it."""

    def properties(self, ctx: RequestContext, image_id: str) -> dict[str, Any]:
        """As ``record``, but it may be of some moments ago; empty for one
        that the user does not see."""

    def named(self, ctx: RequestContext, name: str) -> list[dict[str, Any]]:
        """Records of a name that the user sees."""

    def page(
        self, ctx: RequestContext, query: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Records that the user sees, as Glance is asked for them.

        :raises BadRequest: Glance takes no such question.
        """

    def change(
        self,
        ctx: RequestContext,
        image_id: str,
        changes: Sequence[Mapping[str, Any]],
    ) -> None:
        """Change a record as the user.

        :param changes: a JSON patch.
        :raises NotFound: the user does not see it.
        :raises Forbidden: the user may not.
        """

    def remove(self, ctx: RequestContext, image_id: str) -> None:
        """Delete it as the user.

        :raises CaasError: as :meth:`change`; Conflict: it is protected or
            in use.
        """


class Agents(Protocol):
    def look(self, host: str, address: str, ask: streams.Ask) -> Any:
        """Ask the agent of a host for something short.

        :param host: its name, which its certificate has to bear.
        :param address: ``address:port``.
        :returns: the ``result``, see :mod:`caas.model.streams`.
        :raises CaasError: what the agent says, or that it does not answer.
        """

    def read(
        self, host: str, address: str, ask: streams.Ask, most: int
    ) -> bytes:
        """Read a stream that ends by itself, such as of what was written.

        :param most: bytes; what comes first is left out.
        :raises CaasError: as :meth:`look`.
        """


class NoAgents:
    """Of processes that ask no agent anything."""

    def look(self, host: str, address: str, ask: streams.Ask) -> Any:
        raise exception.Unavailable(
            "This process has no certificate to show to hosts; set [proxy]."
        )

    def read(
        self, host: str, address: str, ask: streams.Ask, most: int
    ) -> bytes:
        raise exception.Unavailable(
            "This process has no certificate to show to hosts; set [proxy]."
        )


def _nobody(ctx: RequestContext) -> None:
    """Nobody is told; conductors look by themselves."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where images are, and how they are kept; see ``[registry]``.

    :ivar max_blob: bytes of a blob as pushed.
    :ivar max_unpacked: bytes of a layer unpacked.
    :ivar recycle: seconds a deleted tag stays in the recycle bin.
    :ivar wait: seconds a request waits for an archive to become an image.
    """

    records: Records
    seen: Seen
    max_blob: int = 64 << 30
    max_unpacked: int = 64 << 30
    recycle: float = 7 * 86400.0
    wait: float = 20.0


@dataclasses.dataclass(frozen=True)
class Deps:
    """:ivar notify: tells any conductor to look at these sets again; must
        not raise (a lost message is made good by the conductor's sweep).
    :ivar notify_jobs: tells any conductor that a job waits; likewise.
    :ivar quota_defaults: limit by resource, see ``model.quotas``.
    :ivar keypairs_limit: most key pairs of one user, -1 for no limit.
    :ivar kept: of processes that store or read images, else None.
    :ivar heartbeat_timeout: seconds after which a silent host is down.
    :ivar reclaim_interval: seconds a deleted set stays in the recycle bin, 0
        for there is none.
    """

    store: Store
    notify: Callable[[RequestContext, list[str]], None]
    images: ImageResolver
    quota_defaults: Mapping[str, int]
    heartbeat_timeout: float = 45.0
    reclaim_interval: float = 0
    keypairs_limit: int = 100
    agents: Agents = NoAgents()  # noqa: RUF009 - it has no state
    notify_jobs: Callable[[RequestContext], None] = _nobody
    kept: Kept | None = None


def kept(deps: Deps) -> Kept:
    """:raises Unavailable: this process has nothing to do with images."""
    if deps.kept is None:
        raise exception.Unavailable("This process does not ask Glance.")
    return deps.kept
