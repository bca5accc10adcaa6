"""How jobs are shown."""

from typing import Any

from caas.api.v1.views import common
from caas.model.jobs import Job


def job(item: Job, url: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind.value,
        "status": item.state.name,
        "progress": item.progress,
        "reason": item.reason,
        "arguments": item.arguments,
        "set_id": item.set_id or None,
        "container_id": item.container_id or None,
        "image_id": item.image_id or None,
        "user_id": item.user_id,
        "project_id": item.project_id,
        "request_id": item.request_id,
        "created_at": common.time(item.created_at),
        "updated_at": common.time(item.updated_at),
        "ended_at": common.optional_time(item.ended_at),
        "expires_at": common.time(item.deadline),
        "links": common.links(url, f"/v1/jobs/{item.id}"),
    }
