"""Policies of server groups."""

from caas.policies.base import ADMIN, MEMBER, READER, rule

_NATIVE = "/v1/server-groups"
_NATIVE_ONE = f"{_NATIVE}/{{server_group_id}}"
_ALL = "/compute/v2.1/os-server-groups"
_ONE = f"{_ALL}/{{group_id}}"

RULES = [
    rule(
        "caas:server_groups:list",
        READER,
        "List the server groups of the project.",
        f"GET {_NATIVE}",
        f"GET {_ALL}",
    ),
    rule(
        "caas:server_groups:list:all_projects",
        ADMIN,
        "List the server groups of all projects.",
        f"GET {_NATIVE}",
        f"GET {_ALL}",
    ),
    rule(
        "caas:server_groups:get",
        READER,
        "Show a server group.",
        f"GET {_NATIVE_ONE}",
        f"GET {_ONE}",
    ),
    rule(
        "caas:server_groups:create",
        MEMBER,
        "Create a server group.",
        f"POST {_NATIVE}",
        f"POST {_ALL}",
    ),
    rule(
        "caas:server_groups:delete",
        MEMBER,
        "Delete a server group; its sets stay.",
        f"DELETE {_NATIVE_ONE}",
        f"DELETE {_ONE}",
    ),
]
