"""Policies of images.

They say what a role in the own project is good for; whether a project may
pull an image, or push where it is, is asked after that.
"""

from caas.policies.base import ADMIN, MANAGER, MEMBER, READER, rule

RULES = [
    rule(
        "caas:images:list",
        READER,
        "List the images the project may pull.",
        "GET /v1/images",
    ),
    rule(
        "caas:images:list:all_projects",
        ADMIN,
        "See the images of other projects, who uses them and what they take.",
        "GET /v1/images",
        "GET /v1/images/space",
        "GET /v1/images/{image}",
        "GET /v1/images/{image}/usage",
    ),
    rule(
        "caas:images:get",
        READER,
        "Show an image.",
        "GET /v1/images/{image}",
    ),
    rule(
        "caas:images:history",
        READER,
        "See how an image was built.",
        "GET /v1/images/{image}/history",
    ),
    rule(
        "caas:images:tree",
        READER,
        "See which images an image stands on, and which stand on it.",
        "GET /v1/images/{image}/tree",
    ),
    rule(
        "caas:images:usage",
        READER,
        "See which sets of the project use an image.",
        "GET /v1/images/{image}/usage",
    ),
    rule(
        "caas:images:space",
        READER,
        "See what the images of the project take of the storage.",
        "GET /v1/images/space",
    ),
    rule(
        "caas:images:tag",
        MEMBER,
        "Give an image one more name.",
        "POST /v1/images/{image}/tag",
    ),
    rule(
        "caas:images:delete",
        MEMBER,
        "Move an image to the recycle bin.",
        "DELETE /v1/images/{image}",
    ),
    rule(
        "caas:images:delete:purge",
        MANAGER,
        "Delete an image for good.",
        "DELETE /v1/images/{image}",
    ),
    rule(
        "caas:images:restore",
        MEMBER,
        "Take an image out of the recycle bin.",
        "POST /v1/images/{image}/restore",
    ),
    rule(
        "caas:images:look",
        MEMBER,
        "Have an archive in Glance be taken apart.",
        "POST /v1/images/{image}/look",
    ),
]
