"""Policies of jobs."""

from caas.policies.base import ADMIN, MEMBER, READER, rule

RULES = [
    rule(
        "caas:containers:commit",
        MEMBER,
        "Make an image of a container; to push images is asked for, too.",
        "POST /v1/sets/{set_id}/containers/{container}/commit",
    ),
    rule("caas:jobs:list", READER, "List jobs.", "GET /v1/jobs"),
    rule(
        "caas:jobs:list:all_projects",
        ADMIN,
        "List the jobs in another project, or in all.",
        "GET /v1/jobs",
    ),
    rule("caas:jobs:get", READER, "Show a job.", "GET /v1/jobs/{job_id}"),
    rule(
        "caas:jobs:cancel",
        MEMBER,
        "Cancel a job.",
        "DELETE /v1/jobs/{job_id}",
    ),
]
