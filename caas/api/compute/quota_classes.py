"""Quota classes: the one that is the limits of all projects."""

from typing import Any

from caas import exception
from caas.api.compute import limits
from caas.api.compute.operation import Call, route
from caas.api.compute.schemas import common
from caas.core import quotas
from caas.model.quotas import Quota, Usage

_CLASS = "/os-quota-class-sets/{quota_class}"
#: The one that Nova makes use of, too.
_DEFAULT = "default"

#: Of networks: not told from 2.50 on.
_NETWORKS = (
    *("fixed_ips", "floating_ips", "security_groups"),
    "security_group_rules",
)
#: Not told before 2.50.
_GROUPS = ("server_groups", "server_group_members")

_UPDATE = common.request(
    "quota_class_set",
    common.obj(
        dict.fromkeys(
            (
                *("instances", "cores", "ram", "metadata_items", "key_pairs"),
                *("injected_files", "injected_file_content_bytes"),
                *("injected_file_path_bytes", *_NETWORKS, *_GROUPS),
            ),
            limits.LIMIT,
        )
    ),
)


def _view(call: Call) -> dict[str, Any]:
    found = quotas.common(call.deps, call.ctx)
    quota = Quota("", {r: Usage(n, 0) for r, n in found.items()})
    view = {k: v.limit for k, v in limits.named(call, quota).items()}
    for name in _NETWORKS:
        view.pop(name, None)
        if not call.at_least(50):
            view[name] = -1
    if not call.at_least(50):
        for name in _GROUPS:
            view.pop(name, None)
    return view


@route("GET", _CLASS, policy="caas:quotas:class")
def get(call: Call) -> dict[str, Any]:
    """Show the limits; of other classes they are the same, as in Nova."""
    ident = call.args["quota_class"]
    return {"quota_class_set": {"id": ident, **_view(call)}}


@route("PUT", _CLASS, policy="caas:quotas:class", body=_UPDATE)
def update(call: Call) -> dict[str, Any]:
    """Set limits."""
    if call.args["quota_class"] != _DEFAULT:
        raise exception.BadRequest(
            f"Quota classes other than {_DEFAULT!r} are not supported for "
            "container sets: no project is in one."
        )
    wanted = limits.own_limits(call.body["quota_class_set"])
    quotas.set_common(call.deps, call.ctx, wanted)
    return {"quota_class_set": _view(call)}
