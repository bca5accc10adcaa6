"""Sets as the conductor works on them: leases, hosts, what is issued."""

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from caas.model import sets as model
from caas.model.states import Desired, Move, Placement
from caas.store import containers, jobs, sets
from caas.store.hosts import ZONE
from caas.store.tables import claims, hosts
from caas.store.tables import jobs as jobs_
from caas.store.tables import sets as t


@dataclasses.dataclass(frozen=True)
class Leased:
    """A set that one conductor works on.

    :ivar deadline: by when its host was to have settled it, None for never.
    :ivar attempts: how often the host had been asked again by then.
    """

    item: model.Set
    deadline: datetime.datetime | None
    attempts: int


def _work(now: datetime.datetime) -> sa.ColumnElement[bool]:
    """There is something to do, and nobody at it."""
    return sa.and_(
        sa.or_(
            t.c.issued < t.c.revision,
            t.c.deadline < now,
            t.c.to_tell.is_(True),
        ),
        _free(now),
    )


def _free(now: datetime.datetime) -> sa.ColumnElement[bool]:
    return sa.or_(t.c.lease_until.is_(None), t.c.lease_until < now)


def due(conn: sa.Connection, now: datetime.datetime, limit: int) -> list[str]:
    """Ids of sets that wait to be worked on, or were waited for too long."""
    statement = sa.select(t.c.id).where(_work(now)).limit(limit)
    found = list(conn.execute(statement).scalars())
    # by an index of their own, as they are few among many sets
    return found + jobs.sets_to_tell(conn, limit)


def lease(
    conn: sa.Connection,
    set_ids: Collection[str],
    token: str,
    now: datetime.datetime,
    until: datetime.datetime,
) -> int:
    """Reserve those of the sets that need work for the holder of ``token``.

    :param token: never used before.
    :returns: how many.
    """
    told = sa.select(jobs_.c.set_id).where(
        jobs_.c.set_id.in_(set_ids), jobs_.c.to_tell.is_(True)
    )
    done = conn.execute(
        t.update()
        .where(
            t.c.id.in_(set_ids),
            sa.or_(_work(now), sa.and_(t.c.id.in_(told), _free(now))),
        )
        .values(lease_owner=token, lease_until=until)
    )
    return done.rowcount


def lease_together(
    conn: sa.Connection,
    reservation_ids: Collection[str],
    token: str,
    now: datetime.datetime,
    until: datetime.datetime,
) -> tuple[set[str], set[str]]:
    """Reserve all sets of these reservations that were never issued.

    :returns: ids of those sets, and the reservations of which another
        conductor has some.
    """
    waiting = sa.and_(
        t.c.reservation_id.in_(reservation_ids),
        t.c.issued == 0,
        t.c.deleted_at.is_(None),
    )
    conn.execute(
        t.update()
        .where(waiting, _work(now))
        .values(lease_owner=token, lease_until=until)
    )
    rows = conn.execute(
        sa.select(t.c.id, t.c.reservation_id, t.c.lease_owner).where(waiting)
    ).all()
    return (
        {row.id for row in rows if row.lease_owner == token},
        {row.reservation_id for row in rows if row.lease_owner != token},
    )


def unlease(conn: sa.Connection, set_ids: Collection[str], token: str) -> None:
    """Leave sets to others, as they are."""
    conn.execute(
        t.update()
        .where(t.c.id.in_(set_ids), t.c.lease_owner == token)
        .values(lease_until=None)
    )


def unlease_all(conn: sa.Connection, owner: str) -> int:
    """Give up what an earlier life of this conductor had leased.

    :param owner: what its tokens began with.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.lease_until.is_not(None),
            t.c.lease_owner.startswith(owner, autoescape=True),
        )
        .values(lease_until=None)
    )
    return done.rowcount


_WITH_HOST = sa.select(
    t,
    hosts.c.name.label("host_name"),
    ZONE.label("host_zone"),
    hosts.c.last_seen.label("host_last_seen"),
).select_from(t.outerjoin(hosts, t.c.host_id == hosts.c.id))


def leased(
    conn: sa.Connection, set_ids: Collection[str], token: str
) -> list[Leased]:
    """Those of the sets that ``token`` reserved, with containers, by id."""
    statement = _WITH_HOST.where(
        t.c.id.in_(set_ids), t.c.lease_owner == token
    ).order_by(t.c.id)
    rows = conn.execute(statement).all()
    found = containers.of_sets(conn, [row.id for row in rows])
    return [
        Leased(
            sets.from_row(row, found[row.id]),
            row.deadline,
            row.attempts,
        )
        for row in rows
    ]


def reread(
    conn: sa.Connection, known: Mapping[str, Leased], token: str
) -> dict[str, model.Set]:
    """Leased sets as they are now; in a transaction that wrote to them.

    :param known: with containers, which are read anew only where the set was
        changed since.
    """
    statement = _WITH_HOST.where(t.c.id.in_(known), t.c.lease_owner == token)
    rows = conn.execute(statement).all()
    changed = containers.of_sets(
        conn,
        [r.id for r in rows if r.revision != known[r.id].item.revision],
        latest=True,
    )
    return {
        row.id: sets.from_row(
            row, changed.get(row.id, known[row.id].item.containers)
        )
        for row in rows
    }


def placed_of(
    conn: sa.Connection, reservation_ids: Collection[str]
) -> dict[str, int]:
    """How many sets of each reservation have a host."""
    rows = conn.execute(
        sa.select(t.c.reservation_id, sa.func.count())
        .where(
            t.c.reservation_id.in_(reservation_ids),
            t.c.host_id.is_not(None),
            t.c.deleted_at.is_(None),
        )
        .group_by(t.c.reservation_id)
    )
    return {row[0]: row[1] for row in rows}


_MINE = sa.and_(
    t.c.id == sa.bindparam("b_id"),
    t.c.lease_owner == sa.bindparam("b_token"),
)

#: The set must still be without a host, or on the one it is to leave, and
#: wanted.
_PLACE = (
    t.update()
    .where(
        _MINE,
        sa.func.coalesce(t.c.host_id, "") == sa.bindparam("b_from"),
        t.c.incarnation == sa.bindparam("b_incarnation"),
        # planned and claimed for another size than it has by now
        t.c.revision == sa.bindparam("b_revision"),
        t.c.desired == sa.bindparam("b_desired"),
        t.c.deleted_at.is_(None),
    )
    .values(
        placement=Placement.PLACED.value,
        placement_reason="",
        shelved="",
        host_id=sa.bindparam("b_host"),
        incarnation=t.c.incarnation + 1,
        address=sa.bindparam("b_address"),
        issued=t.c.revision,
        deadline=sa.bindparam("b_deadline"),
        attempts=0,
        to_tell=False,
        lease_until=None,
    )
)

_NOTE = (
    t.update()
    .where(_MINE)
    .values(
        issued=sa.bindparam("b_revision"),
        deadline=None,
        to_tell=False,
        lease_until=None,
    )
)

_REFUSE = (
    t.update()
    .where(_MINE, t.c.host_id.is_(None))
    .values(
        placement=Placement.FAILED.value,
        shelved="",
        placement_reason=sa.bindparam("b_reason"),
        issued=sa.bindparam("b_revision"),
        deadline=None,
        lease_until=None,
    )
)

_WAIT = (
    t.update()
    .where(_MINE, t.c.host_id.is_(None))
    .values(placement_reason=sa.bindparam("b_reason"), lease_until=None)
)

#: A host can hear of a revision with its full list, and settle it, before
#: that revision is issued; then there is nothing left to wait for.
_SETTLED = sa.and_(
    t.c.seen_incarnation == t.c.incarnation,
    t.c.seen_revision == t.c.revision,
    t.c.deadline.is_(None),
)

#: It has been asked to leave a host that is down since this was decided: its
#: host has nothing to do about that.
_LEAVES = sa.and_(
    t.c.move == Move.EVACUATE.value, t.c.incarnation == t.c.move_from
)

_ISSUE = (
    t.update()
    .where(_MINE)
    .values(
        placement_reason=sa.bindparam("b_reason"),
        issued=sa.case((_LEAVES, t.c.issued), else_=t.c.revision),
        deadline=sa.case(
            (_SETTLED, sa.null()),
            else_=sa.bindparam("b_deadline", type_=t.c.deadline.type),
        ),
        attempts=sa.bindparam("b_attempts"),
        to_tell=False,
        lease_until=None,
    )
)


def place(conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write hosts of sets, as new incarnations; their claims are taken.

    Which ones took it shows :func:`reread`.

    :param rows: by id, each with ``b_id``, ``b_token``, ``b_incarnation``
        (the last one), ``b_revision``, ``b_from`` (the host it leaves, "" for
        none), ``b_desired``, ``b_host``, ``b_address`` and ``b_deadline``.
    """
    conn.execute(_PLACE, list(rows))


def refuse(conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write why there is no host.

    :param rows: by id, each with ``b_id``, ``b_token``, ``b_revision`` (the
        one that cannot be carried out) and ``b_reason``.
    """
    conn.execute(_REFUSE, list(rows))


def wait(conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write why there is no host yet, and leave the sets to a later sweep.

    :param rows: by id, each with ``b_id``, ``b_token`` and ``b_reason``.
    """
    conn.execute(_WAIT, list(rows))


def issue(conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write that hosts are being told of the present revision.

    What they are told is to be read after this.

    :param rows: by id, each with ``b_id``, ``b_token``, ``b_reason``,
        ``b_deadline`` and ``b_attempts``.
    """
    conn.execute(_ISSUE, list(rows))


def reissue(conn: sa.Connection, set_ids: Collection[str]) -> None:
    """Write that hosts are being told of a revision made just now."""
    conn.execute(
        t.update().where(t.c.id.in_(set_ids)).values(issued=t.c.revision)
    )


def note(conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write that no host has to be told of a revision.

    :param rows: by id, each with ``b_id``, ``b_token`` and ``b_revision``:
        the one that was looked at, for there may be another by now.
    """
    conn.execute(_NOTE, list(rows))


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the list of a host.

    :ivar item: None for a set of which nothing is known any more.
    :ivar present: the host is to have it; else it is to remove it.
    """

    set_id: str
    incarnation: int
    item: model.Set | None
    present: bool


def listing(conn: sa.Connection, host_id: str) -> tuple[int, list[Entry]]:
    """Everything a host is to run: the version of the list, and the list.

    The version is read first: a list that is younger than its label is
    harmless, one that is older is not.
    """
    version = version_of(conn, host_id)
    return version, _entries(conn, host_id)


def version_of(conn: sa.Connection, host_id: str) -> int:
    """The present version of the list of a host."""
    version: int = conn.execute(
        sa.select(hosts.c.version).where(hosts.c.id == host_id)
    ).scalar_one()
    return version


def _entries(conn: sa.Connection, host_id: str) -> list[Entry]:
    rows = conn.execute(
        sa.select(
            claims.c.set_id,
            claims.c.incarnation.label("claimed"),
            t,
        )
        .select_from(claims.outerjoin(t, claims.c.set_id == t.c.id))
        .where(claims.c.host_id == host_id)
        .order_by(claims.c.set_id, claims.c.incarnation)
    ).all()
    present = {
        row.set_id
        for row in rows
        if row.claimed == row.incarnation
        and row.host_id == host_id
        and row.deleted_at is None
        and row.desired != Desired.DELETED
    }
    found = containers.of_sets(conn, present)
    return [
        Entry(
            row.set_id,
            row.claimed,
            sets.from_row(row, found.get(row.set_id, ())) if row.id else None,
            row.set_id in present and row.claimed == row.incarnation,
        )
        for row in rows
    ]
