"""Image policies: what projects and the cloud demand of images."""

import dataclasses
import datetime
from typing import Any

from caas import exception
from caas.api.operation import Call, operation
from caas.api.v1.schemas import image_policies as schemas
from caas.api.v1.views import common
from caas.core import image_policies, images
from caas.model import signatures
from caas.model.image_policies import CLOUD, Both, Level, Policy

#: How paths call the policy of the cloud.
_CLOUD = "cloud"


@dataclasses.dataclass(frozen=True)
class _Project:
    """:ivar project_id: nobody has a role in that of the cloud."""

    project_id: str


def _load(call: Call, project_id: str | None) -> _Project:
    named = call.args["project_id"]
    if len(named) > 64 or project_id not in (None, named):
        raise exception.NotFound(
            "There is no such project, or it is not the one of your token."
        )
    return _Project(CLOUD if named == _CLOUD else named)


def _asked(body: dict[str, Any]) -> Policy:
    """:raises BadRequest: a key is none."""
    asked = Policy.from_dict(body)
    for key in asked.keys:
        signatures.parse_key(key)
    return asked


def _one(
    call: Call, item: Policy, updated_at: datetime.datetime | None
) -> dict[str, Any]:
    project_id = call.target.project_id
    cloud, _ = image_policies.get(call.deps, CLOUD)
    return {
        "image_policy": {
            "project_id": project_id or _CLOUD,
            **item.to_dict(),
            "updated_at": common.optional_time(updated_at),
            "cloud": cloud.to_dict(),
        }
    }


@operation(
    "GET",
    "/v1/image-policies/{project_id}",
    policy="caas:image_policies:get",
    load=_load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show what a project demands of images, and the cloud besides.

    In place of the id of a project, `cloud` stands for what the cloud demands
    of all; that is for operators.
    """
    found, since = image_policies.get(call.deps, call.target.project_id)
    return _one(call, found, since)


@operation(
    "PUT",
    "/v1/image-policies/{project_id}",
    policy="caas:image_policies:update",
    load=_load,
    body=schemas.UPDATE,
    response=schemas.ONE,
)
def update(call: Call) -> dict[str, Any]:
    """Replace what a project demands of images.

    From now on images that do not satisfy it are refused: when they are
    pushed to a namespace of the project, tagged there, or uploaded as
    archives, and when sets of the project are made or changed to be made of
    them. Sets there are go on.
    """
    asked = _asked(call.body["image_policy"])
    now = image_policies.put(
        call.deps, call.ctx, call.target.project_id, asked
    )
    return _one(call, asked, now)


@operation(
    "DELETE",
    "/v1/image-policies/{project_id}",
    policy="caas:image_policies:reset",
    load=_load,
    status=204,
)
def reset(call: Call) -> None:
    """Have a project demand nothing of images any more."""
    image_policies.reset(call.deps, call.ctx, call.target.project_id)


@operation(
    "POST",
    "/v1/image-policies/{project_id}/check",
    policy="caas:image_policies:check",
    load=_load,
    body=schemas.CHECK,
    response=schemas.CHECKED,
)
def check(call: Call) -> dict[str, Any]:
    """Show what the policies have against sets of an image.

    With `image_policy`, as if the project demanded that.
    """
    body = call.body["check"]
    project_id = call.target.project_id
    asked = body.get("image_policy")
    policies: Both = image_policies.both(
        call.deps,
        project_id,
        None if asked is None else _asked(asked),
    )
    found = images.check(
        call.deps, call.ctx, body["image"], project_id, policies
    )
    return {
        "check": {
            "image": found.name,
            "digest": found.digest,
            "allowed": all(f.level != Level.REFUSE for f in found.findings),
            "findings": [dataclasses.asdict(f) for f in found.findings],
        }
    }
