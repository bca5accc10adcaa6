"""Schemas of image policies."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.image_policies import RULES, Level

_PATTERN: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 330,
    "pattern": r"^[A-Za-z0-9._/:@*?\[\]!-]+\Z",
    "x-must": "be a pattern of letters, digits, '.', '_', '-', '/', ':' and "
    "'@', with *, ? and [...] as in a shell",
}


def _limit(description: str) -> Definition:
    return {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 10**9,
        "description": description,
    }


_LEVEL: Definition = {
    "type": "string",
    "enum": [str(level) for level in Level],
}

_MEANING = {
    "latest": "The tag `latest`.",
    "secrets": "What looks like a secret in the environment or in the "
    "history.",
    "env_quotes": "Quotes around values of the environment.",
    "root_user": "It runs as root.",
    "latest_base": "It says that it was built from an image by the tag "
    "`latest` or none.",
    "many_processes": "It starts a supervisor, or processes in the "
    "background.",
    "add_url": "It was built with ADD of a URL.",
    "no_healthcheck": "It has no health check.",
}

_CONTENT: dict[str, Definition] = {
    "bases": {
        "type": "array",
        "items": _PATTERN,
        "maxItems": 50,
        "description": "An image has to stand on one of these, or be one: "
        "`NAMESPACE/REPOSITORY:TAG`, also without the tag, with * in it, or "
        "`NAMESPACE/REPOSITORY@DIGEST`. Empty: on anything.",
    },
    "sources": {
        "type": "array",
        "items": _PATTERN,
        "maxItems": 50,
        "description": "Patterns of NAMESPACE/REPOSITORY; sets are made of "
        "images in these only. Empty: of any.",
    },
    "max_size_mb": _limit("MiB of all layers as stored; null for no limit."),
    "max_layer_mb": _limit("MiB of a layer as stored; null for no limit."),
    "max_layers": _limit("null for no limit."),
    "keys": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 4096},
        "maxItems": 20,
        "description": "Public keys in PEM, of ECDSA on P-256, Ed25519 or "
        "RSA: sets are made of images that one of them has signed, as cosign "
        "does. Empty: of any.",
    },
    "rules": common.obj(
        {
            name: {
                **_LEVEL,
                "description": f"{_MEANING[name]} If nothing is said: "
                f"{default}.",
            }
            for name, default in RULES.items()
        },
        [],
        title="ImagePolicyRules",
        description="What becomes of an image that breaks a rule: `off`, "
        "nothing; `warn`, who pushes or looks at it is warned; `refuse`, it "
        "is refused. Where the policy of the cloud refuses, a project's has "
        "no say.",
    ),
}

UPDATE = common.request("image_policy", common.obj(_CONTENT, []))

VIEW: Definition = common.obj(
    {
        "project_id": {
            **common.STRING,
            "description": "`cloud` for that of the whole cloud.",
        },
        **_CONTENT,
        "updated_at": {
            **common.OPTIONAL_TIME,
            "description": "null if it never was set.",
        },
    },
    title="ImagePolicy",
)
DETAIL: Definition = common.obj(
    {
        **VIEW["properties"],
        "cloud": {
            **common.obj(_CONTENT, title="CloudImagePolicy"),
            "description": "What the cloud demands besides.",
        },
    },
    title="ImagePolicyDetail",
)
ONE = common.one("image_policy", DETAIL)

CHECK = common.request(
    "check",
    common.obj(
        {
            "image": {
                **common.ID_OR_NAME,
                "maxLength": 512,
                "description": "As in a set.",
            },
            "image_policy": {
                **common.obj(_CONTENT, []),
                "description": "Instead of the one there is, to try it.",
            },
        },
        ["image"],
    ),
)

_FINDING: Definition = common.obj(
    {
        "rule": common.STRING,
        "level": _LEVEL,
        "message": common.STRING,
        "by": {
            "type": "string",
            "enum": ["project", "cloud", ""],
            "description": "Whose policy says so; empty for nobody's.",
        },
    },
    title="ImageFinding",
)
CHECKED = common.one(
    "check",
    common.obj(
        {
            "image": common.STRING,
            "digest": common.STRING,
            "allowed": {
                **common.BOOLEAN,
                "description": "Whether sets can be made of it.",
            },
            "findings": {"type": "array", "items": _FINDING},
        },
        title="ImageCheck",
    ),
)
