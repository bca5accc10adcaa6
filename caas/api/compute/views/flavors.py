"""How flavors are shown."""

from typing import Any

from caas.api.compute.views import common
from caas.model.flavors import Flavor
from caas.model.sets import Set


def embedded(item: Set) -> dict[str, Any]:
    """In a server, as it was when the server got it."""
    return {
        **_size(item.resources),
        "ephemeral": 0,
        "swap": 0,
        "original_name": item.flavor_name,
        "extra_specs": item.flavor_specs,
    }


def summary(url: str, item: Flavor, minor: int) -> dict[str, Any]:
    """:param minor: of the microversion."""
    view: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "links": common.links(url, "flavors", item.id),
    }
    if minor >= 55:
        view["description"] = item.description or None
    return view


def detail(url: str, item: Flavor, minor: int) -> dict[str, Any]:
    """:param minor: of the microversion."""
    view = {
        **summary(url, item, minor),
        **_size(item.resources),
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "swap": 0 if minor >= 75 else "",
        "rxtx_factor": 1.0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": item.public,
    }
    if minor >= 61:
        view["extra_specs"] = item.extra_specs
    return view


def _size(resources: Any) -> dict[str, int]:
    return {
        "vcpus": common.vcpus(resources.millicpus),
        "ram": resources.memory_mb,
        "disk": resources.disk_gb,
    }
