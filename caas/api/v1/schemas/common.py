"""What the schemas of several nouns share."""

from collections.abc import Iterable
from typing import Any

from caas.api.schema import Definition

#: Largest value of an integer column.
INT_MAX = 2**31 - 1

UUID: Definition = {
    "type": "string",
    "format": "uuid",
    "x-must": "be a UUID",
}

NAME: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "format": "printable",
    "x-must": "consist of printable characters, with no space at either end",
}

#: Where either an id or a name is taken.
ID_OR_NAME = NAME

DESCRIPTION: Definition = {"type": ["string", "null"], "maxLength": 255}

TIME: Definition = {
    "type": "string",
    "format": "date-time",
    "x-must": "be a time such as 2026-01-31T12:00:00Z",
}

OPTIONAL_TIME: Definition = {**TIME, "type": ["string", "null"]}

STRING: Definition = {"type": "string"}
OPTIONAL_STRING: Definition = {"type": ["string", "null"]}
INTEGER: Definition = {"type": "integer"}
BOOLEAN: Definition = {"type": "boolean"}
STRINGS: Definition = {
    "type": "object",
    "additionalProperties": {"type": "string"},
}

LINKS: Definition = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "rel": {"enum": ["self", "next"]},
            "href": {"type": "string"},
        },
        "required": ["rel", "href"],
        "additionalProperties": False,
    },
}


def obj(
    properties: dict[str, Definition],
    required: Iterable[str] | None = None,
    **more: Any,
) -> Definition:
    """An object that has no other keys.

    :param required: None: all of them.
    """
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
        **more,
    }


def request(name: str, definition: Definition) -> Definition:
    """``{"name": {...}}``, the body of a request."""
    return obj({name: definition})


#: Bodies of verbs without parameters: nothing, or ``{}``.
EMPTY = obj({})


def one(name: str, view: Definition) -> Definition:
    """``{"name": {...}}``, the answer with one object."""
    return obj({name: view})


def many(name: str, view: Definition, *, paged: bool = True) -> Definition:
    """``{"names": [...]}``, of each object what ``fields`` asked for."""
    part = {**view, "required": [], "title": f"{view['title']}Fields"}
    properties: dict[str, Definition] = {
        name: {"type": "array", "items": part}
    }
    if paged:
        properties[f"{name}_links"] = LINKS
    return obj(properties, [name])


def listing(
    view: Definition,
    *,
    sort_keys: Iterable[str] = (),
    filters: dict[str, Definition] | None = None,
) -> Definition:
    """The query of a list.

    :param sort_keys: the default first; empty: the list comes whole.
    """
    fields = sorted(view["properties"])
    properties: dict[str, Definition] = {
        "fields": {
            "type": "string",
            "maxLength": 1024,
            "pattern": r"^({0})(,({0}))*\Z".format("|".join(fields)),
            "x-must": f"name keys of the objects with commas between: "
            f"{', '.join(fields)}",
            "description": "Only these keys of each object, with commas "
            "between.",
        },
        **(filters or {}),
    }
    keys = list(sort_keys)
    if keys:
        properties |= {
            "limit": {
                "type": "integer",
                "minimum": 1,
                "description": "Most objects on the page; the service may "
                "give fewer.",
            },
            "marker": {
                **UUID,
                "description": "Id of the last object of the page before.",
            },
            "sort_key": {
                "type": "string",
                "enum": keys,
                "default": keys[0],
            },
            "sort_dir": {
                "type": "string",
                "enum": ["asc", "desc"],
                "default": "desc",
            },
        }
    return obj(properties, ())


#: Filters of lists that can span projects.
PROJECTS: dict[str, Definition] = {
    "all_projects": {
        "type": "boolean",
        "description": "The objects of all projects; for operators.",
    },
    "project_id": {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "description": "The objects of this project; another one than the "
        "token's is for operators.",
    },
}
