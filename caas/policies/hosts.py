"""Policies of hosts."""

from caas.policies.base import ADMIN, rule

RULES = [
    rule("caas:hosts:list", ADMIN, "List hosts.", "GET /v1/hosts"),
    rule("caas:hosts:get", ADMIN, "Show a host.", "GET /v1/hosts/{host}"),
    rule(
        "caas:hosts:enable",
        ADMIN,
        "Let a host take new sets.",
        "POST /v1/hosts/{host}/enable",
    ),
    rule(
        "caas:hosts:disable",
        ADMIN,
        "Let a host take no new sets.",
        "POST /v1/hosts/{host}/disable",
    ),
    rule(
        "caas:hosts:delete",
        ADMIN,
        "Forget a host that is gone for good.",
        "DELETE /v1/hosts/{host}",
    ),
]
