"""Actions of servers: each is a verb of sets."""

from typing import Any, Literal, NoReturn

from caas import exception
from caas.api.compute import servers, wanted
from caas.api.compute.expected import expect, wrong_state
from caas.api.compute.operation import Answer, Call, action
from caas.api.compute.schemas import servers as schemas
from caas.core import changes, inputs, recycling, sets
from caas.model.containers import Container
from caas.model.inputs import Inputs
from caas.model.keypairs import Keypair
from caas.model.sets import Set
from caas.model.states import Frozen, SetStatus

_SERVER = servers.SERVER


@action(_SERVER, "os-start", policy="caas:sets:start", load=servers.load)
def start(call: Call) -> None:
    """Start a server."""
    item = expect(call, "start", SetStatus.SHUTOFF)
    sets.start(call.deps, call.ctx, item)


@action(_SERVER, "os-stop", policy="caas:sets:stop", load=servers.load)
def stop(call: Call) -> None:
    """Stop a server."""
    item = expect(call, "stop", SetStatus.ACTIVE, SetStatus.ERROR)
    sets.stop(call.deps, call.ctx, item)


@action(
    _SERVER,
    "reboot",
    policy="caas:sets:restart",
    load=servers.load,
    body=schemas.REBOOT,
)
def reboot(call: Call) -> None:
    """Restart the containers of a server; HARD without grace."""
    hard = call.body["reboot"]["type"].upper() == "HARD"
    allowed = [SetStatus.ACTIVE]
    if hard:
        allowed += [
            SetStatus.SHUTOFF,
            SetStatus.PAUSED,
            SetStatus.SUSPENDED,
            SetStatus.ERROR,
            SetStatus.RESTARTING,
        ]
    item = expect(call, "reboot", *allowed)
    if item.status in (SetStatus.SHUTOFF, SetStatus.ERROR):
        sets.start(call.deps, call.ctx, item)
    else:
        sets.restart(call.deps, call.ctx, item, 0 if hard else None)


@action(_SERVER, "pause", policy="caas:sets:pause", load=servers.load)
def pause(call: Call) -> None:
    """Freeze a server."""
    item = expect(call, "pause", SetStatus.ACTIVE)
    sets.freeze(call.deps, call.ctx, item, Frozen.PAUSED)


@action(_SERVER, "unpause", policy="caas:sets:pause", load=servers.load)
def unpause(call: Call) -> None:
    """Have a paused server go on."""
    item = expect(call, "unpause", SetStatus.PAUSED)
    sets.thaw(call.deps, call.ctx, item, Frozen.PAUSED)


@action(_SERVER, "suspend", policy="caas:sets:pause", load=servers.load)
def suspend(call: Call) -> None:
    """Freeze a server; its memory stays used."""
    item = expect(call, "suspend", SetStatus.ACTIVE)
    sets.freeze(call.deps, call.ctx, item, Frozen.SUSPENDED)


@action(_SERVER, "resume", policy="caas:sets:pause", load=servers.load)
def resume(call: Call) -> None:
    """Have a suspended server go on."""
    item = expect(call, "resume", SetStatus.SUSPENDED)
    sets.thaw(call.deps, call.ctx, item, Frozen.SUSPENDED)


@action(
    _SERVER,
    "lock",
    policy="caas:sets:lock",
    load=servers.load,
    versions=("2.1", "2.72"),
)
@action(
    _SERVER,
    "lock",
    policy="caas:sets:lock",
    load=servers.load,
    body=schemas.LOCK,
    versions=("2.73", None),
)
def lock(call: Call) -> None:
    """Have only operators change a server."""
    reason = ""
    if call.at_least(73):
        reason = (call.body["lock"] or {}).get("locked_reason") or ""
    sets.lock(call.deps, call.ctx, call.target, reason)


@action(_SERVER, "unlock", policy="caas:sets:lock", load=servers.load)
def unlock(call: Call) -> None:
    """Let it be changed again."""
    sets.unlock(call.deps, call.ctx, call.target)


@action(
    _SERVER,
    "resize",
    policy="caas:sets:resize",
    load=servers.load,
    body=schemas.RESIZE,
)
def resize(call: Call) -> None:
    """Give a server another flavor, while it runs."""
    item = expect(call, "resize", SetStatus.ACTIVE, SetStatus.SHUTOFF)
    flavor = str(call.body["resize"]["flavorRef"])
    try:
        found = changes.resize(call.deps, call.ctx, item, flavor, hold=True)
    except exception.BadRequest as error:
        raise exception.BadRequest(servers.words(error, flavor)) from None
    if found.revision == item.revision:
        raise exception.BadRequest(
            "When resizing, instances must change flavor!"
        )


@action(
    _SERVER,
    "confirmResize",
    policy="caas:sets:resize",
    load=servers.load,
    status=204,
)
def confirm_resize(call: Call) -> None:
    """Let a resize be."""
    item = expect(call, "confirmResize", SetStatus.VERIFY_RESIZE)
    changes.confirm(call.deps, call.ctx, item)


@action(_SERVER, "revertResize", policy="caas:sets:resize", load=servers.load)
def revert_resize(call: Call) -> None:
    """Give a server back the flavor it had."""
    item = expect(call, "revertResize", SetStatus.VERIFY_RESIZE)
    changes.revert_resize(call.deps, call.ctx, item)


@action(
    _SERVER,
    "rebuild",
    policy="caas:sets:update_containers",
    load=servers.load,
    body=schemas.REBUILD,
)
def rebuild(call: Call) -> Answer:
    """Make its first container from another image; the others go on."""
    item = expect(
        call,
        "rebuild",
        SetStatus.ACTIVE,
        SetStatus.SHUTOFF,
        SetStatus.ERROR,
    )
    asked = call.body["rebuild"]
    first = next(each for each in item.containers if each.spec is not None)
    try:
        found = changes.rebuild(
            call.deps,
            call.ctx,
            item,
            first.id,
            asked["imageRef"],
            env=_env(item, first, asked.get("metadata")),
            handed=_handed(call, item, asked),
        )
    except exception.BadRequest as error:
        raise exception.BadRequest(servers.words(error, "")) from None
    values = wanted.words(asked)
    if "metadata" in asked:
        values["metadata"] = asked["metadata"]
    if values:
        found = sets.update(call.deps, call.ctx, found, values)
    view = servers.changed(call, found)
    # what else a rebuild may give a server since then, by its own names
    view.pop("OS-EXT-SRV-ATTR:user_data", None)
    if call.at_least(54):
        view["key_name"] = found.key_name or None
    if call.at_least(57):
        told = inputs.user_data(call.deps, [item.id])
        view["user_data"] = told.get(item.id)
    location = f"{call.url}/servers/{item.id}"
    return Answer({"server": view}, headers={"Location": location})


def _env(
    item: Set, first: Container, metadata: dict[str, str] | None
) -> dict[str, str] | None:
    """Its variables, with those of new metadata instead of the old ones'."""
    if metadata is None or first.spec is None:
        return None
    old = wanted.env_of(item.metadata)
    kept = {
        name: value
        for name, value in first.spec.env.items()
        if old.get(name) != value
    }
    return kept | wanted.env_of(metadata)


def _handed(
    call: Call, item: Set, asked: dict[str, Any]
) -> changes.Handed | None:
    """What a rebuild hands in anew."""
    given = wanted.handed(asked)
    found: Inputs | None = None
    key: Keypair | Literal[False] | None = None
    if given:
        found = inputs.from_body(given, inputs.get(call.deps, item))
    if "key_name" in asked:
        key = inputs.key(call.deps, call.ctx, asked["key_name"]) or False
    if found is None and key is None:
        return None
    return changes.Handed(found, key)


@action(
    _SERVER,
    "changePassword",
    policy="caas:sets:update",
    load=servers.load,
    body=schemas.CHANGE_PASSWORD,
)
def change_password(call: Call) -> NoReturn:
    """Refused: there is none to change."""
    raise exception.Conflict(
        "changePassword is not supported for container sets: containers have "
        "no password."
    )


@action(
    _SERVER,
    "forceDelete",
    policy="caas:sets:delete",
    load=servers.load,
)
def force_delete(call: Call) -> None:
    """Delete it for good, whatever it is at."""
    sets.delete(call.deps, call.ctx, call.target)


@action(_SERVER, "restore", policy="caas:sets:restore", load=servers.load)
def restore(call: Call) -> None:
    """Have back what was deleted and is in the recycle bin."""
    item = call.target
    if item.status != SetStatus.SOFT_DELETED:
        raise wrong_state(item, "restore")
    recycling.restore(call.deps, call.ctx, item)


@action(
    _SERVER,
    "os-resetState",
    policy="caas:sets:reset_state",
    load=servers.load,
    body=schemas.RESET_STATE,
)
def reset_state(call: Call) -> None:
    """Say that it is broken, or no longer."""
    broken = call.body["os-resetState"]["state"] == "error"
    sets.reset_state(call.deps, call.ctx, call.target, broken)
