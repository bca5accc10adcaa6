"""What agents report: hosts, and the observed columns of their sets."""

import dataclasses
import datetime
import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from caas.model import wire
from caas.model.spec import Resources
from caas.model.states import LEFT, Desired, Move, Phase, Shelved
from caas.store.tables import containers, events, hosts, sets


@dataclasses.dataclass(frozen=True)
class Host:
    """:ivar last_seen: before the report at hand; None for never.
    :ivar boot: of the agent that reported then; 0 for never.
    :ivar bare: it has not said what it is.
    :ivar unfit: names of checks it did not pass until now.
    """

    id: str
    last_seen: datetime.datetime | None
    boot: int
    bare: bool
    unfit: str = ""


def find_host(conn: sa.Connection, name: str) -> Host | None:
    row = conn.execute(_FIND, {"b_name": name}).one_or_none()
    if row is None:
        return None
    return Host(
        row.id,
        row.last_seen,
        row.boot,
        bare=row.memory_mb == 0,
        unfit=row.unfit,
    )


_FIND = sa.select(
    hosts.c.id,
    hosts.c.last_seen,
    hosts.c.boot,
    hosts.c.memory_mb,
    hosts.c.unfit,
).where(hosts.c.name == sa.bindparam("b_name"))


def add_host(
    conn: sa.Connection,
    name: str,
    disabled_reason: str | None,
    now: datetime.datetime,
) -> str:
    """Make a host known that reports for the first time; return its id.

    :param disabled_reason: None to enable it.
    :raises DBDuplicateEntry: another report of it came first.
    """
    host_id = str(uuid.uuid4())
    conn.execute(
        hosts.insert().values(
            id=host_id,
            name=name,
            enabled=disabled_reason is None,
            disabled_reason=disabled_reason,
            facts={},
            created_at=now,
            updated_at=now,
        )
    )
    return host_id


def fence(
    conn: sa.Connection,
    host_id: str,
    report: wire.Report,
    now: datetime.datetime,
) -> bool:
    """Take in what a report says of the host itself.

    Also makes this transaction the only one that changes what is claimed on
    the host.

    :returns: False, and nothing is changed, if this report or a later one
        was taken in before, or the host is not known any more.
    """
    values: dict[str, Any] = {
        "boot": report.boot,
        "seq": report.seq,
        "seen_version": report.version,
        "last_seen": now,
    }
    if report.zone:
        values["zone"] = report.zone
    if report.facts is not None:
        values.update(
            dataclasses.asdict(report.facts.capacity),
            facts=dataclasses.asdict(report.facts),
            unfit=", ".join(report.facts.unfit_checks)[:255],
            updated_at=now,
        )
    done = conn.execute(
        hosts.update()
        .where(
            hosts.c.id == host_id,
            sa.or_(
                hosts.c.boot < report.boot,
                sa.and_(hosts.c.boot == report.boot, hosts.c.seq < report.seq),
            ),
        )
        .values(**values)
    )
    return done.rowcount == 1


def silent(
    conn: sa.Connection, after: datetime.datetime, before: datetime.datetime
) -> list[tuple[str, str, datetime.datetime]]:
    """Id, name and last report of hosts that last reported in between."""
    rows = conn.execute(
        sa.select(hosts.c.id, hosts.c.name, hosts.c.last_seen)
        .where(hosts.c.last_seen > after, hosts.c.last_seen < before)
        .order_by(hosts.c.id)
    )
    return [(row.id, row.name, row.last_seen) for row in rows]


@dataclasses.dataclass(frozen=True)
class Seen:
    """A set as it is stored when a report about it comes in."""

    id: str
    project_id: str
    desired: Desired
    revision: int
    incarnation: int
    host_id: str | None
    request_id: str
    ended: bool
    phase: Phase
    phase_reason: str
    placement_reason: str
    seen_incarnation: int
    seen_revision: int
    launched_at: datetime.datetime | None
    deadline: datetime.datetime | None
    attempts: int
    resources: Resources
    change_revision: int = 0
    shelved: str = ""
    move: str = ""
    move_from: int = 0

    @property
    def leaving(self) -> bool:
        """It is to leave its host, and has not been given another one."""
        return self.move != "" and self.incarnation == self.move_from

    @property
    def left(self) -> bool:
        """It has been stopped to go to another host, and may."""
        return (
            self.leaving
            and self.move == Move.MIGRATE
            and self.current
            and self.phase in LEFT
        )

    @property
    def needs(self) -> Resources:
        """What it takes of its host as it was seen."""
        if (
            self.shelved == Shelved.AWAY
            and self.current
            and self.phase == Phase.STOPPED
        ):
            return Resources(0, 0, self.resources.disk_gb)
        return self.resources

    @property
    def current(self) -> bool:
        """Whether the last report was about what is wanted now."""
        return (
            self.seen_incarnation == self.incarnation
            and self.seen_revision == self.revision
        )


_SEEN = sa.select(
    sets.c.id,
    sets.c.project_id,
    sets.c.desired,
    sets.c.revision,
    sets.c.incarnation,
    sets.c.host_id,
    sets.c.request_id,
    sets.c.deleted_at,
    sets.c.phase,
    sets.c.phase_reason,
    sets.c.placement_reason,
    sets.c.seen_incarnation,
    sets.c.seen_revision,
    sets.c.launched_at,
    sets.c.deadline,
    sets.c.attempts,
    sets.c.change_revision,
    sets.c.shelved,
    sets.c.move,
    sets.c.move_from,
    sets.c.millicpus,
    sets.c.memory_mb,
    sets.c.disk_gb,
)


def seen(conn: sa.Connection, set_ids: Collection[str]) -> dict[str, Seen]:
    """Sets by id; also those that were ended."""
    rows = conn.execute(_SEEN.where(sets.c.id.in_(set_ids)))
    found = {}
    for row in rows:
        values = dict(row._mapping)
        values["ended"] = values.pop("deleted_at") is not None
        values["desired"] = Desired(row.desired)
        values["phase"] = Phase(row.phase)
        values["resources"] = Resources(
            *(values.pop(k) for k in ("millicpus", "memory_mb", "disk_gb"))
        )
        found[row.id] = Seen(**values)
    return found


@dataclasses.dataclass(frozen=True)
class Asked:
    """The verb that led to the present revision of a set.

    :ivar told: what came of it, if that was told before: ``success`` or
        ``error``.
    """

    action: str
    told: str = ""


def asked(conn: sa.Connection, items: Collection[Seen]) -> dict[str, Asked]:
    """What was asked of sets, by id."""
    requests = {(item.id, item.request_id) for item in items}
    rows = conn.execute(
        sa.select(
            events.c.object_id,
            events.c.request_id,
            events.c.action,
            events.c.result,
        )
        .where(
            events.c.object_type == "set",
            events.c.object_id.in_({item.id for item in items}),
            events.c.request_id.in_({item.request_id for item in items}),
        )
        .order_by(events.c.at)
    )
    found: dict[str, Asked] = {}
    for row in rows:
        if (row.object_id, row.request_id) not in requests:
            continue
        known = found.get(row.object_id)
        if row.result == "accepted":
            found[row.object_id] = Asked(row.action)
        elif known is not None and known.action == row.action:
            found[row.object_id] = Asked(row.action, row.result)
    return found


_OBSERVE = (
    sets.update()
    .where(
        sets.c.id == sa.bindparam("b_id"),
        sets.c.incarnation == sa.bindparam("b_incarnation"),
    )
    .values(
        {
            column: sa.bindparam(f"b_{column}")
            for column in (
                "phase",
                "phase_reason",
                "placement_reason",
                "seen_incarnation",
                "seen_revision",
                "launched_at",
                "deadline",
                "attempts",
            )
        }
    )
)


def observe(conn: sa.Connection, items: Sequence[Seen]) -> None:
    """Write what was seen of sets, by id, unless they moved meanwhile."""
    conn.execute(
        _OBSERVE,
        [
            {
                "b_id": item.id,
                "b_incarnation": item.incarnation,
                "b_phase": item.phase.value,
                "b_phase_reason": item.phase_reason,
                "b_placement_reason": item.placement_reason,
                "b_seen_incarnation": item.seen_incarnation,
                "b_seen_revision": item.seen_revision,
                "b_launched_at": item.launched_at,
                "b_deadline": item.deadline,
                "b_attempts": item.attempts,
            }
            for item in items
        ],
    )


def forget(conn: sa.Connection, set_ids: Collection[str]) -> None:
    """Wait no longer for the end of sets that were ended by force."""
    conn.execute(
        sets.update()
        .where(sets.c.id.in_(set_ids), sets.c.deleted_at.is_not(None))
        .values(deadline=None)
    )


_OBSERVED: dict[str, Any] = {
    column: sa.bindparam(f"b_{column}")
    for column in (
        "status",
        "reason",
        "health",
        "exit_code",
        "oom_killed",
        "restarts",
        "started_at",
        "finished_at",
        "runtime_id",
    )
}

_BUSINESS = (
    containers.update()
    .where(
        containers.c.id == sa.bindparam("b_id"),
        containers.c.set_id == sa.bindparam("b_set"),
    )
    .values(_OBSERVED)
)

_INFRA = (
    containers.update()
    .where(
        containers.c.set_id == sa.bindparam("b_set"),
        containers.c.role == "infra",
    )
    .values(_OBSERVED)
)


def observe_containers(
    conn: sa.Connection, reports: Sequence[tuple[str, wire.ContainerReport]]
) -> None:
    """Write what was seen of containers; each goes with the id of its set."""
    business: list[dict[str, Any]] = []
    infra: list[dict[str, Any]] = []
    for set_id, one in reports:
        values = {
            "b_set": set_id,
            "b_status": one.status.value,
            "b_reason": one.reason,
            "b_health": one.health.value if one.health else "",
            "b_exit_code": one.exit_code,
            "b_oom_killed": one.oom_killed,
            "b_restarts": one.restarts,
            "b_started_at": when(one.started_at),
            "b_finished_at": when(one.finished_at),
            "b_runtime_id": one.runtime_id,
        }
        if one.role == "infra":
            infra.append(values)
        else:
            business.append({"b_id": one.id, **values})
    if infra:
        conn.execute(_INFRA, infra)
    if business:
        conn.execute(_BUSINESS, sorted(business, key=lambda v: v["b_id"]))


def container_ids(
    conn: sa.Connection, set_ids: Collection[str]
) -> dict[tuple[str, str], str]:
    """Ids of the containers of sets, by set and name."""
    rows = conn.execute(
        sa.select(
            containers.c.set_id, containers.c.name, containers.c.id
        ).where(containers.c.set_id.in_(set_ids))
    )
    return {(row.set_id, row.name): row.id for row in rows}


def known_events(conn: sa.Connection, ids: Collection[str]) -> set[str]:
    """Those of the events that were written before."""
    return set(
        conn.execute(
            sa.select(events.c.id).where(events.c.id.in_(ids))
        ).scalars()
    )


def when(text: str | None) -> datetime.datetime | None:
    """A time of a report as the database has it; None if it is none."""
    if not text:
        return None
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.tzinfo is not None:
        time = time.astimezone(datetime.UTC).replace(tzinfo=None)
    return time
