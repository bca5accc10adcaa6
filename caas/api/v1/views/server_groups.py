"""How server groups are shown."""

from typing import Any

from caas.api.v1.views import common
from caas.model.server_groups import ServerGroup


def server_group(item: ServerGroup, url: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "policy": item.policy.value,
        "max_per_host": item.max_per_host,
        "members": list(item.members),
        "project_id": item.project_id,
        "user_id": item.user_id,
        "created_at": common.time(item.created_at),
        "links": common.links(url, f"/v1/server-groups/{item.id}"),
    }
