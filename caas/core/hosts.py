"""Use cases of hosts: what operators see and decide."""

import dataclasses
from collections.abc import Collection

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.hosts import Host
from caas.model.query import Query
from caas.model.sets import Set
from caas.model.states import HostStatus
from caas.store import events, sets
from caas.store import hosts as store
from caas.store.engine import utcnow


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Host]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def get(deps: Deps, ctx: RequestContext, ident: str) -> Host:
    """:param ident: id or name.

    :raises NotFound: there is no such host.
    """
    with deps.store.reader() as conn:
        found = store.find(conn, ident)
    if found is None:
        raise exception.NotFound(
            f"There is no host with the id or name {ident!r}."
        )
    return found


def enable(deps: Deps, ctx: RequestContext, ident: str) -> Host:
    """Let it take new sets."""
    return _enable(deps, ctx, ident, True, None)


def disable(
    deps: Deps, ctx: RequestContext, ident: str, reason: str | None
) -> Host:
    """Let it take no new sets; those on it stay and can be managed."""
    return _enable(deps, ctx, ident, False, reason)


def _enable(
    deps: Deps,
    ctx: RequestContext,
    ident: str,
    enabled: bool,
    reason: str | None,
) -> Host:
    host = get(deps, ctx, ident)
    with deps.store.writer() as conn:
        store.enable(conn, host.id, enabled, reason)
        events.add(
            conn,
            **_event(
                ctx, host, "host.enable" if enabled else "host.disable", reason
            ),
        )
    return dataclasses.replace(host, enabled=enabled, disabled_reason=reason)


def force_down(
    deps: Deps, ctx: RequestContext, ident: str, down: bool
) -> Host:
    """Have it count as down, whatever it reports, or no longer."""
    host = get(deps, ctx, ident)
    with deps.store.writer() as conn:
        store.force_down(conn, host.id, down)
        events.add(
            conn,
            **_event(
                ctx, host, "host.force-down" if down else "host.force-up", None
            ),
        )
    return dataclasses.replace(host, forced_down=down)


def sets_on(
    deps: Deps, ctx: RequestContext, host_ids: Collection[str]
) -> dict[str, list[Set]]:
    """Sets that are placed on hosts, by id of the host, without their
    containers."""
    with deps.store.reader() as conn:
        return sets.on_hosts(conn, host_ids)


def delete(deps: Deps, ctx: RequestContext, ident: str) -> None:
    """Forget a host that is gone for good.

    :raises Conflict: it still reports, or sets are claimed on it.
    """
    host = get(deps, ctx, ident)
    if host.status(utcnow(), deps.heartbeat_timeout) == HostStatus.UP:
        raise exception.Conflict(
            f"Host {host.name} still reports; stop its agent first."
        )
    with deps.store.writer() as conn:
        if not store.delete(conn, host.id):
            raise exception.Conflict(
                f"{host.used_sets} set(s) are still placed on host "
                f"{host.name}; delete them first."
            )
        events.add(
            conn,
            **_event(ctx, host, "host.delete", None),
            # there is nothing else left to look it up in
            details={
                "name": host.name,
                "zone": host.zone,
                "labels": host.facts.get("labels", {}),
            },
        )


def _event(
    ctx: RequestContext, host: Host, action: str, reason: str | None
) -> dict[str, object]:
    return {
        "user_id": ctx.user_id,
        "object_type": "host",
        "object_id": host.id,
        "action": action,
        "reason": reason or "",
        "request_id": ctx.request_id or "",
        "host": host.name,
    }
