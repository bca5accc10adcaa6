"""Requests made from the schemas of the API, and then spoilt."""

import copy
import json
import random
import re
import uuid
from collections.abc import Iterator
from typing import Any

from caas.api.operation import Operation
from caas.api.schema import Definition

#: What no value should be.
HOSTILE: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    2**31,
    2**63,
    10**30,
    "",
    " ",
    "a" * 300,
    "a" * 70_000,
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e\U0001f4a9",
    "é" * 255,
    "\U0001f600" * 255,
    "%s%n{0}{x}",
    "' OR 1=1 --",
    "../../etc/passwd",
    "\n",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"__class__": 1},
    ["a"] * 2000,
]

#: Raw bodies that are not what they say.
BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"\x00",
    b"\xff\xfe",
    b"{" * 10_000,
    b"[" * 100_000,
    b'{"set": NaN}',
    b'{"a": 1e999}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"\\ud800": 1}',
    b"<xml/>",
]

WORDS = [
    "",
    "a",
    "%00",
    "%ff",
    "%2e%2e",
    "-1",
    "null",
    "x" * 300,
    "%F0%9F%98%80",
]


def value(schema: Definition, rng: random.Random) -> Any:
    """Something the schema allows, most of the time."""
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = rng.choice(kind)
    return _MAKERS[kind](schema, rng)


def _object(schema: Definition, rng: random.Random) -> Any:
    required = schema.get("required", ())
    made = {
        key: value(part, rng)
        for key, part in schema.get("properties", {}).items()
        if key in required or rng.random() < 0.5
    }
    extra = schema.get("additionalProperties")
    if extra:
        for number in range(rng.randrange(3)):
            made[f"k{number}"] = value(extra, rng)
    return made


def _array(schema: Definition, rng: random.Random) -> Any:
    low = schema.get("minItems", 0)
    return [
        value(schema["items"], rng) for _ in range(rng.randint(low, low + 2))
    ]


def _string(schema: Definition, rng: random.Random) -> str:
    formats = {
        "uuid": str(uuid.UUID(int=rng.getrandbits(128))),
        "date-time": "2026-01-31T12:00:00Z",
        "mount-path": f"/data{rng.randrange(9)}",
        "path": "/srv",
        "sub-path": "sub",
    }
    if schema.get("format") in formats:
        return formats[schema["format"]]
    if schema.get("maxLength", 0) >= 1 and rng.random() < 0.2:
        return "x" * schema["maxLength"]
    return rng.choice(["small", "app:1", "a", "b1", "a=b", "name"])


def _integer(schema: Definition, rng: random.Random) -> int:
    low = schema.get("minimum", 0)
    high = schema.get("maximum", low + 100)
    return rng.choice([low, high, rng.randint(int(low), int(high))])


_MAKERS: dict[str, Any] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": lambda schema, rng: round(rng.uniform(0.01, 100), 3),
    "boolean": lambda schema, rng: rng.random() < 0.5,
    "null": lambda schema, rng: None,
}


def spoilt(body: Any, rng: random.Random) -> Any:
    """A copy with one place of it changed for the worse."""
    body = copy.deepcopy(body)
    places = list(_places(body))
    if not places:
        return rng.choice(HOSTILE)
    holder, key = rng.choice(places)
    how = rng.randrange(4)
    if how == 0 and isinstance(holder, dict):
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        word = rng.choice([h for h in HOSTILE if isinstance(h, str)])
        holder[word] = holder[key]
    elif how == 2 and isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[key] = rng.choice(HOSTILE)
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys: Any = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        yield value, key
        yield from _places(value[key])


def bodies(
    operation: Operation, rng: random.Random, count: int
) -> Iterator[bytes]:
    """Good ones, spoilt ones, and no bodies at all."""
    assert operation.body is not None
    for number in range(count):
        good = value(operation.body.definition, rng)
        kind = number % 4
        if kind == 0:
            yield json.dumps(good).encode()
        elif kind < 3:
            yield json.dumps(spoilt(good, rng)).encode()
        else:
            text = json.dumps(good).encode()
            cut = rng.randrange(len(text) + 1)
            yield rng.choice([text[:cut], rng.choice(BODIES)])


def paths(
    operation: Operation,
    known: dict[str, str],
    rng: random.Random,
    count: int,
) -> Iterator[str]:
    """Paths with queries: of known objects, or of none.

    :param known: what stands in the path -> an object there is.
    """
    properties = operation.query.definition.get("properties", {})
    for _ in range(count):
        path = re.sub(
            r"{(\w+)}",
            lambda match: (
                rng.choice(WORDS) if rng.random() < 0.3 else known[match[1]]
            ),
            operation.path,
        )
        words = []
        for key, schema in properties.items():
            if rng.random() < 0.2:
                good = _text(value(schema.get("items", schema), rng))
                words.append(f"{key}={rng.choice([good, *WORDS])}")
        if rng.random() < 0.1:
            words.append(f"{rng.choice(WORDS)}={rng.choice(WORDS)}")
        yield f"{path}?{'&'.join(words)}" if words else path


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
