"""What the use cases need of the world, handed in by ``wsgi`` and tests."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
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


class Agents(Protocol):
    def look(self, host: str, address: str, ask: streams.Ask) -> Any:
        """Ask the agent of a host for something short.

        :param host: its name, which its certificate has to bear.
        :param address: ``address:port``.
        :returns: the ``result``, see :mod:`caas.model.streams`.
        :raises CaasError: what the agent says, or that it does not answer.
        """


class NoAgents:
    """Of processes that ask no agent anything."""

    def look(self, host: str, address: str, ask: streams.Ask) -> Any:
        raise exception.Unavailable(
            "This process has no certificate to show to hosts; set [proxy]."
        )


@dataclasses.dataclass(frozen=True)
class Deps:
    """:ivar notify: tells any conductor to look at these sets again; must
        not raise (a lost message is made good by the conductor's sweep).
    :ivar quota_defaults: limit by resource, see ``model.quotas``.
    :ivar keypairs_limit: most key pairs of one user, -1 for no limit.
    :ivar heartbeat_timeout: seconds after which a silent host is down.
    """

    store: Store
    notify: Callable[[RequestContext, list[str]], None]
    images: ImageResolver
    quota_defaults: Mapping[str, int]
    heartbeat_timeout: float = 45.0
    keypairs_limit: int = 100
    agents: Agents = NoAgents()  # noqa: RUF009 - it has no state
