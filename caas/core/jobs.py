"""Use cases of jobs: commits, looking at jobs, and giving them up."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core import containers, namespaces, sets
from caas.core.deps import Deps
from caas.model.images import TAG, Name
from caas.model.jobs import Commit, Job, Kind, State
from caas.model.query import Query
from caas.model.sets import Set
from caas.store import events
from caas.store import jobs as store
from caas.store.engine import retry, utcnow

#: Seconds that a commit may take, with the wait for a host that is away.
COMMIT_TIME = 3600


def commit(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    ident: str,
    body: dict[str, Any],
) -> Job:
    """Have an image made of what a container has changed.

    Its host does it in its own time, beside everything else; volumes are not
    part of it.

    :param body: the ``commit`` of a request.
    :raises Forbidden: the infra container is meant, or the caller may not
        push there.
    :raises NameUnknown: there is no such namespace for the project.
    :raises Conflict: the container was never made, or is being committed.
    """
    job = begin(deps, ctx, item, ident, body)
    deps.notify(ctx, [item.id])
    return job


def begin(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    ident: str,
    body: dict[str, Any],
    also: Callable[[sa.Connection, Job], None] = lambda conn, job: None,
) -> Job:
    """The same, of which nobody is told yet.

    :param also: writes what goes with the job, in the same transaction.
    """
    one = containers.business(item, ident)
    name, tag = _target(body["image"])
    if item.host_id is None or item.incarnation == 0 or not one.runtime_id:
        raise exception.Conflict(
            f"Container {one.name!r} of set {item.id} was not made yet, so "
            "it has changed nothing; wait until it has been started."
        )
    assert one.spec is not None
    namespaces.pushable(deps, ctx, name.namespace)
    asked = Commit(
        container=one.name,
        incarnation=item.incarnation,
        repository=str(name),
        tag=tag,
        project_id=ctx.project_scope,
        base=one.spec.image.repository,
        base_digest=one.spec.image.digest,
        message=body.get("message") or "",
        author=body.get("author") or "",
        pause=body.get("pause", False),
        changes=tuple(body.get("changes") or ()),
    )
    now = utcnow()
    job = Job(
        id=str(uuid.uuid4()),
        kind=Kind.COMMIT,
        project_id=item.project_id,
        user_id=ctx.user_id or "",
        request_id=ctx.request_id or "",
        subject=one.id,
        created_at=now,
        updated_at=now,
        deadline=now + datetime.timedelta(seconds=COMMIT_TIME),
        arguments=asked.to_dict(),
        set_id=item.id,
        container_id=one.id,
        to_tell=True,
    )
    _insert(deps, ctx, job, asked, also)
    return job


def _target(image: str) -> tuple[Name, str]:
    """:raises BadRequest: it is no name of an image."""
    repository, colon, tag = image.partition(":")
    if colon and not TAG.fullmatch(tag):
        raise exception.BadRequest(
            f"{tag[:200]!r} is not a tag: it has to be of letters, digits, "
            "'_', '.' and '-', 128 at most, and begin with none of the last "
            "two."
        )
    return Name.parse(repository), tag or "latest"


@retry
def _insert(
    deps: Deps,
    ctx: RequestContext,
    job: Job,
    asked: Commit,
    also: Callable[[sa.Connection, Job], None],
) -> None:
    try:
        with deps.store.writer() as conn:
            store.insert(conn, job)
            also(conn, job)
            events.add(
                conn,
                **sets.set_event(
                    ctx,
                    job.set_id,
                    "image.commit",
                    project_id=job.project_id,
                    container=asked.container,
                    container_id=job.container_id,
                    details={"job": job.id, "image": asked.target},
                ),
            )
    except db_exception.DBDuplicateEntry:
        with deps.store.reader() as conn:
            other = store.at_work(conn, job.kind, job.subject)
        raise exception.Conflict(
            f"Container {asked.container!r} is being committed already"
            + (f" by job {other.id}" if other else "")
            + "; wait for its end, or cancel it."
        ) from None


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Job]:
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def get(
    deps: Deps,
    ctx: RequestContext,
    job_id: str,
    project_id: str | None = None,
) -> Job:
    """:param project_id: only one of this project; None for any.
    :raises NotFound: there is none.
    """
    with deps.store.reader() as conn:
        found = store.get(conn, job_id, project_id)
    if found is None:
        raise exception.NotFound(f"There is no job with the id {job_id}.")
    return found


@retry
def cancel(deps: Deps, ctx: RequestContext, job: Job) -> Job:
    """Have a job come to nothing.

    What it has made just before stays: it is done then.

    :raises Conflict: it has ended.
    """
    with deps.store.writer() as conn:
        done = store.end(
            conn,
            job.id,
            State.CANCELLED,
            utcnow(),
            reason="It was cancelled.",
            tell=job.kind == Kind.COMMIT,
        )
        if done:
            events.add(
                conn,
                project_id=job.project_id,
                user_id=ctx.user_id,
                request_id=ctx.request_id or "",
                object_type="job",
                object_id=job.id,
                action="job.cancel",
                details={"kind": job.kind.value},
            )
    found = get(deps, ctx, job.id)
    if not done:
        raise exception.Conflict(
            f"Job {job.id} has ended already; it is {found.state}."
        )
    if job.set_id:
        deps.notify(ctx, [job.set_id])
    return found
