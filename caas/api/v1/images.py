"""Images: which there are, what they are made of, who uses them."""

import dataclasses
import functools
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1.schemas import images as schemas
from caas.api.v1.views import images as views
from caas.api.v1.views import jobs as job_views
from caas.core import catalog, image_policies, imports, tagging
from caas.model.images import Image, Role

_ALL = "caas:images:list:all_projects"


@dataclasses.dataclass(frozen=True)
class _Target:
    """:ivar project_id: the one whose roles count."""

    image: Image
    project_id: str


def _find(call: Call) -> catalog.Seen:
    return catalog.find(
        call.deps, call.ctx, call.args["image"], all_=call.allows(_ALL)
    )


def _load(call: Call, _project_id: str | None) -> _Target:
    """For what all may do who may pull."""
    found = _find(call)
    project_id = found.image.project_id
    if found.role is not None:
        project_id = call.ctx.project_scope
    return _Target(found.image, project_id)


def _load_writable(call: Call, _project_id: str | None) -> _Target:
    """For what those may do who may push."""
    found = _find(call)
    project_id = found.image.project_id
    if found.role == Role.PUSH:
        project_id = call.ctx.project_scope
    return _Target(found.image, project_id)


def _detail(call: Call) -> catalog.Detail:
    return catalog.detail(
        call.deps, call.target.image, call.query.get("platform")
    )


def _one(call: Call, item: Image) -> dict[str, Any]:
    return {"image": views.image(item, call.url)}


@operation(
    "GET",
    "/v1/images",
    policy="caas:images:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List the images you may pull.

    Those of namespaces you may pull from, and those that are public in Glance;
    with `project_id` only those in namespaces of this project. What another
    project shares with yours in Glance, image by image, is not among them; it
    can be shown and used by its name.
    """
    everything = call.query.get("all_projects", False)
    query = lists.query_of(call, "updated_at")
    owner = call.query.get("project_id")
    foreign = owner not in (None, call.ctx.project_scope)
    if everything or foreign:
        call.require(_ALL)
    else:
        query = dataclasses.replace(query, project_id=call.ctx.project_scope)
    if owner is not None:
        query.filters["owner"] = owner
    items = catalog.list_(call.deps, call.ctx, query)
    return lists.page(
        call,
        "images",
        "/v1/images",
        items,
        lambda item: views.image(item, call.url),
    )


@operation(
    "GET",
    "/v1/images/space",
    policy="caas:images:space",
    query=schemas.SPACE_OF,
    response=schemas.SPACE,
)
def space(call: Call) -> dict[str, Any]:
    """Show what the images of a project take of the storage.

    Layers that several images have are stored once, and count once. Images in
    the recycle bin count.
    """
    asked = call.query
    project_id = asked.get("project_id", call.ctx.project_scope)
    if project_id != call.ctx.project_scope:
        call.require(_ALL)
    by = asked.get("by", "namespace")
    found = catalog.taken(
        call.deps,
        project_id,
        by,
        asked.get("limit", 100),
        namespace=asked.get("namespace"),
        repository=asked.get("repository"),
    )
    return {"space": views.space(project_id, by, found)}


@operation(
    "GET",
    "/v1/images/{image}",
    policy="caas:images:get",
    load=_load,
    query=schemas.OF_PLATFORM,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show an image.

    It is called by its id, by `NAMESPACE/REPOSITORY:TAG`, by
    `NAMESPACE/REPOSITORY@DIGEST` or by its digest, if there is but one of
    this; slashes stand as they are. One in the recycle bin is called by its
    id.
    """
    found = _detail(call)
    warnings = image_policies.warnings(
        call.deps, call.ctx.project_scope, found.image, found.manifest
    )
    return {"image": views.detail(found, warnings, call.url)}


@operation(
    "GET",
    "/v1/images/{image}/history",
    policy="caas:images:history",
    load=_load,
    query=schemas.OF_PLATFORM,
    response=schemas.HISTORY,
)
def history(call: Call) -> dict[str, Any]:
    """Show how an image was built: the lines of its Dockerfile.

    As far as its builder wrote them down, each with the layer it made.
    """
    found = _detail(call)
    return {
        "platform": views.platform(found.manifest),
        "history": [views.step(each) for each in catalog.history(found)],
    }


@operation(
    "GET",
    "/v1/images/{image}/tree",
    policy="caas:images:tree",
    load=_load,
    query=schemas.TREE_OF,
    response=schemas.TREE,
)
def tree(call: Call) -> dict[str, Any]:
    """Show which images an image stands on, and which stand on it.

    Of those you may pull: an image stands on another if it begins with all of
    its layers.
    """
    found = catalog.tree(
        call.deps,
        _detail(call),
        None if call.allows(_ALL) else call.ctx.project_scope,
        call.query.get("limit", 100),
    )
    return {"tree": views.tree(found)}


@operation(
    "GET",
    "/v1/images/{image}/usage",
    policy="caas:images:usage",
    load=_load,
    query=schemas.USAGE_OF,
    response=schemas.USES,
)
def usage(call: Call) -> dict[str, Any]:
    """List the containers of your sets that are made from an image.

    Whatever it was called when they were made.
    """
    query = lists.query_of(call, "created_at", _ALL)
    items, sets = catalog.users(call.deps, call.target.image, query)
    path = f"/v1/images/{call.target.image.id}/usage"
    return lists.page(
        call, "usage", path, items, functools.partial(views.use, sets=sets)
    )


@operation(
    "POST",
    "/v1/images/{image}/tag",
    policy="caas:images:tag",
    load=_load,
    body=schemas.TAG,
    response=schemas.SHORT,
    status=201,
)
def tag(call: Call) -> dict[str, Any]:
    """Give an image one more name.

    In any repository you may push to that belongs to the same project. No
    bytes move. An image that has the name so far goes to the recycle bin.
    """
    made = tagging.tag(
        call.deps, call.ctx, call.target.image, call.body["tag"]["name"]
    )
    return _one(call, made)


@operation(
    "DELETE",
    "/v1/images/{image}",
    policy="caas:images:delete",
    load=_load_writable,
    query=schemas.DELETE,
    status=204,
)
def delete(call: Call) -> None:
    """Move an image to the recycle bin, or delete it for good.

    Other names of the same image stay. Sets that are made from it go on, and
    can be started on other hosts.
    """
    if call.query.get("purge", False):
        call.require("caas:images:delete:purge")
        tagging.purge(call.deps, call.ctx, call.target.image)
    else:
        tagging.delete(call.deps, call.ctx, call.target.image)


@operation(
    "POST",
    "/v1/images/{image}/restore",
    policy="caas:images:restore",
    load=_load_writable,
    body=schemas.RESTORE,
    body_optional=True,
    response=schemas.SHORT,
)
def restore(call: Call) -> dict[str, Any]:
    """Take an image out of the recycle bin.

    If something else has its name by now, under another `tag`.
    """
    body = call.body.get("restore", {})
    found = tagging.restore(
        call.deps, call.ctx, call.target.image, body.get("tag")
    )
    return _one(call, found)


@operation(
    "POST",
    "/v1/images/{image}/look",
    policy="caas:images:look",
    response=schemas.LOOK,
    status=202,
)
def look(call: Call) -> dict[str, Any]:
    """Look at a record of Glance again.

    If it is an archive that was uploaded there, a job takes it apart; one
    that was refused is tried again. An image that was deleted there goes to
    the recycle bin. Glance itself asks for this after an upload or a delete,
    if `caas_glance` is in its pipeline.
    """
    job = imports.look(call.deps, call.ctx, call.args["image"])
    return {"job": job_views.job(job, call.url) if job else None}
