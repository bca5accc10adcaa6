"""Sets: the queries of the API side, the only writer of desired columns."""

import dataclasses
import datetime
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas.model import sets as model
from caas.model import spec, states
from caas.model.containers import Container
from caas.model.content import Content
from caas.model.query import Query
from caas.store import containers, paging, quotas
from caas.store.tables import addresses, claims, hosts
from caas.store.tables import containers as containers_table
from caas.store.tables import sets as t

_HOST = (
    hosts.c.name.label("host_name"),
    hosts.c.zone.label("host_zone"),
    hosts.c.last_seen.label("host_last_seen"),
)

#: Columns of what a set takes, named as the resources of quotas.
SIZES = ("millicpus", "memory_mb", "disk_gb")

#: Values of one IN; every database takes as many.
_AT_ONCE = 500

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "updated_at": t.c.updated_at,
    "name": t.c.name,
    "id": t.c.id,
}


def status_clause() -> sa.ColumnElement[str]:
    """``states.RULES`` in SQL, to filter by what is not stored."""
    current = sa.and_(
        t.c.seen_incarnation == t.c.incarnation,
        t.c.seen_revision == t.c.revision,
    )
    whens = []
    for rule in states.RULES:
        terms: list[sa.ColumnElement[bool]] = []
        if rule.deleted is not None:
            deleted = t.c.deleted_at.is_not(None)
            terms.append(deleted if rule.deleted else sa.not_(deleted))
        if rule.desired:
            terms.append(t.c.desired.in_(rule.desired))
        if rule.placement:
            terms.append(t.c.placement.in_(rule.placement))
        if rule.phase:
            terms.append(t.c.phase.in_(rule.phase))
        if rule.current is not None:
            terms.append(current if rule.current else sa.not_(current))
        if rule.issued is not None:
            issued = t.c.issued >= t.c.revision
            terms.append(issued if rule.issued else sa.not_(issued))
        if rule.launched is not None:
            launched = t.c.launched_at.is_not(None)
            terms.append(launched if rule.launched else sa.not_(launched))
        if rule.resizing is not None:
            terms.append(t.c.change_action != "")
            resizing = t.c.change_action == states.RESIZING
            terms.append(resizing if rule.resizing else sa.not_(resizing))
        whens.append((sa.and_(sa.true(), *terms), rule.status.value))
    return sa.case(*whens)


def from_row(row: Any, set_containers: Sequence[Container] = ()) -> model.Set:
    """A :class:`model.Set` from a row of ``sets`` joined with its host."""
    m = row._mapping
    return model.Set(
        id=m["id"],
        project_id=m["project_id"],
        user_id=m["user_id"],
        name=m["name"],
        description=m["description"],
        hostname=m["hostname"],
        metadata=m["metadata"] or {},
        flavor_id=m["flavor_id"],
        flavor_name=m["flavor_name"],
        resources=spec.Resources(m["millicpus"], m["memory_mb"], m["disk_gb"]),
        zone=m["zone"],
        reservation_id=m["reservation_id"],
        min_count=m["min_count"],
        desired=states.Desired(m["desired"]),
        revision=m["revision"],
        restart_epoch=m["restart_epoch"],
        grace_period=m["grace_period"],
        cpu_burst=m["cpu_burst"],
        sysctls=m["sysctls"] or {},
        change_revision=m["change_revision"],
        change_action=m["change_action"],
        change_from=m["change_from"] or {},
        monitor=m["monitor"],
        failure=m["failure"] or {},
        request_id=m["request_id"],
        created_at=m["created_at"],
        updated_at=m["updated_at"],
        placement=states.Placement(m["placement"]),
        placement_reason=m["placement_reason"],
        host_id=m["host_id"],
        incarnation=m["incarnation"],
        issued=m["issued"],
        address=m["address"],
        phase=states.Phase(m["phase"]),
        phase_reason=m["phase_reason"],
        seen_incarnation=m["seen_incarnation"],
        seen_revision=m["seen_revision"],
        launched_at=m["launched_at"],
        deleted_at=m["deleted_at"],
        host_name=m.get("host_name"),
        host_zone=m.get("host_zone"),
        host_last_seen=m.get("host_last_seen"),
        containers=tuple(set_containers),
    )


def to_row(item: model.Set) -> dict[str, Any]:
    """The row of a new set."""
    return {
        "id": item.id,
        "project_id": item.project_id,
        "user_id": item.user_id,
        "name": item.name,
        "description": item.description,
        "hostname": item.hostname,
        "metadata": item.metadata,
        "flavor_id": item.flavor_id,
        "flavor_name": item.flavor_name,
        "millicpus": item.resources.millicpus,
        "memory_mb": item.resources.memory_mb,
        "disk_gb": item.resources.disk_gb,
        "zone": item.zone,
        "reservation_id": item.reservation_id,
        "min_count": item.min_count,
        "desired": item.desired.value,
        "revision": item.revision,
        "restart_epoch": item.restart_epoch,
        "grace_period": item.grace_period,
        "cpu_burst": item.cpu_burst,
        "sysctls": item.sysctls,
        "request_id": item.request_id,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "placement": item.placement.value,
        "phase": item.phase.value,
    }


def insert(conn: sa.Connection, items: Sequence[model.Set]) -> None:
    """Write new sets with their containers."""
    conn.execute(t.insert(), [to_row(s) for s in items])
    containers.insert(conn, [c for s in items for c in s.containers])


def get(
    conn: sa.Connection, set_id: str, project_id: str | None = None
) -> model.Set | None:
    """One set with its containers; tombstones are not found.

    :param project_id: only if it is this project's; None for any.
    """
    statement = (
        sa.select(t, *_HOST)
        .select_from(t.outerjoin(hosts, t.c.host_id == hosts.c.id))
        .where(t.c.id == set_id, t.c.deleted_at.is_(None))
    )
    if project_id is not None:
        statement = statement.where(t.c.project_id == project_id)
    row = conn.execute(statement).one_or_none()
    if row is None:
        return None
    return from_row(row, containers.of_sets(conn, [set_id])[set_id])


def named(
    conn: sa.Connection,
    idents: Collection[str],
    project_ids: Collection[str],
) -> list[model.Set]:
    """Sets with their containers, by id or name, in some projects.

    Projects are many where somebody has a role on a domain, so that they are
    taken some at a time.
    """
    rows: list[Any] = []
    projects = sorted(project_ids)
    for start in range(0, len(projects), _AT_ONCE):
        statement = (
            sa.select(t, *_HOST)
            .select_from(t.outerjoin(hosts, t.c.host_id == hosts.c.id))
            .where(
                sa.or_(t.c.id.in_(idents), t.c.name.in_(idents)),
                t.c.project_id.in_(projects[start : start + _AT_ONCE]),
                t.c.deleted_at.is_(None),
            )
            .order_by(t.c.created_at, t.c.id)
        )
        rows += conn.execute(statement).all()
    found = containers.of_sets(conn, [row.id for row in rows])
    return [from_row(row, found.get(row.id, ())) for row in rows]


def list_(
    conn: sa.Connection, query: Query, *, with_containers: bool
) -> list[model.Set]:
    """One page of sets.

    Filters: ``name``, ``status``, ``flavor`` (id or name), ``host`` (name),
    ``availability_zone``, ``reservation_id``, ``image`` (Glance id or what
    the user wrote), ``metadata`` (dict of pairs that must all match),
    ``changes_since`` (datetime; includes deleted sets).
    """
    statement = sa.select(t, *_HOST).select_from(
        t.outerjoin(hosts, t.c.host_id == hosts.c.id)
    )
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    filters = dict(query.filters)
    since = filters.pop("changes_since", None)
    if since is not None:
        statement = statement.where(t.c.updated_at >= since)
    elif filters.get("status") != states.SetStatus.DELETED:
        statement = statement.where(t.c.deleted_at.is_(None))
    for key, value in filters.items():
        statement = statement.where(_FILTERS[key](value))
    statement = paging.page(conn, statement, t, query, _SORT)
    rows = conn.execute(statement).all()
    found = (
        containers.of_sets(conn, [row.id for row in rows])
        if with_containers
        else {}
    )
    return [from_row(row, found.get(row.id, ())) for row in rows]


def _by_image(value: str) -> sa.ColumnElement[bool]:
    return t.c.id.in_(
        sa.select(containers_table.c.set_id).where(
            containers_table.c.image_id == value
        )
    )


def _by_metadata(pairs: dict[str, str]) -> sa.ColumnElement[bool]:
    """The text of the JSON column holds the pair as it was written."""
    terms = [
        t.c.metadata.cast(sa.Text).contains(
            containers.json_pair(key, value), autoescape=True
        )
        for key, value in pairs.items()
    ]
    return sa.and_(sa.true(), *terms)


_FILTERS: dict[str, Any] = {
    "name": lambda v: t.c.name == v,
    "status": lambda v: status_clause() == v,
    "flavor": lambda v: sa.or_(t.c.flavor_id == v, t.c.flavor_name == v),
    "host": lambda v: hosts.c.name == v,
    "availability_zone": lambda v: (
        sa.func.coalesce(hosts.c.zone, t.c.zone) == v
    ),
    "reservation_id": lambda v: t.c.reservation_id == v,
    "image": _by_image,
    "metadata": _by_metadata,
}


def describe(conn: sa.Connection, set_id: str, values: dict[str, Any]) -> None:
    """Change name, description or metadata: nothing a host must know."""
    conn.execute(
        t.update()
        .where(t.c.id == set_id, t.c.deleted_at.is_(None))
        .values(**values)
    )


def desire(
    conn: sa.Connection,
    set_id: str,
    desired: states.Desired,
    request_id: str,
    now: datetime.datetime,
    *,
    restart: bool = False,
    grace_period: int | None = None,
    only_if: Collection[states.Desired] = (),
) -> bool:
    """Write what the user wants of a set, as a new revision.

    :param restart: also ask for one more restart.
    :param only_if: the change is made only from one of these.
    :returns: whether it was made; False when the set is gone, being deleted,
        or wanted otherwise in the meantime.
    """
    values: dict[str, Any] = {
        "desired": desired.value,
        "revision": t.c.revision + 1,
        "request_id": request_id,
        "updated_at": now,
    }
    if restart:
        values["restart_epoch"] = t.c.restart_epoch + 1
    if grace_period is not None:
        values["grace_period"] = grace_period
    statement = t.update().where(
        t.c.id == set_id,
        t.c.deleted_at.is_(None),
        t.c.desired != states.Desired.DELETED.value,
    )
    if only_if:
        statement = statement.where(t.c.desired.in_(only_if))
    return conn.execute(statement.values(**values)).rowcount == 1


def tombstone(
    conn: sa.Connection, set_ids: Collection[str], now: datetime.datetime
) -> set[str]:
    """End sets: they are gone for their owners, and their quota is free.

    An address goes back only when no host can hold it any more.

    :returns: those that this call ended, which exactly one does.
    :raises RetryRequest: another one ended some at the same moment.
    """
    rows = conn.execute(
        sa.select(
            t.c.id,
            t.c.project_id,
            t.c.millicpus,
            t.c.memory_mb,
            t.c.disk_gb,
            t.c.change_from,
        ).where(t.c.id.in_(set_ids), t.c.deleted_at.is_(None))
    ).all()
    ids = {row.id for row in rows}
    if not ids:
        return ids
    done = conn.execute(
        t.update()
        .where(t.c.id.in_(ids), t.c.deleted_at.is_(None))
        .values(
            desired=states.Desired.DELETED.value,
            deleted_at=now,
            updated_at=now,
            deadline=None,
            **_UNCHANGED,
        )
    )
    if done.rowcount != len(ids):
        raise db_exception.RetryRequest(
            RuntimeError("sets were ended by somebody else meanwhile")
        )
    counts = containers.tombstone(conn, ids, now)
    for project_id in sorted({row.project_id for row in rows}):
        mine = [row for row in rows if row.project_id == project_id]
        held = [_held(row, counts[row.id]) for row in mine]
        quotas.release(
            conn,
            project_id,
            {
                "sets": len(mine),
                **{r: sum(h[r] for h in held) for r in ("containers", *SIZES)},
            },
        )
    free_addresses(conn, ids)
    return ids


def _held(row: Any, containers_: int) -> dict[str, int]:
    """What of the quota a set holds: amid a change, the larger of both."""
    held = {
        "containers": containers_,
        **{r: int(getattr(row, r)) for r in SIZES},
    }
    if not row.change_from:
        return held
    before = Content.from_dict(row.change_from).held()
    return {r: max(n, before[r]) for r, n in held.items()}


def change(
    conn: sa.Connection,
    item: model.Set,
    content: Content,
    action: str,
    monitor: float,
    request_id: str,
    now: datetime.datetime,
) -> bool:
    """Write what a set is to be made of, as a new revision.

    Where a host has to do something about it, what it was is kept until that
    is done.

    :param item: with its containers, as the decision was made on it.
    :returns: False when the set was changed meanwhile.
    """
    placed = item.host_id is not None
    kept = {member.id for member in content.members}
    # not "revision + 1" twice: MariaDB would add to what it has just added to
    revision = item.revision + 1
    values: dict[str, Any] = {
        **_made_of(content),
        "revision": revision,
        "monitor": monitor,
        "failure": {},
        "request_id": request_id,
        "updated_at": now,
    }
    if placed:
        values |= {
            "change_revision": revision,
            "change_action": action,
            "change_from": {
                **item.content.to_dict(),
                "removed": {
                    c.id: dataclasses.asdict(c.asked)
                    for c in item.containers
                    if c.spec is not None and c.id not in kept
                },
            },
        }
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.change_revision == 0,
            t.c.deleted_at.is_(None),
            t.c.desired != states.Desired.DELETED.value,
            t.c.host_id.is_not(None) if placed else t.c.host_id.is_(None),
        )
        .values(**values)
    )
    if done.rowcount != 1:
        return False
    containers.replace(conn, item, content.members, now)
    return True


#: No change is under way.
_UNCHANGED: dict[str, Any] = {
    "change_revision": 0,
    "change_action": "",
    "change_from": {},
}


def changed(conn: sa.Connection, set_id: str, revision: int) -> bool:
    """A change is carried out.  :returns: False if there is none by now."""
    done = conn.execute(
        t.update()
        .where(
            t.c.id == set_id,
            t.c.revision == revision,
            t.c.change_revision > 0,
            t.c.deleted_at.is_(None),
        )
        .values(**_UNCHANGED)
    )
    return done.rowcount == 1


def unchange(
    conn: sa.Connection,
    item: model.Set,
    failure: dict[str, Any],
    now: datetime.datetime,
) -> bool:
    """Take a change back, as a new revision, and keep why.

    :param item: with its containers.
    :returns: False when the set was changed meanwhile.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.change_revision > 0,
            t.c.deleted_at.is_(None),
        )
        .values(
            **_made_of(item.before),
            **_UNCHANGED,
            # what is put back ran well before
            monitor=0,
            revision=t.c.revision + 1,
            failure=failure,
            updated_at=now,
        )
    )
    if done.rowcount != 1:
        return False
    containers.replace(conn, item, item.before.members, now)
    return True


def _made_of(content: Content) -> dict[str, Any]:
    """Columns of a set."""
    return {
        "flavor_id": content.flavor_id,
        "flavor_name": content.flavor_name,
        "cpu_burst": content.cpu_burst,
        **dataclasses.asdict(content.resources),
    }


def free_addresses(conn: sa.Connection, set_ids: Collection[str]) -> None:
    """Give addresses back unless a claim says a host may still use them."""
    conn.execute(
        addresses.delete().where(
            addresses.c.set_id.in_(set_ids),
            ~sa.exists().where(claims.c.set_id == addresses.c.set_id),
        )
    )
