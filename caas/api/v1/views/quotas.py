"""How quotas are shown."""

from typing import Any

from caas.api.v1.views.common import vcpus
from caas.model.quotas import IMAGE_BYTES, Quota, Usage

_SHOWN = {"millicpus": "vcpus", IMAGE_BYTES: "images_mb"}


def quota(item: Quota) -> dict[str, Any]:
    return {
        "project_id": item.project_id,
        "resources": {
            _SHOWN.get(name, name): _usage(name, usage)
            for name, usage in item.resources.items()
        },
    }


def _usage(name: str, usage: Usage) -> dict[str, Any]:
    if name == "millicpus":
        limit = usage.limit if usage.limit < 0 else vcpus(usage.limit)
        return {"limit": limit, "used": vcpus(usage.used)}
    if name == IMAGE_BYTES:
        limit = usage.limit if usage.limit < 0 else usage.limit >> 20
        return {"limit": limit, "used": round(usage.used / (1 << 20), 1)}
    return {"limit": usage.limit, "used": usage.used}
