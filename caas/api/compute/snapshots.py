"""Images made of servers."""

from typing import Any

from caas import exception
from caas.api.compute import servers
from caas.api.compute.expected import expect
from caas.api.compute.operation import Answer, Call, action
from caas.api.compute.schemas import servers as schemas
from caas.api.compute.schemas.common import integer
from caas.core import snapshots
from caas.model.states import SetStatus

#: In which there is something to make an image of.
_ALLOWED = (
    *(SetStatus.ACTIVE, SetStatus.SHUTOFF),
    *(SetStatus.PAUSED, SetStatus.SUSPENDED),
)


@action(
    servers.SERVER,
    "createImage",
    policy="caas:containers:commit",
    load=servers.load,
    body=schemas.CREATE_IMAGE,
)
def create_image(call: Call) -> Answer:
    """Make an image of its first container."""
    asked = call.body["createImage"]
    return _answer(call, _make(call, "createImage", asked, None))


@action(
    servers.SERVER,
    "createBackup",
    policy="caas:containers:commit",
    load=servers.load,
    body=schemas.CREATE_BACKUP,
)
def create_backup(call: Call) -> Answer:
    """The same, and of its images of one kind keep the latest only."""
    asked = call.body["createBackup"]
    backup = snapshots.Backup(asked["backup_type"], integer(asked["rotation"]))
    return _answer(call, _make(call, "createBackup", asked, backup))


def _make(
    call: Call,
    verb: str,
    asked: dict[str, Any],
    backup: snapshots.Backup | None,
) -> str:
    item = expect(call, verb, *_ALLOWED, changes=False)
    try:
        return snapshots.snapshot(
            call.deps,
            call.ctx,
            item,
            asked["name"],
            asked.get("metadata") or {},
            backup,
        )
    except exception.NameUnknown as error:
        raise exception.BadRequest(error.message) from None


def _answer(call: Call, image_id: str) -> Answer:
    if call.at_least(45):
        return Answer({"image_id": image_id})
    location = f"{call.url}/images/{image_id}"
    return Answer(None, headers={"Location": location})
