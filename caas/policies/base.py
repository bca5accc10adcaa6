"""Who is who: the personas, and how a rule is written.

Keystone's default roles imply one another (admin, manager, member, reader),
so a rule names the least role that is enough.  ``service`` is implied by
none; nothing of the HTTP API is for it.
"""

from oslo_policy import policy

READER = "rule:caas:reader"
MEMBER = "rule:caas:member"
MANAGER = "rule:caas:manager"
ADMIN = "rule:caas:admin"
#: Anybody with a role in the project the token is scoped to.
ANY_READER = "role:reader or rule:caas:admin"

PERSONAS = [
    policy.RuleDefault(
        "caas:admin", "role:admin", "Operators: all projects, and hosts."
    ),
    policy.RuleDefault(
        "caas:reader",
        "rule:caas:admin or (role:reader and project_id:%(project_id)s)",
        "May look at what the project has.",
    ),
    policy.RuleDefault(
        "caas:member",
        "rule:caas:admin or (role:member and project_id:%(project_id)s)",
        "May also create, change and delete it.",
    ),
    policy.RuleDefault(
        "caas:manager",
        "rule:caas:admin or (role:manager and project_id:%(project_id)s)",
        "May also do what other members cannot undo.",
    ),
]


def rule(
    name: str, check: str, description: str, *operations: str
) -> policy.DocumentedRuleDefault:
    """One rule of the API.

    :param operations: what it guards, as ``"GET /v1/sets"``.
    """
    return policy.DocumentedRuleDefault(
        name=name,
        check_str=check,
        description=description,
        operations=[
            {"method": method, "path": path}
            for method, path in (text.split() for text in operations)
        ],
        scope_types=["project"],
    )
