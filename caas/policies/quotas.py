"""Policies of quotas."""

from caas.policies.base import ADMIN, READER, rule

RULES = [
    rule(
        "caas:quotas:get",
        READER,
        "Show limits and use of a project.",
        "GET /v1/quotas/{project_id}",
    ),
    rule(
        "caas:quotas:update",
        ADMIN,
        "Set limits of a project.",
        "PUT /v1/quotas/{project_id}",
    ),
    rule(
        "caas:quotas:class",
        ADMIN,
        "See and set limits of all projects that have none of their own.",
        "GET /compute/v2.1/os-quota-class-sets/{quota_class}",
        "PUT /compute/v2.1/os-quota-class-sets/{quota_class}",
    ),
    rule(
        "caas:quotas:reset",
        ADMIN,
        "Put the limits of a project back to the defaults.",
        "DELETE /v1/quotas/{project_id}",
    ),
]
