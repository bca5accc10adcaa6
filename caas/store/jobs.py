"""Jobs, and who is at them.

A job of conductors (``import``) is leased; one of a host (``commit``) is
told to it with its set, and ``to_tell`` says that this is still to be done.
"""

import dataclasses
import datetime
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from caas.model import jobs as model
from caas.model.jobs import ACTIVE, Kind, State
from caas.model.query import Query
from caas.model.states import Desired
from caas.store import paging
from caas.store.tables import jobs as t
from caas.store.tables import manifests, namespaces, sets, tags

_SORT: dict[str, sa.ColumnElement[Any]] = {"created_at": t.c.created_at}
_FIELDS = [t.c[f.name] for f in dataclasses.fields(model.Job)]
_ACTIVE = t.c.state.in_([state.value for state in ACTIVE])


def from_row(row: Any) -> model.Job:
    values = {column.name: row._mapping[column] for column in _FIELDS}
    return model.Job(
        **{**values, "kind": Kind(row.kind), "state": State(row.state)}
    )


def insert(conn: sa.Connection, job: model.Job) -> None:
    """:raises DBDuplicateEntry: one of the kind is at work on its subject."""
    values = dataclasses.asdict(job)
    conn.execute(
        t.insert().values(
            **{
                **values,
                "kind": job.kind.value,
                "state": job.state.value,
                "lease_until": job.created_at,
            }
        )
    )


def get(
    conn: sa.Connection, job_id: str, project_id: str | None = None
) -> model.Job | None:
    """:param project_id: only of this project; None for any."""
    statement = sa.select(*_FIELDS).where(t.c.id == job_id)
    if project_id is not None:
        statement = statement.where(t.c.project_id == project_id)
    row = conn.execute(statement).one_or_none()
    return from_row(row) if row else None


def list_(conn: sa.Connection, query: Query) -> list[model.Job]:
    """One page of jobs.

    Filters: ``kind``, ``status``, ``set_id``, ``container_id``, ``user_id``,
    ``since``.
    """
    statement = sa.select(*_FIELDS)
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        if key == "since":
            statement = statement.where(t.c.created_at >= value)
        elif key == "status":
            statement = statement.where(t.c.state == State[value].value)
        else:
            statement = statement.where(t.c[key] == value)
    statement = paging.page(conn, statement, t, query, _SORT)
    return [from_row(row) for row in conn.execute(statement)]


def at_work(conn: sa.Connection, kind: Kind, subject: str) -> model.Job | None:
    """The job of a kind that is at work on something."""
    row = conn.execute(
        sa.select(*_FIELDS).where(
            t.c.kind == kind.value, t.c.subject == subject
        )
    ).one_or_none()
    return from_row(row) if row else None


def end(
    conn: sa.Connection,
    job_id: str,
    state: State,
    now: datetime.datetime,
    *,
    reason: str = "",
    progress: str | None = None,
    image_id: str = "",
    tell: bool = False,
    owner: str | None = None,
) -> bool:
    """Write how a job ended.

    :param progress: what is left to be said of it; None for what was said.
    :param tell: its host has to be told.
    :param owner: only if this one has the lease; None for whoever.
    :returns: False: it had ended before, or is not the owner's any more.
    """
    statement = t.update().where(t.c.id == job_id, _ACTIVE)
    if owner is not None:
        statement = statement.where(t.c.lease_owner == owner)
    if progress is not None:
        statement = statement.values(progress=progress[:255])
    done = conn.execute(
        statement.values(
            state=state.value,
            # another one may be at work on the same now
            subject=t.c.id,
            reason=reason,
            image_id=image_id,
            to_tell=tell,
            updated_at=now,
            ended_at=now,
        )
    )
    return done.rowcount == 1


def overdue(
    conn: sa.Connection, kind: Kind, now: datetime.datetime, limit: int
) -> list[model.Job]:
    """Jobs of a kind that have not ended by their deadline."""
    rows = conn.execute(
        sa.select(*_FIELDS)
        .where(_ACTIVE, t.c.kind == kind.value, t.c.deadline < now)
        .limit(limit)
    )
    return [from_row(row) for row in rows]


# Of jobs of conductors.


def take(
    conn: sa.Connection,
    kind: Kind,
    owner: str,
    now: datetime.datetime,
    until: datetime.datetime,
) -> model.Job | None:
    """Lease the oldest job of a kind that nobody is at.

    :param owner: never used before.
    :returns: None: there is none, or another one was quicker.
    """
    free = sa.and_(_ACTIVE, t.c.kind == kind.value, t.c.lease_until <= now)
    found = conn.execute(
        sa.select(t.c.id).where(free).order_by(t.c.created_at).limit(1)
    ).scalar_one_or_none()
    if found is None:
        return None
    done = conn.execute(
        t.update()
        .where(t.c.id == found, free)
        .values(
            state=State.RUNNING.value,
            lease_owner=owner,
            lease_until=until,
            attempts=t.c.attempts + 1,
            updated_at=now,
        )
    )
    return get(conn, found) if done.rowcount == 1 else None


def renew(
    conn: sa.Connection,
    job_id: str,
    owner: str,
    now: datetime.datetime,
    until: datetime.datetime,
    progress: str,
) -> bool:
    """Go on with a leased job, and say how far it is.

    :returns: False: it has ended (was cancelled), or another one has it.
    """
    done = conn.execute(
        t.update()
        .where(t.c.id == job_id, t.c.lease_owner == owner, _ACTIVE)
        .values(lease_until=until, progress=progress[:255], updated_at=now)
    )
    return done.rowcount == 1


def put_off(
    conn: sa.Connection,
    job_id: str,
    owner: str,
    until: datetime.datetime,
    reason: str,
) -> None:
    """Leave a leased job alone until a time, and say why."""
    conn.execute(
        t.update()
        .where(t.c.id == job_id, t.c.lease_owner == owner, _ACTIVE)
        .values(
            state=State.PENDING.value,
            lease_owner="",
            lease_until=until,
            reason=reason,
        )
    )


# Of jobs of hosts.


def sets_to_tell(conn: sa.Connection, limit: int) -> list[str]:
    """Ids of sets of which hosts have to be told something of jobs."""
    statement = sa.select(t.c.set_id).where(t.c.to_tell.is_(True)).distinct()
    return list(conn.execute(statement.limit(limit)).scalars())


def tell(
    conn: sa.Connection, set_ids: Collection[str]
) -> dict[str, list[model.Job]]:
    """Write that the hosts of these sets are being told now.

    :returns: what they are to be told: as :func:`of_sets`, as it is by now
        even if this transaction has read before.
    """
    due = conn.execute(
        sa.select(t.c.id)
        .where(t.c.set_id.in_(set_ids), t.c.to_tell.is_(True))
        .with_for_update()
    ).scalars()
    if ids := sorted(due):
        conn.execute(t.update().where(t.c.id.in_(ids)).values(to_tell=False))
    return of_sets(conn, set_ids, latest=True)


def of_sets(
    conn: sa.Connection, set_ids: Collection[str], *, latest: bool = False
) -> dict[str, list[model.Job]]:
    """Jobs that have not ended, by set, the oldest first."""
    if not set_ids:
        return {}
    statement = (
        sa.select(*_FIELDS)
        .where(t.c.set_id.in_(set_ids), _ACTIVE)
        .order_by(t.c.created_at, t.c.id)
    )
    if latest:
        statement = statement.with_for_update(read=True)
    found: dict[str, list[model.Job]] = {}
    for row in conn.execute(statement):
        found.setdefault(row.set_id, []).append(from_row(row))
    return found


def adrift(conn: sa.Connection, limit: int) -> list[tuple[model.Job, str]]:
    """Commits that cannot come to an end any more, with the reason."""
    rows = conn.execute(
        sa.select(
            *_FIELDS,
            sets.c.incarnation.label("set_incarnation"),
            sets.c.host_id.label("set_host"),
            sa.or_(
                sets.c.id.is_(None),
                sets.c.deleted_at.is_not(None),
                sets.c.desired == Desired.DELETED.value,
            ).label("set_deleted"),
        )
        .select_from(t.outerjoin(sets, t.c.set_id == sets.c.id))
        .where(_ACTIVE, t.c.kind == Kind.COMMIT.value)
        .limit(limit)
    )
    found = []
    for row in rows:
        job = from_row(row)
        if row.set_deleted:
            found.append((job, "The set was deleted."))
        elif (
            row.set_host is None
            or row.set_incarnation != job.arguments["incarnation"]
        ):
            found.append(
                (
                    job,
                    "The set is not on that host any more, and what its "
                    "containers had changed has stayed there.",
                )
            )
    return found


def image_of(
    conn: sa.Connection, repository: str, tag: str, digest: str
) -> str:
    """Glance id of the image a tag stands for, "" if it is another by now.

    :param digest: of its manifest.
    """
    namespace, _, rest = repository.partition("/")
    found: str | None = conn.execute(
        sa.select(tags.c.image_id)
        .select_from(
            tags.join(namespaces, tags.c.namespace_id == namespaces.c.id).join(
                manifests, tags.c.manifest_id == manifests.c.id
            )
        )
        .where(
            namespaces.c.name == namespace,
            tags.c.repository == rest,
            tags.c.name == tag,
            tags.c.former == "",
            manifests.c.digest == digest,
        )
    ).scalar_one_or_none()
    return found or ""


def progress(
    conn: sa.Connection,
    job_id: str,
    now: datetime.datetime,
    said: str,
    reason: str = "",
) -> None:
    """Write how far the host is with a job."""
    conn.execute(
        t.update()
        .where(t.c.id == job_id, _ACTIVE)
        .values(
            state=State.RUNNING.value,
            progress=said[:255],
            reason=reason,
            updated_at=now,
        )
    )
