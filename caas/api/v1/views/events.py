"""How events are shown."""

from typing import Any

from caas.api.v1.views.common import time
from caas.model.events import Event


def event(item: Event, *, host: bool) -> dict[str, Any]:
    """:param host: also where it happened."""
    view = {
        "id": item.id,
        "at": time(item.at),
        "object_type": item.object_type,
        "object_id": item.object_id,
        "container": item.container,
        "container_id": item.container_id,
        "action": item.action,
        "result": item.result,
        "reason": item.reason,
        "user_id": item.user_id,
        "request_id": item.request_id,
        "project_id": item.project_id,
        "details": item.details,
    }
    if host:
        view["host"] = item.host
    return view
