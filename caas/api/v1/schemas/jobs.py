"""Schemas of jobs, and of what is asked of them."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.jobs import Kind, State

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "kind": {"enum": [kind.value for kind in Kind]},
        "status": {
            "enum": [state.name for state in State],
            "description": "PENDING and RUNNING are followed by another one.",
        },
        "progress": {
            **common.STRING,
            "description": "How far it is, as a sentence.",
        },
        "reason": {
            **common.STRING,
            "description": "Why it failed, or what keeps it.",
        },
        "arguments": {
            "type": "object",
            "description": "What was asked for, by kind.",
        },
        "set_id": common.OPTIONAL_STRING,
        "container_id": common.OPTIONAL_STRING,
        "image_id": {
            **common.OPTIONAL_STRING,
            "description": "The image it made; null before, and if its tag "
            "was given to another image meanwhile.",
        },
        "user_id": common.STRING,
        "project_id": common.STRING,
        "request_id": common.STRING,
        "created_at": common.TIME,
        "updated_at": common.TIME,
        "ended_at": common.OPTIONAL_TIME,
        "expires_at": {
            **common.TIME,
            "description": "If it has not ended by then it fails.",
        },
        "links": common.LINKS,
    },
    title="Job",
)
ONE = common.one("job", VIEW)
MANY = common.many("jobs", VIEW)

LIST = common.listing(
    VIEW,
    sort_keys=["created_at"],
    filters={
        "kind": {"type": "string", "enum": [kind.value for kind in Kind]},
        "status": {
            "type": "string",
            "enum": [state.name for state in State],
        },
        "set_id": common.UUID,
        "container_id": common.UUID,
        "user_id": {"type": "string", "minLength": 1, "maxLength": 64},
        "since": {**common.TIME, "description": "At or after this time."},
        **common.PROJECTS,
    },
)

#: What ``docker commit --change`` takes.
_INSTRUCTIONS = (
    *("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL"),
    *("ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)

COMMIT = common.request(
    "commit",
    common.obj(
        {
            "image": {
                "type": "string",
                "minLength": 1,
                "maxLength": 400,
                "description": "Where to, as `NAMESPACE/REPOSITORY:TAG`; "
                "`latest` without a tag.",
            },
            "message": {
                "type": ["string", "null"],
                "maxLength": 1024,
                "description": "Shown in the history of the image.",
            },
            "author": {"type": ["string", "null"], "maxLength": 255},
            "pause": {
                "type": "boolean",
                "default": False,
                "description": "Freeze this container while its files are "
                "read, so that they are of one moment.",
            },
            "changes": {
                "type": ["array", "null"],
                "maxItems": 64,
                "items": {
                    "type": "string",
                    "maxLength": 4096,
                    "pattern": rf"^({'|'.join(_INSTRUCTIONS)}) [^\n\x00]+\Z",
                    "x-must": "be a line of a Dockerfile that begins with "
                    f"one of {', '.join(_INSTRUCTIONS)}",
                },
                "description": "Lines of a Dockerfile to apply to it.",
            },
        },
        ["image"],
    ),
)
