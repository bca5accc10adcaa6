"""Use cases of images: which one a reference means to somebody."""

import dataclasses
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core import (
    image_policies,
    imports,
    manifests,
    namespaces,
    signing,
)
from caas.core.deps import Deps, kept
from caas.model.image_policies import Both, Finding
from caas.model.images import (
    CONTAINER_FORMAT,
    DIGEST,
    TAG,
    Manifest,
    Name,
    State,
    Tag,
)
from caas.model.manifests import INDEXES
from caas.model.spec import ImageRef
from caas.store import manifests as store
from caas.store import namespaces as namespaces_store
from caas.store import tags

#: Manifests of one digest that are looked at.
_MOST_ALIKE = 100
_AT = re.compile(r"(?P<name>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")


@dataclasses.dataclass(frozen=True)
class _Found:
    """:ivar image_id: of the Glance record, or of a manifest without a tag.
    :ivar name: with the tag, or with the digest.
    """

    image_id: str
    name: str
    repository: str
    manifest: Manifest


class Resolver:
    """Of processes that take images for sets."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def resolve(
        self, ctx: RequestContext, refs: Collection[str]
    ) -> dict[str, ImageRef]:
        """See :func:`resolve`."""
        return resolve(self._deps, ctx, refs)


def resolve(
    deps: Deps, ctx: RequestContext, refs: Collection[str]
) -> dict[str, ImageRef]:
    """Find images as the user sees them.

    One that was uploaded as an archive becomes an image now, if it has not.

    :param refs: each the id of an image in Glance, or of the archive it was;
        the name an image has there; ``namespace/repository:tag``; what is in
        the project's own namespace, without that; names without a tag, for
        ``latest``; ``namespace/repository@digest``; a digest.
    :raises BadRequest: one is unknown, ambiguous or not usable.
    :raises Forbidden: an image policy has something against one.
    :raises Conflict: an archive takes longer.
    :raises Unavailable: Glance does not answer.
    """
    project_id = ctx.project_scope
    policies = image_policies.both(deps, project_id)
    done = {}
    for ref in sorted(refs):
        found = _find(deps, ctx, ref)
        done[ref], images = _usable(deps, ref, found)
        image_policies.refuse(
            f"The image {ref!r} ({found.name}) is refused for sets",
            _against(deps, project_id, policies, ref, found, images),
        )
    return done


@dataclasses.dataclass(frozen=True)
class Checked:
    """:ivar name: with the tag, or with the digest."""

    name: str
    digest: str
    findings: list[Finding]


def check(
    deps: Deps,
    ctx: RequestContext,
    ref: str,
    project_id: str,
    policies: Both,
) -> Checked:
    """What speaks against sets of an image.

    :param ref: see :func:`resolve`.
    :param project_id: of the sets there could be.
    :raises BadRequest: it is unknown, ambiguous or of no use at all.
    """
    found = _find(deps, ctx, ref)
    _, images = _usable(deps, ref, found)
    return Checked(
        found.name,
        found.manifest.digest,
        _against(deps, project_id, policies, ref, found, images),
    )


def _against(
    deps: Deps,
    project_id: str,
    policies: Both,
    ref: str,
    found: _Found,
    images: Sequence[Manifest],
) -> list[Finding]:
    tag = ""
    if "@" not in ref and not DIGEST.fullmatch(ref):
        tag = found.name.removeprefix(f"{found.repository}:")
    where = Name.parse(found.repository)
    with deps.store.reader() as conn:
        against = image_policies.use(
            conn, project_id, policies, where, tag, images
        )
    return [*against, *signing.unsigned(deps, policies, found.manifest)]


def _find(deps: Deps, ctx: RequestContext, ref: str) -> _Found:
    if DIGEST.fullmatch(ref):
        return _by_digest(deps, ctx, ref)
    if at := _AT.fullmatch(ref):
        return _in_repository(deps, ctx, ref, at["name"], at["digest"])
    if _is_id(ref) and (found := _by_id(deps, ctx, ref)):
        return found
    # one whose name looks like an id
    return _by_name(deps, ctx, ref)


def _by_id(deps: Deps, ctx: RequestContext, ref: str) -> _Found | None:
    image_id = str(uuid.UUID(ref))
    tag = imports.become(deps, image_id)
    if tag is not None and (found := _of_tag(deps, ctx, tag)):
        return found
    record = kept(deps).seen.record(ctx, image_id)
    return _of_record(deps, ctx, ref, record) if record else None


def _by_name(deps: Deps, ctx: RequestContext, ref: str) -> _Found:
    """By the name Glance has, where an archive is the newest there is; then
    by that in the registry."""
    name = _tagged(ref)
    records = kept(deps).seen.named(ctx, name)
    fresh = [
        each
        for each in records
        if imports.is_archive(each) and not imports.refused(each)
    ]
    if fresh:
        fresh.sort(key=lambda each: (each["created_at"], each["id"]))
        return _of_record(deps, ctx, ref, fresh[-1])
    images = [each for each in records if imports.is_image(each)]
    if len(images) > 1:
        ids = ", ".join(sorted(str(each["id"]) for each in images))
        raise exception.BadRequest(
            f"More than one image is {ref!r}; name one by its id: {ids}."
        )
    if images:
        return _of_record(deps, ctx, ref, images[0])
    own = namespaces.own_name(ctx)
    if "/" in name:
        found = _tag(deps, ctx, name)
    else:
        found = _tag(deps, ctx, f"{own}/{name}") if own else None
    if found is not None:
        return found
    if records:
        # it says why not
        return _of_record(deps, ctx, ref, records[0])
    raise _unknown(ref)


def _of_record(
    deps: Deps, ctx: RequestContext, ref: str, record: Mapping[str, Any]
) -> _Found:
    """:param record: of Glance, that the user sees."""
    where = f"Image {ref!r} ({record['id']})"
    if record.get("container_format") != CONTAINER_FORMAT:
        raise exception.BadRequest(
            f"{where} is not a Docker image: its container_format is "
            f"{record.get('container_format')}, not {CONTAINER_FORMAT}."
        )
    if record.get("status") != "active":
        raise exception.BadRequest(
            f"{where} is {record.get('status')}; only an active one can be "
            "used."
        )
    if imports.is_archive(record):
        tag = imports.wait(deps, ctx, record, kept(deps).wait)
    else:
        found = imports.become(deps, str(record["id"]))
        if found is None:
            raise exception.BadRequest(
                f"{where} is no image but a part of one, or one that is "
                "known to another service only."
            )
        tag = found
    # whoever sees the record may pull
    return _shown(deps, ref, tag)


def _of_tag(deps: Deps, ctx: RequestContext, tag: Tag) -> _Found | None:
    """An image, if the user's project may pull from the namespace."""
    with deps.store.reader() as conn:
        namespace = namespaces_store.by_id(conn, [tag.namespace_id]).get(
            tag.namespace_id
        )
    if namespace is None or tag.deleted_at is not None:
        return None
    if namespaces.access(deps, ctx, namespace.name).role is None:
        return None
    return _shown(deps, tag.image_id, tag)


def _shown(deps: Deps, ref: str, tag: Tag) -> _Found:
    with deps.store.reader() as conn:
        found = store.by_id(conn, [tag.manifest_id]).get(tag.manifest_id)
        namespace = namespaces_store.by_id(conn, [tag.namespace_id]).get(
            tag.namespace_id
        )
    if tag.deleted_at is not None or found is None or namespace is None:
        raise exception.BadRequest(
            f"The image {ref!r} is in the recycle bin, or gone."
        )
    repository = f"{namespace.name}/{tag.repository}"
    return _Found(tag.image_id, f"{repository}:{tag.name}", repository, found)


def _tag(deps: Deps, ctx: RequestContext, name: str) -> _Found | None:
    """:param name: ``namespace/repository:tag``."""
    head, _, tag_name = name.rpartition(":")
    where = _parse(head)
    if where is None or not TAG.fullmatch(tag_name):
        return None
    try:
        found = manifests.get(deps, ctx, where, tag_name)
    except exception.ManifestUnknown:
        return None
    return _named(deps, where, found, tag_name)


def _in_repository(
    deps: Deps, ctx: RequestContext, ref: str, name: str, digest: str
) -> _Found:
    """By ``namespace/repository@digest``, with a tag that is not looked at
    or without."""
    head, slash, last = name.rpartition("/")
    where = _parse(head + slash + last.partition(":")[0])
    if where is None:
        raise _unknown(ref)
    try:
        found = manifests.get(deps, ctx, where, digest)
    except exception.ManifestUnknown:
        raise _unknown(ref) from None
    return _named(deps, where, found, "")


def _by_digest(deps: Deps, ctx: RequestContext, digest: str) -> _Found:
    """In any repository the user may pull from: the same bytes anywhere."""
    with deps.store.reader() as conn:
        names = store.repositories_of(
            conn, digest, ctx.project_scope, _MOST_ALIKE
        )
    for where in names:
        try:
            found = manifests.get(deps, ctx, where, digest)
        except exception.ManifestUnknown:
            continue
        return _named(deps, where, found, "")
    raise _unknown(digest)


def _named(deps: Deps, where: Name, found: Manifest, tag_name: str) -> _Found:
    with deps.store.reader() as conn:
        shown = tags.of_manifests(conn, [found.id])
    for tag in shown:
        if tag_name in ("", tag.name):
            name = f"{where}:{tag.name}"
            return _Found(tag.image_id, name, str(where), found)
    # held by its own id, see caas.store.manifests
    return _Found(found.id, f"{where}@{found.digest}", str(where), found)


def _usable(
    deps: Deps, ref: str, found: _Found
) -> tuple[ImageRef, list[Manifest]]:
    """:returns: and the manifest, or those of an index that can be used.
    :raises BadRequest: sets cannot be made from this image.
    """
    manifest = found.manifest
    problem = manifest.problem
    if manifest.state != State.LIVE:
        problem = "it was deleted"
    size, unpacked_size = manifest.size, manifest.unpacked_size
    good = [manifest]
    if not problem and manifest.media_type in INDEXES:
        with deps.store.reader() as conn:
            family = store.by_id(conn, store.family(conn, manifest.id))
        parts = [m for m in family.values() if m.media_type not in INDEXES]
        good = [m for m in parts if not m.problem]
        if not good:
            problem = parts[0].problem if parts else "it has no image in it"
        # which one depends on the host
        size = max((m.size for m in good), default=0)
        unpacked_size = max((m.unpacked_size for m in good), default=0)
    if problem:
        raise exception.BadRequest(
            f"No set can be made of the image {ref!r} ({found.name}): "
            f"{problem}."
        )
    made = ImageRef(
        ref=ref,
        id=found.image_id,
        digest=manifest.digest,
        name=found.name,
        size=size,
        repository=found.repository,
        unpacked_size=unpacked_size,
    )
    return made, good


def _parse(text: str) -> Name | None:
    try:
        return Name.parse(text)
    except exception.BadRequest:
        return None


def property_of(deps: Deps, ctx: RequestContext, ref: str, name: str) -> str:
    """What Glance has of an image under a name; "" for nothing.

    :param ref: as in a request that creates a set.
    :raises BadRequest: there is no such image.
    :raises Unavailable: Glance does not answer.
    """
    if _is_id(ref):
        image_id = str(uuid.UUID(ref))
    else:
        image_id = deps.images.resolve(ctx, {ref})[ref].id
    found = kept(deps).seen.properties(ctx, image_id).get(name)
    return found if isinstance(found, str) else ""


def _is_id(ref: str) -> bool:
    try:
        uuid.UUID(ref)
    except ValueError:
        return False
    return True


def _tagged(ref: str) -> str:
    """A name with its tag; ``latest`` if none is given.

    A colon before a slash belongs to a host and its port.
    """
    return ref if ":" in ref.rsplit("/", 1)[-1] else f"{ref}:latest"


def _unknown(ref: str) -> exception.BadRequest:
    return exception.BadRequest(
        f"There is no image {ref[:300]!r} that the project can see."
    )
