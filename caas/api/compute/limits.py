"""Limits and quotas: the same rows as in /v1/quotas."""

import dataclasses
from typing import Any

from caas import exception
from caas.api.compute.operation import Answer, Call, route
from caas.api.compute.schemas import common
from caas.api.compute.schemas.common import boolean, integer
from caas.api.compute.words import QUOTAS
from caas.core import quotas
from caas.core.sets import MAX_METADATA
from caas.model import inputs
from caas.model.quotas import Quota, Usage

_SETS = "/os-quota-sets/{quota_project}"
#: What Nova limits and we do not, and up to which microversion it says so.
_NO_LIMIT = {
    "fixed_ips": 35,
    "floating_ips": 35,
    "security_groups": 35,
    "security_group_rules": 35,
    "networks": 0,
}
_PERSONALITY = {
    "injected_files": inputs.MAX_FILES,
    "injected_file_content_bytes": inputs.MAX_FILE,
    "injected_file_path_bytes": inputs.MAX_PATH,
}

LIMIT = common.count(-1, 2147483647)
_UPDATE = common.request(
    "quota_set",
    common.obj(
        {
            **dict.fromkeys(
                (*QUOTAS, *_NO_LIMIT, *_PERSONALITY, "metadata_items"), LIMIT
            ),
            "key_pairs": LIMIT,
            "force": common.BOOLEAN,
            "tenant_id": {},
        }
    ),
)


@dataclasses.dataclass(frozen=True)
class Project:
    project_id: str


def load(call: Call, project_id: str | None) -> Project:
    ident = call.args["quota_project"]
    if len(ident) > 64 or project_id not in (None, ident):
        raise exception.NotFound(
            "There is no such project, or it is not the one of your token."
        )
    if call.one("user_id"):
        raise exception.BadRequest(
            "Quotas of users are not supported for container sets; there are "
            "those of projects."
        )
    return Project(ident)


def named(call: Call, quota: Quota) -> dict[str, Usage]:
    """By Nova's names."""
    found = {
        name: Usage(
            _part(quota.resources[own].limit, size),
            -(-quota.resources[own].used // size),
        )
        for name, (own, size) in QUOTAS.items()
    }
    minor = call.version.minor
    found["key_pairs"] = Usage(call.deps.keypairs_limit, 0)
    found["metadata_items"] = Usage(MAX_METADATA, 0)
    if minor < 57:
        found |= {name: Usage(n, 0) for name, n in _PERSONALITY.items()}
    found |= {
        name: Usage(-1, 0) for name, last in _NO_LIMIT.items() if minor <= last
    }
    return found


def _part(limit: int, size: int) -> int:
    return limit if limit < 0 else limit // size


def _view(
    call: Call, project_id: str, *, ident: bool = True
) -> dict[str, Any]:
    quota = quotas.get(call.deps, call.ctx, project_id)
    view: dict[str, Any] = {
        name: usage.limit for name, usage in named(call, quota).items()
    }
    return {"id": project_id, **view} if ident else view


@route("GET", _SETS, policy="caas:quotas:get", load=load)
def get(call: Call) -> dict[str, Any]:
    """Show the limits of a project."""
    return {"quota_set": _view(call, call.target.project_id)}


@route("GET", f"{_SETS}/detail", policy="caas:quotas:get", load=load)
def detail(call: Call) -> dict[str, Any]:
    """Show limits and use of a project."""
    project_id = call.target.project_id
    quota = quotas.get(call.deps, call.ctx, project_id)
    view: dict[str, Any] = {
        name: {"limit": usage.limit, "in_use": usage.used, "reserved": 0}
        for name, usage in named(call, quota).items()
    }
    return {"quota_set": {"id": project_id, **view}}


@route("GET", f"{_SETS}/defaults", policy="caas:quotas:get", load=load)
def defaults(call: Call) -> dict[str, Any]:
    """Show the limits of projects that have none of their own."""
    project_id = call.target.project_id
    quota = Quota(
        project_id,
        {
            r: Usage(n, 0)
            for r, n in quotas.common(call.deps, call.ctx).items()
        },
    )
    view: dict[str, Any] = {
        name: usage.limit for name, usage in named(call, quota).items()
    }
    return {"quota_set": {"id": project_id, **view}}


def own_limits(asked: dict[str, Any]) -> dict[str, int]:
    """By our names.

    :raises BadRequest: there are some that we do not limit.
    """
    other = sorted(set(asked) - set(QUOTAS) - {"force", "tenant_id"})
    if other:
        raise exception.BadRequest(
            f"Quotas of {', '.join(other)} are not supported for container "
            f"sets; there are those of {', '.join(QUOTAS)}."
        )
    wanted = {}
    for name, (own, size) in QUOTAS.items():
        if name in asked:
            value = integer(asked[name])
            wanted[own] = value if value < 0 else value * size
    return wanted


def _check_used(call: Call, asked: dict[str, Any]) -> None:
    """:raises BadRequest: more is used already; who means it, forces it."""
    quota = quotas.get(call.deps, call.ctx, call.target.project_id)
    found = named(call, quota)
    for name in QUOTAS:
        limit = integer(asked.get(name, -1))
        used = found[name].used
        if 0 <= limit < used:
            raise exception.BadRequest(
                f"Quota limit {limit} for {name} must be greater than or "
                f"equal to already used and reserved {used}."
            )


@route("PUT", _SETS, policy="caas:quotas:update", load=load, body=_UPDATE)
def update(call: Call) -> dict[str, Any]:
    """Set limits of a project."""
    asked = call.body["quota_set"]
    wanted = own_limits(asked)
    if not boolean(asked.get("force", False)):
        _check_used(call, asked)
    quotas.set_(call.deps, call.ctx, call.target.project_id, wanted)
    return {"quota_set": _view(call, call.target.project_id, ident=False)}


@route("DELETE", _SETS, policy="caas:quotas:reset", load=load, status=202)
def reset(call: Call) -> Answer:
    """Put them back to the defaults."""
    quotas.reset(call.deps, call.ctx, call.target.project_id)
    return Answer(None)


@route("GET", "/limits", policy="caas:quotas:get")
def limits(call: Call) -> dict[str, Any]:
    """Show limits and use of the own project."""
    project_id = call.ctx.project_scope
    asked = call.one("tenant_id")
    if asked and asked != project_id:
        if not call.allows("caas:quotas:get", Project(asked)):
            raise exception.Forbidden(
                "Policy doesn't allow caas:quotas:get to be performed."
            )
        project_id = asked
    quota = quotas.get(call.deps, call.ctx, project_id)
    found = named(call, quota)
    absolute = {
        "maxTotalInstances": found["instances"].limit,
        "totalInstancesUsed": found["instances"].used,
        "maxTotalCores": found["cores"].limit,
        "totalCoresUsed": found["cores"].used,
        "maxTotalRAMSize": found["ram"].limit,
        "totalRAMUsed": found["ram"].used,
        "maxTotalKeypairs": call.deps.keypairs_limit,
        "maxServerMeta": MAX_METADATA,
        "maxServerGroups": found["server_groups"].limit,
        "maxServerGroupMembers": found["server_group_members"].limit,
        "totalServerGroupsUsed": found["server_groups"].used,
    }
    if not call.at_least(39):
        absolute["maxImageMeta"] = MAX_METADATA
    if not call.at_least(36):
        absolute |= {
            "maxTotalFloatingIps": -1,
            "totalFloatingIpsUsed": 0,
            "maxSecurityGroups": -1,
            "totalSecurityGroupsUsed": 0,
            "maxSecurityGroupRules": -1,
        }
    if not call.at_least(57):
        absolute |= {
            "maxPersonality": _PERSONALITY["injected_files"],
            "maxPersonalitySize": _PERSONALITY["injected_file_content_bytes"],
        }
    return {"limits": {"rate": [], "absolute": absolute}}
