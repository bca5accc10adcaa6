"""Claims: what of a host is taken, by guarded UPDATE and nothing else.

Whoever changes what a host is to run writes to its row first (:func:`take`,
:func:`bump`), in the order of ids, and so takes turns with all others.
"""

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas.model.spec import NOTHING, Resources
from caas.store.hosts import ZONE
from caas.store.tables import claims as t
from caas.store.tables import hosts

#: (set id, incarnation)
Key = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Ratios:
    """How much sets may take for each unit a host has."""

    cpu: float = 1.0
    memory: float = 1.0
    disk: float = 1.0


_VIEW = sa.select(
    hosts.c.id,
    hosts.c.name,
    ZONE.label("zone"),
    hosts.c.enabled,
    hosts.c.unfit,
    hosts.c.forced_down,
    hosts.c.last_seen,
    hosts.c.millicpus,
    hosts.c.memory_mb,
    hosts.c.disk_gb,
    hosts.c.used_millicpus,
    hosts.c.used_memory_mb,
    hosts.c.used_disk_gb,
    hosts.c.used_sets,
)


def hosts_view(
    conn: sa.Connection, host_ids: Collection[str] | None = None
) -> Sequence[Any]:
    """What the scheduler has to know of hosts; None for all."""
    statement = _VIEW
    if host_ids is not None:
        statement = statement.where(hosts.c.id.in_(host_ids))
    return conn.execute(statement).all()


def take(
    conn: sa.Connection,
    host_id: str,
    asked: Sequence[Resources],
    ratios: Ratios,
    alive_since: datetime.datetime,
) -> bool:
    """Take from a host, as a new version of its list.

    :param asked: of each set.
    :returns: False, and nothing is changed, if it has not that much, is
        disabled, unfit or forced down, or has not reported since
        ``alive_since``.
    """
    done = conn.execute(
        _TAKE,
        {
            "b_host": host_id,
            "b_alive": alive_since,
            "b_sets": len(asked),
            "b_millicpus": sum(r.millicpus for r in asked),
            "b_memory": sum(r.memory_mb for r in asked),
            "b_disk": sum(r.disk_gb for r in asked),
            "b_cpu_ratio": ratios.cpu,
            "b_memory_ratio": ratios.memory,
            "b_disk_ratio": ratios.disk,
        },
    )
    return done.rowcount == 1


def _fits(
    used: sa.Column[int], capacity: sa.Column[int], asked: str, ratio: str
) -> sa.ColumnElement[bool]:
    return used + sa.bindparam(asked, type_=sa.BigInteger) <= (
        capacity * sa.bindparam(ratio, type_=sa.Float)
    )


_TAKE = (
    hosts.update()
    .where(
        hosts.c.id == sa.bindparam("b_host"),
        hosts.c.enabled.is_(True),
        hosts.c.unfit == "",
        hosts.c.forced_down.is_(False),
        hosts.c.last_seen >= sa.bindparam("b_alive"),
        _fits(
            hosts.c.used_millicpus,
            hosts.c.millicpus,
            "b_millicpus",
            "b_cpu_ratio",
        ),
        _fits(
            hosts.c.used_memory_mb,
            hosts.c.memory_mb,
            "b_memory",
            "b_memory_ratio",
        ),
        _fits(hosts.c.used_disk_gb, hosts.c.disk_gb, "b_disk", "b_disk_ratio"),
    )
    .values(
        used_millicpus=hosts.c.used_millicpus + sa.bindparam("b_millicpus"),
        used_memory_mb=hosts.c.used_memory_mb + sa.bindparam("b_memory"),
        used_disk_gb=hosts.c.used_disk_gb + sa.bindparam("b_disk"),
        used_sets=hosts.c.used_sets + sa.bindparam("b_sets"),
        version=hosts.c.version + 1,
    )
)


def bump(conn: sa.Connection, host_id: str) -> None:
    """Begin a new version of the list of a host."""
    conn.execute(_BUMP, {"b_host": host_id})


_BUMP = (
    hosts.update()
    .where(hosts.c.id == sa.bindparam("b_host"))
    .values(version=hosts.c.version + 1)
)


def give_back(
    conn: sa.Connection, host_id: str, amounts: Iterable[Resources]
) -> None:
    """Undo what :func:`take` took for some sets; the version stays."""
    each = list(amounts)
    conn.execute(
        hosts.update()
        .where(hosts.c.id == host_id)
        .values(
            used_millicpus=hosts.c.used_millicpus
            - sum(r.millicpus for r in each),
            used_memory_mb=hosts.c.used_memory_mb
            - sum(r.memory_mb for r in each),
            used_disk_gb=hosts.c.used_disk_gb - sum(r.disk_gb for r in each),
            used_sets=hosts.c.used_sets - len(each),
        )
    )


#: What is claimed, with the ratio that applies to it.
_AMOUNTS = {"millicpus": "cpu", "memory_mb": "memory", "disk_gb": "disk"}


@dataclasses.dataclass(frozen=True)
class Lacking:
    """:ivar more: asked for beyond what is claimed already.
    :ivar free: what the host has left.
    """

    more: Resources
    free: Resources


def grow(
    conn: sa.Connection,
    host_id: str,
    key: Key,
    wanted: Resources,
    ratios: Ratios,
) -> Lacking | None:
    """Have a claim cover what a set is to have, besides what it has.

    :returns: None, or what the host has too little of; then nothing is
        changed.
    """
    has = _claimed(conn, host_id, key)
    if has is None:
        return None
    more = wanted.beyond(has)
    if more == NOTHING:
        return None
    guards = []
    for name, ratio in _AMOUNTS.items():
        used, capacity = hosts.c[f"used_{name}"], hosts.c[name]
        if amount := getattr(more, name):
            guards.append(used + amount <= capacity * getattr(ratios, ratio))
    if not _change(conn, host_id, key, more, 1, *guards):
        return _lacking(conn, host_id, more, ratios)
    return None


def shrink(
    conn: sa.Connection, host_id: str, key: Key, wanted: Resources
) -> None:
    """Give back what a claim covers beyond what a set has.

    In a transaction that has written to the row of the host before.
    """
    has = _claimed(conn, host_id, key)
    if has is None:
        return
    less = has.beyond(wanted)
    if less != NOTHING:
        _change(conn, host_id, key, less, -1)


def _claimed(conn: sa.Connection, host_id: str, key: Key) -> Resources | None:
    return on_host(conn, host_id, [key[0]]).get(key)


def _change(
    conn: sa.Connection,
    host_id: str,
    key: Key,
    amounts: Resources,
    sign: int,
    *guards: sa.ColumnElement[bool],
) -> bool:
    """Add to a claim and to what is used of its host, or take from both.

    :returns: False, and nothing is changed, if the host fails a guard.
    """
    by = {n: sign * getattr(amounts, n) for n in _AMOUNTS}
    done = conn.execute(
        hosts.update()
        .where(hosts.c.id == host_id, *guards)
        .values({f"used_{n}": hosts.c[f"used_{n}"] + by[n] for n in _AMOUNTS})
    )
    if done.rowcount != 1:
        return False
    conn.execute(
        t.update()
        .where(t.c.set_id == key[0], t.c.incarnation == key[1])
        .values({n: t.c[n] + by[n] for n in _AMOUNTS})
    )
    return True


def _lacking(
    conn: sa.Connection, host_id: str, more: Resources, ratios: Ratios
) -> Lacking:
    row = conn.execute(sa.select(hosts).where(hosts.c.id == host_id)).one()
    free = {
        name: int(row._mapping[name] * getattr(ratios, ratio))
        - row._mapping[f"used_{name}"]
        for name, ratio in _AMOUNTS.items()
    }
    return Lacking(more, Resources(**free))


def insert(conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    conn.execute(t.insert(), list(rows))


@dataclasses.dataclass(frozen=True)
class Told:
    """A host as of the version of its list that was just begun."""

    name: str
    version: int
    last_seen: datetime.datetime | None

    def alive(self, since: datetime.datetime) -> bool:
        """Whether it has reported since."""
        return self.last_seen is not None and self.last_seen >= since


def told(conn: sa.Connection, host_ids: Collection[str]) -> dict[str, Told]:
    """Hosts by id, after :func:`take` or :func:`bump`."""
    rows = conn.execute(
        sa.select(
            hosts.c.id, hosts.c.name, hosts.c.version, hosts.c.last_seen
        ).where(hosts.c.id.in_(host_ids))
    )
    return {row.id: Told(row.name, row.version, row.last_seen) for row in rows}


def of_sets(
    conn: sa.Connection, set_ids: Collection[str]
) -> dict[str, list[tuple[int, str]]]:
    """Incarnation and host id of the claims of sets, by set id."""
    found: dict[str, list[tuple[int, str]]] = {}
    rows = conn.execute(
        sa.select(t.c.set_id, t.c.incarnation, t.c.host_id)
        .where(t.c.set_id.in_(set_ids))
        .order_by(t.c.incarnation)
    )
    for row in rows:
        found.setdefault(row.set_id, []).append((row.incarnation, row.host_id))
    return found


def on_host(
    conn: sa.Connection, host_id: str, set_ids: Collection[str]
) -> dict[Key, Resources]:
    """What these sets have claimed on one host."""
    rows = conn.execute(
        sa.select(t).where(t.c.host_id == host_id, t.c.set_id.in_(set_ids))
    )
    return {
        (row.set_id, row.incarnation): Resources(
            row.millicpus, row.memory_mb, row.disk_gb
        )
        for row in rows
    }


def release(
    conn: sa.Connection, host_id: str, released: dict[Key, Resources]
) -> None:
    """Give up claims nothing of which is left on the host.

    :param released: of :func:`on_host`, read in this transaction after
        writing to the row of the host.
    :raises RetryRequest: they are not what was read.
    """
    done = conn.execute(
        t.delete().where(
            t.c.host_id == host_id,
            sa.or_(
                *(
                    sa.and_(t.c.set_id == s, t.c.incarnation == i)
                    for s, i in released
                )
            ),
        )
    )
    if done.rowcount != len(released):
        raise db_exception.RetryRequest(
            RuntimeError("claims were released by somebody else meanwhile")
        )
    give_back(conn, host_id, released.values())
