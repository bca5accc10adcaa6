"""How namespaces are shown."""

from typing import Any

from caas.api.v1.views import common
from caas.model.images import Namespace, Role


def namespace(item: Namespace, url: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "public": item.public,
        "project_id": item.project_id,
        "created_at": common.time(item.created_at),
        "links": common.links(url, f"/v1/namespaces/{item.name}"),
    }


def member(project_id: str, role: Role) -> dict[str, Any]:
    return {"project_id": project_id, "role": role.value}
