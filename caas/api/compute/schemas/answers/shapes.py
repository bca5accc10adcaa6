"""What schemas of answers are put together from.

A property is there or it is not, by the microversion: nothing beyond is let
through, as Nova's own schemas do.
"""

import functools
from collections.abc import Callable
from typing import Any

from caas.api.schema import Definition

#: The schema of an answer in a microversion, which is given by its minor
#: number; None: it has no body.
Make = Callable[[int], Definition | None]

TEXT: Definition = {"type": "string"}
MAYBE: Definition = {"type": ["string", "null"]}
NUMBER: Definition = {"type": "integer"}
FLAG: Definition = {"type": "boolean"}
UUID: Definition = {"type": "string", "format": "uuid"}
TEXTS: Definition = {"type": "array", "items": TEXT}
#: Pairs of metadata and the like.
PAIRS: Definition = {"type": "object", "additionalProperties": TEXT}
ANYTHING: Definition = {}
NULL: Definition = {"type": "null"}
#: A list of what there never is.
NONE: Definition = {"type": "array", "maxItems": 0}

#: ``created`` and ``updated`` of a server.
ZULU: Definition = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z",
}
#: All other times; clients fail on a zone there.
TIME: Definition = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\Z",
}
MAYBE_TIME: Definition = {**TIME, "type": ["string", "null"]}


def shape(
    properties: Definition, optional: Definition | None = None
) -> Definition:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def array(items: Definition) -> Definition:
    return {"type": "array", "items": items}


def one_of(*values: Any) -> Definition:
    return {"enum": list(values)}


def since(minor: int, first: int, properties: Definition) -> Definition:
    """Properties that came with 2.``first``."""
    return properties if minor >= first else {}


def until(minor: int, last: int, properties: Definition) -> Definition:
    """Properties that left after 2.``last``."""
    return properties if minor <= last else {}


def links(*rels: str) -> Definition:
    """As many as there are words for what they are."""
    return {
        "type": "array",
        "items": shape({"rel": one_of(*rels), "href": TEXT}),
        "minItems": len(rels),
        "maxItems": len(rels),
    }


BOTH = links("self", "bookmark")


def body(key: str, make: Callable[[int], Definition]) -> Make:
    """An answer of one key."""
    return lambda minor: shape({key: make(minor)})


def page(key: str, make: Callable[[int], Definition]) -> Make:
    """A list, which may tell where it goes on."""
    return lambda minor: shape(
        {key: array(make(minor))}, {f"{key}_links": links("next")}
    )


def always(definition: Definition) -> Callable[[int], Definition]:
    """For what all microversions have alike."""
    return functools.partial(_given, definition)


def _given(definition: Definition, _minor: int) -> Definition:
    return definition


def nothing(_minor: int) -> None:
    """There is no body."""
