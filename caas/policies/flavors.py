"""Policies of flavors."""

from caas.policies.base import ADMIN, ANY_READER, rule

RULES = [
    rule("caas:flavors:list", ANY_READER, "List flavors.", "GET /v1/flavors"),
    rule(
        "caas:flavors:get",
        ANY_READER,
        "Show a flavor.",
        "GET /v1/flavors/{flavor}",
    ),
    rule("caas:flavors:create", ADMIN, "Create a flavor.", "POST /v1/flavors"),
    rule(
        "caas:flavors:update",
        ADMIN,
        "Change the description of a flavor.",
        "PATCH /v1/flavors/{flavor}",
    ),
    rule(
        "caas:flavors:delete",
        ADMIN,
        "Delete a flavor.",
        "DELETE /v1/flavors/{flavor}",
    ),
]
