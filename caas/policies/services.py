"""Policies of services."""

from caas.policies.base import ADMIN, rule

RULES = [
    rule(
        "caas:services:list",
        ADMIN,
        "List the processes of caas.",
        "GET /v1/services",
    ),
]
