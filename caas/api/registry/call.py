"""What handlers of the registry are given, and how routes are written."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

import webob

from caas.api.registry.bodies import Body
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model import images
from caas.pull import Leave


@dataclasses.dataclass(frozen=True)
class Settings:
    """See :mod:`caas.conf.registry`; sizes in bytes."""

    public_url: str | None = None
    max_manifest: int = 8 << 20
    page_size: int = 1000


@dataclasses.dataclass(frozen=True)
class Call:
    """One request that may be carried out.

    :ivar leave: of a host, which is no user; see :mod:`caas.pull`.
    :ivar name: of the repository in the path, if there is one.
    :ivar args: what else is in the path.
    """

    deps: Deps
    settings: Settings
    ctx: RequestContext
    leave: Leave | None
    request: webob.Request
    body: Body
    path_name: images.Name | None
    args: Mapping[str, str]

    @property
    def name(self) -> images.Name:
        assert self.path_name is not None
        return self.path_name


Handler = Callable[[Call], webob.Response]


@dataclasses.dataclass(frozen=True)
class Route:
    """:ivar path: as in the documentation.
    :ivar pattern: of the whole path; a group ``name`` is a repository.
    :ivar action: what a token has to be for: ``pull``, ``push`` or
        ``delete``; "" for no more than being somebody.
    :ivar names: codes of the specification by status.
    :ivar hosts: a host with leave for the image may do it.
    :ivar probe: it is part of a push, too.
    """

    methods: Sequence[str]
    path: str
    pattern: re.Pattern[str]
    action: str
    handler: Handler
    names: Mapping[int, str]
    hosts: bool = False
    probe: bool = False


def route(
    methods: str,
    path: str,
    action: str,
    handler: Handler,
    names: Mapping[int, str],
    *,
    hosts: bool = False,
    probe: bool = False,
) -> Route:
    """:param path: with ``{name}`` for what may have slashes."""
    pattern = re.sub(
        r"\\{(\w+)\\}",
        lambda m: "(?P<name>.+)" if m[1] == "name" else f"(?P<{m[1]}>[^/]*)",
        re.escape(path),
    )
    return Route(
        methods.split(),
        path,
        re.compile(pattern),
        action,
        handler,
        names,
        hosts,
        probe,
    )
