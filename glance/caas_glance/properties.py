"""Names of properties, and what a request wants of them.  Pure."""

from typing import Any

#: The record of the layer below; see the metadata definitions of caas.
PARENT = "parent_id"
FORMAT = "container_format"
#: What begins so is written by caas only.
OURS = "caas_"
#: ``layer`` and ``blob`` are parts of images.
KIND = "caas_kind"
#: The record that has the bytes of one that has none.
DATA = "caas_data_id"
#: On a record that is about to be deleted; since when, by the Epoch.
DELETING = "caas_deleting"

#: Name and value; None: not to be there.
Wanted = list[tuple[str, Any]]


def of_new(body: dict[str, Any]) -> Wanted:
    """What the body of ``POST /v2/images`` wants."""
    return [(_name(key), value) for key, value in body.items()]


def of_patch(body: Any) -> Wanted:
    """What the body of ``PATCH /v2/images/{id}`` wants, in order.

    It is one of two dialects of JSON patch: ``{"op": "add", "path": "/x"}``
    and ``{"add": "/x"}``.  Glance tells them by the content type; here both
    are read, as it refuses what is neither.

    :raises ValueError: a path is not a string.
    """
    wanted = []
    for change in body if isinstance(body, list) else []:
        if not isinstance(change, dict):
            continue
        gone = change.get("op") == "remove" or "remove" in change
        value = None if gone else change.get("value")
        for key in ("path", "add", "replace", "remove"):
            if key in change:
                wanted.append((_pointed(change[key]), value))
    return wanted


def _pointed(pointer: Any) -> str:
    """Name of the property a JSON pointer leads to, or into."""
    if not isinstance(pointer, str):
        raise ValueError(f"The path of a change must be a string: {pointer}")
    first = pointer.lstrip("/").split("/")[0]
    return _name(first.replace("~1", "/").replace("~0", "~"))


def _name(key: str) -> str:
    """MariaDB tells names neither by case nor by blanks at their end."""
    return key.strip().casefold()
