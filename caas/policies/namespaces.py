"""Policies of namespaces.

They say what a role is good for in the project that owns the namespace; who
else may pull or push is in its members.
"""

from caas.policies.base import ADMIN, MANAGER, MEMBER, READER, rule

RULES = [
    rule(
        "caas:namespaces:list",
        READER,
        "List the namespaces the project may pull from.",
        "GET /v1/namespaces",
    ),
    rule(
        "caas:namespaces:list:all_projects",
        ADMIN,
        "List and show the namespaces of other projects, or of all.",
        "GET /v1/namespaces",
        "GET /v1/namespaces/{namespace}",
    ),
    rule(
        "caas:namespaces:get",
        READER,
        "Show a namespace the project may pull from.",
        "GET /v1/namespaces/{namespace}",
    ),
    rule(
        "caas:namespaces:create",
        MEMBER,
        "Create a namespace.",
        "POST /v1/namespaces",
    ),
    rule(
        "caas:namespaces:update",
        MEMBER,
        "Change the description of a namespace.",
        "PATCH /v1/namespaces/{namespace}",
    ),
    rule(
        "caas:namespaces:update:public",
        MANAGER,
        "Make a namespace public: let everybody pull.",
        "POST /v1/namespaces",
        "PATCH /v1/namespaces/{namespace}",
    ),
    rule(
        "caas:namespaces:delete",
        MEMBER,
        "Delete an empty namespace.",
        "DELETE /v1/namespaces/{namespace}",
    ),
    rule(
        "caas:namespaces:members",
        READER,
        "See which projects may pull from a namespace or push to it.",
        "GET /v1/namespaces/{namespace}/members",
    ),
    rule(
        "caas:namespaces:share",
        MANAGER,
        "Let another project pull from a namespace or push to it.",
        "PUT /v1/namespaces/{namespace}/members/{project_id}",
    ),
    rule(
        "caas:namespaces:unshare",
        MANAGER,
        "Let another project do so no longer.",
        "DELETE /v1/namespaces/{namespace}/members/{project_id}",
    ),
]
