"""Agents and conductors, by the names Nova has for such."""

from typing import Any

from caas import exception
from caas.api.compute.hosts import check_uuid, every, viewer
from caas.api.compute.operation import Answer, Call, Part, route
from caas.api.compute.schemas import common
from caas.api.compute.schemas.common import boolean
from caas.api.compute.views import hosts as views
from caas.core import hosts
from caas.core import services as core
from caas.model.hosts import Host

_SERVICE = "/os-services/{service_id}"
_REASON = {"type": "string", "minLength": 1, "maxLength": 255}
_NAME = {"type": "string", "minLength": 1, "maxLength": 255}

_UPDATE = common.obj(
    {
        "status": {"enum": ["enabled", "disabled"]},
        "disabled_reason": _REASON,
        "forced_down": common.BOOLEAN,
    }
)
#: As it was when the path named what to do, and the body to what.
_OLD = common.obj(
    {
        "host": _NAME,
        "binary": _NAME,
        "disabled_reason": _REASON,
        "forced_down": Part(common.BOOLEAN, since=11),
    },
    ["host", "binary"],
)


@route(
    "GET",
    "/os-services",
    policy="caas:services:list",
    query={"binary", "host"},
)
def list_(call: Call) -> dict[str, Any]:
    """List them."""
    view = viewer(call)
    found = [view.agent(each) for each in every(call)]
    found += views.services(call)
    for key in ("binary", "host"):
        wanted = call.one(key)
        if wanted:
            found = [each for each in found if each[key] == wanted]
    return {"services": found}


def _only_agents(binary: str) -> exception.BadRequest:
    return exception.BadRequest(
        f"Updating a {binary} service is not supported. Only {views.AGENT} "
        "services can be updated."
    )


@route(
    "PUT",
    _SERVICE,
    policy="caas:hosts:disable",
    body=_OLD,
    versions=("2.1", "2.52"),
)
def update_by_name(call: Call) -> dict[str, Any]:
    """Let a host take new servers, or no more; or have it count as down."""
    what, asked = call.args["service_id"], call.body
    known = ["enable", "disable", "disable-log-reason"]
    if call.at_least(11):
        known.append("force-down")
    if what not in known:
        raise exception.NotFound("Unknown action")
    if what == "disable-log-reason" and "disabled_reason" not in asked:
        raise exception.BadRequest("Missing disabled reason field")
    if what == "force-down" and "forced_down" not in asked:
        raise exception.BadRequest("Missing forced_down field")
    name, binary = asked["host"], asked["binary"]
    if binary != views.AGENT:
        raise _only_agents(binary)
    item = next((each for each in every(call) if each.name == name), None)
    if item is None:
        raise exception.NotFound(
            f"Could not find binary {binary} on host {name}."
        )
    said: dict[str, Any] = {"host": name, "binary": binary}
    if what == "force-down":
        down = boolean(asked["forced_down"])
        hosts.force_down(call.deps, call.ctx, item.id, down)
        return {"service": {**said, "forced_down": down}}
    if what == "enable":
        hosts.enable(call.deps, call.ctx, item.id)
        return {"service": {**said, "status": "enabled"}}
    reason = asked["disabled_reason"] if what != "disable" else None
    hosts.disable(call.deps, call.ctx, item.id, reason)
    said["status"] = "disabled"
    return {"service": {**said, "disabled_reason": reason} if reason else said}


@route(
    "PUT",
    _SERVICE,
    policy="caas:hosts:disable",
    body=_UPDATE,
    versions=("2.53", None),
)
def update(call: Call) -> dict[str, Any]:
    """Let a host take new servers, or no more; or have it count as down."""
    item = _find(call)
    if isinstance(item, str):
        raise _only_agents(item)
    asked = call.body
    status, reason = asked.get("status"), asked.get("disabled_reason")
    if status == "enabled" and reason:
        raise exception.BadRequest(
            "Specifying 'disabled_reason' with status 'enabled' is invalid."
        )
    if status is None and "forced_down" not in asked:
        raise exception.BadRequest(
            "No updates were requested. Fields 'status' or 'forced_down' "
            "should be specified."
        )
    if status == "enabled":
        hosts.enable(call.deps, call.ctx, item.id)
    elif status == "disabled":
        hosts.disable(call.deps, call.ctx, item.id, reason)
    if "forced_down" in asked:
        down = boolean(asked["forced_down"])
        hosts.force_down(call.deps, call.ctx, item.id, down)
    after = hosts.get(call.deps, call.ctx, item.id)
    return {"service": viewer(call).agent(after)}


def _find(call: Call) -> Host | str:
    """:returns: a host by its agent, or the binary of another service."""
    name = call.args["service_id"]
    if call.at_least(53):
        check_uuid(name)
    elif not (name.isascii() and name.isdigit()):
        raise exception.BadRequest(
            "Invalid input received: id must be an integer"
        )
    for each in every(call):
        if str(views.ident(each, call.version.minor)) == name:
            return each
    for other in views.services(call):
        if str(other["id"]) == name:
            return str(other["binary"])
    raise exception.NotFound(f"Service {name[:100]} could not be found.")


@route("DELETE", _SERVICE, policy="caas:hosts:delete", status=204)
def delete(call: Call) -> Answer:
    """Forget a host that is gone for good, or a conductor."""
    item = _find(call)
    if not isinstance(item, str):
        if item.used_sets or any(
            hosts.sets_on(call.deps, call.ctx, [item.id]).values()
        ):
            raise exception.Conflict(
                "Unable to delete compute service that is hosting instances. "
                "Migrate or delete the instances first."
            )
        hosts.delete(call.deps, call.ctx, item.id)
        return Answer(None)
    found = next(
        each
        for each in views.services(call)
        if str(each["id"]) == call.args["service_id"]
    )
    core.forget(
        call.deps, call.ctx, views.own_binary(item), str(found["host"])
    )
    return Answer(None)
