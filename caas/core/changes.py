"""Changing what a set is made of while it runs, and what becomes of that.

A change (another flavor, containers replaced, added or removed) is accepted
with the quota it needs; then the conductor claims what the host has to give,
and the agent does it without touching what stays.  Until all of it is done
the set holds the larger of both; if any of it is refused or does not run, it
is made of what it was before, and ``failure`` says why.
"""

import dataclasses
import datetime
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core import containers, moves
from caas.core import inputs as core_inputs
from caas.core import quotas as core_quotas
from caas.core.deps import Deps
from caas.core.sets import (
    check_in_place,
    check_memory,
    check_specs,
    check_still_unlocked,
    check_unlocked,
    claim_quota,
    failed_event,
    failure,
    flavor_of,
    from_body,
    get,
    over_quota,
    overtaken,
    resolve,
    set_event,
    wrong_state,
)
from caas.model import content as model
from caas.model import sets
from caas.model.containers import Container
from caas.model.content import Content, Member
from caas.model.inputs import Inputs
from caas.model.keypairs import Keypair
from caas.model.spec import ContainerSpec, Hooks, RestartPolicy
from caas.model.states import Desired, SetStatus
from caas.store import events, history, quotas, set_inputs
from caas.store import sets as store
from caas.store.engine import retry, utcnow

#: How long what a change starts has to run well before the change counts (s).
MONITOR = 2.0


def resize(
    deps: Deps,
    ctx: RequestContext,
    item: sets.Set,
    flavor_ref: str,
    *,
    hold: bool = False,
) -> sets.Set:
    """Give a set another flavor.  The one it has already: no change.

    :param flavor_ref: id or name.
    :param hold: it waits for :func:`confirm` or :func:`revert_resize` then.
    :raises BadRequest: unknown flavor, or one that does not fit the set.
    :raises Conflict: another change is under way.
    :raises QuotaExceeded: the project has no room for it.
    """
    flavor = flavor_of(deps, ctx, flavor_ref)
    _check_free(item)
    wanted = dataclasses.replace(
        item.content,
        flavor_id=flavor.id,
        flavor_name=flavor.name,
        resources=flavor.resources,
        cpu_burst=flavor.cpu_burst,
        flavor_specs=flavor.extra_specs,
    )
    if wanted == dataclasses.replace(
        item.content, flavor_specs=flavor.extra_specs
    ):
        # extra specs that mean nothing to a host are no other flavor
        wanted = item.content
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
        hold=hold,
    )


def confirm(deps: Deps, ctx: RequestContext, item: sets.Set) -> sets.Set:
    """A resize that waits for that stays.

    :raises Conflict: none does, or it is locked.
    """
    check_unlocked(ctx, item)
    if item.resized_at is None or item.change_revision:
        raise wrong_state(item, "confirm", "VERIFY_RESIZE")
    with deps.store.writer() as conn:
        if not store.confirm(conn, item.id, item.resized_at):
            raise wrong_state(item, "confirm", "VERIFY_RESIZE")
        events.add(
            conn,
            **set_event(
                ctx,
                item.id,
                "set.confirm-resize",
                project_id=item.project_id,
                result="success",
            ),
        )
    return get(deps, ctx, item.id)


def confirm_old(
    conn: sa.Connection, set_id: str, before: datetime.datetime
) -> bool:
    """A resize that waits since then stays; nobody asked for that.

    :returns: False if none does any more.
    """
    item = store.get(conn, set_id)
    if (
        item is None
        or item.resized_at is None
        or item.resized_at > before
        or item.change_revision
        or not store.confirm(conn, set_id, item.resized_at)
    ):
        return False
    events.add(
        conn,
        project_id=item.project_id,
        object_type="set",
        object_id=set_id,
        action="set.confirm-resize",
        result="success",
        reason="Nobody confirmed or reverted it for as long as it waits.",
        request_id=item.request_id,
    )
    return True


def revert_resize(deps: Deps, ctx: RequestContext, item: sets.Set) -> sets.Set:
    """Back to the flavor it had before a resize that waits for that, or to
    the host it was moved from.

    A volume that has grown keeps its size.

    :raises Conflict: none does, or it is locked.
    :raises QuotaExceeded: the project has no room for it any more.
    """
    if item.resized_at is None or item.change_revision:
        raise wrong_state(item, "revert", "VERIFY_RESIZE")
    if "host" in item.resized_from:
        return moves.back(deps, ctx, item)
    then = Content.from_dict(item.resized_from)
    wanted = dataclasses.replace(
        item.content,
        flavor_id=then.flavor_id,
        flavor_name=then.flavor_name,
        resources=dataclasses.replace(
            then.resources,
            disk_gb=max(then.resources.disk_gb, item.resources.disk_gb),
        ),
        cpu_burst=then.cpu_burst,
        flavor_specs=then.flavor_specs,
    )
    return _change(
        deps,
        ctx,
        item,
        wanted,
        "resize",
        details={"from": item.flavor_name, "to": then.flavor_name},
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
    also: Callable[[sa.Connection], None] | None = None,
) -> sets.Set:
    """Replace, add and remove containers of a set, all or nothing.

    :param action: of ``history.CHANGES``.
    :param change: a container by name or id, and what of it is to be
        otherwise; a value of None is the default.
    :param add: new containers, as in a request that creates a set.
    :param remove: names or ids.
    :param monitor: how long what is started has to run, None for MONITOR (s).
    :param also: writes what changes with it.
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
        also=also,
    )


@dataclasses.dataclass(frozen=True)
class Handed:
    """What a rebuild may hand into a set anew; None for as before.

    :ivar key: and False for none.
    """

    inputs: Inputs | None = None
    key: Keypair | Literal[False] | None = None

    def write(self, conn: sa.Connection, set_id: str) -> None:
        public_key = None
        if self.key is not None:
            store.describe(
                conn, set_id, {"key_name": self.key.name if self.key else ""}
            )
            public_key = self.key.public_key if self.key else ""
        if self.inputs is not None:
            there = self.inputs.user_data != ""
            store.describe(conn, set_id, {"has_user_data": there})
        set_inputs.write(conn, set_id, self.inputs, public_key)


def rebuild(
    deps: Deps,
    ctx: RequestContext,
    item: sets.Set,
    ident: str,
    image: str,
    *,
    env: Mapping[str, str] | None = None,
    handed: Handed | None = None,
) -> sets.Set:
    """Make one container anew, from an image, even from the one it has; the
    others go on.

    :param image: as in a request that creates a set.
    :param env: its variables from now on, None for as before.
    :param handed: what its containers find from now on.
    :raises BadRequest: there is no such image, or it is of no use.
    :raises Conflict: another change is under way.
    """
    member = _member(item, ident)
    assert member.spec is not None
    change = {"image": image, "builds": member.spec.builds + 1}
    if env is not None:
        change["env"] = dict(env)
    if handed is not None and handed.inputs is not None:
        specs = [m.spec for m in item.content.members]
        core_inputs.check_places(handed.inputs, specs)
    return update(
        deps,
        ctx,
        item,
        "rebuild",
        change=[(ident, change)],
        also=(
            None
            if handed is None
            else functools.partial(handed.write, set_id=item.id)
        ),
    )


#: Waits for whoever looks inside, and ends when it is told to.
_SHELL = (
    "/bin/sh",
    "-c",
    "trap 'exit 0' TERM INT; while :; do sleep 60 & wait $!; done",
)


def rescue(
    deps: Deps, ctx: RequestContext, item: sets.Set, image: str | None = None
) -> sets.Set:
    """Have a shell stand in for the first container, with its volume and
    variables, until :func:`unrescue`.

    A set that is stopped is started with it.  Where the image has no shell,
    all is as it was, with the reason in ``failure``.

    :param image: with the shell, as in a request that creates a set; None
        for that of the container.
    :raises BadRequest: there is no such image, or it is of no use.
    :raises Conflict: another change is under way.
    """
    _check_free(item)
    first, *others = item.content.members
    asked = {} if image is None else {"image": image}
    [spec] = resolve(deps, ctx, [from_body(asked, first.spec)])
    spec = dataclasses.replace(
        spec,
        entrypoint=_SHELL,
        command=(),
        user=None,
        working_dir=None,
        health_check=None,
        hooks=Hooks(),
        run_to_completion=False,
        restart_policy=RestartPolicy(),
        builds=spec.builds + 1,
    )
    return _change(
        deps,
        ctx,
        item,
        dataclasses.replace(
            item.content,
            members=(Member(first.id, spec), *others),
            rescued=first.spec.to_dict(),
        ),
        "rescue",
        MONITOR,
        details={"image": spec.image.ref},
        start=True,
    )


def unrescue(deps: Deps, ctx: RequestContext, item: sets.Set) -> sets.Set:
    """Have its first container be what it was before :func:`rescue`.

    :raises Conflict: it is not in rescue, or is being changed.
    """
    if not item.rescued or item.change_revision:
        raise wrong_state(item, "unrescue", SetStatus.RESCUE.value)
    first, *others = item.content.members
    spec = ContainerSpec.from_dict(item.rescued)
    spec = dataclasses.replace(spec, builds=first.spec.builds + 1)
    return _change(
        deps,
        ctx,
        item,
        dataclasses.replace(
            item.content, members=(Member(first.id, spec), *others), rescued={}
        ),
        "unrescue",
        details={},
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
    check_in_place(item)
    if item.rescued:
        raise exception.Conflict(
            f"Set {item.id} is in rescue; unrescue it first."
        )
    if item.resized_at is not None:
        raise exception.Conflict(
            f"Set {item.id} was resized, and that waits to be confirmed or "
            "reverted."
        )


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
    hold: bool = False,
    start: bool = False,
    also: Callable[[sa.Connection], None] | None = None,
) -> sets.Set:
    check_unlocked(ctx, item)
    if wanted == item.content:
        return item
    _check_awake(item, wanted)
    before, after = item.resources.disk_gb, wanted.resources.disk_gb
    if after < before:
        raise exception.BadRequest(
            f"The volume of a set cannot shrink: it has {before} GiB, flavor "
            f"{wanted.flavor_name!r} only {after} GiB."
        )
    _write(
        deps,
        ctx,
        item,
        wanted,
        action,
        details,
        also,
        monitor=monitor,
        hold=hold,
        start=start,
    )
    deps.notify(ctx, [item.id])
    return get(deps, ctx, item.id)


@retry
def _write(
    deps: Deps,
    ctx: RequestContext,
    item: sets.Set,
    wanted: Content,
    action: str,
    details: dict[str, Any],
    also: Callable[[sa.Connection], None] | None,
    **how: Any,
) -> None:
    """:param how: see :func:`caas.store.sets.change`."""
    now = utcnow()
    more = model.more(wanted, item.content)
    quota = core_quotas.ready(deps, item.project_id)
    if any(
        0 <= usage.limit < usage.used + more[resource]
        for resource, usage in quota.resources.items()
        if resource in more
    ):
        raise over_quota(quota, more, 1, f"this {action}")
    with deps.store.writer() as conn:
        check_still_unlocked(conn, ctx, item)
        claim_quota(conn, item.project_id, more, quota)
        if not store.change(
            conn,
            item,
            wanted,
            action,
            request_id=ctx.request_id or "",
            now=now,
            **how,
        ):
            raise overtaken(item)
        if also is not None:
            also(conn)
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
    failed = failure(item.change_action, reason, request_id, now)
    if not store.unchange(conn, item, failed, now):
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
    failed_event(
        conn,
        item,
        item.change_action,
        reason,
        request_id,
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
