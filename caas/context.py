"""Who asks: the request context, made from Keystone's headers."""

from collections.abc import Callable
from typing import Any

from oslo_context import context

from caas import exception


class RequestContext(context.RequestContext):
    """oslo.context's, with the service catalog for calls on behalf of users.

    :ivar service_catalog: as keystonemiddleware passes it, None without.
    :ivar over_locks: whether the user may change what is locked.
    :ivar all_flavors: whether the user sees flavors of any project.
    """

    def __init__(
        self, service_catalog: list[dict[str, Any]] | None = None, **kw: Any
    ) -> None:
        super().__init__(**kw)
        self.service_catalog = service_catalog
        self.over_locks: Callable[[], bool] = lambda: False
        self.all_flavors: Callable[[], bool] = lambda: False

    @property
    def project_scope(self) -> str:
        """The project the request is made in.

        :raises Forbidden: the token is not scoped to a project.
        """
        if not self.project_id:
            raise exception.Forbidden(
                "This needs a token that is scoped to a project."
            )
        return str(self.project_id)


def for_service(request_id: str | None = None) -> RequestContext:
    """The context of work nobody asked for (sweeps, reports of agents)."""
    return RequestContext(request_id=request_id, overwrite=False)
