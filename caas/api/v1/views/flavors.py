"""How flavors are shown."""

from typing import Any

from caas.api.v1.views import common
from caas.model.flavors import Flavor


def flavor(item: Flavor, url: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        **common.resources(item.resources),
        "cpu_burst": item.cpu_burst,
        "public": item.public,
        "extra_specs": item.extra_specs,
        "created_at": common.time(item.created_at),
        "links": common.links(url, f"/v1/flavors/{item.id}"),
    }
