"""Use cases of flavors."""

import dataclasses
import uuid
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.flavors import Flavor
from caas.model.query import Query
from caas.model.spec import Resources
from caas.store import events
from caas.store import flavors as store
from caas.store.engine import utcnow


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Flavor]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def get(deps: Deps, ctx: RequestContext, ident: str) -> Flavor:
    """:param ident: id or name.

    :raises NotFound: there is no such flavor.
    """
    with deps.store.reader() as conn:
        found = store.find(conn, ident)
    if found is None:
        raise exception.NotFound(
            f"There is no flavor with the id or name {ident!r}."
        )
    return found


def create(deps: Deps, ctx: RequestContext, body: dict[str, Any]) -> Flavor:
    """:param body: the ``flavor`` of a request, ``vcpus`` in CPUs.

    :raises Conflict: the name is taken.
    """
    flavor = Flavor(
        id=str(uuid.uuid4()),
        name=body["name"],
        description=body.get("description") or "",
        resources=Resources(
            millicpus=round(body["vcpus"] * 1000),
            memory_mb=body["memory_mb"],
            disk_gb=body["disk_gb"],
        ),
        cpu_burst=body.get("cpu_burst", False),
        created_at=utcnow(),
    )
    with deps.store.writer() as conn:
        store.insert(conn, flavor)
        events.add(conn, **_event(ctx, flavor, "flavor.create"))
    return flavor


def update(
    deps: Deps, ctx: RequestContext, ident: str, changes: dict[str, Any]
) -> Flavor:
    """Change the description; what sets were sized by never changes."""
    flavor = get(deps, ctx, ident)
    description = changes.get("description") or ""
    with deps.store.writer() as conn:
        store.describe(conn, flavor.id, description)
        events.add(conn, **_event(ctx, flavor, "flavor.update"))
    return dataclasses.replace(flavor, description=description)


def delete(deps: Deps, ctx: RequestContext, ident: str) -> None:
    """Sets made with it keep their size."""
    flavor = get(deps, ctx, ident)
    with deps.store.writer() as conn:
        if not store.delete(conn, flavor.id):
            raise exception.NotFound(
                f"There is no flavor with the id or name {ident!r}."
            )
        events.add(conn, **_event(ctx, flavor, "flavor.delete"))


def _event(ctx: RequestContext, flavor: Flavor, action: str) -> dict[str, Any]:
    return {
        "user_id": ctx.user_id,
        "object_type": "flavor",
        "object_id": flavor.id,
        "action": action,
        "request_id": ctx.request_id or "",
        "details": {"name": flavor.name},
    }
