"""Policies of containers."""

from caas.policies.base import ADMIN, MEMBER, READER, rule

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
    rule(
        "caas:containers:add",
        MEMBER,
        "Add a container to a set.",
        "POST /v1/sets/{set_id}/containers",
    ),
    rule(
        "caas:containers:update",
        MEMBER,
        "Replace a container of a set, or give it another name.",
        "PATCH /v1/sets/{set_id}/containers/{container}",
    ),
    rule(
        "caas:containers:remove",
        MEMBER,
        "Remove a container from a set.",
        "DELETE /v1/sets/{set_id}/containers/{container}",
    ),
    rule(
        "caas:containers:restart",
        MEMBER,
        "Restart one container.",
        "POST /v1/sets/{set_id}/containers/{container}/restart",
    ),
    rule(
        "caas:containers:pause",
        MEMBER,
        "Freeze the processes of one container.",
        "POST /v1/sets/{set_id}/containers/{container}/pause",
    ),
    rule(
        "caas:containers:unpause",
        MEMBER,
        "Let the processes of a paused container go on.",
        "POST /v1/sets/{set_id}/containers/{container}/unpause",
    ),
    rule(
        "caas:containers:signal",
        MEMBER,
        "Send a signal to the first process of a container.",
        "POST /v1/sets/{set_id}/containers/{container}/signal",
    ),
    rule(
        "caas:containers:update:cpuset",
        ADMIN,
        "Choose the CPUs of its host that a container may run on.",
        "POST /v1/sets",
        "POST /v1/sets/{set_id}/update",
        "POST /v1/sets/{set_id}/revert",
        "POST /v1/sets/{set_id}/containers",
        "PATCH /v1/sets/{set_id}/containers/{container}",
    ),
]
