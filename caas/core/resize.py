"""Another flavor for a set that exists, and what becomes of that.

A resize is accepted with the quota it needs; then the conductor claims what
the host has to give, and the agent changes limits.  Until all of it is done
the set holds the larger of both sizes; if any of it is refused, it has its
old flavor back, and ``failure`` says why.
"""

import dataclasses
import datetime

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.core.sets import (
    check_memory,
    get,
    over_quota,
    prepare_quota,
    set_event,
    shown,
)
from caas.model import sets as model
from caas.model import spec
from caas.model.flavors import Flavor
from caas.model.states import Desired
from caas.store import events, flavors, quotas
from caas.store import sets as store
from caas.store.engine import retry, utcnow


def resize(
    deps: Deps, ctx: RequestContext, item: model.Set, flavor_ref: str
) -> model.Set:
    """Give a set another flavor.  The one it has already: no change.

    :param flavor_ref: id or name.
    :raises BadRequest: unknown flavor, or one that does not fit the set.
    :raises Conflict: another change is under way.
    :raises QuotaExceeded: the project has no room for it.
    """
    with deps.store.reader() as conn:
        flavor = flavors.find(conn, flavor_ref)
    if flavor is None:
        raise exception.BadRequest(
            f"There is no flavor with the id or name {flavor_ref!r}."
        )
    if item.resize_revision:
        raise exception.Conflict(
            f"Set {item.id} is being resized to {item.flavor_name}; wait "
            "until that is done."
        )
    if item.desired == Desired.DELETED:
        raise exception.Conflict(f"Set {item.id} is being deleted.")
    if (flavor.id, flavor.resources) == (item.flavor_id, item.resources):
        return item
    if flavor.resources.disk_gb < item.resources.disk_gb:
        raise exception.BadRequest(
            f"The volume of a set cannot shrink: it has "
            f"{item.resources.disk_gb} GiB, flavor {flavor.name!r} only "
            f"{flavor.resources.disk_gb} GiB."
        )
    for container in item.containers:
        if container.spec is not None:
            check_memory(container.name, container.spec.memory_percent, flavor)
    _write(deps, ctx, item, flavor)
    deps.notify(ctx, [item.id])
    return get(deps, ctx, item.id)


@retry
def _write(
    deps: Deps, ctx: RequestContext, item: model.Set, flavor: Flavor
) -> None:
    more = _amounts(flavor.resources.beyond(item.resources))
    with deps.store.reader() as conn:
        quota = quotas.get(conn, item.project_id, deps.quota_defaults)
    prepare_quota(deps, item.project_id, quota)
    if any(
        0 <= usage.limit < usage.used + more[resource]
        for resource, usage in quota.resources.items()
        if resource in more
    ):
        each = {**dict.fromkeys(quota.resources, 0), **more}
        raise over_quota(quota, each, 1, "this resize")
    with deps.store.writer() as conn:
        lacking = quotas.claim(
            conn,
            item.project_id,
            more,
            {r: u.limit for r, u in quota.resources.items()},
        )
        if lacking is not None:
            raise exception.Conflict(
                f"Another request used the project's {shown(lacking)} quota "
                "at the same moment; try again."
            )
        if not store.resize(
            conn, item, flavor, ctx.request_id or "", utcnow()
        ):
            raise exception.Conflict(
                f"Set {item.id} was changed by another request at the same "
                "moment; look at it and try again."
            )
        if item.host_id is None:
            # no host has to do anything, so that was all
            _release(conn, item, item.resources.beyond(flavor.resources))
        events.add(
            conn,
            **set_event(
                ctx,
                item.id,
                "set.resize",
                project_id=item.project_id,
                details={"from": item.flavor_name, "to": flavor.name},
            ),
        )


def finish(conn: sa.Connection, item: model.Set) -> None:
    """The host has done it: what is not needed any more is free."""
    if store.resized(conn, item.id, item.revision):
        _release(conn, item, before(item).beyond(item.resources))


def take_back(
    conn: sa.Connection,
    item: model.Set,
    reason: str,
    now: datetime.datetime,
) -> bool:
    """It cannot be done: the old flavor again, as a new revision.

    :returns: False when something else is wanted by now.
    """
    failure = {
        "action": "resize",
        "reason": reason,
        "at": now.isoformat(timespec="microseconds") + "Z",
        "request_id": item.request_id,
    }
    if not store.unresize(conn, item, failure, now):
        return False
    _release(conn, item, item.resources.beyond(before(item)))
    events.add(
        conn,
        project_id=item.project_id,
        object_type="set",
        object_id=item.id,
        request_id=item.request_id,
        host=item.host_name or "",
        action="set.resize",
        result="error",
        reason=reason,
        details={
            "from": item.resize_from["flavor_name"],
            "to": item.flavor_name,
        },
    )
    return True


def before(item: model.Set) -> spec.Resources:
    """What a set being resized had."""
    return spec.pick(spec.Resources, item.resize_from)


def _release(
    conn: sa.Connection, item: model.Set, less: spec.Resources
) -> None:
    """Give back quota."""
    quotas.release(conn, item.project_id, _amounts(less))


def _amounts(size: spec.Resources) -> dict[str, int]:
    """By resource of the quota, those that are not 0."""
    return {r: n for r, n in dataclasses.asdict(size).items() if n}
