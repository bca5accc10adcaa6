"""Changing what a set is made of while it runs, and what becomes of that.

A change (another flavor, containers replaced, added or removed) is accepted
with the quota it needs; then the conductor claims what the host has to give,
and the agent does it without touching what stays.  Until all of it is done
the set holds the larger of both; if any of it is refused or does not run, it
is made of what it was before, and ``failure`` says why.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core import containers
from caas.core.deps import Deps
from caas.core.sets import (
    check_memory,
    check_specs,
    claim_quota,
    flavor_of,
    from_body,
    get,
    over_quota,
    prepare_quota,
    resolve,
    set_event,
)
from caas.model import content as model
from caas.model import sets
from caas.model.containers import Container
from caas.model.content import Content, Member
from caas.model.states import Desired
from caas.store import events, history, quotas
from caas.store import sets as store
from caas.store.engine import retry, utcnow

#: How long what a change starts has to run well before the change counts (s).
MONITOR = 2.0


def resize(
    deps: Deps, ctx: RequestContext, item: sets.Set, flavor_ref: str
) -> sets.Set:
    """Give a set another flavor.  The one it has already: no change.

    :param flavor_ref: id or name.
    :raises BadRequest: unknown flavor, or one that does not fit the set.
    :raises Conflict: another change is under way.
    :raises QuotaExceeded: the project has no room for it.
    """
    flavor = flavor_of(deps, flavor_ref)
    _check_free(item)
    wanted = dataclasses.replace(
        item.content,
        flavor_id=flavor.id,
        flavor_name=flavor.name,
        resources=flavor.resources,
        cpu_burst=flavor.cpu_burst,
    )
    for member in wanted.members:
        check_memory(
            member.spec.name, member.spec.memory_percent, wanted.resources
        )
    return _change(
        deps,
        ctx,
        item,
        wanted,
        "resize",
        details={"from": item.flavor_name, "to": flavor.name},
    )


def update(
    deps: Deps,
    ctx: RequestContext,
    item: sets.Set,
    action: str,
    *,
    change: Sequence[tuple[str, dict[str, Any]]] = (),
    add: Sequence[dict[str, Any]] = (),
    remove: Sequence[str] = (),
    monitor: float | None = None,
) -> sets.Set:
    """Replace, add and remove containers of a set, all or nothing.

    :param action: of ``history.CHANGES``.
    :param change: a container by name or id, and what of it is to be
        otherwise; a value of None is the default.
    :param add: new containers, as in a request that creates a set.
    :param remove: names or ids.
    :param monitor: how long what is started has to run, None for MONITOR (s).
    :raises BadRequest: it does not go together.
    :raises NotFound: there is no such container.
    :raises Conflict: another change is under way.
    :raises QuotaExceeded: the project has no room for it.
    """
    _check_free(item)
    members = {m.id: m for m in item.content.members}
    touched: set[str] = set()

    def touch(ident: str) -> str:
        found = _member(item, ident).id
        if found in touched:
            raise exception.BadRequest(
                f"Container {ident!r} is named twice; say all about it once."
            )
        touched.add(found)
        return found

    for ident, body in change:
        i = touch(ident)
        members[i] = Member(i, from_body(body, members[i].spec))
    for ident in remove:
        del members[touch(ident)]
    for body in add:
        new = Member(str(uuid.uuid4()), from_body(body))
        members[new.id] = new
    check_specs([m.spec for m in members.values()], item.resources)
    resolved = resolve(deps, ctx, [m.spec for m in members.values()])
    wanted = _with(
        item.content,
        [
            dataclasses.replace(m, spec=s)
            for m, s in zip(members.values(), resolved, strict=True)
        ],
    )
    return _change(
        deps,
        ctx,
        item,
        wanted,
        action,
        MONITOR if monitor is None else monitor,
        details=_details(item.content, wanted),
    )


def revert(
    deps: Deps,
    ctx: RequestContext,
    item: sets.Set,
    entry: history.Entry,
    monitor: float | None = None,
) -> sets.Set:
    """Make a set of what it was made of at an earlier revision.

    Containers that are still there stay, as far as they are the same.  A
    volume that has grown since keeps its size, as it cannot shrink.

    :param entry: of its history.
    :raises Conflict: another change is under way.
    :raises QuotaExceeded: the project has no room for it.
    """
    _check_free(item)
    then = dataclasses.replace(
        entry.content,
        resources=dataclasses.replace(
            entry.content.resources,
            disk_gb=max(
                entry.content.resources.disk_gb, item.resources.disk_gb
            ),
        ),
    )
    now = item.content.members
    there = {m.id for m in now}
    holders = {m.spec.name: m for m in now}
    taken = {m.id for m in then.members}
    members = []
    for m in then.members:
        holder = holders.get(m.spec.name, m)
        if m.id in there and holder.id == m.id:
            members.append(m)
        elif holder.spec == m.spec and holder.id in there - taken:
            # another one by now, but the same
            members.append(holder)
        else:
            # a name that another one has cannot change hands, and one that
            # was removed is not asked for what it was before
            members.append(Member(str(uuid.uuid4()), m.spec))
    return _change(
        deps,
        ctx,
        item,
        _with(then, members),
        "revert",
        MONITOR if monitor is None else monitor,
        details={"to": entry.revision},
    )


def past(deps: Deps, item: sets.Set, revision: int) -> history.Entry:
    """What it was made of at one revision.

    :raises NotFound: its history has no such revision.
    """
    with deps.store.reader() as conn:
        entry = history.get(conn, item.id, revision)
    if entry is None:
        raise exception.NotFound(
            f"The history of set {item.id} has no revision {revision}."
        )
    return entry


def list_history(deps: Deps, item: sets.Set) -> list[history.Entry]:
    """What it was made of, the latest first."""
    with deps.store.reader() as conn:
        return history.list_(conn, item.id)


def _with(content: Content, members: Sequence[Member]) -> Content:
    return dataclasses.replace(
        content,
        members=tuple(
            sorted(members, key=lambda m: (m.spec.index, m.spec.name))
        ),
    )


def _member(item: sets.Set, ident: str) -> Container:
    """A business container of the set."""
    found = containers.pick(item, ident)
    if found.spec is None:
        raise exception.Forbidden(
            "The infra container holds the network of the set and cannot be "
            "changed."
        )
    return found


def _details(before: Content, after: Content) -> dict[str, Any]:
    """Names of what is replaced, added and removed."""
    old = {m.id: m.spec for m in before.members}
    new = {m.id: m.spec for m in after.members}
    found = {
        "changed": [
            s.name for i, s in new.items() if i in old and old[i] != s
        ],
        "added": [s.name for i, s in new.items() if i not in old],
        "removed": [s.name for i, s in old.items() if i not in new],
    }
    return {what: names for what, names in found.items() if names}


def _touched_one(before: Content, after: Content) -> dict[str, str]:
    """The container an event is about, if it is about one.

    A renamed one goes by the name it had: that is what is asked for by who
    wonders what became of it.
    """
    old = {m.id: m.spec for m in before.members}
    new = {m.id: m.spec for m in after.members}
    touched = [i for i in old | new if old.get(i) != new.get(i)]
    if len(touched) != 1:
        return {}
    spec = old.get(touched[0]) or new[touched[0]]
    return {"container": spec.name, "container_id": touched[0]}


def _check_free(item: sets.Set) -> None:
    """:raises Conflict: it is being changed or deleted."""
    if item.change_revision:
        raise exception.Conflict(
            f"Set {item.id} is being changed ({item.change_action}); wait "
            f"until that is done. {item.reason}".rstrip()
        )
    if item.desired == Desired.DELETED:
        raise exception.Conflict(f"Set {item.id} is being deleted.")


def _check_awake(item: sets.Set, wanted: Content) -> None:
    """:raises Conflict: one is paused, so it could not show that it works."""
    specs = {m.id: m.spec for m in wanted.members}
    for one in item.containers:
        if one.asked.paused and specs.get(one.id, one.spec) != one.spec:
            raise exception.Conflict(
                f"Container {one.name!r} is paused; unpause it before you "
                "change it."
            )


def _change(
    deps: Deps,
    ctx: RequestContext,
    item: sets.Set,
    wanted: Content,
    action: str,
    monitor: float = 0.0,
    *,
    details: dict[str, Any],
) -> sets.Set:
    if wanted == item.content:
        return item
    _check_awake(item, wanted)
    before, after = item.resources.disk_gb, wanted.resources.disk_gb
    if after < before:
        raise exception.BadRequest(
            f"The volume of a set cannot shrink: it has {before} GiB, flavor "
            f"{wanted.flavor_name!r} only {after} GiB."
        )
    _write(deps, ctx, item, wanted, action, monitor, details)
    deps.notify(ctx, [item.id])
    return get(deps, ctx, item.id)


@retry
def _write(
    deps: Deps,
    ctx: RequestContext,
    item: sets.Set,
    wanted: Content,
    action: str,
    monitor: float,
    details: dict[str, Any],
) -> None:
    now = utcnow()
    more = model.more(wanted, item.content)
    with deps.store.reader() as conn:
        quota = quotas.get(conn, item.project_id, deps.quota_defaults)
    prepare_quota(deps, item.project_id, quota)
    if any(
        0 <= usage.limit < usage.used + more[resource]
        for resource, usage in quota.resources.items()
        if resource in more
    ):
        each = {**dict.fromkeys(quota.resources, 0), **more}
        raise over_quota(quota, each, 1, f"this {action}")
    with deps.store.writer() as conn:
        claim_quota(conn, item.project_id, more, quota)
        if not store.change(
            conn, item, wanted, action, monitor, ctx.request_id or "", now
        ):
            raise exception.Conflict(
                f"Set {item.id} was changed by another request at the same "
                "moment; look at it and try again."
            )
        history.add(
            conn,
            [
                history.Entry(
                    set_id=item.id,
                    revision=item.revision + 1,
                    at=now,
                    action=action,
                    user_id=ctx.user_id or "",
                    request_id=ctx.request_id or "",
                    content=wanted,
                )
            ],
        )
        if item.host_id is None:
            # no host has to do anything, so that was all
            _release(conn, item, model.more(item.content, wanted))
        events.add(
            conn,
            **set_event(
                ctx,
                item.id,
                f"set.{action}",
                project_id=item.project_id,
                details=details,
                **_touched_one(item.content, wanted),
            ),
        )


def finish(conn: sa.Connection, item: sets.Set) -> bool:
    """The host has done it: what is not needed any more is free.

    :returns: False when something else is wanted by now.
    """
    if not store.changed(conn, item.id, item.revision):
        return False
    _release(conn, item, model.more(item.before, item.content))
    return True


def take_back(
    conn: sa.Connection,
    item: sets.Set,
    reason: str,
    now: datetime.datetime,
) -> bool:
    """It cannot be done: what there was before again, as a new revision.

    :param item: with its containers.
    :returns: False when something else is wanted by now.
    """
    # something else may have been asked for since
    asked = history.get(conn, item.id, item.change_revision)
    request_id = asked.request_id if asked else item.request_id
    failure = {
        "action": item.change_action,
        "reason": reason,
        "at": now.isoformat(timespec="microseconds") + "Z",
        "request_id": request_id,
    }
    if not store.unchange(conn, item, failure, now):
        return False
    before, tried = item.before, item.content
    _release(conn, item, model.more(tried, before))
    history.fail(conn, item.id, item.change_revision, reason)
    history.add(
        conn,
        [
            history.Entry(
                set_id=item.id,
                revision=item.revision + 1,
                at=now,
                action="take-back",
                user_id="",
                request_id=request_id,
                content=before,
            )
        ],
    )
    events.add(
        conn,
        project_id=item.project_id,
        object_type="set",
        object_id=item.id,
        request_id=request_id,
        host=item.host_name or "",
        action=f"set.{item.change_action}",
        result="error",
        reason=reason,
        details=_details(before, tried),
        **_touched_one(before, tried),
    )
    return True


def touched(item: sets.Set) -> set[str]:
    """Ids of the containers that the change under way replaces or adds."""
    before = {m.id: m.spec for m in item.before.members}
    return {m.id for m in item.content.members if before.get(m.id) != m.spec}


def _release(
    conn: sa.Connection, item: sets.Set, less: dict[str, int]
) -> None:
    """Give back quota."""
    quotas.release(conn, item.project_id, less)
