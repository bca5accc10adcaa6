"""Policies of sessions, by what they do."""

from oslo_policy import policy

from caas.policies.base import ADMIN, MANAGER, MEMBER, READER, rule

_OPEN = "POST /v1/sets/{set_id}/containers/{container}/"

#: What can be recorded, and may need a reason.
_WATCHED = [_OPEN + verb for verb in ("exec", "attach")]
_ALL = [
    _OPEN + verb
    for verb in (
        "exec",
        "attach",
        "logs",
        "download",
        "upload",
        "tail",
        "sftp",
        "forward",
    )
]


def _verb(
    name: str, check: str, description: str, *more: str
) -> policy.DocumentedRuleDefault:
    return rule(
        f"caas:containers:{name}", check, description, _OPEN + name, *more
    )


RULES = [
    _verb("exec", MEMBER, "Run commands in containers."),
    _verb("attach", MEMBER, "Attach to the first process of a container."),
    _verb(
        "logs",
        READER,
        "Read what containers write.",
        "POST /v1/sets/{set_id}/logs",
    ),
    _verb("download", MEMBER, "Copy files out of a container."),
    _verb("upload", MEMBER, "Copy files into a container."),
    _verb("tail", MEMBER, "Read the end of files in a container."),
    _verb("sftp", MEMBER, "Work on files in a container by SFTP."),
    _verb("forward", MEMBER, "Connect to ports of a set through caas."),
    rule(
        "caas:sessions:list",
        MEMBER,
        "List sessions.",
        "GET /v1/sessions",
    ),
    rule(
        "caas:sessions:list:all_projects",
        ADMIN,
        "List the sessions in another project, or in all.",
        "GET /v1/sessions",
    ),
    rule(
        "caas:sessions:get",
        MEMBER,
        "Show a session.",
        "GET /v1/sessions/{session_id}",
    ),
    rule(
        "caas:sessions:token",
        ADMIN,
        "See what the token of a session is good for.",
        "GET /compute/v2.1/os-console-auth-tokens/{console_token}",
    ),
    rule(
        "caas:sessions:replay",
        MANAGER,
        "See what was recorded of a session.",
        "GET /v1/sessions/{session_id}/recording",
    ),
    rule(
        "caas:sessions:must:record",
        "!",
        "Not a permission: sessions of whom this is true of are recorded, "
        "whether they ask for it or not.",
        *_WATCHED,
    ),
    rule(
        "caas:sessions:must:reason",
        "!",
        "Not a permission: of whom this is true, they have to give a reason.",
        *_ALL,
    ),
]
