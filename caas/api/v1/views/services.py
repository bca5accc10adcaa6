"""How services are shown."""

import datetime
from typing import Any

from caas.api.v1.views.common import optional_time
from caas.model.services import Service


def service(
    item: Service, now: datetime.datetime, timeout: float
) -> dict[str, Any]:
    """:param timeout: seconds of silence after which it is down."""
    return {
        "binary": item.binary,
        "host": item.host,
        "status": item.status(now, timeout).value,
        "last_seen": optional_time(item.last_seen),
        "version": item.version,
    }
