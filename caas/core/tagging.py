"""What users do with the names of images: give them, take them away, and get
back what was deleted.

To push and to delete by the registry's API is in :mod:`caas.core.manifests`.
"""

import datetime

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core import blobs, manifests, namespaces, publish, waste
from caas.core.deps import Deps, kept
from caas.model import manifests as parsing
from caas.model.images import TAG, Image, Manifest, Name, Tag
from caas.store import events, tags
from caas.store import images as store
from caas.store import manifests as manifests_store
from caas.store import namespaces as namespaces_store
from caas.store.engine import retry, utcnow


def tag(
    deps: Deps, ctx: RequestContext, image: Image, full_name: str
) -> Image:
    """Give an image one more name; what had it goes to the recycle bin.

    No bytes move.

    :param full_name: ``namespace/repository:tag``.
    :raises BadRequest: that is no such name.
    :raises NameUnknown: there is no such namespace for the project.
    :raises Forbidden: it may not push there.
    :raises Conflict: layers of the image are stored for another project.
    """
    text, colon, tag_name = full_name.rpartition(":")
    if not colon or not TAG.fullmatch(tag_name):
        raise exception.BadRequest(
            f"{full_name[:300]!r} does not end with a tag; a name of an image "
            "is NAMESPACE/REPOSITORY:TAG."
        )
    name = Name.parse(text)
    namespace = namespaces.pushable(deps, ctx, name.namespace)
    source = Name(image.namespace, image.repository)
    family = _family(deps, image)
    if name == source:
        manifests.tag(deps, ctx, namespace, family[-1], tag_name)
    else:
        _mount(deps, ctx, family, source, name)
        for each in family[:-1]:
            manifests.put(
                deps, ctx, name, each.digest, each.media_type, each.body
            )
        root = family[-1]
        manifests.put(deps, ctx, name, tag_name, root.media_type, root.body)
    return _again(deps, full_name)


def _family(deps: Deps, image: Image) -> list[Manifest]:
    """Its manifest and all in it, which come before it."""
    with deps.store.reader() as conn:
        ids = manifests_store.family(conn, image.manifest_id)
        family = manifests_store.by_id(conn, ids)
    root = family.pop(image.manifest_id, None)
    if root is None:
        raise exception.NotFound(
            f"The image {image.name!r} has just been deleted."
        )
    return [*family.values(), root]


def _mount(
    deps: Deps,
    ctx: RequestContext,
    family: list[Manifest],
    source: Name,
    name: Name,
) -> None:
    """Have all blobs of the manifests be seen in another repository."""
    digests = {
        blob.digest
        for each in family
        for blob in parsing.parse(each.media_type, each.body).blobs
        if not blob.elsewhere
    }
    for digest in sorted(digests):
        if blobs.mount(deps, ctx, name, digest, source) is None:
            raise exception.Conflict(
                f"Layers of {source} are stored for another project; to have "
                f"an image of your own, copy it: pull and push it, or skopeo "
                f"copy docker://.../{source} docker://.../{name}."
            )


def delete(
    deps: Deps, ctx: RequestContext, image: Image, *, reason: str = ""
) -> bool:
    """Move an image to the recycle bin; sets that use it go on.

    :param reason: why, if nobody asked for it.
    :returns: whether it had its name.
    """
    done = _delete(deps, ctx, image, reason)
    if done:
        publish.try_tag(deps, image.tag_id)
    return done


@retry
def _delete(
    deps: Deps, ctx: RequestContext, image: Image, reason: str
) -> bool:
    with deps.store.writer() as conn:
        done = tags.bin_(conn, image.tag_id, utcnow())
        if done:
            _event(conn, ctx, image, "image.delete", reason)
    return done


def purge(deps: Deps, ctx: RequestContext, image: Image) -> None:
    """Delete an image for good, from the recycle bin or at once.

    What only it needs of the storage is freed by the collector.

    :raises Conflict: a set uses it.
    """
    _purge(deps, ctx, image)
    waste.try_remove(deps.store, kept(deps).records, [image.id])


@retry
def _purge(deps: Deps, ctx: RequestContext, image: Image) -> None:
    now = utcnow()
    # after what bin_ writes
    later = now + datetime.timedelta(seconds=1)
    with deps.store.writer() as conn:
        tags.bin_(conn, image.tag_id, now)
        if not tags.collect(conn, _tag(image), later, later):
            raise exception.Conflict(
                f"Sets use the image {image.name!r}; delete them first, or "
                "only move it to the recycle bin."
            )
        _event(conn, ctx, image, "image.purge", "")


def restore(
    deps: Deps, ctx: RequestContext, image: Image, name: str | None = None
) -> Image:
    """Take an image out of the recycle bin.

    :param name: another tag for it than it had.
    :raises Conflict: it is not in there, or something else has its name.
    """
    name = name or image.tag
    if name != image.tag or kept(deps).records.get(image.id) is None:
        # Glance's record has another name, or was deleted there
        return _restore_as(deps, ctx, image, name)
    _restore(deps, ctx, image)
    publish.try_tag(deps, image.tag_id)
    return _again(deps, image.name)


@retry
def _restore(deps: Deps, ctx: RequestContext, image: Image) -> None:
    try:
        with deps.store.writer() as conn:
            now = utcnow()
            # it may have been deleted by its digest, and so its parts
            family = manifests_store.family(conn, image.manifest_id)
            if not (
                manifests_store.touch(conn, family, now)
                and tags.unbin(conn, image.tag_id, now)
            ):
                raise exception.Conflict(
                    f"The image {image.name!r} is not in the recycle bin."
                )
            _event(conn, ctx, image, "image.restore", "")
    except db_exception.DBDuplicateEntry:
        raise _taken(image.name) from None


def _restore_as(
    deps: Deps, ctx: RequestContext, image: Image, name: str
) -> Image:
    if image.deleted_at is None:
        raise exception.Conflict(
            f"The image {image.name!r} is not in the recycle bin."
        )
    full_name = f"{image.namespace}/{image.repository}:{name}"
    with deps.store.reader() as conn:
        taken = store.find(conn, full_name)
    if taken:
        raise _taken(full_name)
    return tag(deps, ctx, image, full_name)


def _taken(name: str) -> exception.Conflict:
    return exception.Conflict(
        f"There is an image {name!r} by now; restore it under another tag."
    )


def _again(deps: Deps, full_name: str) -> Image:
    with deps.store.reader() as conn:
        found = store.find(conn, full_name)
    if not found:
        raise exception.Conflict(
            f"The image {full_name!r} has just been deleted again."
        )
    return found[0]


def _tag(image: Image) -> Tag:
    return Tag(
        id=image.tag_id,
        namespace_id=image.namespace_id,
        repository=image.repository,
        name=image.tag,
        manifest_id=image.manifest_id,
        image_id=image.id,
        published=image.published,
        user_id=image.user_id,
        created_at=image.created_at,
        updated_at=image.updated_at,
        deleted_at=image.deleted_at,
    )


def _event(
    conn: sa.Connection,
    ctx: RequestContext,
    image: Image,
    action: str,
    reason: str,
) -> None:
    events.add(
        conn,
        project_id=image.project_id,
        user_id=ctx.user_id,
        object_type="image",
        object_id=image.id,
        action=action,
        reason=reason,
        request_id=ctx.request_id or "",
        details={"name": image.name, "digest": image.digest},
    )


def gone(deps: Deps, tag_id: str, now: datetime.datetime) -> None:
    """Put an image into the recycle bin if it was deleted in Glance itself.

    :raises Unavailable: Glance does not answer.
    """
    with deps.store.reader() as conn:
        found = tags.by_id(conn, tag_id)
    if found is None or not found[1]:
        return
    item = found[0]
    if kept(deps).records.get(item.image_id) is not None:
        return

    def bin_(conn: sa.Connection) -> None:
        if not tags.bin_(conn, item.id, now):
            return
        tags.publish(conn, item, has_name=False)
        namespace = namespaces_store.by_id(conn, [item.namespace_id]).get(
            item.namespace_id
        )
        if namespace is None:
            return
        events.add(
            conn,
            project_id=namespace.project_id,
            object_type="image",
            object_id=item.image_id,
            action="image.delete",
            reason="It was deleted in Glance.",
            details={"name": publish.full_name(namespace, item)},
        )

    deps.store.write(bin_)
