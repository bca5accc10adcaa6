"""Use cases of flavors."""

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model import extra_specs
from caas.model.flavors import Flavor
from caas.model.query import Query
from caas.model.spec import Resources
from caas.store import events
from caas.store import flavors as store
from caas.store.engine import retry, utcnow

#: Extra specs of one flavor.
MAX_SPECS = 128


def seen_by(ctx: RequestContext) -> str | None:
    """The project whose flavors a user sees; None for all there are."""
    return None if ctx.all_flavors() else ctx.project_id or ""


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Flavor]:
    """Those the user may use, as the filters of the store say."""
    with deps.store.reader() as conn:
        return store.list_(conn, query, seen_by(ctx))


def get(deps: Deps, ctx: RequestContext, ident: str) -> Flavor:
    """:param ident: id or name.

    :raises NotFound: there is no such flavor, or not for the user.
    """
    with deps.store.reader() as conn:
        found = store.find(conn, ident, seen_by(ctx))
    if found is None:
        raise exception.NotFound(
            f"There is no flavor with the id or name {ident!r}."
        )
    return found


def create(deps: Deps, ctx: RequestContext, body: dict[str, Any]) -> Flavor:
    """:param body: the ``flavor`` of a request, ``vcpus`` in CPUs; its ``id``
        may be chosen.

    :raises BadRequest: an extra spec means nothing.
    :raises Conflict: the name or the id is taken.
    """
    specs = body.get("extra_specs") or {}
    check_specs(specs)
    flavor = Flavor(
        id=body.get("id") or str(uuid.uuid4()),
        name=body["name"],
        description=body.get("description") or "",
        resources=Resources(
            millicpus=round(body["vcpus"] * 1000),
            memory_mb=body["memory_mb"],
            disk_gb=body["disk_gb"],
        ),
        cpu_burst=extra_specs.burst(specs, body.get("cpu_burst", False)),
        public=body.get("public", True),
        extra_specs=specs,
        created_at=utcnow(),
    )
    with deps.store.writer() as conn:
        there = store.find(conn, flavor.id, None)
        if there is not None and there.id == flavor.id:
            raise exception.Conflict(
                f"There is a flavor with the id {flavor.id!r} already."
            )
        store.insert(conn, flavor)
        events.add(conn, **_event(ctx, flavor, "flavor.create"))
    return flavor


def check_specs(specs: dict[str, str]) -> None:
    """:raises BadRequest: there are too many, or one is wrong."""
    if len(specs) > MAX_SPECS:
        raise exception.BadRequest(
            f"A flavor has {MAX_SPECS} extra specs at most."
        )
    for name, value in specs.items():
        wrong = extra_specs.problem(name, value)
        if wrong:
            raise exception.BadRequest(wrong)


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


def specify(
    deps: Deps, ctx: RequestContext, flavor: Flavor, specs: dict[str, str]
) -> Flavor:
    """Add extra specs, or replace those of the same names.

    Sets made with the flavor keep what it had then.

    :raises BadRequest: one means nothing, or there would be too many.
    """
    return _respecify(deps, ctx, flavor.id, lambda found: {**found, **specs})


def unspecify(
    deps: Deps, ctx: RequestContext, flavor: Flavor, name: str
) -> Flavor:
    """Take an extra spec away.

    :raises NotFound: there is none of this name.
    """

    def without(found: dict[str, str]) -> dict[str, str]:
        if name not in found:
            raise exception.NotFound(
                f"Flavor {flavor.id} has no extra specs with key {name}."
            )
        return {k: v for k, v in found.items() if k != name}

    return _respecify(deps, ctx, flavor.id, without)


@retry
def _respecify(
    deps: Deps,
    ctx: RequestContext,
    flavor_id: str,
    change: Callable[[dict[str, str]], dict[str, str]],
) -> Flavor:
    flavor = get(deps, ctx, flavor_id)
    specs = change(flavor.extra_specs)
    check_specs(specs)
    with deps.store.writer() as conn:
        store.specify(conn, flavor, specs)
        event = _event(ctx, flavor, "flavor.update")
        event["details"] |= {"extra_specs": sorted(specs)}
        events.add(conn, **event)
    return get(deps, ctx, flavor_id)


def projects(deps: Deps, ctx: RequestContext, flavor: Flavor) -> list[str]:
    """Those that may use a flavor that is not public."""
    with deps.store.reader() as conn:
        return store.projects(conn, flavor.id)


def grant(
    deps: Deps, ctx: RequestContext, flavor: Flavor, project_id: str
) -> None:
    """Let a project use a flavor that is not public.

    :raises Conflict: it may already.
    """
    with deps.store.writer() as conn:
        if not store.grant(conn, flavor.id, project_id):
            raise exception.Conflict(
                f"Flavor access already exists for flavor {flavor.id} and "
                f"project {project_id} combination."
            )
        event = _event(ctx, flavor, "flavor.grant")
        event["details"] |= {"project_id": project_id}
        events.add(conn, **event)


def revoke(
    deps: Deps, ctx: RequestContext, flavor: Flavor, project_id: str
) -> None:
    """The contrary; its sets stay what they are.

    :raises NotFound: it was not allowed to.
    """
    with deps.store.writer() as conn:
        if not store.revoke(conn, flavor.id, project_id):
            raise exception.NotFound(
                f"Flavor access not found for {flavor.id} / {project_id} "
                "combination."
            )
        event = _event(ctx, flavor, "flavor.revoke")
        event["details"] |= {"project_id": project_id}
        events.add(conn, **event)


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
