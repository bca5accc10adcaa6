"""How values of several nouns are shown."""

import datetime
from typing import Any

from caas.model.spec import Resources


def time(value: datetime.datetime) -> str:
    """A time of the database (UTC without zone)."""
    return value.isoformat(timespec="microseconds") + "Z"


def optional_time(value: datetime.datetime | None) -> str | None:
    return None if value is None else time(value)


def vcpus(millicpus: int) -> int | float:
    """CPUs; a whole number of them without a point."""
    whole, rest = divmod(millicpus, 1000)
    return millicpus / 1000 if rest else whole


def resources(value: Resources) -> dict[str, Any]:
    return {
        "vcpus": vcpus(value.millicpus),
        "memory_mb": value.memory_mb,
        "disk_gb": value.disk_gb,
    }


def links(url: str, path: str) -> list[dict[str, str]]:
    return [{"rel": "self", "href": url + path}]
