"""Containers: the queries of the API side."""

import dataclasses
import datetime
import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from caas.model import containers as model
from caas.model import spec
from caas.model.content import Member
from caas.model.query import Query
from caas.model.sets import Set
from caas.model.states import ContainerStatus, Health
from caas.store import paging
from caas.store.tables import containers as t

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
}


def json_pair(key: str, value: str) -> str:
    """How a pair of a dict looks inside a JSON column."""
    return json.dumps({key: value})[1:-1]


def from_row(row: Any) -> model.Container:
    m = row._mapping
    return model.Container(
        id=m["id"],
        set_id=m["set_id"],
        project_id=m["project_id"],
        name=m["name"],
        role=m["role"],
        index=m["idx"],
        spec=spec.ContainerSpec.from_dict(m["spec"]) if m["spec"] else None,
        created_at=m["created_at"],
        asked=model.Asked(
            restart_epoch=m["restart_epoch"],
            paused=m["paused"],
            signal_epoch=m["signal_epoch"],
            signal=m["signal"],
        ),
        health=Health(m["health"]) if m["health"] else None,
        status=ContainerStatus(m["status"]),
        reason=m["reason"],
        exit_code=m["exit_code"],
        oom_killed=m["oom_killed"],
        restarts=m["restarts"],
        started_at=m["started_at"],
        finished_at=m["finished_at"],
        runtime_id=m["runtime_id"],
    )


def insert(conn: sa.Connection, items: Sequence[model.Container]) -> None:
    conn.execute(
        t.insert(),
        [
            {
                "id": c.id,
                "set_id": c.set_id,
                "project_id": c.project_id,
                "name": c.name,
                "role": c.role,
                "idx": c.index,
                "spec": c.spec.to_dict() if c.spec else {},
                "image_id": c.spec.image.id if c.spec else None,
                **dataclasses.asdict(c.asked),
                "created_at": c.created_at,
                "status": c.status.value,
            }
            for c in items
        ],
    )


def of_sets(
    conn: sa.Connection,
    set_ids: Collection[str],
    *,
    latest: bool = False,
    infra: bool = True,
) -> dict[str, list[model.Container]]:
    """Containers by set: infra first, then by Index and name.

    :param infra: False: without those.
    :param latest: as they are by now, even if this transaction has read
        before; for one that has written to the rows of the sets.
    """
    found: dict[str, list[model.Container]] = {i: [] for i in set_ids}
    if not set_ids:
        return found
    statement = (
        sa.select(t)
        .where(t.c.set_id.in_(set_ids))
        .order_by(t.c.set_id, t.c.role.desc(), t.c.idx, t.c.name)
    )
    if not infra:
        statement = statement.where(t.c.role == model.BUSINESS)
    if latest:
        statement = statement.with_for_update(read=True)
    for row in conn.execute(statement):
        found[row.set_id].append(from_row(row))
    return found


def get(
    conn: sa.Connection, set_id: str, ident: str
) -> model.Container | None:
    """A container of a set by name or id."""
    row = conn.execute(
        sa.select(t).where(
            t.c.set_id == set_id,
            sa.or_(t.c.id == ident, t.c.name == ident),
            t.c.deleted_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else from_row(row)


def list_(conn: sa.Connection, query: Query) -> list[model.Container]:
    """One page of containers.

    Filters: ``set_id``, ``name``, ``status``, ``image`` (Glance id),
    ``images`` (several).
    """
    statement = sa.select(t).where(t.c.deleted_at.is_(None))
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        statement = statement.where(_FILTERS[key](value))
    statement = paging.page(conn, statement, t, query, _SORT)
    return [from_row(row) for row in conn.execute(statement)]


_FILTERS: dict[str, Any] = {
    "set_id": lambda v: t.c.set_id == v,
    "name": lambda v: t.c.name == v,
    "status": lambda v: t.c.status == v,
    "image": lambda v: t.c.image_id == v,
    "images": lambda v: t.c.image_id.in_(v),
}


def replace(
    conn: sa.Connection,
    item: Set,
    members: Sequence[Member],
    now: datetime.datetime,
) -> None:
    """Have a set consist of these containers, and its infra container.

    Under the guard of the row of the set.  One that a change had removed and
    that is back now is asked for the same as before.

    :param item: with its containers as they are.
    """
    there = {c.id: c for c in item.containers if c.spec is not None}
    kept = {m.id for m in members}
    gone = there.keys() - kept
    if gone:
        conn.execute(t.delete().where(t.c.id.in_(gone)))
    new = []
    for member in members:
        old = there.get(member.id)
        if old is None:
            new.append(
                model.Container(
                    id=member.id,
                    set_id=item.id,
                    project_id=item.project_id,
                    name=member.spec.name,
                    role=model.BUSINESS,
                    index=member.spec.index,
                    spec=member.spec,
                    asked=item.removed.get(member.id, model.Asked()),
                    created_at=now,
                )
            )
        elif old.spec != member.spec:
            conn.execute(
                t.update()
                .where(t.c.id == member.id)
                .values(
                    name=member.spec.name,
                    idx=member.spec.index,
                    spec=member.spec.to_dict(),
                    image_id=member.spec.image.id,
                )
            )
    if new:
        insert(conn, new)


def desire(
    conn: sa.Connection, container_id: str, values: dict[str, Any]
) -> bool:
    """Write what is wanted of one container besides its spec.

    :returns: False if it was removed meanwhile.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == container_id, t.c.deleted_at.is_(None))
        .values(**values)
    )
    return done.rowcount == 1


def freeze(conn: sa.Connection, set_id: str, *, paused: bool) -> None:
    """All business containers of a set."""
    conn.execute(
        t.update()
        .where(
            t.c.set_id == set_id,
            t.c.role == model.BUSINESS,
            t.c.deleted_at.is_(None),
        )
        .values(paused=paused)
    )


def restart(conn: sa.Connection, container_id: str) -> bool:
    """Ask for one more restart of it, which also ends a pause."""
    return desire(
        conn,
        container_id,
        {"restart_epoch": t.c.restart_epoch + 1, "paused": False},
    )


def signal(conn: sa.Connection, container_id: str, name: str) -> bool:
    """Ask for one more signal to be sent to it."""
    return desire(
        conn,
        container_id,
        {"signal_epoch": t.c.signal_epoch + 1, "signal": name},
    )


def tombstone(
    conn: sa.Connection, set_ids: Collection[str], now: datetime.datetime
) -> dict[str, int]:
    """Mark the containers of sets deleted.

    :returns: number of business containers by set: only these count against
        the quota.
    """
    mine = sa.and_(t.c.set_id.in_(set_ids), t.c.deleted_at.is_(None))
    counted = conn.execute(
        sa.select(t.c.set_id, sa.func.count())
        .where(mine, t.c.role == model.BUSINESS)
        .group_by(t.c.set_id)
    ).all()
    conn.execute(t.update().where(mine).values(deleted_at=now))
    return dict.fromkeys(set_ids, 0) | {row[0]: row[1] for row in counted}
