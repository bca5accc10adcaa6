"""Tell Glance what the database says of records: what layers they are, where
these stand, which images there are.

Each may be done again.  What was told is marked ``published``.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import logging
import uuid
from collections.abc import Callable

import sqlalchemy as sa

from caas import exception
from caas.core.deps import Deps, kept
from caas.model.images import Blob, Layer, Manifest, Namespace, Tag
from caas.store import blobs, layers, manifests, namespaces, parts, tags
from caas.store.engine import utcnow

LOG = logging.getLogger(__name__)

#: Records of one image that Glance is told of at once.
AT_ONCE = 4

#: Status of a record whose bytes are being stored.
_SAVING = "saving"


def contents(
    deps: Deps,
    manifest_id: str,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Layers and configuration of a manifest.

    What Glance does not let be changed is left for later.

    :param meanwhile: done at the same time, when all layers have records.
    :raises ManifestBlobUnknown: one is not in Glance any more.
    :raises Unavailable: Glance does not answer.
    """
    with deps.store.reader() as conn:
        todo = manifests.unpublished(conn, manifest_id)
        known = blobs.by_id(conn, {blob_id for blob_id, _ in todo})
        placed = layers.by_id(conn, {place for _, place in todo if place})
    told: list[tuple[str, str]] = []

    def tell(each: tuple[str, str]) -> None:
        blob_id, layer_id = each
        if _told(deps, known[blob_id], placed.get(layer_id)):
            told.append(each)

    try:
        # from the bottom: what stands on a record comes after it
        for each in todo:
            if each[1] not in ("", each[0]):
                tell(each)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            begun = [
                pool.submit(tell, each)
                for each in todo
                if each[1] in ("", each[0])
            ]
            meanwhile()
            for done in begun:
                done.result()
    finally:
        own = {b for b, place in told if place in ("", b)}
        places = {place for _, place in told if place}
        deps.store.write(lambda conn: _mark(conn, own, places))


def blob(deps: Deps, item: Blob) -> None:
    """One that was left out before.

    :raises Unavailable: Glance does not answer.
    """
    with deps.store.reader() as conn:
        layer = layers.get(conn, item.id)
    done = False
    with contextlib.suppress(exception.ManifestBlobUnknown):
        done = _told(deps, item, layer)
    if done:
        places = {layer.id} if layer else set()
        deps.store.write(lambda conn: _mark(conn, {item.id}, places))
    else:
        # not again at once
        deps.store.write(lambda c: blobs.touch(c, [item.id], utcnow()))


def leave_place(deps: Deps, blob_id: str) -> None:
    """The record with the bytes stands nowhere: else what it stood on could
    never be deleted.

    :raises Unavailable: Glance does not answer.
    """
    records = kept(deps).records
    record = records.get(blob_id)
    if record:
        gone = {"parent_id", "caas_chain_id"} & record.keys()
        try:
            records.update(
                blob_id, {"caas_kind": "blob", **dict.fromkeys(gone)}
            )
        except exception.NotFound:
            pass
        except exception.Conflict as error:
            LOG.warning("%s", error.message)
            # not again at once
            deps.store.write(lambda c: blobs.touch(c, [blob_id], utcnow()))
            return
    deps.store.write(lambda conn: blobs.left(conn, blob_id))


def place(deps: Deps, layer: Layer) -> None:
    """One that was left out before.

    :raises Unavailable: Glance does not answer.
    """
    with deps.store.reader() as conn:
        found = blobs.by_id(conn, [layer.blob_id])
    done = False
    for item in found.values():
        with contextlib.suppress(exception.ManifestBlobUnknown):
            done = _told(deps, item, layer)
    if done:
        deps.store.write(lambda conn: layers.publish(conn, [layer.id]))
    else:
        # not again at once
        deps.store.write(lambda c: layers.touch(c, layer.id, utcnow()))


def image(
    deps: Deps,
    namespace: Namespace,
    manifest: Manifest,
    tag: Tag,
    *,
    made: bool = False,
) -> None:
    """Make the record of an image.

    It has no bytes yet, so that Glance says that it is queued, until
    :func:`show`.

    :param made: it has one, which only has to be told what image it is.
    :raises Conflict: that is gone.
    :raises Unavailable: Glance does not answer.
    """
    records = kept(deps).records
    properties = {
        "caas_kind": "image",
        "caas_digest": manifest.digest,
        "caas_media_type": manifest.media_type,
        "caas_size": str(manifest.size),
    }
    if manifest.top_layer_id:
        properties["parent_id"] = manifest.top_layer_id

    if made:
        try:
            records.update(tag.image_id, properties)
        except exception.NotFound:
            raise exception.Conflict(
                f"The image {tag.image_id} was deleted in Glance while it was "
                "being made."
            ) from None
        return

    def make(visibility: str) -> None:
        records.create(
            tag.image_id,
            owner=namespace.project_id,
            name=full_name(namespace, tag),
            hidden=False,
            visibility=visibility,
            properties=properties,
        )

    try:
        make("public" if namespace.public else "shared")
    except exception.Forbidden:
        # not everybody may make public images
        make("shared")


def show(deps: Deps, tag: Tag, body: bytes) -> None:
    """Have the record of an image that got its name be of use.

    What fails is left for the collector.

    :param body: the manifest.
    :raises QuotaExceeded: Glance has no room for it.
    """
    try:
        if not _fill(deps, tag.image_id, body):
            return
    except exception.Unavailable as error:
        _later(error)
        return
    if not deps.store.write(
        lambda conn: tags.publish(conn, tag, has_name=True)
    ):
        # it lost its name meanwhile
        try_tag(deps, tag.id)


def _fill(deps: Deps, image_id: str, body: bytes) -> bool:
    """:returns: False: it is given its bytes by another just now, or Glance
    died at that, see :func:`_renew`.
    """
    records = kept(deps).records
    try:
        records.upload(image_id, [body])
    except exception.NotFound:
        # it was deleted in Glance, which the collector looks for
        return True
    except exception.Conflict:
        # it has them if an answer to this was lost
        record = records.get(image_id)
        return record is None or record["status"] != _SAVING
    return True


def full_name(namespace: Namespace, tag: Tag) -> str:
    return f"{namespace.name}/{tag.repository}:{tag.name}"


def tag(deps: Deps, tag_id: str, *, renew: bool = False) -> None:
    """Show the record of an image in lists, or hide it.

    :param renew: nobody is at it any more: see :func:`_renew`.
    :raises Unavailable: Glance does not answer.
    """
    while True:
        with deps.store.reader() as conn:
            found = tags.by_id(conn, tag_id)
        if found is None:
            return
        item, has_name = found
        # deleted in Glance; the collector looks for that
        with contextlib.suppress(exception.NotFound):
            status = kept(deps).records.update(
                item.image_id, {"os_hidden": not has_name}
            )
            if has_name and (
                status == _SAVING
                or (
                    status == "queued"
                    and not _fill(deps, item.image_id, _body(deps, item))
                )
            ):
                if renew:
                    _renew(deps, item)
                return
        # not if it changed meanwhile: then Glance may show what was
        if deps.store.write(
            functools.partial(tags.publish, tag=item, has_name=has_name)
        ):
            return


def _renew(deps: Deps, item: Tag) -> None:
    """Give an image another record: Glance died while it stored the bytes of
    the one it has, and takes no others for that.

    The image is still known by the former id.

    :raises Unavailable: Glance does not answer.
    """
    with deps.store.reader() as conn:
        namespace = namespaces.by_id(conn, [item.namespace_id]).get(
            item.namespace_id
        )
        manifest = manifests.by_id(conn, [item.manifest_id]).get(
            item.manifest_id
        )
    if namespace is None or manifest is None:
        # deleted meanwhile
        return
    new = dataclasses.replace(item, image_id=str(uuid.uuid4()))
    # waste, unless it gets to be that of the image
    deps.store.write(lambda conn: parts.discard(conn, [new.image_id]))
    image(deps, namespace, manifest, new)
    if not _fill(deps, new.image_id, manifest.body):
        return
    if deps.store.write(
        lambda conn: tags.renew(conn, item, new.image_id, utcnow())
    ):
        LOG.warning(
            "The image %s has the record %s in Glance, as Glance broke off "
            "while it stored the former, %s",
            full_name(namespace, item),
            new.image_id,
            item.image_id,
        )


def try_tag(deps: Deps, tag_id: str, *, renew: bool = False) -> None:
    """The same; what fails is left for the collector."""
    try:
        tag(deps, tag_id, renew=renew)
    except (exception.Unavailable, exception.Conflict) as error:
        _later(error)


def _later(error: exception.CaasError) -> None:
    LOG.warning(
        "Glance was not told of a change of a tag yet: %s", error.message
    )


def _body(deps: Deps, item: Tag) -> bytes:
    with deps.store.reader() as conn:
        return manifests.by_id(conn, [item.manifest_id])[item.manifest_id].body


def _mark(conn: sa.Connection, own: set[str], places: set[str]) -> None:
    """:param own: ids of blobs whose records were told.
    :param places: ids of layers whose records were.
    """
    blobs.publish(conn, own)
    layers.publish(conn, places)


def _told(deps: Deps, blob: Blob, layer: Layer | None) -> bool:
    """Tell Glance what a blob is, and where.

    :returns: False: Glance does not let it be changed.
    :raises ManifestBlobUnknown: it is not in Glance any more.
    """
    try:
        if layer is None or blob.data_id != blob.id:
            _blob(deps, blob)
        if layer is not None and layer.id == blob.id:
            _layer(deps, blob, layer)
        elif layer is not None:
            _place(deps, blob, layer)
    except exception.NotFound:
        raise exception.ManifestBlobUnknown(miss(deps, blob)) from None
    except exception.Conflict as error:
        LOG.warning("%s", error.message)
        return False
    return True


def miss(deps: Deps, blob: Blob) -> str:
    """Note that Glance does not have the bytes of a blob any more, so that
    who pushes it is told to upload them.

    :returns: what to tell who wanted them.
    """
    deps.store.write(lambda conn: blobs.miss(conn, blob.data_id, missing=True))
    return (
        f"The bytes of {blob.content.digest} are gone: somebody deleted them "
        "in Glance. Push the image again."
    )


def _blob(deps: Deps, blob: Blob) -> None:
    name, properties = blob_record(blob.content.digest)
    kept(deps).records.update(blob.data_id, {"name": name, **properties})


def blob_record(digest: str | None) -> tuple[str, dict[str, str]]:
    """Name and properties of the record of bytes that are at no place.

    :param digest: None if it is not known yet.
    """
    kind = {"caas_kind": "blob"}
    if digest is None:
        return "blob", kind
    return f"blob {_short(digest)}", {**kind, "caas_digest": digest}


def _layer(deps: Deps, blob: Blob, layer: Layer) -> None:
    """The blob's record is at the layer's place."""
    name, properties = _properties(blob, layer)
    data = {} if blob.data_id == blob.id else {"caas_data_id": blob.data_id}
    try:
        kept(deps).records.update(
            blob.id, {"name": name, **properties, **data}
        )
    except exception.NotFound:
        # gone, but the bytes have been uploaded again to another
        if not data:
            raise


def _place(deps: Deps, blob: Blob, layer: Layer) -> None:
    """The bytes are in another record."""
    name, properties = _properties(blob, layer)
    records = kept(deps).records
    records.create(
        layer.id,
        owner=layer.project_id,
        name=name,
        properties={**properties, "caas_data_id": blob.data_id},
    )
    # Without bytes Glance would take it for one that is still to come.  It
    # has them if it was made before, and is gone if somebody deleted it.
    with contextlib.suppress(exception.Conflict, exception.NotFound):
        records.upload(layer.id, [])


def _properties(blob: Blob, layer: Layer) -> tuple[str, dict[str, str]]:
    digest = blob.content.digest
    properties = {
        "caas_kind": "layer",
        "caas_digest": digest,
        "caas_diff_id": blob.content.diff_id,
        "caas_chain_id": layer.chain_id,
    }
    if layer.parent_id:
        properties["parent_id"] = layer.parent_id
    return f"layer {_short(digest)}", properties


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
