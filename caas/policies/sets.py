"""Policies of sets."""

from caas.policies.base import ADMIN, MANAGER, MEMBER, READER, rule

RULES = [
    rule("caas:sets:create", MEMBER, "Create sets.", "POST /v1/sets"),
    rule(
        "caas:sets:create:on_host",
        ADMIN,
        "Name the host that new sets are to be on.",
        "POST /compute/v2.1/servers",
    ),
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
        "caas:sets:get:inputs",
        MEMBER,
        "See the user data and files that were handed into a set.",
        "GET /v1/sets/{set_id}/inputs",
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
        "caas:sets:restore",
        MEMBER,
        "Have a deleted set back from the recycle bin.",
        "POST /v1/sets/{set_id}/restore",
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
        "caas:sets:pause",
        MEMBER,
        "Freeze a set, and have it go on.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:shelve",
        MEMBER,
        "Put a set away, and have it return.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:rescue",
        MEMBER,
        "Have a shell stand in for the first container of a set.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:migrate",
        ADMIN,
        "Move a set to another host.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:evacuate",
        ADMIN,
        "Have a set go on elsewhere, as its host is down.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:lock",
        MEMBER,
        "Lock and unlock a set.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:lock:override",
        ADMIN,
        "Change a set though it is locked.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:reset_state",
        ADMIN,
        "Say that a set is broken, or no longer.",
        "POST /compute/v2.1/servers/{server_id}/action",
    ),
    rule(
        "caas:sets:migrations",
        ADMIN,
        "See which sets are on their way to another host.",
        "GET /compute/v2.1/os-migrations",
        "GET /compute/v2.1/servers/{server_id}/migrations",
        "GET /compute/v2.1/servers/{server_id}/migrations/{migration}",
        "DELETE /compute/v2.1/servers/{server_id}/migrations/{migration}",
        "POST /compute/v2.1/servers/{server_id}/migrations/{migration}/action",
    ),
    rule(
        "caas:sets:tell",
        "role:service or rule:caas:admin",
        "Tell of changes around sets, as Neutron does.",
        "POST /compute/v2.1/os-server-external-events",
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
