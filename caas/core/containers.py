"""Use cases of containers: looking at them."""

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.containers import Container
from caas.model.query import Query
from caas.store import containers as store


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Container]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def get(deps: Deps, ctx: RequestContext, set_id: str, ident: str) -> Container:
    """:param ident: name or id of a container of the set.
    :raises NotFound: the set has no such container.
    """
    with deps.store.reader() as conn:
        found = store.get(conn, set_id, ident)
    if found is None:
        raise exception.NotFound(
            f"Set {set_id} has no container with the name or id {ident!r}."
        )
    return found
