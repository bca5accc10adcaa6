"""Use cases of services: seeing which processes live."""

from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.services import Service
from caas.store import services as store


def list_(deps: Deps, ctx: RequestContext) -> list[Service]:
    with deps.store.reader() as conn:
        return store.list_(conn)
