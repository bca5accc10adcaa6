"""Schemas of images."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common, jobs
from caas.store.space import BY

_BYTES: Definition = {**common.INTEGER, "description": "Bytes."}
_LIST: Definition = {"type": "array", "items": common.STRING}

#: What all have in common that names an image.
_NAMED: dict[str, Definition] = {
    "id": {**common.UUID, "description": "In Glance."},
    "name": {
        **common.STRING,
        "description": "NAMESPACE/REPOSITORY:TAG.",
    },
    "digest": {**common.STRING, "description": "Of its manifest."},
    "size": {
        **_BYTES,
        "description": "Bytes of its layers as stored; of an index, of all in "
        "it.",
    },
}

_SUMMARY: dict[str, Definition] = {
    **_NAMED,
    "namespace": common.STRING,
    "repository": common.STRING,
    "tag": common.STRING,
    "media_type": common.STRING,
    "artifact_type": {
        **common.STRING,
        "description": "Of what is no image but something else.",
    },
    "unpacked_size": _BYTES,
    "layer_count": {
        **common.INTEGER,
        "description": "0 for an index, whose images have the layers.",
    },
    "platforms": {
        **_LIST,
        "description": "As linux/amd64; of an index, of all in it.",
    },
    "problem": {
        **common.STRING,
        "description": "Why no set can be made of it; empty if one can.",
    },
    "project_id": {
        **common.STRING,
        "description": "The owner of the namespace.",
    },
    "public": common.BOOLEAN,
    "user_id": {**common.STRING, "description": "Who pushed it."},
    "created_at": common.TIME,
    "updated_at": {
        **common.TIME,
        "description": "When its name was last given to it, or taken away.",
    },
    "deleted_at": {
        **common.OPTIONAL_TIME,
        "description": "Since when it is in the recycle bin.",
    },
    "links": common.LINKS,
}

VIEW: Definition = common.obj(_SUMMARY, title="Image")

LAYER: Definition = common.obj(
    {
        "id": {**common.UUID, "description": "In Glance."},
        "parent_id": {
            **common.OPTIONAL_STRING,
            "description": "The layer below, in Glance.",
        },
        "digest": common.STRING,
        "diff_id": common.STRING,
        "chain_id": common.STRING,
        "size": {**_BYTES, "description": "Bytes as stored."},
        "unpacked_size": _BYTES,
        "missing": {
            **common.BOOLEAN,
            "description": "Somebody deleted its bytes in Glance; push the "
            "image again.",
        },
    },
    title="Layer",
)

_CONFIG: Definition = common.obj(
    {
        "entrypoint": _LIST,
        "command": _LIST,
        "env": _LIST,
        "working_dir": common.STRING,
        "user": common.STRING,
        "labels": common.STRINGS,
        "ports": {**_LIST, "description": "As 80/tcp."},
        "volumes": _LIST,
        "stop_signal": common.STRING,
    },
    title="ImageConfig",
)

_PART: Definition = common.obj(
    {
        "digest": common.STRING,
        "platform": common.STRING,
        "size": _BYTES,
        "problem": common.STRING,
    },
    title="ImagePart",
)

DETAIL: Definition = common.obj(
    {
        **_SUMMARY,
        "parts": {
            "type": "array",
            "items": _PART,
            "description": "What an index has in it.",
        },
        "platform": {
            **common.STRING,
            "description": "What config and layers are of.",
        },
        "built_at": {
            **common.STRING,
            "description": "As its builder says.",
        },
        "author": common.STRING,
        "annotations": common.STRINGS,
        "config": _CONFIG,
        "layers": {
            "type": "array",
            "items": LAYER,
            "description": "From the bottom.",
        },
        "warnings": {
            **_LIST,
            "description": "What is not as it should be: by the image "
            "policies of your project and of the cloud, or in general.",
        },
    },
    title="ImageDetail",
)

ONE = common.one("image", DETAIL)
SHORT = common.one("image", VIEW)
MANY = common.many("images", VIEW)

_NAME: Definition = {"type": "string", "minLength": 1, "maxLength": 400}

LIST = common.listing(
    VIEW,
    sort_keys=["updated_at", "created_at", "name", "size"],
    filters={
        "namespace": _NAME,
        "repository": {
            **_NAME,
            "description": "Without the namespace.",
        },
        "tag": _NAME,
        "digest": _NAME,
        "name": {
            **_NAME,
            "description": "What the name begins with.",
        },
        "deleted": {
            **common.BOOLEAN,
            "description": "Those in the recycle bin, of namespaces you may "
            "push to.",
        },
        **common.PROJECTS,
    },
)

_PLATFORM: dict[str, Definition] = {
    "platform": {
        "type": "string",
        "maxLength": 130,
        "description": "Of an index: which image in it; linux/amd64 or the "
        "first one when left out.",
    }
}
OF_PLATFORM = common.obj(_PLATFORM, ())

HISTORY = common.obj(
    {
        "platform": common.STRING,
        "history": {
            "type": "array",
            "description": "The oldest first.",
            "items": common.obj(
                {
                    "instruction": {
                        **common.STRING,
                        "description": "As in the Dockerfile.",
                    },
                    "created_by": {
                        **common.STRING,
                        "description": "As the builder wrote it.",
                    },
                    "created": common.STRING,
                    "author": common.STRING,
                    "comment": common.STRING,
                    "size": {
                        **_BYTES,
                        "description": "Bytes of its layer as stored; 0 "
                        "without one.",
                    },
                    "layer": {
                        "anyOf": [LAYER, {"type": "null"}],
                        "description": "null where it changed no file.",
                    },
                },
                title="ImageStep",
            ),
        },
    }
)

TREE_OF = common.obj(
    {
        **_PLATFORM,
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "default": 100,
            "description": "Most children.",
        },
    },
    (),
)

_RELATIVE: Definition = common.obj(
    {
        **_NAMED,
        "common_layers": {
            **common.INTEGER,
            "description": "How many both have, from the bottom.",
        },
        "parent_id": {
            **common.OPTIONAL_STRING,
            "description": "The nearest image it stands on of those here; "
            "null if there is none.",
        },
    },
    title="RelatedImage",
)
_RELATIVES: Definition = {"type": "array", "items": _RELATIVE}

TREE = common.one(
    "tree",
    common.obj(
        {
            "parents": {
                **_RELATIVES,
                "description": "Images it stands on, from the bottom.",
            },
            "same": {
                **_RELATIVES,
                "description": "Other images of the same layers.",
            },
            "children": {
                **_RELATIVES,
                "description": "Images that stand on it, the latest first.",
            },
            "more": {
                **common.BOOLEAN,
                "description": "There are more children than these.",
            },
        },
        title="ImageTree",
    ),
)

USE: Definition = common.obj(
    {
        "set_id": common.UUID,
        "set_name": common.STRING,
        "container_id": common.UUID,
        "container": common.STRING,
        "status": common.STRING,
        "image": {
            **common.STRING,
            "description": "What it was called when the container was made.",
        },
        "project_id": common.STRING,
        "created_at": common.TIME,
    },
    title="ImageUse",
)
USES = common.many("usage", USE)
USAGE_OF = common.listing(
    USE,
    sort_keys=["created_at", "id"],
    filters={"all_projects": common.PROJECTS["all_projects"]},
)

TAG = common.request(
    "tag",
    common.obj(
        {
            "name": {
                **_NAME,
                "description": "NAMESPACE/REPOSITORY:TAG.",
            }
        }
    ),
)

DELETE = common.obj(
    {
        "purge": {
            **common.BOOLEAN,
            "description": "For good: not into the recycle bin, or out of it.",
        }
    },
    (),
)

RESTORE = common.obj(
    {
        "restore": common.obj(
            {
                "tag": {
                    "type": "string",
                    "maxLength": 128,
                    "pattern": r"^[A-Za-z0-9_][A-Za-z0-9._-]*\Z",
                    "x-must": "be a tag of letters, digits, '_', '.' and '-'",
                    "description": "Another one than it had.",
                }
            },
            [],
        )
    },
    [],
)

SPACE_OF = common.obj(
    {
        "by": {"enum": list(BY), "type": "string", "default": BY[0]},
        "namespace": {**_NAME, "description": "Only in this one."},
        "repository": {
            **_NAME,
            "description": "Only this one, without the namespace.",
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "default": 100,
            "description": "Most parts, the largest first.",
        },
        "project_id": common.PROJECTS["project_id"],
    },
    (),
)

SPACE = common.one(
    "space",
    common.obj(
        {
            "project_id": common.STRING,
            "size": {
                **_BYTES,
                "description": "Bytes of all that is stored for the project, "
                "each layer once.",
            },
            "deleted": {
                **_BYTES,
                "description": "Of these, what only images in the recycle bin "
                "need.",
            },
            "by": {"enum": list(BY)},
            "parts": {
                "type": "array",
                "items": common.obj(
                    {
                        "name": common.STRING,
                        "id": {
                            **common.OPTIONAL_STRING,
                            "description": "null for a repository.",
                        },
                        "images": common.INTEGER,
                        "size": {
                            **_BYTES,
                            "description": "Bytes, what is shared within "
                            "counted once.",
                        },
                        "alone": {
                            **_BYTES,
                            "description": "Bytes that nothing else needs: "
                            "what would be free without it.",
                        },
                    },
                    title="SpacePart",
                ),
            },
        },
        title="ImageSpace",
    ),
)

LOOK: Definition = common.obj(
    {
        "job": {
            "oneOf": [{"type": "null"}, jobs.VIEW],
            "description": "What takes the archive apart; null: it is none.",
        }
    },
    title="ImageLook",
)
