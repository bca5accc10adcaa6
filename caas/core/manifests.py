"""Use cases of manifests and tags, as a registry has them.

A manifest and all it refers to are written down in one transaction; then
Glance is told.  What it was not told, as something went wrong, shows as not
``published``, and the collector makes it good.
"""

import dataclasses
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core import (
    blobs,
    image_policies,
    namespaces,
    publish,
    quotas,
    waste,
)
from caas.core.deps import Deps, kept
from caas.model import manifests as parsing
from caas.model.image_policies import Finding
from caas.model.images import (
    DIGEST,
    TAG,
    Blob,
    Kind,
    Manifest,
    Name,
    Namespace,
    State,
    Tag,
)
from caas.store import backups, events, layers, parts, tags
from caas.store import blobs as blobs_store
from caas.store import manifests as store
from caas.store import namespaces as namespaces_store
from caas.store.engine import retry, utcnow


def _quiet(sentence: str) -> None:
    """Whoever pushes is told nothing."""


def put(
    deps: Deps,
    ctx: RequestContext,
    name: Name,
    reference: str,
    media_type: str,
    body: bytes,
    warn: image_policies.Warn = _quiet,
    *,
    job_id: str = "",
) -> Manifest:
    """Take in a manifest, and have the tag show it if there is one.

    :param reference: tag or digest.
    :param media_type: as the client calls it, "" if it does not.
    :param warn: told what the image policy warns of.
    :param job_id: of the job that makes it, which may have promised the id
        of the image; "" for none.
    :raises NameUnknown: there is no such namespace for the project.
    :raises Forbidden: it may not push there, or this image not.
    :raises DigestInvalid: the body has another digest.
    :raises ManifestInvalid: it is wrong in itself.
    :raises ManifestBlobUnknown: it refers to what is not there.
    :raises QuotaExceeded: the project has no room for it.
    """
    namespace = namespaces.pushable(deps, ctx, name.namespace)
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    tag_name = _tag_of(reference)
    if tag_name is None and reference != digest:
        raise exception.DigestInvalid(
            f"The manifest has the digest {digest}, not {reference[:100]}."
        )
    parsed = parsing.parse(media_type, body)
    warnings: list[Finding] = []

    def admit(manifest: Manifest) -> None:
        warnings[:] = image_policies.admit(
            deps, namespace.project_id, name, tag_name or "", [manifest]
        )

    manifest = _keep(deps, namespace, name, digest, parsed, body, admit)
    if tag_name is None:
        publish.contents(deps, manifest.id)
    else:
        _show(deps, ctx, namespace, manifest, tag_name, warnings, job_id)
    for each in warnings:
        warn(each.message)
    return manifest


def tag(
    deps: Deps,
    ctx: RequestContext,
    namespace: Namespace,
    manifest: Manifest,
    name: str,
) -> Tag:
    """Have a tag show a manifest of its repository.

    :raises Forbidden: the image policy forbids it.
    :raises ManifestUnknown: that is gone.
    :raises Conflict: it took so long that it was given up.
    """
    with deps.store.reader() as conn:
        family = store.by_id(conn, store.family(conn, manifest.id))
    warnings = image_policies.admit(
        deps,
        namespace.project_id,
        Name(namespace.name, manifest.repository),
        name,
        family.values(),
    )
    return _show(deps, ctx, namespace, manifest, name, warnings)


def _show(
    deps: Deps,
    ctx: RequestContext,
    namespace: Namespace,
    manifest: Manifest,
    name: str,
    warnings: Sequence[Finding],
    job_id: str = "",
) -> Tag:
    """:param job_id: see :func:`put`."""
    with deps.store.reader() as conn:
        there = tags.get(conn, namespace.id, manifest.repository, name)
    if there and there.manifest_id == manifest.id and there.published:
        return there
    now = utcnow()
    new = Tag(
        id=str(uuid.uuid4()),
        namespace_id=namespace.id,
        repository=manifest.repository,
        name=name,
        manifest_id=manifest.id,
        image_id=str(uuid.uuid4()),
        published=False,
        user_id=ctx.user_id or "",
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )

    def insert(conn: sa.Connection) -> str | None:
        # with its parts, if it is taken out of the recycle bin
        family = store.family(conn, manifest.id)
        if not store.touch(conn, family, now):
            raise _unknown(namespace, manifest.repository, manifest.digest)
        promised = parts.promised(conn, job_id) if job_id else None
        if promised and not parts.take(conn, promised, job_id):
            promised = None
        tags.insert(
            conn, dataclasses.replace(new, image_id=promised or new.image_id)
        )
        return promised

    promised = deps.store.write(insert)
    if promised:
        new = dataclasses.replace(new, image_id=promised)
    try:
        publish.contents(
            deps,
            manifest.id,
            lambda: publish.image(
                deps, namespace, manifest, new, made=bool(promised)
            ),
        )
        formers = _switch(deps, ctx, namespace, manifest, new, warnings)
    except BaseException:
        _give_up(deps, new, job_id if promised else "")
        raise
    publish.show(deps, new, manifest.body)
    for former in formers:
        publish.try_tag(deps, former.id)
    return dataclasses.replace(new, published=True)


def get(
    deps: Deps, ctx: RequestContext, name: Name, reference: str
) -> Manifest:
    """:param reference: tag or digest.
    :raises ManifestUnknown: there is none, or not for the project.
    """
    tag_name = _tag_of(reference)
    access = namespaces.access(deps, ctx, name.namespace)
    found: Manifest | None = None
    images: list[str] = []
    if access.namespace is not None:
        found, images = _look(
            deps, access.namespace, name, reference, tag_name
        )
    if access.role is None and not namespaces.shown(
        deps, ctx, images, f"{name}:{reference}"
    ):
        raise unknown(name, reference)
    if found is None or found.state != State.LIVE:
        raise unknown(name, reference)
    return found


def unknown(name: Name, reference: str) -> exception.ManifestUnknown:
    return exception.ManifestUnknown(
        f"There is no image {name}"
        f"{'@' if DIGEST.fullmatch(reference) else ':'}{reference[:128]} that "
        "the project can see."
    )


def get_for_host(
    deps: Deps, name: Name, root: str, reference: str
) -> Manifest:
    """A manifest a host has a pull token for, though users deleted it.

    :param root: digest the token is for.
    :param reference: that, or the digest of something it names.
    :raises ManifestUnknown: it is not part of that.
    """
    with deps.store.reader() as conn:
        for found in _family(conn, name, root):
            if found.digest == reference:
                return found
    raise unknown(name, reference)


def blob_for_host(deps: Deps, name: Name, root: str, digest: str) -> Blob:
    """A blob of what a host has a pull token for.

    :raises BlobUnknown: it is not part of that.
    """
    with deps.store.reader() as conn:
        family = [found.id for found in _family(conn, name, root)]
        blob = store.blob(conn, family, digest) if family else None
    if blob is None:
        raise blobs.unknown(name, digest)
    return blob


def delete(
    deps: Deps, ctx: RequestContext, name: Name, reference: str
) -> None:
    """Put a tag into the recycle bin; with a digest, the manifest and all
    tags that show it.

    :raises ManifestUnknown: there is none.
    :raises Conflict: an index names the manifest.
    """
    namespace = namespaces.pushable(deps, ctx, name.namespace)
    tag_name = _tag_of(reference)
    now = utcnow()
    tag = manifest_id = None
    with deps.store.reader() as conn:
        if tag_name is not None:
            tag = tags.get(conn, namespace.id, name.repository, tag_name)
        else:
            ids = store.ids(conn, namespace.id, name.repository, [reference])
            manifest_id = ids.get(reference)
    if tag is None and manifest_id is None:
        raise unknown(name, reference)

    def act(conn: sa.Connection) -> list[Tag]:
        shown = [tag] if tag else []
        if manifest_id is not None:
            # before it is asked for what may have come at the same moment
            if not store.delete(conn, manifest_id):
                raise unknown(name, reference)
            if store.live_parents(conn, manifest_id):
                raise exception.Conflict(
                    f"An index in {name} names this manifest; delete that "
                    "first."
                )
            shown = tags.of_manifests(conn, [manifest_id])
        gone = [each for each in shown if tags.bin_(conn, each.id, now)]
        if tag_name is not None and not gone:
            raise unknown(name, reference)
        for each in gone:
            _event(conn, ctx, namespace, each, "image.delete")
        return gone

    for each in deps.store.write(act):
        publish.try_tag(deps, each.id)


def list_tags(
    deps: Deps,
    ctx: RequestContext,
    name: Name,
    last: str = "",
    limit: int | None = None,
) -> list[str]:
    """Names of the tags of a repository, in order.

    :raises NameUnknown: there is no such repository for the project.
    """
    access = namespaces.access(deps, ctx, name.namespace)
    namespace = access.namespace
    if namespace is not None and access.role is not None:
        with deps.store.reader() as conn:
            if store.exists(conn, namespace.id, name.repository):
                return tags.names(
                    conn, namespace.id, name.repository, last, limit
                )
        raise _no_repository(name)
    by_image = {}
    if namespace is not None:
        with deps.store.reader() as conn:
            found = tags.of_repository(conn, namespace.id, name.repository)
        by_image = {each.image_id: each.name for each in found}
    seen = namespaces.shown(deps, ctx, by_image, str(name))
    if not seen:
        raise _no_repository(name)
    names = sorted(by_image[i] for i in seen if by_image[i] > last)
    return names if limit is None else names[:limit]


def repositories(
    deps: Deps,
    ctx: RequestContext,
    last: str = "",
    limit: int | None = None,
) -> list[str]:
    """Names of the repositories of namespaces the project may pull from."""
    with deps.store.reader() as conn:
        found = store.repositories(
            conn, namespaces_store.readable(ctx.project_scope)
        )
    after = [each for each in found if each > last]
    return after if limit is None else after[:limit]


def referrers(
    deps: Deps,
    ctx: RequestContext,
    name: Name,
    digest: str,
    artifact_type: str = "",
) -> list[dict[str, Any]]:
    """Descriptors of manifests that have a subject.

    :param digest: of the subject, which need not be there.
    :param artifact_type: only those of this type; "" for all.
    :raises NameUnknown: there is no such repository for the project.
    """
    access = namespaces.access(deps, ctx, name.namespace)
    if access.role is None:
        # who sees the subject sees what is said about it
        try:
            get(deps, ctx, name, digest)
        except exception.ManifestUnknown:
            raise _no_repository(name) from None
    if access.namespace is None:
        raise _no_repository(name)
    with deps.store.reader() as conn:
        found = store.referrers(
            conn, access.namespace.id, name.repository, digest
        )
    return [
        _descriptor(each)
        for each in found
        if artifact_type in ("", each.artifact_type)
    ]


def _descriptor(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": len(manifest.body),
    }
    if manifest.artifact_type:
        found["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        found["annotations"] = manifest.annotations
    return found


def _tag_of(reference: str) -> str | None:
    """:returns: None for a digest.
    :raises ManifestInvalid: it is neither.
    """
    if DIGEST.fullmatch(reference):
        return None
    if TAG.fullmatch(reference):
        return reference
    raise exception.ManifestInvalid(
        f"{reference[:200]!r} is neither a tag (letters, digits, '_', '.' "
        "and '-', 128 at most) nor a digest (sha256:HEX)."
    )


def _look(
    deps: Deps,
    namespace: Namespace,
    name: Name,
    reference: str,
    tag_name: str | None,
) -> tuple[Manifest | None, list[str]]:
    """A manifest, and the images that show it."""
    with deps.store.reader() as conn:
        if tag_name is None:
            found = store.get(conn, namespace.id, name.repository, reference)
            if found is None:
                return None, []
            shown = tags.of_manifests(conn, store.ancestors(conn, [found.id]))
            return found, [each.image_id for each in shown]
        there = tags.get(conn, namespace.id, name.repository, tag_name)
        if there is None:
            return None, []
        by_id = store.by_id(conn, [there.manifest_id])
        return by_id.get(there.manifest_id), [there.image_id]


def _family(conn: sa.Connection, name: Name, root: str) -> list[Manifest]:
    namespace = namespaces_store.get(conn, name.namespace)
    if namespace is None:
        return []
    found = store.get(conn, namespace.id, name.repository, root)
    if found is None:
        return []
    return list(store.by_id(conn, store.family(conn, found.id)).values())


def _keep(
    deps: Deps,
    namespace: Namespace,
    name: Name,
    digest: str,
    parsed: parsing.Parsed,
    body: bytes,
    admit: Callable[[Manifest], None],
) -> Manifest:
    """Write a manifest down, or find that it is.

    :param admit: called before; raises if it must not be.
    """
    with deps.store.reader() as conn:
        there = store.get(conn, namespace.id, name.repository, digest)
    if there:
        admit(there)
    if there and there.state == State.LIVE and _again(deps, there):
        return there
    found = _hold(deps, namespace, _wanted(parsed))
    children = [each.digest for each in parsed.children]
    if there and _again(deps, there, children):
        return dataclasses.replace(there, state=State.LIVE)
    _check_children(deps, namespace, name, parsed.children)
    config = parsing.Config({}, "", "", ())
    problem = ""
    stack: list[Blob] = []
    if parsed.kind == parsing.Kind.IMAGE:
        config = parsing.parse_config(
            _read(deps, found[parsed.blobs[0].digest])
        )
        stack, problem = _stack(parsed, config, found)
    elif parsed.kind == parsing.Kind.ARTIFACT:
        problem = f"it is an artifact ({parsed.artifact_type}), no image"
    blobs_in_place = [found.get(each.digest) for each in parsed.blobs]
    manifest = Manifest(
        id=str(uuid.uuid4()),
        namespace_id=namespace.id,
        repository=name.repository,
        digest=digest,
        media_type=parsed.media_type,
        artifact_type=parsed.artifact_type,
        subject=parsed.subject,
        annotations=parsed.annotations,
        body=body,
        config=config.body,
        top_layer_id="",
        size=sum(each.size for each in parsed.layers),
        unpacked_size=sum(b.content.unpacked_size for b in stack),
        os=config.os,
        architecture=config.architecture,
        problem=(config.problem or problem)[:255],
        state=State.LIVE,
        created_at=utcnow(),
    )
    admit(manifest)
    return _insert(deps, namespace, manifest, blobs_in_place, stack, children)


def _again(deps: Deps, there: Manifest, children: Sequence[str] = ()) -> bool:
    """Have a manifest be in use again.

    :param children: digests of those that have to be there for it.
    """

    def touch(conn: sa.Connection) -> bool:
        ids = store.ids(conn, there.namespace_id, there.repository, children)
        missing = sorted(set(children) - set(ids))
        if missing:
            raise _blob_unknown(missing)
        return store.touch(conn, [there.id], utcnow())

    return deps.store.write(touch)


def _wanted(parsed: parsing.Parsed) -> dict[str, parsing.Descriptor]:
    """What has to be there, by digest.

    :raises ManifestInvalid: the same digest is said to have two sizes.
    """
    wanted: dict[str, parsing.Descriptor] = {}
    for each in parsed.blobs:
        if each.elsewhere:
            continue
        if wanted.setdefault(each.digest, each).size != each.size:
            raise exception.ManifestInvalid(
                f"The manifest gives {each.digest} two different sizes."
            )
    return wanted


def _hold(
    deps: Deps, namespace: Namespace, wanted: Mapping[str, Any]
) -> dict[str, Blob]:
    """The blobs of these digests, not collected for a while."""

    def find(conn: sa.Connection) -> dict[str, Blob]:
        found = blobs_store.find(conn, namespace.id, wanted)
        return {
            digest: blob
            for digest, blob in sorted(found.items())
            if blobs_store.touch(conn, [blob.id], utcnow())
        }

    found = deps.store.write(find)
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise _blob_unknown(missing)
    for digest, blob in found.items():
        if blob.content.size != wanted[digest].size:
            raise exception.ManifestInvalid(
                f"The manifest says that {digest} has {wanted[digest].size} "
                f"bytes; it has {blob.content.size}."
            )
    return found


def _check_children(
    deps: Deps,
    namespace: Namespace,
    name: Name,
    children: Sequence[parsing.Descriptor],
) -> None:
    """What an index says of its manifests, else clients fail that pull it.

    :raises ManifestInvalid: it is wrong.
    :raises ManifestBlobUnknown: one is not there.
    """
    if not children:
        return
    digests = {each.digest for each in children}
    with deps.store.reader() as conn:
        ids = store.ids(conn, namespace.id, name.repository, digests)
        there = store.about(conn, ids.values())
    missing = sorted(digests - set(ids))
    if missing:
        raise _blob_unknown(missing)
    for each in children:
        media_type, size = there[ids[each.digest]]
        if (each.media_type, each.size) != (media_type, size):
            raise exception.ManifestInvalid(
                f"The index says that {each.digest} is {each.media_type} of "
                f"{each.size} bytes; it is {media_type} of {size}."
            )


def _blob_unknown(missing: Sequence[str]) -> exception.ManifestBlobUnknown:
    return exception.ManifestBlobUnknown(
        "The manifest refers to what is not there: "
        f"{', '.join(missing[:5])}; push that first."
    )


def _read(deps: Deps, blob: Blob) -> bytes:
    if blob.content.size > parsing.MAX_BODY:
        raise exception.ManifestInvalid(
            f"The configuration of the image has {blob.content.size} bytes; "
            f"{parsing.MAX_BODY} are the most."
        )
    return b"".join(blobs.open_(deps, blob).chunks)


def _stack(
    parsed: parsing.Parsed,
    config: parsing.Config,
    found: Mapping[str, Blob],
) -> tuple[list[Blob], str]:
    """Blobs of the layers, if they can be put on each other, or why not.

    :raises ManifestInvalid: they are not those of the configuration.
    """
    problem = parsing.problem_of_layers(parsed.layers, config.diff_ids)
    stack = [found[e.digest] for e in parsed.layers if not e.elsewhere]
    if config.diff_ids and len(config.diff_ids) != len(parsed.layers):
        raise exception.ManifestInvalid(
            f"The manifest has {len(parsed.layers)} layers, but the "
            f"configuration tells of {len(config.diff_ids)}."
        )
    if any(each.elsewhere for each in parsed.layers):
        return [], problem
    for blob, diff_id in zip(stack, config.diff_ids, strict=False):
        told = diff_id != parsing.NOTHING and blob.content.kind == Kind.TAR
        if told and blob.content.diff_id != diff_id:
            raise exception.ManifestInvalid(
                f"The layer {blob.content.digest} unpacks to "
                f"{blob.content.diff_id}, but the configuration says "
                f"{diff_id}."
            )
    for blob in stack:
        if blob.content.kind != Kind.TAR:
            why = blob.content.problem or "it does not begin like one"
            return [], (
                f"its layer {blob.content.digest[:19]} is no tar: {why}"
            )
    return stack, problem


@retry
def _insert(
    deps: Deps,
    namespace: Namespace,
    manifest: Manifest,
    refers: Sequence[Blob | None],
    stack: Sequence[Blob],
    children: Sequence[str],
) -> Manifest:
    quota = quotas.ready(deps, namespace.project_id)
    now = utcnow()
    held = {blob.id for blob in refers if blob is not None}
    try:
        with deps.store.writer() as conn:
            there = store.get(
                conn, namespace.id, manifest.repository, manifest.digest
            )
            if there is not None and store.touch(conn, [there.id], now):
                # by somebody else, at the same moment
                return there
            if not blobs_store.touch(conn, held, now):
                raise _blob_unknown(
                    sorted(b.content.digest for b in refers if b is not None)
                )
            ids = store.ids(conn, namespace.id, manifest.repository, children)
            missing = sorted(set(children) - set(ids))
            if missing or not store.touch(conn, ids.values(), now):
                raise _blob_unknown(missing or children)
            blobs_store.link(conn, namespace.id, held)
            placed = layers.ensure(conn, namespace.project_id, stack, now)
            made = dataclasses.replace(
                manifest, top_layer_id=placed[-1].id if placed else ""
            )
            first = len(refers) - len(placed)
            store.insert(
                conn,
                made,
                [
                    (n, blob.id, placed[n - first].id if n >= first else "")
                    for n, blob in enumerate(refers)
                    if blob is not None
                ],
                [ids[digest] for digest in children],
            )
            quotas.claim_images(conn, quota, len(made.body))
    except db_exception.DBDuplicateEntry as error:
        # another one of the same layers, or the same one, at once
        raise db_exception.RetryRequest(error) from None
    return made


@retry
def _switch(
    deps: Deps,
    ctx: RequestContext,
    namespace: Namespace,
    manifest: Manifest,
    new: Tag,
    warnings: Sequence[Finding],
) -> list[Tag]:
    """:returns: those that lost their names for it."""
    told = [each.message for each in warnings]
    try:
        with deps.store.writer() as conn:
            now = utcnow()
            former = tags.switch(conn, new, now)
            formers = [former] if former else []
            for each in backups.rotate(conn, new.image_id, now):
                formers.append(each)
                _event(
                    conn, ctx, namespace, each, "image.delete", by="rotation"
                )
            _event(
                conn,
                ctx,
                namespace,
                new,
                "image.push",
                digest=manifest.digest,
                size=manifest.size,
                **({"warnings": told} if told else {}),
            )
    except db_exception.DBDuplicateEntry as error:
        raise db_exception.RetryRequest(error) from None
    except LookupError:
        raise exception.Conflict(
            "It took so long to store the image that it was given up; push "
            "it again."
        ) from None
    return formers


def _give_up(deps: Deps, new: Tag, job_id: str) -> None:
    """:param job_id: of the job whose record it was to have, "" for none."""

    def give_up(conn: sa.Connection) -> list[str]:
        left = tags.give_up(conn, new)
        if job_id and left:
            # it may be tried again
            parts.give_back(conn, new.image_id, job_id)
            return []
        return left

    left = deps.store.write(give_up)
    waste.try_remove(deps.store, kept(deps).records, left)


def _unknown(
    namespace: Namespace, repository: str, reference: str
) -> exception.ManifestUnknown:
    return unknown(Name(namespace.name, repository), reference)


def _no_repository(name: Name) -> exception.NameUnknown:
    return exception.NameUnknown(
        f"There is no repository {name} that the project can see."
    )


def _event(
    conn: sa.Connection,
    ctx: RequestContext,
    namespace: Namespace,
    tag: Tag,
    action: str,
    **details: Any,
) -> None:
    events.add(
        conn,
        project_id=namespace.project_id,
        user_id=ctx.user_id,
        object_type="image",
        object_id=tag.image_id,
        action=action,
        request_id=ctx.request_id or "",
        details={
            "name": f"{namespace.name}/{tag.repository}:{tag.name}",
            **details,
        },
    )
