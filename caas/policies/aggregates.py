"""Policies of aggregates."""

from caas.policies.base import ADMIN, rule

_ALL = "/compute/v2.1/os-aggregates"
_ONE = f"{_ALL}/{{aggregate}}"

RULES = [
    rule(
        "caas:aggregates:list",
        ADMIN,
        "List and show aggregates of hosts.",
        f"GET {_ALL}",
        f"GET {_ONE}",
    ),
    rule(
        "caas:aggregates:change",
        ADMIN,
        "Make, change and delete aggregates of hosts.",
        f"POST {_ALL}",
        f"PUT {_ONE}",
        f"DELETE {_ONE}",
        f"POST {_ONE}/action",
        f"POST {_ONE}/images",
    ),
]
