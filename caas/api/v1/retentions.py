"""Retention: which images of a namespace are removed by themselves."""

from typing import Any

from caas import exception
from caas.api.operation import Call, operation
from caas.api.v1.namespaces import load
from caas.api.v1.schemas import retentions as schemas
from caas.api.v1.views import common
from caas.core import retentions
from caas.model.retention import Retention


def _asked(call: Call) -> Retention:
    body = call.body["retention"]
    for number, rule in enumerate(body["rules"], 1):
        if not rule.get("keep_last") and not rule.get("older_than_days"):
            raise exception.BadRequest(
                f"Rule {number} would remove everything it is about; it needs "
                "keep_last or older_than_days."
            )
    return Retention.from_dict(body)


@operation(
    "GET",
    "/v1/namespaces/{namespace}/retention",
    policy="caas:retentions:get",
    load=load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show the rules of a namespace."""
    found, updated_at = retentions.get(call.deps, call.target.namespace)
    return _one(call, found, updated_at)


@operation(
    "PUT",
    "/v1/namespaces/{namespace}/retention",
    policy="caas:retentions:update",
    load=load,
    body=schemas.UPDATE,
    response=schemas.ONE,
)
def update(call: Call) -> dict[str, Any]:
    """Replace the rules of a namespace.

    They are applied every hour: what they are about moves to the recycle bin.
    What sets use stays.
    """
    asked = _asked(call)
    now = retentions.put(call.deps, call.ctx, call.target.namespace, asked)
    return _one(call, asked, now)


def _one(call: Call, item: Retention, updated_at: Any) -> dict[str, Any]:
    return {
        "retention": {
            "namespace": call.target.namespace.name,
            **item.to_dict(),
            "updated_at": common.optional_time(updated_at),
        }
    }


@operation(
    "GET",
    "/v1/namespaces/{namespace}/retention/preview",
    policy="caas:retentions:preview",
    load=load,
    response=schemas.PREVIEW,
)
def preview(call: Call) -> dict[str, Any]:
    """Show what the rules of a namespace would remove now, and why."""
    found, _ = retentions.get(call.deps, call.target.namespace)
    return _preview(call, found)


@operation(
    "POST",
    "/v1/namespaces/{namespace}/retention/preview",
    policy="caas:retentions:preview",
    load=load,
    body=schemas.UPDATE,
    response=schemas.PREVIEW,
)
def rehearse(call: Call) -> dict[str, Any]:
    """Show what other rules would remove now, and why."""
    return _preview(call, _asked(call))


def _preview(call: Call, rules: Retention) -> dict[str, Any]:
    found = retentions.preview(call.deps, call.target.namespace, rules)
    return {
        "preview": {
            "images": [
                {
                    "id": each.image.id,
                    "name": each.image.name,
                    "digest": each.image.digest,
                    "size": each.image.size,
                    "updated_at": common.time(each.image.updated_at),
                    "reason": each.reason,
                }
                for each in found.going
            ],
            "frees": found.frees,
        }
    }
