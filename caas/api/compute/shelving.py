"""Servers that are put away for a while."""

from typing import NoReturn

from caas import exception
from caas.api.compute import servers
from caas.api.compute.expected import expect, wrong_state
from caas.api.compute.operation import Call, action
from caas.api.compute.schemas import servers as schemas
from caas.core import sets, shelving
from caas.model.sets import Set
from caas.model.states import SetStatus, Shelved

_POLICY = "caas:sets:shelve"


@action(servers.SERVER, "shelve", policy=_POLICY, load=servers.load)
def shelve(call: Call) -> None:
    """Stop a server and give its CPUs and memory to others."""
    item = expect(call, "shelve", *shelving.SHELVABLE)
    shelving.shelve(call.deps, call.ctx, item)


@action(servers.SERVER, "shelveOffload", policy=_POLICY, load=servers.load)
def offload(call: Call) -> NoReturn:
    """Of a server that is shelved everything is given up already."""
    sets.check_unlocked(call.ctx, call.target)
    raise wrong_state(call.target, "shelve_offload")


@action(
    servers.SERVER,
    "unshelve",
    policy=_POLICY,
    load=servers.load,
    versions=("2.1", "2.76"),
)
@action(
    servers.SERVER,
    "unshelve",
    policy=_POLICY,
    load=servers.load,
    body=schemas.UNSHELVE,
    versions=("2.77", "2.90"),
)
@action(
    servers.SERVER,
    "unshelve",
    policy=_POLICY,
    load=servers.load,
    body=schemas.UNSHELVE_TO,
    versions=("2.91", None),
)
def unshelve(call: Call) -> None:
    """Have it run again, where it was."""
    item: Set = call.target
    sets.check_unlocked(call.ctx, item)
    if (
        item.status != SetStatus.SHELVED_OFFLOADED
        or item.shelved != Shelved.AWAY
    ):
        raise wrong_state(item, "unshelve")
    asked = call.body["unshelve"] if call.at_least(77) else None
    _check_place(item, asked or {})
    shelving.unshelve(call.deps, call.ctx, item)


def _check_place(item: Set, asked: dict[str, str | None]) -> None:
    """:raises BadRequest: it is to return to somewhere else."""
    zone, host = asked.get("availability_zone"), asked.get("host")
    if zone in (None, item.host_zone) and host in (None, item.host_name):
        return
    raise exception.BadRequest(
        "To unshelve to another host or zone is not supported for container "
        "sets: the volume, and what the containers have written, stay on "
        "their host."
    )
