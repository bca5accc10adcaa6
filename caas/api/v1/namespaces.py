"""Namespaces: first parts of names of images, and who may pull and push."""

import dataclasses
import re
from typing import Any

from caas import exception
from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import namespaces as schemas
from caas.api.v1.views import namespaces as views
from caas.core import namespaces
from caas.model.images import Namespace, Role

_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,64}")

ALL_PROJECTS = "caas:namespaces:list:all_projects"


@dataclasses.dataclass(frozen=True)
class Target:
    """:ivar project_id: the one whose roles count."""

    namespace: Namespace
    project_id: str


def load(call: Call, _project_id: str | None) -> Target:
    """For what the owner decides."""
    found = namespaces.find(
        call.deps,
        call.ctx,
        call.args["namespace"],
        all_=call.allows(ALL_PROJECTS),
    )
    assert found.namespace is not None
    return Target(found.namespace, found.namespace.project_id)


def _load_readable(call: Call, project_id: str | None) -> Target:
    """For what all may do who may pull."""
    found = load(call, project_id)
    if call.allows(ALL_PROJECTS):
        return found
    return dataclasses.replace(found, project_id=call.ctx.project_scope)


def _one(call: Call, item: Namespace) -> dict[str, Any]:
    return {"namespace": views.namespace(item, call.url)}


@operation(
    "GET",
    "/v1/namespaces",
    policy="caas:namespaces:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List the namespaces you may pull from.

    With `project_id` only those this project owns.
    """
    own = call.query.get("project_id")
    everything = call.query.get("all_projects", False)
    if everything or own not in (None, call.ctx.project_scope):
        call.require(ALL_PROJECTS)
    query = dataclasses.replace(lists.query_of(call, "name"), project_id=own)
    items = namespaces.list_(
        call.deps,
        call.ctx,
        query,
        all_=everything or own not in (None, call.ctx.project_scope),
    )
    return lists.page(
        call,
        "namespaces",
        "/v1/namespaces",
        items,
        lambda item: views.namespace(item, call.url),
    )


@operation(
    "GET",
    "/v1/namespaces/{namespace}",
    policy="caas:namespaces:get",
    load=_load_readable,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a namespace, by name or id."""
    return _one(call, call.target.namespace)


@operation(
    "POST",
    "/v1/namespaces",
    policy="caas:namespaces:create",
    body=schemas.CREATE,
    response=schemas.ONE,
    status=201,
)
def create(call: Call) -> dict[str, Any]:
    """Create a namespace.

    Its name is unique in the cloud. One named as the project, in lower case,
    comes by itself with the first push to it.
    """
    asked = call.body["namespace"]
    public = asked.get("public", False)
    if public:
        call.require("caas:namespaces:update:public")
    made = namespaces.create(
        call.deps,
        call.ctx,
        asked["name"],
        description=asked.get("description") or "",
        public=public,
    )
    return _one(call, made)


@operation(
    "PATCH",
    "/v1/namespaces/{namespace}",
    policy="caas:namespaces:update",
    load=load,
    body=schemas.UPDATE,
    response=schemas.ONE,
)
def update(call: Call) -> dict[str, Any]:
    """Change the description of a namespace, or whether it is public."""
    item = call.target.namespace
    changes = dict(call.body["namespace"])
    if "description" in changes:
        changes["description"] = changes["description"] or ""
    if changes.get("public", item.public) != item.public:
        call.require("caas:namespaces:update:public")
    return _one(call, namespaces.update(call.deps, call.ctx, item, changes))


@operation(
    "DELETE",
    "/v1/namespaces/{namespace}",
    policy="caas:namespaces:delete",
    load=load,
    status=204,
)
def delete(call: Call) -> None:
    """Delete an empty namespace.

    Images in the recycle bin count, and so does for a while what they took of
    the storage.
    """
    namespaces.delete(call.deps, call.ctx, call.target.namespace)


@operation(
    "GET",
    "/v1/namespaces/{namespace}/members",
    policy="caas:namespaces:members",
    load=load,
    response=schemas.MEMBERS,
)
def list_members(call: Call) -> dict[str, Any]:
    """List the projects that may pull from a namespace or push to it."""
    found = namespaces.members(call.deps, call.target.namespace)
    return {"members": [views.member(*each) for each in found]}


@operation(
    "PUT",
    "/v1/namespaces/{namespace}/members/{project_id}",
    policy="caas:namespaces:share",
    load=load,
    body=schemas.SHARE,
    response=schemas.ONE_MEMBER,
)
def share(call: Call) -> dict[str, Any]:
    """Let another project pull from a namespace, or push to it as well.

    The owner pays for what is stored, whoever pushed it.
    """
    project_id = call.args["project_id"]
    if not _PROJECT.fullmatch(project_id):
        raise exception.BadRequest(
            "The id of a project has letters, digits, '-' and '_', and 64 of "
            "them at most; its name is not taken here."
        )
    role = Role(call.body["member"]["role"])
    namespaces.add_member(
        call.deps, call.ctx, call.target.namespace, project_id, role
    )
    return {"member": views.member(project_id, role)}


@operation(
    "DELETE",
    "/v1/namespaces/{namespace}/members/{project_id}",
    policy="caas:namespaces:unshare",
    load=load,
    status=204,
)
def unshare(call: Call) -> None:
    """Let a project pull from a namespace no longer.

    Sets made from its images go on.
    """
    namespaces.remove_member(
        call.deps,
        call.ctx,
        call.target.namespace,
        call.args["project_id"],
    )
