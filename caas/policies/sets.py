"""Policies of sets."""

from caas.policies.base import ADMIN, MANAGER, MEMBER, READER, rule

RULES = [
    rule("caas:sets:create", MEMBER, "Create sets.", "POST /v1/sets"),
    rule(
        "caas:sets:list",
        READER,
        "List sets.",
        "GET /v1/sets",
        "GET /v1/sets/detail",
    ),
    rule(
        "caas:sets:list:all_projects",
        ADMIN,
        "List the sets of another project, or of all.",
        "GET /v1/sets",
        "GET /v1/sets/detail",
    ),
    rule("caas:sets:get", READER, "Show a set.", "GET /v1/sets/{set_id}"),
    rule(
        "caas:sets:get:host",
        ADMIN,
        "See which host a set is on, filter by it, and see what only "
        "operators can make use of (incarnation, revision).",
        "GET /v1/sets",
        "GET /v1/sets/detail",
        "GET /v1/sets/{set_id}",
    ),
    rule(
        "caas:sets:update",
        MEMBER,
        "Change name, description or metadata of a set.",
        "PATCH /v1/sets/{set_id}",
    ),
    rule(
        "caas:sets:delete", MEMBER, "Delete a set.", "DELETE /v1/sets/{set_id}"
    ),
    rule(
        "caas:sets:force_delete",
        MANAGER,
        "Forget a set without waiting for its host, on which it may go on "
        "running for a while.",
        "POST /v1/sets/{set_id}/force-delete",
    ),
    rule(
        "caas:sets:start",
        MEMBER,
        "Start a set.",
        "POST /v1/sets/{set_id}/start",
    ),
    rule(
        "caas:sets:stop", MEMBER, "Stop a set.", "POST /v1/sets/{set_id}/stop"
    ),
    rule(
        "caas:sets:resize",
        MEMBER,
        "Give a set another flavor.",
        "POST /v1/sets/{set_id}/resize",
    ),
    rule(
        "caas:sets:update_containers",
        MEMBER,
        "Replace, add and remove containers of a set.",
        "POST /v1/sets/{set_id}/update",
    ),
    rule(
        "caas:sets:history",
        READER,
        "See what a set was made of.",
        "GET /v1/sets/{set_id}/history",
    ),
    rule(
        "caas:sets:revert",
        MEMBER,
        "Make a set of what it was made of before.",
        "POST /v1/sets/{set_id}/revert",
    ),
    rule(
        "caas:sets:restart",
        MEMBER,
        "Restart the containers of a set.",
        "POST /v1/sets/{set_id}/restart",
    ),
]
