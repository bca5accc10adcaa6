"""Jobs of hosts: what is reported of them, and those that come to nothing."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from caas.model import wire
from caas.model.jobs import Commit, Job, Kind, State
from caas.store import jobs as store

#: Jobs ended in one sweep.
_MOST = 1000

#: An event to write.
Row = dict[str, Any]


def take_in(
    conn: sa.Connection,
    reported: Mapping[str, Sequence[wire.JobReport]],
    host: str,
    now: datetime.datetime,
) -> list[Row]:
    """Write how far the jobs of sets are.

    :param reported: by set; the host has a say about those.
    :returns: events to write.
    """
    known = {
        job.id: job
        for jobs in store.of_sets(conn, reported).values()
        for job in jobs
    }
    rows = []
    for set_id, reports in sorted(reported.items()):
        for one in sorted(reports, key=lambda report: report.id):
            job = known.get(one.id)
            if job is not None and job.set_id == set_id:
                rows += _take_in(conn, job, one, host, now)
    return rows


def _take_in(
    conn: sa.Connection,
    job: Job,
    one: wire.JobReport,
    host: str,
    now: datetime.datetime,
) -> list[Row]:
    if one.state == State.FAILED:
        return _fail(conn, job, one.reason, now, host=host)
    if one.state != State.DONE:
        said = one.progress[:255], one.reason
        if (job.progress, job.reason, job.state) != (*said, State.RUNNING):
            store.progress(conn, job.id, now, *said)
        return []
    target = Commit.from_dict(job.arguments)
    image_id = store.image_of(conn, target.repository, target.tag, one.digest)
    if not store.end(
        conn,
        job.id,
        State.DONE,
        now,
        progress=one.progress,
        image_id=image_id,
    ):
        return []
    details = {"digest": one.digest, "sent": one.sent, "image_id": image_id}
    return [_event(job, now, host=host, details=details)]


def give_up(conn: sa.Connection, now: datetime.datetime) -> list[Row]:
    """End commits that are late, or of which the set is gone.

    :returns: events to write.
    """
    rows = []
    for job, reason in store.adrift(conn, _MOST):
        rows += _fail(conn, job, reason, now)
    for job in store.overdue(conn, Kind.COMMIT, now, _MOST):
        said = f" The last that was heard of it: {job.progress}"
        if job.reason:
            said = f" What kept it: {job.reason}"
        elif not job.progress:
            said = " Its host has not begun; maybe it is down."
        rows += _fail(
            conn, job, f"It did not end in time.{said}", now, tell=True
        )
    return rows


def _fail(
    conn: sa.Connection,
    job: Job,
    reason: str,
    now: datetime.datetime,
    *,
    host: str = "",
    tell: bool = False,
) -> list[Row]:
    if not store.end(
        conn, job.id, State.FAILED, now, reason=reason, tell=tell
    ):
        return []
    return [_event(job, now, host=host, result="error", reason=reason)]


def _event(
    job: Job,
    now: datetime.datetime,
    *,
    details: Row | None = None,
    **more: Any,
) -> Row:
    commit = Commit.from_dict(job.arguments)
    return {
        "project_id": job.project_id,
        "user_id": job.user_id,
        "request_id": job.request_id,
        "object_type": "set",
        "object_id": job.set_id,
        "container": commit.container,
        "container_id": job.container_id,
        "action": "image.commit",
        "details": {
            "job": job.id,
            "image": commit.target,
            "seconds": round((now - job.created_at).total_seconds(), 3),
            **(details or {}),
        },
        **more,
    }
