"""Policies of usage."""

from caas.policies.base import ADMIN, READER, rule

RULES = [
    rule(
        "caas:usage:list",
        ADMIN,
        "See what sets of all projects used over time.",
        "GET /compute/v2.1/os-simple-tenant-usage",
    ),
    rule(
        "caas:usage:get",
        READER,
        "See what sets of a project used over time.",
        "GET /compute/v2.1/os-simple-tenant-usage/{quota_project}",
    ),
]
