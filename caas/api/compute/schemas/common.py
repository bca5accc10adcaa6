"""Types that several nouns share, as lenient as Nova's."""

from typing import Any

from caas.api.schema import Definition

BOOLEAN: Definition = {
    "enum": [
        *(True, "True", "TRUE", "true", "1", "ON", "On", "on"),
        *("YES", "Yes", "yes"),
        *(False, "False", "FALSE", "false", "0", "OFF", "Off", "off"),
        *("NO", "No", "no"),
    ]
}

_YES = frozenset({"true", "1", "on", "yes"})

NAME_FORMAT = "nova-name"

NAME: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "format": NAME_FORMAT,
    "x-must": "have printable characters only, and no blanks at its ends",
}

DESCRIPTION: Definition = {
    "type": ["string", "null"],
    "maxLength": 255,
    "format": "nova-text",
    "x-must": "have printable characters only",
}

METADATA: Definition = {
    "type": "object",
    "propertyNames": {
        "pattern": r"^[a-zA-Z0-9\-_:. ]{1,255}\Z",
        "x-must": "have letters, digits, '-', '_', ':', '.' and blanks only, "
        "255 at most",
    },
    "additionalProperties": {"type": "string", "maxLength": 255},
}

#: Commas and slashes stand between tags, or in URLs, where control characters
#: of Nova's tags are in the way; to some databases "a" and "a " are the same.
TAG: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 60,
    "pattern": r"^(?! )[^,/\x00-\x1f\x7f]*(?<! )\Z",
    "x-must": "have no comma, no slash, no control characters, and no blank "
    "at its ends",
}

TAGS: Definition = {"type": "array", "items": TAG, "maxItems": 50}


def count(minimum: int, maximum: int | None = None) -> Definition:
    """A number, which may come as a string; see :func:`integer`."""
    made: Definition = {
        "type": ["integer", "string"],
        "pattern": r"^-?[0-9]{1,18}\Z",
        "x-must": "be an integer",
        "minimum": minimum,
    }
    return made if maximum is None else {**made, "maximum": maximum}


def integer(value: Any) -> int:
    """What :func:`count` let in."""
    return int(value)


def boolean(value: Any) -> bool:
    """What :data:`BOOLEAN` let in."""
    return str(value).lower() in _YES


def obj(
    properties: Definition, required: list[str] | None = None
) -> Definition:
    return {
        "type": "object",
        "properties": properties,
        "required": required or [],
        "additionalProperties": False,
    }


def request(name: str, schema: Definition) -> Definition:
    """A body of one key."""
    return obj({name: schema}, [name])
