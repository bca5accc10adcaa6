"""Who asks, by what keystonemiddleware says of a request."""

import json
from wsgiref.types import WSGIEnvironment

from caas.context import RequestContext
from caas.policy import Policy


def known(environ: WSGIEnvironment) -> bool:
    """Whether a valid token came; the decision about that is left to us."""
    return bool(environ.get("HTTP_X_IDENTITY_STATUS") == "Confirmed")


def context(environ: WSGIEnvironment, policy: Policy) -> RequestContext:
    catalog = environ.get("HTTP_X_SERVICE_CATALOG")
    ctx: RequestContext = RequestContext.from_environ(
        environ, service_catalog=json.loads(catalog) if catalog else None
    )
    ctx.over_locks = lambda: policy.allows(
        ctx, "caas:sets:lock:override", {"project_id": ctx.project_id}
    )
    ctx.all_flavors = lambda: policy.allows(
        ctx, "caas:flavors:list:private", {"project_id": ctx.project_id}
    )
    return ctx
