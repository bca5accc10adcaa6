"""How sessions are shown."""

import datetime
from typing import Any

from caas.api.v1.views import common
from caas.model.sessions import Session


def session(item: Session, url: str, now: datetime.datetime) -> dict[str, Any]:
    return {
        "id": item.id,
        "status": item.status(now).value,
        "verb": item.verb.value,
        "set_id": item.set_id,
        "set_name": item.set_name,
        "container_id": item.container_id,
        "container": item.container,
        "arguments": item.shown,
        "reason": item.reason,
        "recorded": item.recorded,
        "user_id": item.user_id,
        "project_id": item.project_id,
        "request_id": item.request_id,
        "client": item.client,
        "created_at": common.time(item.created_at),
        "expires_at": common.time(item.expires_at),
        "started_at": common.optional_time(item.started_at),
        "ended_at": common.optional_time(item.ended_at),
        "result": item.result,
        "message": item.message,
        "exit_code": item.exit_code,
        "links": common.links(url, f"/v1/sessions/{item.id}"),
    }
