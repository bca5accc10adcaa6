"""Use cases of sets: the only writer of what users want of them."""

import dataclasses
import datetime
import re
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core import flavors as core_flavors
from caas.core import inputs as core_inputs
from caas.core import quotas as core_quotas
from caas.core import server_groups
from caas.core.deps import Deps
from caas.model import sets as model
from caas.model import spec, sysctls
from caas.model.containers import BUSINESS, INFRA, Container
from caas.model.flavors import Flavor
from caas.model.hints import Hints
from caas.model.hosts import liveness
from caas.model.inputs import Inputs
from caas.model.keypairs import Keypair
from caas.model.query import Query
from caas.model.quotas import Quota, plain
from caas.model.states import (
    Desired,
    Frozen,
    HostStatus,
    LockedBy,
    SetStatus,
)
from caas.store import (
    containers,
    events,
    flavors,
    history,
    hosts,
    quotas,
    set_inputs,
    set_tags,
)
from caas.store import sets as store
from caas.store.engine import retry, utcnow

#: Business containers of one set.
MAX_CONTAINERS = 32

#: Pairs of metadata, and tags, of one set.
MAX_METADATA = 128
MAX_TAGS = 50

#: Docker refuses to start a container with less (MiB).
MIN_MEMORY_MB = 6


def create(
    deps: Deps, ctx: RequestContext, body: dict[str, Any]
) -> list[model.Set]:
    """Accept new sets; conductor and agents bring them up.

    As many as ``max_count`` are made; where the quota has no room for that,
    as many as it has room for, but at least ``min_count``.  With both equal
    it is all or nothing, here and when they are placed.

    :param body: the ``set`` of a request, valid against its schema; besides
        ``server_group``, the id of one, ``hints``, as
        :class:`caas.model.hints.Hints` has them, and ``access_ipv4`` and
        ``access_ipv6``: addresses that are shown again, and mean nothing.
    :raises BadRequest: unknown flavor, image, key pair, server group or host,
        or something does not go together.
    :raises QuotaExceeded: the project has no room for ``min_count`` sets, or
        the server group none for all that would be made.
    """
    min_count = body.get("min_count", 1)
    max_count = body.get("max_count", min_count)
    if min_count > max_count:
        raise exception.BadRequest(
            f"min_count is {min_count} but max_count only {max_count}; "
            "max_count must be at least min_count."
        )
    flavor = flavor_of(deps, ctx, body["flavor"])
    _check_host(deps, body.get("hints", {}).get("host", ""))
    check_sysctls(body.get("sysctls") or {})
    specs = [from_body(c) for c in body["containers"]]
    check_specs(specs, flavor.resources)
    handed = core_inputs.from_body(body)
    core_inputs.check_places(handed, specs)
    key = core_inputs.key(deps, ctx, body.get("key_name"))
    specs = resolve(deps, ctx, specs)
    items = _insert(
        deps, ctx, body, flavor, specs, handed, key, min_count, max_count
    )
    deps.notify(ctx, [s.id for s in items])
    return items


def _check_host(deps: Deps, name: str) -> None:
    """:raises BadRequest: there is no host of this name."""
    if not name:
        return
    with deps.store.reader() as conn:
        found = hosts.find(conn, name)
    if found is None or found.name != name:
        raise exception.BadRequest(
            f"Compute host {name[:100]} could not be found."
        )


def from_body(
    body: dict[str, Any], before: spec.ContainerSpec | None = None
) -> spec.ContainerSpec:
    """What a request says of a container; its image is not resolved yet.

    :param before: what it leaves out stays as it is here.
    """
    known = before.to_dict() if before else {}
    for key, value in body.items():
        if value is None:
            # as if it had never been said
            known.pop(key, None)
        else:
            known[key] = value
    if "image" in body:
        known["image"] = {"ref": body["image"], "id": "", "digest": ""}
    return spec.ContainerSpec.from_dict(known)


def resolve(
    deps: Deps, ctx: RequestContext, specs: Sequence[spec.ContainerSpec]
) -> list[spec.ContainerSpec]:
    """Find the images that are not resolved yet.

    :raises BadRequest: there is none, or it is of no use.
    """
    refs = {s.image.ref for s in specs if not s.image.id}
    images = deps.images.resolve(ctx, refs) if refs else {}
    return [
        s if s.image.id else dataclasses.replace(s, image=images[s.image.ref])
        for s in specs
    ]


def check_sysctls(wanted: dict[str, str]) -> None:
    """:raises BadRequest: one is not of the namespaces of a set."""
    for key, value in wanted.items():
        if not sysctls.allowed(key):
            raise exception.BadRequest(
                f"The kernel parameter {key!r} cannot be set: only "
                "net.core.somaxconn, net.ipv4.* (but not tcp_mem and "
                "udp_mem), kernel.shm*, kernel.sem, kernel.msg* and "
                "fs.mqueue.* belong to a set; others are of the whole host."
            )
        if not sysctls.valid(value):
            raise exception.BadRequest(
                f"The kernel parameter {key!r} has a value of other "
                "characters than letters, digits, '_', '.', ',', '-' and "
                "blanks between."
            )


def check_specs(
    specs: Sequence[spec.ContainerSpec], resources: spec.Resources
) -> None:
    """What a schema cannot say about the containers of one set.

    :raises BadRequest: with what is wrong.
    """
    if not specs:
        raise exception.BadRequest(
            "A set has at least one container; delete the set instead of its "
            "last one."
        )
    if len(specs) > MAX_CONTAINERS:
        raise exception.BadRequest(
            f"A set has {MAX_CONTAINERS} containers at most."
        )
    names: set[str] = set()
    ports: dict[tuple[int, str], str] = {}
    for item in specs:
        name = item.name
        if name == INFRA:
            raise exception.BadRequest(
                f"A container cannot be named {INFRA!r}: that is the one "
                "that holds the network of the set. Give it another name."
            )
        if name in names:
            raise exception.BadRequest(
                f"Two containers are named {name!r}; names must differ "
                "within a set."
            )
        names.add(name)
        check_memory(name, item.memory_percent, resources)
        if problem := _problem(item):
            raise exception.BadRequest(f"Container {name!r} {problem}")
        for port in item.ports:
            key = (port.port, port.protocol)
            other = ports.setdefault(key, name)
            if other != name:
                raise exception.BadRequest(
                    f"Containers {other!r} and {name!r} both want port "
                    f"{key[0]}/{key[1]}; the containers of a set share one "
                    "address, so each port can be used once."
                )


def _problem(item: spec.ContainerSpec) -> str:
    """What does not go together in one container; "" if all does."""
    policy = item.restart_policy
    if policy.max_retries and policy.name != "on-failure":
        return (
            f"has max_retries with the restart policy {policy.name!r}; it "
            "goes with 'on-failure' only."
        )
    if item.run_to_completion and policy.name not in ("no", "on-failure"):
        return (
            f"runs to completion, but has the restart policy {policy.name!r}"
            "; give it 'no' or 'on-failure'."
        )
    paths = [m.path for m in item.mounts]
    if len(paths) != len(set(paths)):
        return "has two mounts on the same path."
    return _limits_problem(item) or _check_problem(item)


def _limits_problem(item: spec.ContainerSpec) -> str:
    for part in (item.cpuset or "").split(","):
        first, _, last = part.partition("-")
        if last and int(last) < int(first):
            return f"has a cpuset with {part}; the smaller number goes first."
    for limit in item.ulimits:
        if 0 <= limit.hard < limit.soft or limit.soft < 0 <= limit.hard:
            return (
                f"has a soft limit of {limit.name} above the hard one; it "
                "must not be more than that."
            )
    return ""


def _check_problem(item: spec.ContainerSpec) -> str:
    check = item.health_check
    if check is None:
        return ""
    if item.run_to_completion:
        return "runs to completion, so it cannot have a health check."
    if check.type == "exec":
        if check.command is None or check.port is not None:
            return "needs a command, and no port, for a health check by exec."
    elif check.port is None or check.command is not None:
        return (
            f"needs a port, and no command, for a health check by "
            f"{check.type}."
        )
    return ""


def check_memory(name: str, percent: int, resources: spec.Resources) -> None:
    """:raises BadRequest: a container would get too little to start."""
    memory = resources.memory_mb * percent / 100
    if memory < MIN_MEMORY_MB:
        raise exception.BadRequest(
            f"Container {name!r} would get {memory:.1f} MiB "
            f"({percent} % of {resources.memory_mb} MiB); at "
            f"least {MIN_MEMORY_MB} MiB are needed to start it."
        )


def hostname_of(name: str, set_id: str) -> str:
    """A host name (RFC 1123 label) as near to the set's name as can be."""
    label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:63]
    return label.strip("-") or f"set-{set_id}"


@retry
def _insert(
    deps: Deps,
    ctx: RequestContext,
    body: dict[str, Any],
    flavor: Flavor,
    specs: Sequence[spec.ContainerSpec],
    handed: Inputs,
    key: Keypair | None,
    min_count: int,
    max_count: int,
) -> list[model.Set]:
    """One transaction: quota, sets, containers, events."""
    each = {
        "sets": 1,
        "containers": len(specs),
        "millicpus": flavor.resources.millicpus,
        "memory_mb": flavor.resources.memory_mb,
        "disk_gb": flavor.resources.disk_gb,
    }
    project_id = ctx.project_scope
    quota = core_quotas.ready(deps, project_id)
    count = min(max_count, room(quota, each))
    if count < min_count:
        raise over_quota(quota, each, min_count, f"{min_count} such set(s)")
    items = _build(ctx, body, flavor, specs, key, count)
    group_id = body.get("server_group")
    with deps.store.writer() as conn:
        if group_id is not None:
            server_groups.join(conn, ctx, group_id, count, quota)
        claim_quota(
            conn, project_id, {r: n * count for r, n in each.items()}, quota
        )
        store.insert(conn, items)
        set_inputs.add(
            conn,
            [s.id for s in items],
            handed,
            key.public_key if key else "",
        )
        for item in items:
            set_tags.write(conn, item.id, set(body.get("tags") or ()))
        history.add(
            conn,
            [
                history.Entry(
                    set_id=s.id,
                    revision=s.revision,
                    at=s.created_at,
                    action="create",
                    user_id=s.user_id,
                    request_id=s.request_id,
                    content=s.content,
                )
                for s in items
            ],
        )
        events.add_many(
            conn,
            [
                set_event(ctx, s.id, "set.create", details={"name": s.name})
                for s in items
            ],
        )
    return items


def flavor_of(deps: Deps, ctx: RequestContext, ident: str) -> Flavor:
    """The one a request names.

    :param ident: id or name.
    :raises BadRequest: there is none that the user may use.
    """
    with deps.store.reader() as conn:
        found = flavors.find(conn, ident, core_flavors.seen_by(ctx))
    if found is None:
        raise exception.BadRequest(
            f"There is no flavor with the id or name {ident!r}."
        )
    return found


def claim_quota(
    conn: sa.Connection, project_id: str, amounts: dict[str, int], quota: Quota
) -> None:
    """Take what there was room for when ``quota`` was read.

    :param amounts: by resource.
    :raises RetryRequest: somebody else took it since; see :func:`retry`, by
        which it is read anew.
    """
    lacking = quotas.claim(
        conn,
        project_id,
        amounts,
        {r: u.limit for r, u in quota.resources.items()},
    )
    if lacking is not None:
        raise db_exception.RetryRequest(
            exception.QuotaExceeded(
                f"Other requests used the project's {shown(lacking)} quota "
                "at the same moment, again and again; try later."
            )
        )


def room(quota: Quota, each: dict[str, int]) -> int:
    """How many sets more the quota has room for."""
    rooms = [
        (usage.limit - usage.used) // each[resource]
        for resource, usage in quota.resources.items()
        if usage.limit >= 0 and each.get(resource, 0) > 0
    ]
    return max(0, min(rooms, default=10**9))


def shown(resource: str) -> str:
    return "vcpus" if resource == "millicpus" else resource


def over_quota(
    quota: Quota, each: dict[str, int], count: int, what: str
) -> exception.QuotaExceeded:
    """Name every resource there is too little of.

    :param what: it is too small for.
    """
    lacking = [
        exception.Lack(resource, asked, usage.used, usage.limit)
        for resource, usage in quota.resources.items()
        if (asked := each.get(resource, 0) * count)
        and 0 <= usage.limit < usage.used + asked
    ]
    parts = "; ".join(_short(each) for each in lacking)
    return exception.QuotaTooSmall(
        f"The quota of the project is too small for {what} - {parts}. Delete "
        "what is not needed or ask an administrator for more.",
        lacking,
    )


def _short(lack: exception.Lack) -> str:
    size = 1000 if lack.resource == "millicpus" else 1
    asked, used, limit = (
        plain(n, size) for n in (lack.asked, lack.used, lack.limit)
    )
    return f"{shown(lack.resource)}: asked {asked}, used {used} of {limit}"


def _build(
    ctx: RequestContext,
    body: dict[str, Any],
    flavor: Flavor,
    specs: Sequence[spec.ContainerSpec],
    key: Keypair | None,
    count: int,
) -> list[model.Set]:
    now = utcnow()
    reservation = str(uuid.uuid4())
    many = body.get("max_count", body.get("min_count", 1)) > 1
    items = []
    for number in range(1, count + 1):
        set_id = str(uuid.uuid4())
        # cut, as a name has 255 characters at most
        name = f"{body['name'][:250]}-{number}" if many else body["name"]
        hostname = body.get("hostname") or hostname_of(name, set_id)
        if many and body.get("hostname"):
            hostname = f"{hostname[:58].rstrip('-')}-{number}"
        members = [
            Container(
                id=str(uuid.uuid4()),
                set_id=set_id,
                project_id=ctx.project_scope,
                name=s.name if s else INFRA,
                role=BUSINESS if s else INFRA,
                index=s.index if s else 0,
                spec=s,
                created_at=now,
            )
            for s in (None, *sorted(specs, key=lambda s: (s.index, s.name)))
        ]
        items.append(
            model.Set(
                id=set_id,
                project_id=ctx.project_scope,
                user_id=ctx.user_id or "",
                name=name,
                description=body.get("description") or "",
                access_ipv4=body.get("access_ipv4", ""),
                access_ipv6=body.get("access_ipv6", ""),
                hostname=hostname,
                metadata=body.get("metadata") or {},
                flavor_id=flavor.id,
                flavor_name=flavor.name,
                resources=flavor.resources,
                cpu_burst=flavor.cpu_burst,
                flavor_specs=flavor.extra_specs,
                sysctls=body.get("sysctls") or {},
                networked=body.get("network", "auto") != "none",
                has_user_data=bool(body.get("user_data")),
                key_name=key.name if key else "",
                group_id=body.get("server_group"),
                hints=Hints.from_dict(body.get("hints", {})),
                zone=body.get("availability_zone"),
                reservation_id=reservation,
                min_count=min(body.get("min_count", 1), count),
                desired=Desired.RUNNING,
                revision=1,
                restart_epoch=0,
                grace_period=10,
                request_id=ctx.request_id or "",
                created_at=now,
                updated_at=now,
                containers=tuple(members),
            )
        )
    return items


def set_event(
    ctx: RequestContext, set_id: str, action: str, **fields: Any
) -> dict[str, Any]:
    return {
        "project_id": ctx.project_id,
        "user_id": ctx.user_id,
        "object_type": "set",
        "object_id": set_id,
        "action": action,
        "result": "accepted",
        "request_id": ctx.request_id or "",
        **fields,
    }


def list_(
    deps: Deps,
    ctx: RequestContext,
    query: Query,
    detail: bool,
    *,
    infra: bool = True,
    with_tags: bool = False,
) -> list[model.Set]:
    """:param detail: with the containers of each set.
    :param infra: False: with all of them but those.
    """
    with deps.store.reader() as conn:
        return store.list_(
            conn,
            query,
            with_containers=detail,
            infra=infra,
            with_tags=with_tags,
        )


def get(
    deps: Deps,
    ctx: RequestContext,
    set_id: str,
    project_id: str | None = None,
    *,
    with_tags: bool = False,
) -> model.Set:
    """:param project_id: only a set of this project; None for any.
    :raises NotFound: there is none (or only in another project).
    """
    with deps.store.reader() as conn:
        found = store.get(conn, set_id, project_id, with_tags=with_tags)
    if found is None:
        raise exception.NotFound(f"There is no set with the id {set_id}.")
    return found


def look_again(deps: Deps, ctx: RequestContext, ids: list[str]) -> None:
    """Something around these sets may have changed, as others tell."""
    deps.notify(ctx, ids)


def update(
    deps: Deps, ctx: RequestContext, item: model.Set, changes: dict[str, Any]
) -> model.Set:
    """Change what it is called, where it is said to be reached, or metadata
    (replaced as a whole).

    Of another host name containers are told; they have it when their infra
    container is made the next time.

    :raises Conflict: metadata of what is locked; words may be changed, as in
        Nova.
    """
    if "metadata" in changes:
        check_unlocked(ctx, item)
    values: dict[str, Any] = {
        k: changes[k]
        for k in (
            *("name", "description", "hostname", "metadata"),
            *("access_ipv4", "access_ipv6"),
        )
        if k in changes
    }
    if values:
        with deps.store.writer() as conn:
            if "metadata" in values:
                check_still_unlocked(conn, ctx, item)
            store.describe(conn, item.id, {**values, "updated_at": utcnow()})
            events.add(
                conn,
                **set_event(
                    ctx,
                    item.id,
                    "set.update",
                    project_id=item.project_id,
                    result="success",
                    details={"changed": sorted(values)},
                ),
            )
        _tell(deps, ctx, item)
    return get(deps, ctx, item.id)


def _tell(deps: Deps, ctx: RequestContext, item: model.Set) -> None:
    """Its containers are told what it is called, and its metadata."""
    if item.host_id is not None:
        deps.notify(ctx, [item.id])


def change_metadata(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    values: Mapping[str, str],
    *,
    remove: Collection[str] = (),
    replace: bool = False,
) -> model.Set:
    """Add, change and remove single pairs, whatever others do meanwhile.

    :param remove: keys; those that are not there are no error.
    :param replace: nothing else stays.
    :raises QuotaExceeded: there would be more than MAX_METADATA.
    :raises Conflict: it is locked.
    """
    check_unlocked(ctx, item)
    with deps.store.writer() as conn:
        found = store.hold(conn, item.id)
        if found is None:
            raise exception.NotFound(f"There is no set with the id {item.id}.")
        check_unlocked(ctx, found)
        made = {} if replace else dict(found.metadata)
        made |= values
        for key in remove:
            made.pop(key, None)
        if len(made) > MAX_METADATA:
            raise exception.QuotaExceeded(
                f"A set has {MAX_METADATA} metadata items at most; there "
                f"would be {len(made)}."
            )
        now = utcnow()
        store.describe(conn, item.id, {"metadata": made, "updated_at": now})
        _updated(conn, ctx, item, ["metadata"])
    _tell(deps, ctx, item)
    return dataclasses.replace(found, metadata=made, updated_at=now)


def tags(deps: Deps, item: model.Set) -> list[str]:
    """In order."""
    return tags_of(deps, [item.id])[item.id]


def tags_of(deps: Deps, set_ids: Collection[str]) -> dict[str, list[str]]:
    """In order, by set."""
    with deps.store.reader() as conn:
        return set_tags.of(conn, set_ids)


def change_tags(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    replace: bool = False,
) -> list[str]:
    """Put tags on a set, and take others off it.

    :param remove: those that it does not have are no error.
    :param replace: it has no others afterwards.
    :returns: all it has, in order.
    :raises BadRequest: there would be more than MAX_TAGS.
    """
    with deps.store.writer() as conn:
        # holds the row, so that what is read is what is written on
        store.describe(conn, item.id, {"updated_at": utcnow()})
        before = set(set_tags.of(conn, [item.id])[item.id])
        after = (set() if replace else before - set(remove)) | set(add)
        if len(after) > MAX_TAGS:
            raise exception.BadRequest(
                f"A set has {MAX_TAGS} tags at most; there would be "
                f"{len(after)}."
            )
        if after != before:
            set_tags.write(conn, item.id, after - before, before - after)
            _updated(conn, ctx, item, ["tags"])
    return sorted(after)


def _updated(
    conn: sa.Connection, ctx: RequestContext, item: model.Set, what: list[str]
) -> None:
    events.add(
        conn,
        **set_event(
            ctx,
            item.id,
            "set.update",
            project_id=item.project_id,
            result="success",
            details={"changed": what},
        ),
    )


def check_unlocked(
    ctx: RequestContext, item: model.Set, *, binned: bool = False
) -> None:
    """:param binned: it may be in the recycle bin.
    :raises Conflict: it is locked, and the user may not override that; or it
        was deleted.
    """
    if item.locked and not ctx.over_locks():
        raise _locked(item)
    if not binned:
        check_not_binned(item)


def check_still_unlocked(
    conn: sa.Connection, ctx: RequestContext, item: model.Set
) -> None:
    """The same of what is written, which nobody locks from now on until the
    transaction has ended.

    :raises Conflict: it is locked by now, and the user may not override that.
    """
    if not ctx.over_locks() and store.lock_of(conn, item.id):
        raise _locked(item)


def _locked(item: model.Set) -> exception.Conflict:
    return exception.Conflict(f"Set {item.id} is locked")


def check_not_binned(item: model.Set) -> None:
    """:raises Conflict: it is in the recycle bin."""
    if item.binned_at is not None:
        raise exception.Conflict(
            f"Set {item.id} is in the recycle bin; restore it first."
        )


def lock(
    deps: Deps, ctx: RequestContext, item: model.Set, reason: str = ""
) -> model.Set:
    """Let only those change it who may override locks.

    What is locked stays as it is, but a lock of its owner becomes one of
    operators when somebody of another project locks it.
    """
    owner = item.project_id == ctx.project_id
    by = LockedBy.OWNER if owner else LockedBy.ADMIN

    def decide(found: model.Set) -> bool:
        return not (found.locked and owner)

    return _lock(deps, ctx, item, "set.lock", by, reason, decide)


def unlock(deps: Deps, ctx: RequestContext, item: model.Set) -> model.Set:
    """Let everybody change it again who may change sets.

    :raises Forbidden: operators locked it, and the user is none.
    """
    owner = item.project_id == ctx.project_id

    def decide(found: model.Set) -> bool:
        mine = owner and found.locked_by == LockedBy.OWNER
        if found.locked and not (mine or ctx.over_locks()):
            raise exception.Forbidden(
                f"Set {item.id} was locked by an operator; only operators can "
                "unlock it."
            )
        return found.locked

    return _lock(deps, ctx, item, "set.unlock", "", "", decide)


@retry
def _lock(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    action: str,
    by: str,
    reason: str,
    decide: Callable[[model.Set], bool],
) -> model.Set:
    """:param decide: whether to, by what is written, which nobody changes
    meanwhile.
    """
    with deps.store.writer() as conn:
        found = store.hold(conn, item.id)
        if found is None:
            raise exception.NotFound(f"There is no set with the id {item.id}.")
        if not decide(found):
            return found
        store.describe(
            conn, item.id, {"locked_by": by, "locked_reason": reason}
        )
        events.add(
            conn,
            **set_event(
                ctx,
                item.id,
                action,
                project_id=item.project_id,
                result="success",
                reason=reason,
            ),
        )
    return dataclasses.replace(found, locked_by=by, locked_reason=reason)


def check_in_place(item: model.Set, *, shelved: bool = False) -> None:
    """:param shelved: it may be put away.
    :raises Conflict: it is, or on its way to another host, or deleted.
    """
    check_not_binned(item)
    if item.move:
        raise exception.Conflict(
            f"Set {item.id} is on its way to another host; wait until it is "
            "there."
        )
    if item.shelved and not shelved:
        raise exception.Conflict(
            f"Set {item.id} is shelved; unshelve it first."
        )


def overtaken(item: model.Set) -> exception.Conflict:
    """What was decided on is not what there is by now."""
    return exception.Conflict(
        f"Set {item.id} was changed by another request at the same moment; "
        "look at it and try again."
    )


def failure(
    action: str, reason: str, request_id: str, now: datetime.datetime
) -> dict[str, Any]:
    """What a set says of the last thing that was taken back."""
    return {
        "action": action,
        "reason": reason,
        "at": now.isoformat(timespec="microseconds") + "Z",
        "request_id": request_id,
    }


def failed_event(
    conn: sa.Connection,
    item: model.Set,
    action: str,
    reason: str,
    request_id: str,
    **fields: Any,
) -> None:
    """Tell that what was asked of a set was taken back.

    :param action: without its noun.
    """
    events.add(
        conn,
        project_id=item.project_id,
        object_type="set",
        object_id=item.id,
        request_id=request_id,
        host=item.host_name or "",
        action=f"set.{action}",
        result="error",
        reason=reason,
        **fields,
    )


@retry
def freeze(
    deps: Deps, ctx: RequestContext, item: model.Set, word: Frozen
) -> model.Set:
    """Have the processes of all its containers stand still.

    Their memory stays used, connections stay open.

    :raises Conflict: it does not run, or is locked.
    """
    check_unlocked(ctx, item)
    if item.status != SetStatus.ACTIVE or item.frozen:
        raise wrong_state(item, FREEZING[word], "ACTIVE")
    return _freeze(deps, ctx, item, f"set.{FREEZING[word]}", word)


@retry
def thaw(
    deps: Deps, ctx: RequestContext, item: model.Set, word: Frozen
) -> model.Set:
    """Have them go on.

    :param word: in which it was frozen.
    :raises Conflict: it is not frozen in this word, or is locked.
    """
    check_unlocked(ctx, item)
    if item.frozen != word:
        raise wrong_state(item, THAWING[word], word.upper())
    return _freeze(deps, ctx, item, f"set.{THAWING[word]}", "")


#: Words for both, by what the set is then, or was.
FREEZING = {Frozen.PAUSED: "pause", Frozen.SUSPENDED: "suspend"}
THAWING = {Frozen.PAUSED: "unpause", Frozen.SUSPENDED: "resume"}


def wrong_state(item: model.Set, verb: str, wanted: str) -> exception.Conflict:
    return exception.Conflict(
        f"Cannot {verb!r} set {item.id} while its status is "
        f"{item.status.value}; it has to be {wanted}."
    )


def _freeze(
    deps: Deps, ctx: RequestContext, item: model.Set, action: str, word: str
) -> model.Set:
    return ask(
        deps,
        ctx,
        item,
        action,
        Desired.RUNNING,
        only_if=(Desired.RUNNING,),
        frozen=word,
    )


def start(deps: Deps, ctx: RequestContext, item: model.Set) -> model.Set:
    """Run it; one that failed is tried again.  Running already: no change."""
    check_unlocked(ctx, item)
    if item.desired == Desired.RUNNING and item.status == SetStatus.ACTIVE:
        return item
    return ask(deps, ctx, item, "set.start", Desired.RUNNING)


def reset_state(
    deps: Deps, ctx: RequestContext, item: model.Set, broken: bool
) -> model.Set:
    """Have it show as ERROR, or no longer: then what failed is tried again.

    :raises Conflict: it is being deleted, or in the recycle bin.
    """
    check_not_binned(item)
    with deps.store.writer() as conn:
        if not store.mark(conn, item.id, broken, utcnow()):
            raise exception.Conflict(f"Set {item.id} is being deleted.")
        events.add(
            conn,
            **set_event(
                ctx,
                item.id,
                "set.reset-state",
                project_id=item.project_id,
                result="success",
                details={"to": "error" if broken else "active"},
            ),
        )
    found = get(deps, ctx, item.id)
    if not broken and found.status == SetStatus.ERROR:
        return ask(deps, ctx, found, "set.start", Desired.RUNNING)
    return found


def stop(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    grace_period: int | None = None,
) -> model.Set:
    """Stop its containers, last Index first; volume and address stay.

    :param grace_period: seconds between SIGTERM and SIGKILL, None for as
        before.
    """
    check_unlocked(ctx, item)
    if item.desired == Desired.STOPPED and item.status == SetStatus.SHUTOFF:
        return item
    return ask(
        deps,
        ctx,
        item,
        "set.stop",
        Desired.STOPPED,
        grace_period=grace_period,
        frozen="",
    )


def restart(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    grace_period: int | None = None,
) -> model.Set:
    """Stop and start the business containers.

    :raises Conflict: it is stopped, or to be stopped, or locked.
    """
    check_unlocked(ctx, item)
    if item.desired == Desired.STOPPED:
        raise exception.Conflict(
            f"Set {item.id} is stopped; start it instead of restarting it."
        )
    return ask(
        deps,
        ctx,
        item,
        "set.restart",
        Desired.RUNNING,
        restart=True,
        grace_period=grace_period,
        frozen="",
        only_if=(Desired.RUNNING,),
    )


def host_is_down(deps: Deps, item: model.Set) -> bool:
    """:returns: False as well when it has no host."""
    if item.host_id is None:
        return False
    alive = liveness(item.host_last_seen, utcnow(), deps.heartbeat_timeout)
    return item.host_forced_down or alive == HostStatus.DOWN


def _host_is_lost(deps: Deps, item: model.Set) -> bool:
    """Its host is down, and not only because nobody has listened to hosts.

    Operators say so, or another host has reported since.
    """
    if not host_is_down(deps, item):
        return False
    if item.host_forced_down or item.host_last_seen is None:
        return True
    silence = datetime.timedelta(seconds=deps.heartbeat_timeout)
    with deps.store.reader() as conn:
        return hosts.heard(conn, item.host_last_seen + silence)


def delete(deps: Deps, ctx: RequestContext, item: model.Set) -> model.Set:
    """Remove it with its volume; forget it if its host is lost.

    Asking twice is no error.

    :raises Conflict: it is locked.
    """
    check_unlocked(ctx, item, binned=True)
    if _host_is_lost(deps, item):
        reason = "Its host is down, and removes it when it is back."
        return _forget(deps, ctx, item, "set.delete", reason)
    if item.desired == Desired.DELETED:
        deps.notify(ctx, [item.id])
        return item
    return ask(deps, ctx, item, "set.delete", Desired.DELETED)


def force_delete(
    deps: Deps, ctx: RequestContext, item: model.Set
) -> model.Set:
    """Forget it now, whatever its host does.

    :raises Conflict: it is locked.
    """
    check_unlocked(ctx, item, binned=True)
    return _forget(deps, ctx, item, "set.force-delete")


@retry
def _forget(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    action: str,
    reason: str = "",
) -> model.Set:
    """It is gone for its owner without waiting for its host.

    Name and quota are free at once; what it used of its host is freed when
    the host has removed it.
    """
    now = utcnow()
    with deps.store.writer() as conn:
        check_still_unlocked(conn, ctx, item)
        # a new revision, so that its host is told even if this process dies
        store.desire(conn, item.id, Desired.DELETED, ctx.request_id or "", now)
        if store.tombstone(conn, [item.id], now):
            events.add(
                conn,
                **set_event(
                    ctx,
                    item.id,
                    action,
                    project_id=item.project_id,
                    result="success",
                    reason=reason,
                ),
            )
    deps.notify(ctx, [item.id])
    return dataclasses.replace(
        item, desired=Desired.DELETED, deleted_at=now, updated_at=now
    )


@retry
def ask(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    action: str,
    desired: Desired,
    **how: Any,
) -> model.Set:
    """Write a new desired state and have a conductor look at it.

    :param how: see :func:`caas.store.sets.desire`.
    :raises Conflict: it is shelved (unless it is to be deleted, or that is
        what this is about), or wanted otherwise by now.
    """
    if desired != Desired.DELETED:
        check_in_place(item, shelved="before" in how)
    frozen = how.pop("frozen", None)
    if frozen is not None and frozen == item.frozen:
        # single containers that are paused stay so
        frozen = None
    with deps.store.writer() as conn:
        check_still_unlocked(conn, ctx, item)
        done = store.desire(
            conn,
            item.id,
            desired,
            ctx.request_id or "",
            utcnow(),
            frozen=frozen,
            **how,
        )
        if done and frozen is not None:
            containers.freeze(conn, item.id, paused=frozen != "")
        if done:
            events.add(
                conn,
                **set_event(ctx, item.id, action, project_id=item.project_id),
            )
        found = store.get(conn, item.id)
    if found is None:
        raise exception.NotFound(f"There is no set with the id {item.id}.")
    if not done and desired == found.desired == Desired.DELETED:
        # by somebody else at the same moment
        return found
    if not done:
        wanted = (
            "being deleted"
            if found.desired == Desired.DELETED
            else f"wanted {found.desired}"
        )
        raise exception.Conflict(
            f"Set {item.id} is {wanted} by now; this cannot be asked of it."
        )
    deps.notify(ctx, [item.id])
    return found
