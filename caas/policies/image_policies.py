"""Policies of image policies."""

from caas.policies.base import MANAGER, READER, rule

RULES = [
    rule(
        "caas:image_policies:get",
        READER,
        "See what a project demands of images.",
        "GET /v1/image-policies/{project_id}",
    ),
    rule(
        "caas:image_policies:update",
        MANAGER,
        "Decide what a project demands of images.",
        "PUT /v1/image-policies/{project_id}",
    ),
    rule(
        "caas:image_policies:reset",
        MANAGER,
        "Have a project demand nothing of images.",
        "DELETE /v1/image-policies/{project_id}",
    ),
    rule(
        "caas:image_policies:check",
        READER,
        "See what the image policies have against an image.",
        "POST /v1/image-policies/{project_id}/check",
    ),
]
