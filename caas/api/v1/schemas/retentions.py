"""Schemas of rules of retention."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common

_PATTERN: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "pattern": r"^[A-Za-z0-9._/:*?\[\]!-]+\Z",
    "x-must": "be a pattern of letters, digits, '.', '_', '-', '/' and ':', "
    "with *, ? and [...] as in a shell",
}

_COUNT: Definition = {"type": ["integer", "null"], "minimum": 1}

_RULE: Definition = common.obj(
    {
        "repository": {
            **_PATTERN,
            "default": "*",
            "description": "Repositories it is about, without the namespace; "
            "* stands for / as well.",
        },
        "tag": {
            **_PATTERN,
            "default": "*",
            "description": "Tags it is about; others neither go nor count.",
        },
        "keep_last": {
            **_COUNT,
            "maximum": 10_000,
            "description": "So many of each repository stay, the latest "
            "pushed.",
        },
        "older_than_days": {
            **_COUNT,
            "maximum": 36_500,
            "description": "Only those go that were pushed longer ago.",
        },
        "keep_tags": {
            "type": "array",
            "items": _PATTERN,
            "maxItems": 50,
            "description": "Tags it is not about.",
        },
    },
    [],
    title="RetentionRule",
)

_CONTENT: dict[str, Definition] = {
    "rules": {
        "type": "array",
        "items": _RULE,
        "maxItems": 50,
        "description": "An image goes if one of them says so.",
    },
    "protect": {
        "type": "array",
        "items": _PATTERN,
        "maxItems": 100,
        "description": "Patterns of repository:tag that no rule is about.",
    },
}

UPDATE = common.request("retention", common.obj(_CONTENT, ["rules"]))

VIEW: Definition = common.obj(
    {
        **_CONTENT,
        "namespace": common.STRING,
        "updated_at": {
            **common.OPTIONAL_TIME,
            "description": "null if there never were any rules.",
        },
    },
    title="Retention",
)
ONE = common.one("retention", VIEW)

_GOING: Definition = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "digest": common.STRING,
        "size": {**common.INTEGER, "description": "Bytes."},
        "updated_at": common.TIME,
        "reason": common.STRING,
    },
    title="GoingImage",
)
PREVIEW = common.one(
    "preview",
    common.obj(
        {
            "images": {"type": "array", "items": _GOING},
            "frees": {
                **common.INTEGER,
                "description": "Bytes that nothing else needs; they are free "
                "when the recycle bin has let the images go.",
            },
        },
        title="RetentionPreview",
    ),
)
