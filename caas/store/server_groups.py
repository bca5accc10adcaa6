"""Server groups, and where their sets are."""

import dataclasses
import datetime
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from caas.model import server_groups as model
from caas.model.query import Query
from caas.model.states import Desired, Placement
from caas.store import paging
from caas.store.tables import server_groups as t
from caas.store.tables import sets

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "name": t.c.name,
    "id": t.c.id,
}


def insert(conn: sa.Connection, item: model.ServerGroup) -> None:
    conn.execute(
        t.insert().values(
            id=item.id,
            project_id=item.project_id,
            user_id=item.user_id,
            name=item.name,
            policy=item.policy.value,
            max_per_host=item.max_per_host,
            created_at=item.created_at,
            updated_at=item.created_at,
        )
    )


def get(
    conn: sa.Connection, group_id: str, project_id: str | None = None
) -> model.ServerGroup | None:
    """:param project_id: only if it is this project's; None for any."""
    statement = sa.select(t).where(t.c.id == group_id)
    if project_id is not None:
        statement = statement.where(t.c.project_id == project_id)
    found = _with_members(conn, conn.execute(statement).all())
    return found[0] if found else None


def list_(conn: sa.Connection, query: Query) -> list[model.ServerGroup]:
    """One page of server groups.  Filters: ``name``."""
    statement = sa.select(t)
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        statement = statement.where(t.c[key] == value)
    statement = paging.page(conn, statement, t, query, _SORT)
    return _with_members(conn, conn.execute(statement).all())


def _with_members(
    conn: sa.Connection, rows: Collection[Any]
) -> list[model.ServerGroup]:
    members: dict[str, list[str]] = {row.id: [] for row in rows}
    found = conn.execute(
        sa.select(sets.c.id, sets.c.group_id)
        .where(sets.c.group_id.in_(members), sets.c.deleted_at.is_(None))
        .order_by(sets.c.created_at, sets.c.id)
    )
    for row in found:
        members[row.group_id].append(row.id)
    return [_from_row(row, members[row.id]) for row in rows]


def _from_row(row: Any, members: Collection[str]) -> model.ServerGroup:
    return model.ServerGroup(
        id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        name=row.name,
        policy=model.Policy(row.policy),
        max_per_host=row.max_per_host,
        created_at=row.created_at,
        members=tuple(members),
    )


def delete(conn: sa.Connection, group_id: str) -> bool:
    """Its sets are of no group any more.  :returns: whether it was there."""
    done = conn.execute(t.delete().where(t.c.id == group_id))
    if done.rowcount != 1:
        return False
    conn.execute(
        sets.update().where(sets.c.group_id == group_id).values(group_id=None)
    )
    return True


def join(
    conn: sa.Connection,
    group_id: str,
    project_id: str,
    now: datetime.datetime,
) -> int | None:
    """Hold a group for sets that are about to be made in it.

    Before anything else is written or read in the transaction, so that what
    is read is what is there, and in the order of all others.

    :returns: how many sets it has, None if there is no such group.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == group_id, t.c.project_id == project_id)
        .values(updated_at=now)
    )
    if done.rowcount != 1:
        return None
    count: int = conn.execute(
        sa.select(sa.func.count()).where(
            sets.c.group_id == group_id, sets.c.deleted_at.is_(None)
        )
    ).scalar_one()
    return count


@dataclasses.dataclass(frozen=True)
class Placed:
    """A group as the scheduler has to know it.

    :ivar version: what :func:`advance` is told.
    :ivar hosts: host ids of its sets that have one, by set id; without those
        that are to be deleted.
    """

    id: str
    name: str
    policy: model.Policy
    max_per_host: int
    version: int
    hosts: Mapping[str, str]


def placed(
    conn: sa.Connection, group_ids: Collection[str]
) -> dict[str, Placed]:
    """By id, without those that are gone; in a transaction that only
    reads."""
    rows = conn.execute(sa.select(t).where(t.c.id.in_(group_ids))).all()
    hosts: dict[str, dict[str, str]] = {row.id: {} for row in rows}
    members = conn.execute(
        sa.select(sets.c.id, sets.c.group_id, sets.c.host_id).where(
            sets.c.group_id.in_(hosts),
            sets.c.host_id.is_not(None),
            sets.c.deleted_at.is_(None),
            sets.c.desired != Desired.DELETED.value,
        )
    )
    for row in members:
        hosts[row.group_id][row.id] = row.host_id
    return {
        row.id: Placed(
            id=row.id,
            name=row.name,
            policy=model.Policy(row.policy),
            max_per_host=row.max_per_host or 1,
            version=row.version,
            hosts=hosts[row.id],
        )
        for row in rows
    }


def advance(conn: sa.Connection, planned: Mapping[str, int]) -> list[str]:
    """Write that sets of groups get hosts, by guarded UPDATE.

    :param planned: versions the plan was made from, by group.
    :returns: groups of which others have placed sets since, or which are
        gone; if there are any the caller must roll back.
    """
    return [
        group_id
        for group_id, version in sorted(planned.items())
        if conn.execute(
            t.update()
            .where(t.c.id == group_id, t.c.version == version)
            .values(version=t.c.version + 1)
        ).rowcount
        != 1
    ]


@dataclasses.dataclass(frozen=True)
class Whereabouts:
    """:ivar host_id: None: it has no host.
    :ivar waiting: it is about to get one.
    """

    project_id: str
    host_id: str | None
    waiting: bool


def whereabouts(
    conn: sa.Connection, set_ids: Collection[str]
) -> dict[str, Whereabouts]:
    """Of sets that hints name, by id, without those that are gone or are to
    be deleted."""
    rows = conn.execute(
        sa.select(
            sets.c.id,
            sets.c.project_id,
            sets.c.host_id,
            sets.c.placement,
            sets.c.desired,
            sets.c.issued,
            sets.c.revision,
        ).where(
            sets.c.id.in_(set_ids),
            sets.c.deleted_at.is_(None),
            sets.c.desired != Desired.DELETED.value,
        )
    )
    return {
        row.id: Whereabouts(
            row.project_id,
            row.host_id,
            row.host_id is None
            and row.desired == Desired.RUNNING
            # one that failed is tried again with another revision
            and (
                row.placement == Placement.PENDING or row.issued < row.revision
            ),
        )
        for row in rows
    }
