"""JSON Schema (draft 2020-12) with errors a user can act on.

Beyond the standard, schemas here may say:

``x-must``
    what a value that breaks ``pattern``, ``format``, ``not`` or a type union
    must be, as the end of the sentence "... must ...";
``x-unique-by``
    names of keys whose values taken together differ between the items of an
    array (a key left out counts as its schema's ``default``);
``x-decimals``
    how many digits a number may have after the point.

As in Nova, bounds of numbers are also those of strings that stand for some.
"""

import datetime
import functools
import ipaddress
import posixpath
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
from jsonschema import exceptions, validators

Definition = dict[str, Any]
#: A ValidationError of jsonschema, most attributes of which may be unset.
_Error = Any
_Check = Callable[[str], bool]

FORMATS = jsonschema.FormatChecker(formats=())


def _format(name: str) -> Callable[[_Check], _Check]:
    """Register a check of strings; a ValueError means no as well."""

    def register(check: _Check) -> _Check:
        FORMATS.checks(name, raises=ValueError)(
            lambda value: not isinstance(value, str) or check(value)
        )
        return check

    return register


@_format("uuid")
def _uuid(value: str) -> bool:
    return str(uuid.UUID(value)) == value


@_format("date-time")
def _date_time(value: str) -> bool:
    return parse_time(value) is not None


@_format("ipv4")
def _ipv4(value: str) -> bool:
    ipaddress.IPv4Address(value)
    return True


@_format("ipv6")
def _ipv6(value: str) -> bool:
    ipaddress.IPv6Address(value)
    return True


@_format("printable")
def _printable(value: str) -> bool:
    return value.isprintable() and value == value.strip()


@_format("nova-text")
def _nova_text(value: str) -> bool:
    """Blanks of any width, and nothing beyond the first plane."""
    return all(
        each < "\uffff"
        and unicodedata.category(each)[0] != "C"
        and unicodedata.category(each) not in ("Zl", "Zp")
        for each in value
    )


@_format("nova-name")
def _nova_name(value: str) -> bool:
    return _nova_text(value) and value == value.strip()


@_format("path")
def _path(value: str) -> bool:
    return (
        value.startswith("/")
        and not value.startswith("//")
        and posixpath.normpath(value) == value
        and value.isprintable()
    )


#: Most bytes in the name of a file, and the greatest id of a user.
_LONGEST_NAME = 255
_LAST_ID = 2**31 - 1

#: Of the engine or the kernel; a volume there breaks the container.
_RESERVED = re.compile(r"/(proc|sys|dev)(/|$)|/$")


@_format("mount-path")
def _mount_path(value: str) -> bool:
    return _path(value) and _named(value) and not _RESERVED.match(value)


def _named(value: str) -> bool:
    """Each part of it can be the name of a file."""
    return all(len(p.encode()) <= _LONGEST_NAME for p in value.split("/"))


@_format("user")
def _user(value: str) -> bool:
    """Numbers of users and groups are within what the kernel has."""
    return all(
        int(part) <= _LAST_ID
        for part in value.split(":")
        if part.isascii() and part.isdigit()
    )


@_format("sub-path")
def _sub_path(value: str) -> bool:
    return value == "" or (
        _named(value)
        and not value.startswith(("/", "../"))
        and value not in (".", "..")
        and posixpath.normpath(value) == value
        and value.isprintable()
    )


def parse_time(value: str) -> datetime.datetime:
    """A point in time, ISO 8601, as UTC without zone (as in the database).

    :raises ValueError: it is none; one without zone is taken as UTC.
    """
    time = datetime.datetime.fromisoformat(value)
    if time.tzinfo is not None:
        try:
            time = time.astimezone(datetime.UTC)
        except OverflowError as error:
            raise ValueError(str(error)) from None
    return time.replace(tzinfo=None)


def _unique_by(
    _validator: Any, keys: list[str], items: Any, schema: Definition
) -> Iterator[exceptions.ValidationError]:
    if not isinstance(items, list):
        return
    properties = schema["items"]["properties"]
    seen = set()
    for item in items:
        if not isinstance(item, dict):
            return
        value = tuple(
            str(item.get(key, properties[key].get("default"))) for key in keys
        )
        if value in seen:
            yield exceptions.ValidationError(
                f"two entries have the same {' and '.join(keys)} "
                f"({'/'.join(value)})"
            )
            return
        seen.add(value)


def _decimals(
    _validator: Any, places: int, value: Any, _schema: Definition
) -> Iterator[exceptions.ValidationError]:
    if isinstance(value, float) and round(value, places) != value:
        yield exceptions.ValidationError(
            f"has more than {places} digits after the point"
        )


_BOUNDS = ("minimum", "maximum", "exclusiveMinimum")


def _bounding(keyword: str) -> Any:
    """One of the standard, for strings as well."""
    standard = jsonschema.Draft202012Validator.VALIDATORS[keyword]

    def check(
        validator: Any, limit: float, value: Any, schema: Definition
    ) -> Iterator[exceptions.ValidationError]:
        number = _number(value) if isinstance(value, str) else value
        for error in standard(validator, limit, number, schema):
            error.instance = number
            yield error

    return check


def _number(text: str) -> float | None:
    """None: it is none, which is for a pattern to refuse."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _integer(_checker: Any, value: Any) -> bool:
    """Strictly: ``1.0`` is a number, not an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def _array(_checker: Any, value: Any) -> bool:
    """Tuples too, of which JSON makes arrays: answers have them."""
    return isinstance(value, list | tuple)


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    {
        "x-unique-by": _unique_by,
        "x-decimals": _decimals,
        **{key: _bounding(key) for key in _BOUNDS},
    },
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _integer, "array": _array}
    ),
)


class Schema:
    """A schema and, made when it is first needed, its validator."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition

    @functools.cached_property
    def _validator(self) -> Any:
        _Validator.check_schema(self.definition)
        return _Validator(self.definition, format_checker=FORMATS)

    def error(self, value: Any, root: str = "") -> str | None:
        """One sentence on what is wrong with ``value``, None if nothing.

        It tells where, and never quotes strings: they may be secrets.

        :param root: what the whole value is called.
        """
        found = next(self._validator.iter_errors(value), None)
        if found is None:
            return None
        return f"{_where(found, root)}: {_why(found)}."


def _where(error: _Error, root: str) -> str:
    text = ""
    for part in error.absolute_path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += "[...]"
    return text or root


_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_NAMES = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def _listed(words: Any) -> str:
    return ", ".join(str(word) for word in words)


def _why(error: _Error) -> str:
    schema: Any = error.schema
    sentence = _SENTENCES.get(str(error.validator))
    if sentence:
        text = sentence(error)
    elif str(error.validator).startswith("x-"):
        text = error.message
    else:
        text = f"must {schema.get('x-must', 'have another form')}"
    if "propertyNames" in error.absolute_schema_path:
        return f"each key {text}"
    return text


def _type(error: _Error) -> str:
    wanted = error.validator_value
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    return "must be " + " or ".join(_NAMES[n] for n in names)


def _required(error: _Error) -> str:
    missing = [k for k in error.validator_value if k not in error.instance]
    return f"{_listed(missing)} missing"


def _additional(error: _Error) -> str:
    known = error.schema.get("properties", {})
    unknown = sorted(set(error.instance) - set(known))
    shown = [k for k in unknown if _PLAIN.fullmatch(k)][:5]
    return (
        f"unknown {_listed(shown) or 'keys'}; "
        f"what is known: {_listed(sorted(known)) or 'nothing'}"
    )


def _bound(text: str) -> Callable[[_Error], str]:
    def sentence(error: _Error) -> str:
        return text.format(
            value=error.instance,
            limit=error.validator_value,
            size=len(error.instance)
            if isinstance(error.instance, list | dict | str)
            else 0,
        )

    return sentence


_SENTENCES: dict[str, Callable[[_Error], str]] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _additional,
    "enum": lambda e: f"must be one of {_listed(e.validator_value)}",
    "const": lambda e: f"must be {e.validator_value}",
    "minimum": _bound("{value} is less than the minimum of {limit}"),
    "maximum": _bound("{value} is greater than the maximum of {limit}"),
    "exclusiveMinimum": _bound("{value} is not greater than {limit}"),
    "uniqueItems": lambda e: "must not have the same item twice",
    "minLength": _bound("must have at least {limit} character(s)"),
    "maxLength": _bound("has {size} characters; at most {limit} are possible"),
    "minItems": _bound("must have at least {limit} item(s)"),
    "maxItems": _bound("has {size} items; at most {limit} are possible"),
    "minProperties": _bound("must have at least {limit} key(s)"),
    "maxProperties": _bound("has {size} keys; at most {limit} are possible"),
}
