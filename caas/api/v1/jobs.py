"""Jobs: what takes a while and ends by itself."""

import functools
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1 import sets as sets_api
from caas.api.v1.schemas import jobs as schemas
from caas.api.v1.views import jobs as views
from caas.core import jobs
from caas.model.jobs import Job


def _load(call: Call, project_id: str | None) -> Job:
    return jobs.get(call.deps, call.ctx, call.args["job_id"], project_id)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/commit",
    policy="caas:containers:commit",
    load=sets_api.load,
    body=schemas.COMMIT,
    response=schemas.ONE,
    status=202,
)
def commit(call: Call) -> dict[str, Any]:
    """Make an image of a container as it is now.

    It may run, be paused or have ended; its set goes on as it was. What is on
    the volume is not part of the image. Of layers only the new one travels.
    """
    call.require("caas:registry:push")
    found = jobs.commit(
        call.deps,
        call.ctx,
        call.target,
        call.args["container"],
        call.body["commit"],
    )
    return {"job": views.job(found, call.url)}


@operation(
    "GET",
    "/v1/jobs",
    policy="caas:jobs:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List jobs, the newest first."""
    query = lists.query_of(call, "created_at", "caas:jobs:list:all_projects")
    items = jobs.list_(call.deps, call.ctx, query)
    view = functools.partial(views.job, url=call.url)
    return lists.page(call, "jobs", "/v1/jobs", items, view)


@operation(
    "GET",
    "/v1/jobs/{job_id}",
    policy="caas:jobs:get",
    load=_load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a job."""
    return {"job": views.job(call.target, call.url)}


@operation(
    "DELETE",
    "/v1/jobs/{job_id}",
    policy="caas:jobs:cancel",
    load=_load,
    response=schemas.ONE,
    status=202,
)
def cancel(call: Call) -> dict[str, Any]:
    """Cancel a job that has not ended.

    It stays in the list. An image that it has just finished stays, too.
    """
    found = jobs.cancel(call.deps, call.ctx, call.target)
    return {"job": views.job(found, call.url)}
