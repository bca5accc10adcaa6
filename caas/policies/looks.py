"""Policies of looks into containers that have a short answer."""

from caas.policies.base import MEMBER, READER, rule

_ONE = "GET /v1/sets/{set_id}/containers/{container}/"

RULES = [
    rule(
        "caas:containers:stats",
        READER,
        "See what containers use.",
        _ONE + "stats",
        "GET /v1/sets/{set_id}/stats",
    ),
    rule(
        "caas:containers:top",
        READER,
        "See the processes of a container.",
        _ONE + "top",
    ),
    rule(
        "caas:containers:diff",
        READER,
        "See which files of its image a container has changed.",
        _ONE + "diff",
    ),
    rule(
        "caas:containers:inspect",
        READER,
        "See how the engine runs a container.",
        _ONE + "inspect",
    ),
    rule(
        "caas:containers:files",
        MEMBER,
        "See what is in the folders of a container.",
        _ONE + "files",
    ),
]
