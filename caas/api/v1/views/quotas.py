"""How quotas are shown."""

from typing import Any

from caas.api.v1.views.common import vcpus
from caas.model.quotas import Quota, Usage


def quota(item: Quota) -> dict[str, Any]:
    return {
        "project_id": item.project_id,
        "resources": {
            "vcpus" if name == "millicpus" else name: _usage(name, usage)
            for name, usage in item.resources.items()
        },
    }


def _usage(name: str, usage: Usage) -> dict[str, Any]:
    if name != "millicpus":
        return {"limit": usage.limit, "used": usage.used}
    limit = usage.limit if usage.limit < 0 else vcpus(usage.limit)
    return {"limit": limit, "used": vcpus(usage.used)}
