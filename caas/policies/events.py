"""Policies of events."""

from caas.policies.base import ADMIN, READER, rule

RULES = [
    rule(
        "caas:events:list",
        READER,
        "List events.",
        "GET /v1/events",
        "GET /v1/sets/{set_id}/events",
    ),
    rule(
        "caas:events:get",
        READER,
        "Show an event.",
        "GET /v1/events/{event_id}",
    ),
    rule(
        "caas:events:list:all_projects",
        ADMIN,
        "List the events of another project, or all, with those that belong "
        "to no project.",
        "GET /v1/events",
    ),
    rule(
        "caas:events:list:host",
        ADMIN,
        "See on which host an event happened, and ask for those of a host.",
        "GET /v1/events",
        "GET /v1/events/{event_id}",
        "GET /v1/sets/{set_id}/events",
    ),
]
