"""Use cases of services: seeing which processes live."""

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.services import Service
from caas.model.states import HostStatus
from caas.store import services as store
from caas.store.engine import utcnow


def list_(deps: Deps, ctx: RequestContext) -> list[Service]:
    with deps.store.reader() as conn:
        return store.list_(conn)


def forget(deps: Deps, ctx: RequestContext, binary: str, host: str) -> None:
    """One that is gone for good; agents are hosts.

    :raises Conflict: it still reports.
    :raises NotFound: there is none.
    """
    now = utcnow()
    for each in list_(deps, ctx):
        if (each.binary, each.host) != (binary, host):
            continue
        if each.status(now, deps.heartbeat_timeout) == HostStatus.UP:
            raise exception.Conflict(
                f"{binary} on {host} still reports; stop it first."
            )
    with deps.store.writer() as conn:
        if not store.delete(conn, binary, host):
            raise exception.NotFound(f"There is no {binary} on {host}.")
