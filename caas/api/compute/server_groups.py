"""Server groups: sets that are to be on one host, or apart."""

from typing import Any

from caas.api.compute import lists
from caas.api.compute.operation import Call, route
from caas.api.compute.schemas import common
from caas.core import server_groups
from caas.model.query import Query
from caas.model.server_groups import Policy, ServerGroup

_ALL = "/os-server-groups"
_ONE = f"{_ALL}/{{group_id}}"

_HARD = [Policy.AFFINITY.value, Policy.ANTI_AFFINITY.value]
_POLICIES = [each.value for each in Policy]


def _create(**policy: Any) -> Any:
    optional = {"rules"}
    return common.request(
        "server_group",
        common.obj(
            {"name": common.NAME, **policy},
            ["name", *sorted(set(policy) - optional)],
        ),
    )


def _one_of(policies: list[str]) -> Any:
    return {
        "type": "array",
        "items": {"enum": policies},
        "minItems": 1,
        "maxItems": 1,
    }


_RULES = common.obj({"max_server_per_host": common.count(1, 2147483647)})


def _load(call: Call, project_id: str | None) -> ServerGroup:
    return server_groups.get(
        call.deps, call.ctx, call.args["group_id"], project_id
    )


def _view(call: Call, item: ServerGroup) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "members": list(item.members),
    }
    if call.at_least(64):
        view["policy"] = item.policy.value
        view["rules"] = (
            {}
            if item.max_per_host is None
            else {"max_server_per_host": item.max_per_host}
        )
    else:
        view["policies"] = [item.policy.value]
        view["metadata"] = {}
    if call.at_least(13):
        view["project_id"] = item.project_id
        view["user_id"] = item.user_id
    return view


@route(
    "GET",
    _ALL,
    policy="caas:server_groups:list",
    query={"all_projects", "limit", "offset"},
)
def list_(call: Call) -> dict[str, Any]:
    """List server groups, the oldest first."""
    offset = lists.offset(call)
    every = "all_projects" in call.query and call.allows(
        "caas:server_groups:list:all_projects"
    )
    query = Query(
        limit=lists.limit(call) + offset,
        sort_dir="asc",
        project_id=None if every else call.ctx.project_scope,
    )
    found = server_groups.list_(call.deps, call.ctx, query)
    return {"server_groups": [_view(call, g) for g in found[offset:]]}


@route("GET", _ONE, policy="caas:server_groups:get", load=_load)
def get(call: Call) -> dict[str, Any]:
    """Show a server group."""
    return {"server_group": _view(call, call.target)}


@route(
    "POST",
    _ALL,
    policy="caas:server_groups:create",
    body=_create(policies=_one_of(_HARD)),
    versions=("2.1", "2.14"),
)
@route(
    "POST",
    _ALL,
    policy="caas:server_groups:create",
    body=_create(policies=_one_of(_POLICIES)),
    versions=("2.15", "2.63"),
)
@route(
    "POST",
    _ALL,
    policy="caas:server_groups:create",
    body=_create(policy={"enum": _POLICIES}, rules=_RULES),
    versions=("2.64", None),
)
def create(call: Call) -> dict[str, Any]:
    """Create a server group."""
    asked = call.body["server_group"]
    policy = asked["policy"] if "policy" in asked else asked["policies"][0]
    most = (asked.get("rules") or {}).get("max_server_per_host")
    item = server_groups.create(
        call.deps,
        call.ctx,
        asked["name"],
        Policy(policy),
        None if most is None else common.integer(most),
    )
    return {"server_group": _view(call, item)}


@route(
    "DELETE", _ONE, policy="caas:server_groups:delete", load=_load, status=204
)
def delete(call: Call) -> None:
    """Delete a server group; its servers stay."""
    server_groups.delete(call.deps, call.ctx, call.target)
