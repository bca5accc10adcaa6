"""Use cases of sets: the only writer of what users want of them."""

import dataclasses
import re
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model import sets as model
from caas.model import spec, sysctls
from caas.model.containers import BUSINESS, INFRA, Container
from caas.model.flavors import Flavor
from caas.model.query import Query
from caas.model.quotas import Quota
from caas.model.states import Desired, SetStatus
from caas.store import events, flavors, history, quotas
from caas.store import sets as store
from caas.store.engine import retry, utcnow

#: Business containers of one set.
MAX_CONTAINERS = 32

#: Docker refuses to start a container with less (MiB).
MIN_MEMORY_MB = 6


def create(
    deps: Deps, ctx: RequestContext, body: dict[str, Any]
) -> list[model.Set]:
    """Accept new sets; conductor and agents bring them up.

    As many as ``max_count`` are made; where the quota has no room for that,
    as many as it has room for, but at least ``min_count``.  With both equal
    it is all or nothing, here and when they are placed.

    :param body: the ``set`` of a request, valid against its schema.
    :raises BadRequest: unknown flavor or image, or they do not go together.
    :raises QuotaExceeded: the project has no room for ``min_count`` sets.
    """
    min_count = body.get("min_count", 1)
    max_count = body.get("max_count", min_count)
    if min_count > max_count:
        raise exception.BadRequest(
            f"min_count is {min_count} but max_count only {max_count}; "
            "max_count must be at least min_count."
        )
    flavor = flavor_of(deps, body["flavor"])
    check_sysctls(body.get("sysctls") or {})
    specs = [from_body(c) for c in body["containers"]]
    check_specs(specs, flavor.resources)
    specs = resolve(deps, ctx, specs)
    items = _insert(deps, ctx, body, flavor, specs, min_count, max_count)
    deps.notify(ctx, [s.id for s in items])
    return items


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
    with deps.store.reader() as conn:
        quota = quotas.get(conn, project_id, deps.quota_defaults)
    prepare_quota(deps, project_id, quota)
    count = min(max_count, _room(quota, each))
    if count < min_count:
        raise over_quota(quota, each, min_count, f"{min_count} such set(s)")
    items = _build(ctx, body, flavor, specs, count)
    with deps.store.writer() as conn:
        claim_quota(
            conn, project_id, {r: n * count for r, n in each.items()}, quota
        )
        store.insert(conn, items)
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


def flavor_of(deps: Deps, ident: str) -> Flavor:
    """The one a request names.

    :param ident: id or name.
    :raises BadRequest: there is none.
    """
    with deps.store.reader() as conn:
        found = flavors.find(conn, ident)
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
    :raises Conflict: somebody else took it since.
    """
    lacking = quotas.claim(
        conn,
        project_id,
        amounts,
        {r: u.limit for r, u in quota.resources.items()},
    )
    if lacking is not None:
        raise exception.Conflict(
            f"Another request used the project's {shown(lacking)} quota "
            "at the same moment; try again."
        )


def prepare_quota(deps: Deps, project_id: str, quota: Quota) -> None:
    if any(usage.used for usage in quota.resources.values()):
        return
    try:
        with deps.store.writer() as conn:
            quotas.prepare(conn, project_id)
    except db_exception.DBDuplicateEntry:
        pass  # the counters were there, all at zero


def _room(quota: Quota, each: dict[str, int]) -> int:
    """How many sets more the quota has room for."""
    rooms = [
        (usage.limit - usage.used) // each[resource]
        for resource, usage in quota.resources.items()
        if usage.limit >= 0 and each[resource] > 0
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
    parts = []
    for resource, usage in quota.resources.items():
        asked = each[resource] * count
        if asked and 0 <= usage.limit < usage.used + asked:
            scale = 1000 if resource == "millicpus" else 1
            parts.append(
                f"{shown(resource)}: asked {asked / scale:g}, used "
                f"{usage.used / scale:g} of {usage.limit / scale:g}"
            )
    return exception.QuotaExceeded(
        f"The quota of the project is too small for {what} - "
        f"{'; '.join(parts)}. Delete what is not needed or ask an "
        "administrator for more."
    )


def _build(
    ctx: RequestContext,
    body: dict[str, Any],
    flavor: Flavor,
    specs: Sequence[spec.ContainerSpec],
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
                hostname=hostname,
                metadata=body.get("metadata") or {},
                flavor_id=flavor.id,
                flavor_name=flavor.name,
                resources=flavor.resources,
                cpu_burst=flavor.cpu_burst,
                sysctls=body.get("sysctls") or {},
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
    deps: Deps, ctx: RequestContext, query: Query, detail: bool
) -> list[model.Set]:
    """:param detail: with the containers of each set."""
    with deps.store.reader() as conn:
        return store.list_(conn, query, with_containers=detail)


def get(
    deps: Deps,
    ctx: RequestContext,
    set_id: str,
    project_id: str | None = None,
) -> model.Set:
    """:param project_id: only a set of this project; None for any.
    :raises NotFound: there is none (or only in another project).
    """
    with deps.store.reader() as conn:
        found = store.get(conn, set_id, project_id)
    if found is None:
        raise exception.NotFound(f"There is no set with the id {set_id}.")
    return found


def update(
    deps: Deps, ctx: RequestContext, item: model.Set, changes: dict[str, Any]
) -> model.Set:
    """Change name, description or metadata (replaced as a whole)."""
    values: dict[str, Any] = {
        k: changes[k]
        for k in ("name", "description", "metadata")
        if k in changes
    }
    if values:
        with deps.store.writer() as conn:
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
    return get(deps, ctx, item.id)


def start(deps: Deps, ctx: RequestContext, item: model.Set) -> model.Set:
    """Run it; one that failed is tried again.  Running already: no change."""
    if item.desired == Desired.RUNNING and item.status == SetStatus.ACTIVE:
        return item
    return _change(deps, ctx, item, "set.start", Desired.RUNNING)


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
    if item.desired == Desired.STOPPED and item.status == SetStatus.SHUTOFF:
        return item
    return _change(
        deps, ctx, item, "set.stop", Desired.STOPPED, grace_period=grace_period
    )


def restart(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    grace_period: int | None = None,
) -> model.Set:
    """Stop and start the business containers.

    :raises Conflict: it is stopped, or to be stopped.
    """
    if item.desired == Desired.STOPPED:
        raise exception.Conflict(
            f"Set {item.id} is stopped; start it instead of restarting it."
        )
    return _change(
        deps,
        ctx,
        item,
        "set.restart",
        Desired.RUNNING,
        restart=True,
        grace_period=grace_period,
        only_if=(Desired.RUNNING,),
    )


def delete(deps: Deps, ctx: RequestContext, item: model.Set) -> model.Set:
    """Remove it with its volume.  Asking twice is no error."""
    if item.desired == Desired.DELETED:
        deps.notify(ctx, [item.id])
        return item
    return _change(deps, ctx, item, "set.delete", Desired.DELETED)


@retry
def force_delete(
    deps: Deps, ctx: RequestContext, item: model.Set
) -> model.Set:
    """Forget it now, even if its host is silent.

    Name and quota are free at once; what it used of its host is freed when
    the host has removed it.
    """
    now = utcnow()
    with deps.store.writer() as conn:
        # a new revision, so that its host is told even if this process dies
        store.desire(conn, item.id, Desired.DELETED, ctx.request_id or "", now)
        if store.tombstone(conn, [item.id], now):
            events.add(
                conn,
                **set_event(
                    ctx,
                    item.id,
                    "set.force-delete",
                    project_id=item.project_id,
                    result="success",
                ),
            )
    deps.notify(ctx, [item.id])
    return dataclasses.replace(
        item, desired=Desired.DELETED, deleted_at=now, updated_at=now
    )


@retry
def _change(
    deps: Deps,
    ctx: RequestContext,
    item: model.Set,
    action: str,
    desired: Desired,
    **how: Any,
) -> model.Set:
    """Write a new desired state and have a conductor look at it."""
    with deps.store.writer() as conn:
        done = store.desire(
            conn, item.id, desired, ctx.request_id or "", utcnow(), **how
        )
        if done:
            events.add(
                conn,
                **set_event(ctx, item.id, action, project_id=item.project_id),
            )
        found = store.get(conn, item.id)
    if found is None:
        raise exception.NotFound(f"There is no set with the id {item.id}.")
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
