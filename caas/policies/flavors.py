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
        "caas:flavors:list:private",
        ADMIN,
        "See and use flavors that are not public, of any project.",
        "GET /v1/flavors",
        "GET /v1/flavors/{flavor}",
        "POST /v1/sets",
    ),
    rule(
        "caas:flavors:access",
        ADMIN,
        "See and say which projects may use a flavor that is not public.",
        "GET /compute/v2.1/flavors/{flavor_id}/os-flavor-access",
        "POST /compute/v2.1/flavors/{flavor_id}/action",
    ),
    rule(
        "caas:flavors:specify",
        ADMIN,
        "Change the extra specs of a flavor.",
        "POST /compute/v2.1/flavors/{flavor_id}/os-extra_specs",
        "PUT /compute/v2.1/flavors/{flavor_id}/os-extra_specs/{spec}",
        "DELETE /compute/v2.1/flavors/{flavor_id}/os-extra_specs/{spec}",
    ),
    rule(
        "caas:flavors:delete",
        ADMIN,
        "Delete a flavor.",
        "DELETE /v1/flavors/{flavor}",
    ),
]
