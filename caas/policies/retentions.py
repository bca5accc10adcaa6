"""Policies of rules of retention."""

from caas.policies.base import MANAGER, READER, rule

RULES = [
    rule(
        "caas:retentions:get",
        READER,
        "See which images of a namespace are removed by themselves.",
        "GET /v1/namespaces/{namespace}/retention",
    ),
    rule(
        "caas:retentions:update",
        MANAGER,
        "Decide which images of a namespace are removed by themselves.",
        "PUT /v1/namespaces/{namespace}/retention",
    ),
    rule(
        "caas:retentions:preview",
        READER,
        "See which images would be removed.",
        "GET /v1/namespaces/{namespace}/retention/preview",
        "POST /v1/namespaces/{namespace}/retention/preview",
    ),
]
