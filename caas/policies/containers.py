"""Policies of containers."""

from caas.policies.base import ADMIN, READER, rule

RULES = [
    rule(
        "caas:containers:list",
        READER,
        "List containers.",
        "GET /v1/containers",
        "GET /v1/sets/{set_id}/containers",
    ),
    rule(
        "caas:containers:list:all_projects",
        ADMIN,
        "List the containers of another project, or of all.",
        "GET /v1/containers",
    ),
    rule(
        "caas:containers:get",
        READER,
        "Show a container.",
        "GET /v1/sets/{set_id}/containers/{container}",
    ),
    rule(
        "caas:containers:get:runtime",
        ADMIN,
        "See the id a container has in the engine of its host.",
        "GET /v1/containers",
        "GET /v1/sets/{set_id}",
        "GET /v1/sets/detail",
        "GET /v1/sets/{set_id}/containers",
        "GET /v1/sets/{set_id}/containers/{container}",
    ),
]
