"""Use cases of snapshots: images made of sets, known from the first moment.

A snapshot is a commit whose image has its record in Glance, with its name
and properties, before the host has begun: whoever asked for it watches that,
as he would a snapshot of a VM.
"""

import dataclasses
import re
import uuid
from collections.abc import Mapping

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core import jobs, namespaces, waste
from caas.core.deps import Deps, kept
from caas.model.images import NAMESPACE, REPOSITORY, TAG
from caas.model.jobs import Job
from caas.model.sets import Set
from caas.store import backups, parts

#: Of Glance's records themselves, or given by caas.
_RESERVED = re.compile(
    r"caas_.*|parent_id|id|name|owner|status|visibility|os_.*|protected|tags"
    r"|self|schema|file|size|virtual_size|checksum|min_disk|min_ram"
    r"|created_at|updated_at|disk_format|container_format|direct_url"
    r"|locations|stores|deleted|deleted_at"
)
_NAME_MOST = 255


@dataclasses.dataclass(frozen=True)
class Backup:
    """:ivar kind: as the user calls it, such as ``daily``.
    :ivar rotation: how many of the kind are kept of the set.
    """

    kind: str
    rotation: int


def snapshot(
    deps: Deps,
    ctx: RequestContext,
    item: Set,
    name: str,
    properties: Mapping[str, str],
    backup: Backup | None = None,
) -> str:
    """Have an image made of the first business container of a set.

    :param name: of the image in Glance: anything.  One that reads
        ``[namespace/]repository:tag`` is its name in the registry too.
    :param properties: of the image.
    :returns: the id of the image, which is ``queued`` until it is there, and
        goes away if that comes to nothing.
    :raises BadRequest: the name or a property cannot be had.
    :raises Forbidden: nothing may be pushed there.
    :raises Conflict: the container was never made, or is being committed.
    :raises Unavailable: Glance does not answer.
    """
    _check(name, properties)
    image_id = str(uuid.uuid4())
    first = next(each for each in item.containers if each.spec is not None)
    assert first.spec is not None
    target = _target(deps, ctx, name, image_id)

    def promise(conn: sa.Connection, job: Job) -> None:
        parts.promise(conn, image_id, job.id)
        if backup is not None:
            backups.insert(
                conn,
                image_id,
                item.id,
                backup.kind,
                backup.rotation,
                job.created_at,
            )

    said = {
        "image_type": "backup" if backup else "snapshot",
        "instance_uuid": item.id,
        "base_image_ref": first.spec.image.id,
        "user_id": ctx.user_id or "",
        **({"backup_type": backup.kind} if backup else {}),
        # as in Nova, users may say otherwise
        **properties,
        "caas_kind": "image",
    }
    namespace = namespaces.pushable(deps, ctx, target.partition("/")[0])
    job = jobs.begin(deps, ctx, item, first.id, {"image": target}, promise)
    try:
        kept(deps).records.create(
            image_id,
            owner=namespace.project_id,
            name=name,
            hidden=False,
            properties=said,
        )
    except exception.CaasError:
        jobs.cancel(deps, ctx, job)
        left = deps.store.write(lambda conn: parts.leave(conn, job.id))
        waste.try_remove(deps.store, kept(deps).records, left)
        raise
    deps.notify(ctx, [item.id])
    return image_id


def _check(name: str, properties: Mapping[str, str]) -> None:
    if not name.strip() or len(name) > _NAME_MOST:
        raise exception.BadRequest(
            f"An image needs a name of 1 to {_NAME_MOST} characters."
        )
    for key in properties:
        if _RESERVED.fullmatch(key):
            raise exception.BadRequest(
                f"The image cannot be given the property {key[:100]!r}: it is "
                "one that images have by themselves."
            )


def _target(deps: Deps, ctx: RequestContext, name: str, image_id: str) -> str:
    """What a snapshot is called in the registry.

    Snapshots of one name are several images, so each has a tag of its own
    unless the user says one.
    """
    repository, colon, tag = name.rpartition(":")
    if colon and TAG.fullmatch(tag):
        namespace, slash, rest = repository.partition("/")
        if slash and REPOSITORY.fullmatch(rest):
            access = namespaces.access(deps, ctx, namespace)
            if access.namespace is not None and access.role is not None:
                return name
        elif REPOSITORY.fullmatch(repository):
            return f"{_own(deps, ctx)}/{name}"
    words = re.sub(r"[^a-z0-9]+", "-", name.lower())[:100].strip("-")
    return f"{_own(deps, ctx)}/{words or 'snapshot'}:{image_id[:13]}"


def _own(deps: Deps, ctx: RequestContext) -> str:
    """A namespace of the project: that of its name, or else of its id."""
    name = namespaces.own(deps, ctx)
    if name is not None:
        return name
    by_id = ctx.project_scope.lower()
    if not NAMESPACE.fullmatch(by_id):
        raise exception.BadRequest(
            "No namespace can be named as the project; make one (openstack "
            "caas namespace create) and have the name of the image begin "
            "with it, as in namespace/app:1."
        )
    if namespaces.access(deps, ctx, by_id).namespace is None:
        namespaces.create(deps, ctx, by_id)
    return by_id
