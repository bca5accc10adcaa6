"""Services: the processes of caas, for operators."""

from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import services as schemas
from caas.api.v1.views import services as views
from caas.core import services
from caas.store.engine import utcnow


@operation(
    "GET",
    "/v1/services",
    policy="caas:services:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List the processes of caas."""
    now = utcnow()
    timeout = call.deps.heartbeat_timeout
    items = services.list_(call.deps, call.ctx)
    shown = [views.service(item, now, timeout) for item in items]
    return {"services": lists.cut(call, shown)}
