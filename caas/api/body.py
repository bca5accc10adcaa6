"""Reading the body of a request: JSON, strictly, once."""

import json
from typing import Any

import webob

from caas import exception
from caas.api import errors

#: Deepest body of the API; a schema is never deeper.
_DEPTH = 32


def read(request: webob.Request) -> Any:
    """The parsed body, None without one.

    :raises LengthRequired: it comes in chunks the server cannot read.
    :raises UnsupportedMediaType: it is not declared as JSON.
    :raises BadRequest: it is not JSON, or holds what no string of ours may
        hold.
    """
    raw = request.body
    if not raw:
        if "HTTP_TRANSFER_ENCODING" in request.environ:
            raise errors.LengthRequired(
                "This server takes a body only with a Content-Length."
            )
        return None
    if request.content_type != "application/json":
        raise errors.UnsupportedMediaType(
            "The body must be JSON, sent with Content-Type: application/json."
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise exception.BadRequest(
            f"The body is not valid UTF-8 at byte {error.start}."
        ) from None
    value = _parse(text)
    _check_strings(value)
    return value


def _parse(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise exception.BadRequest(
            f"The body is not valid JSON: {error.msg} at line "
            f"{error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # a number of more digits than Python takes
        raise exception.BadRequest(
            "The body holds a number with too many digits."
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise exception.BadRequest(
            "An object in the body has the same key twice."
        )
    return found


def _no_constant(name: str) -> Any:
    raise exception.BadRequest(f"The body holds {name}, which is not JSON.")


def _too_deep() -> exception.BadRequest:
    return exception.BadRequest("The body is nested too deeply.")


def _check_strings(value: Any, depth: int = 0) -> None:
    """Refuse what escapes can bring in and no database or kernel takes."""
    if depth > _DEPTH:
        raise _too_deep()
    if isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item, depth + 1)
    elif isinstance(value, str):
        check_text(value, "The body")


def check_text(value: str, what: str) -> None:
    """:raises BadRequest: a NUL or half a surrogate pair is in ``value``."""
    if value.isascii() and "\0" not in value:
        return
    if "\0" in value:
        raise exception.BadRequest(f"{what} holds a NUL character.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise exception.BadRequest(
            f"{what} holds half a surrogate pair, which is no character."
        ) from None
