"""Use cases of aggregates: groups of hosts, which may be their zone.

A host is in one zone: that of the aggregates it is in, else the one its agent
names.  Where sets are on it, it stays in that: they were asked for there.
"""

import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.aggregates import ZONE, Aggregate
from caas.model.hosts import Host
from caas.store import aggregates as store
from caas.store import events, hosts, sets
from caas.store.engine import retry, utcnow


def list_(deps: Deps, ctx: RequestContext) -> list[Aggregate]:
    """All there are, by number."""
    with deps.store.reader() as conn:
        return store.list_(conn)


def get(deps: Deps, ctx: RequestContext, number: int) -> Aggregate:
    """:raises NotFound: there is none."""
    with deps.store.reader() as conn:
        return _get(conn, number)


def _get(conn: sa.Connection, number: int) -> Aggregate:
    found = store.list_(conn, [number])
    if not found:
        raise exception.NotFound(f"Aggregate {number} could not be found.")
    return found[0]


def create(
    deps: Deps, ctx: RequestContext, name: str, zone: str | None
) -> Aggregate:
    """:raises Conflict: the name is taken."""
    ident = str(uuid.uuid4())
    with deps.store.writer() as conn:
        metadata = {ZONE: zone} if zone else {}
        number = store.insert(conn, ident, name, metadata, utcnow())
        item = _get(conn, number)
        events.add(conn, **_event(ctx, item, "aggregate.create"))
    return item


@retry
def update(
    deps: Deps,
    ctx: RequestContext,
    number: int,
    *,
    name: str | None = None,
    metadata: dict[str, str | None] | None = None,
) -> Aggregate:
    """Change its name, or pairs of its metadata; None takes one away.

    :raises Conflict: the name is taken, or its hosts cannot change zone.
    """
    with deps.store.writer() as conn:
        item = _get(conn, number)
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = name
        if metadata is not None:
            after = {**item.metadata, **metadata}
            values["metadata"] = {
                k: v for k, v in after.items() if v is not None
            }
            if ZONE in metadata:
                _rezone(conn, item, metadata[ZONE])
        store.update(conn, item, utcnow(), **values)
        event = _event(ctx, item, "aggregate.update")
        event["details"] |= {"name": name or item.name}
        events.add(conn, **event)
        return _get(conn, number)


def _rezone(conn: sa.Connection, item: Aggregate, zone: str | None) -> None:
    """Its hosts go to another zone."""
    if not zone:
        raise exception.Conflict(
            f"Cannot update aggregate {item.id}. Reason: Aggregate "
            f"{item.name} does not support empty named availability zone."
        )
    others = _other_zones(conn, item, item.hosts, zone)
    if others:
        raise exception.Conflict(
            f"Cannot update aggregate {item.id}. Reason: One or more hosts "
            f"already in availability zone(s) {others}."
        )
    moved = []
    for host_id in item.hosts:
        host = hosts.find(conn, host_id)
        if host is not None and host.zone != zone:
            moved.append(host_id)
    if any(sets.on_hosts(conn, moved).values()):
        raise exception.Conflict(
            f"Cannot update aggregate {item.id}. Reason: One or more hosts "
            "contain instances in this zone."
        )
    store.set_zone(conn, list(item.hosts), zone)


def _other_zones(
    conn: sa.Connection, item: Aggregate, host_ids: Collection[str], zone: str
) -> list[str]:
    """Zones, other than this one, of other aggregates of these hosts."""
    return sorted(
        {
            each.zone
            for each in store.of_hosts(conn, host_ids)
            if each.id != item.id and each.zone not in (None, zone)
        }
        - {None}
    )


@retry
def add_host(
    deps: Deps, ctx: RequestContext, number: int, name: str
) -> Aggregate:
    """:raises NotFound: there is no such aggregate, or no such host.
    :raises Conflict: the host is in it, or cannot change zone.
    """
    with deps.store.writer() as conn:
        host = _host(conn, name)
        item = _get(conn, number)
        if host.id in item.hosts:
            raise exception.Conflict(
                f"Aggregate {number} already has host {name}."
            )
        zone = item.zone
        if zone is not None:
            why = f"Cannot add host to aggregate {number}. Reason: "
            others = _other_zones(conn, item, [host.id], zone)
            if others:
                raise exception.Conflict(
                    f"{why}One or more hosts already in availability zone(s) "
                    f"{others}."
                )
            _check_stays(conn, host, zone, why)
            store.set_zone(conn, [host.id], zone)
        store.update(conn, item, utcnow())
        store.add_host(conn, number, host.id)
        event = _event(ctx, item, "aggregate.add-host")
        event["details"] |= {"host": host.name}
        events.add(conn, **event)
        return _get(conn, number)


@retry
def remove_host(
    deps: Deps, ctx: RequestContext, number: int, name: str
) -> Aggregate:
    """:raises NotFound: there is no such aggregate, or the host is not in it.
    :raises Conflict: the host cannot change zone.
    """
    with deps.store.writer() as conn:
        item = _get(conn, number)
        host = hosts.find(conn, name)
        if host is None or host.name != name or host.id not in item.hosts:
            raise exception.NotFound(
                f"Cannot remove host {name} in aggregate {number}"
            )
        store.remove_host(conn, number, host.id)
        if item.zone is not None:
            left = [
                each.zone
                for each in store.of_hosts(conn, [host.id])
                if each.zone is not None
            ]
            store.set_zone(conn, [host.id], left[0] if left else None)
            after = _host(conn, name).zone
            _check_stays(
                conn,
                host,
                after,
                f"Cannot remove host from aggregate {number}. Reason: ",
            )
        store.update(conn, item, utcnow())
        event = _event(ctx, item, "aggregate.remove-host")
        event["details"] |= {"host": host.name}
        events.add(conn, **event)
        return _get(conn, number)


def _check_stays(conn: sa.Connection, host: Host, zone: str, why: str) -> None:
    """:raises Conflict: it has sets, and would be in another zone."""
    if host.zone == zone:
        return
    count = len(sets.on_hosts(conn, [host.id])[host.id])
    if count:
        raise exception.Conflict(
            f"{why}The availability zone of the host would change from "
            f"'{host.zone}' to '{zone}' but the host already has {count} "
            "instance(s)."
        )


def _host(conn: sa.Connection, name: str) -> Host:
    found = hosts.find(conn, name)
    if found is None or found.name != name:
        raise exception.NotFound(f"Compute host {name} could not be found.")
    return found


@retry
def delete(deps: Deps, ctx: RequestContext, number: int) -> None:
    """:raises NotFound: there is none.
    :raises Conflict: hosts are in it.
    """
    with deps.store.writer() as conn:
        item = _get(conn, number)
        if item.hosts:
            raise exception.Conflict(
                f"Cannot remove host from aggregate {number}. Reason: Host "
                "aggregate is not empty."
            )
        store.delete(conn, item)
        events.add(conn, **_event(ctx, item, "aggregate.delete"))


def _event(
    ctx: RequestContext, item: Aggregate, action: str
) -> dict[str, Any]:
    return {
        "user_id": ctx.user_id,
        "object_type": "aggregate",
        "object_id": item.uuid,
        "action": action,
        "request_id": ctx.request_id or "",
        "details": {"name": item.name},
    }
