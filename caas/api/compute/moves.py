"""Servers that go to other hosts."""

from typing import Any, NoReturn

from caas import exception
from caas.api.compute import servers
from caas.api.compute.expected import expect, wrong_state
from caas.api.compute.operation import Answer, Call, action
from caas.api.compute.schemas import servers as schemas
from caas.core import moves, sets
from caas.model.sets import Set
from caas.model.states import SetStatus


@action(
    servers.SERVER,
    "migrate",
    policy="caas:sets:migrate",
    load=servers.load,
    versions=("2.1", "2.55"),
)
@action(
    servers.SERVER,
    "migrate",
    policy="caas:sets:migrate",
    load=servers.load,
    body=schemas.MIGRATE,
    versions=("2.56", None),
)
def migrate(call: Call) -> None:
    """Stop a server and have it go on on another host."""
    item = expect(call, "migrate", *moves.MOVABLE)
    asked = call.body["migrate"] if call.at_least(56) else None
    host = (asked or {}).get("host") or ""
    _check_host(item, host)
    moves.migrate(call.deps, call.ctx, item, host)


@action(
    servers.SERVER,
    "os-migrateLive",
    policy="caas:sets:migrate",
    load=servers.load,
    body=schemas.MIGRATE_LIVE,
)
def migrate_live(call: Call) -> NoReturn:
    """Processes do not go to another host."""
    expect(call, "os-migrateLive", SetStatus.ACTIVE, SetStatus.PAUSED)
    raise exception.BadRequest(
        "Live migration is not supported for container sets: processes are "
        "not carried to another host; use migrate, which stops the server."
    )


@action(
    servers.SERVER,
    "evacuate",
    policy="caas:sets:evacuate",
    load=servers.load,
    body=schemas.EVACUATE,
    status=200,
)
def evacuate(call: Call) -> Answer:
    """Have a server go on elsewhere, as its host is down."""
    item: Set = call.target
    sets.check_unlocked(call.ctx, item)
    asked: dict[str, Any] = call.body["evacuate"]
    host = asked.get("host") or ""
    if not call.at_least(68) and asked.get("force") and not host:
        raise exception.BadRequest("Can't force to a non-provided destination")
    _check_host(item, host)
    if item.status not in moves.EVACUABLE or item.host_id is None:
        raise wrong_state(item, "evacuate")
    moves.evacuate(call.deps, call.ctx, item, host, stopped=call.at_least(95))
    return Answer(None if call.at_least(14) else {})


def _check_host(item: Set, host: str) -> None:
    """In Nova's words."""
    if host and host == item.host_name:
        raise exception.BadRequest("The target host can't be the same one.")
