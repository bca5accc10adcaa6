"""Use cases of blobs: uploads, and reading.

An upload is written down before anything of it is in Glance, and each of its
bodies becomes a record there as it comes.  An upload of one body is the blob,
as it is; others are put together at the end.
"""

import dataclasses
import itertools
import time
import uuid
from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core import namespaces, publish, quotas, waste
from caas.core.deps import Bytes, Deps, Kept, kept
from caas.layers.tap import Bomb, Tap
from caas.model.images import (
    DIGEST,
    Blob,
    Content,
    Name,
    Namespace,
    Part,
    Upload,
)
from caas.model.quotas import Usage
from caas.store import blobs as store
from caas.store import manifests, parts, tags, uploads
from caas.store.engine import retry, utcnow

#: Bodies of one upload.
MAX_PARTS = 1000
#: Seconds after which an upload under way says that it still is.
BEAT = 10.0


def begin(deps: Deps, ctx: RequestContext, name: Name) -> Upload:
    """:raises NameUnknown: there is no such namespace for the project.
    :raises Forbidden: it may not push there.
    :raises QuotaExceeded: there is no room for a single byte.
    """
    namespace = namespaces.pushable(deps, ctx, name.namespace)
    upload = Upload(
        id=str(uuid.uuid4()),
        namespace_id=namespace.id,
        repository=name.repository,
        project_id=namespace.project_id,
        size=0,
    )
    usage = quotas.image_usage(deps, namespace.project_id)
    if 0 <= usage.limit <= usage.used:
        raise quotas.over_images(usage, 1)
    user_id = ctx.user_id or ""
    deps.store.write(lambda conn: uploads.insert(conn, upload, user_id))
    return upload


def get_upload(
    deps: Deps, ctx: RequestContext, name: Name, upload_id: str
) -> Upload:
    """:raises UploadUnknown: there is none, or not for this repository."""
    namespace = namespaces.pushable(deps, ctx, name.namespace)
    return _upload(deps, namespace, name, upload_id)


def abort(deps: Deps, ctx: RequestContext, name: Name, upload_id: str) -> None:
    """Nothing of it is left.

    :raises UploadUnknown: there is none.
    """
    _discard(deps, get_upload(deps, ctx, name, upload_id))


def append(
    deps: Deps,
    ctx: RequestContext,
    name: Name,
    upload_id: str,
    chunks: Iterable[bytes],
    *,
    offset: int | None = None,
    length: int | None = None,
) -> Upload:
    """Take in one body.

    A body that breaks off leaves nothing behind, and the upload can go on
    from where it was.  One that comes while another is still on its way, say
    as its client has come back, takes the place of that.

    :param offset: where it begins, None for where the last one ended.
    :param length: bytes it has to have, None if that is not known.
    :raises UploadUnknown: there is none.
    :raises RangeInvalid: it does not begin where the last one ended.
    :raises SizeInvalid: it is not as long as ``length``, or too long.
    :raises Conflict: another body took its place.
    :raises QuotaExceeded: the project has no room for it; the upload is gone.
    :raises BadRequest: it unpacks to too much; the upload is gone.
    """
    upload = get_upload(deps, ctx, name, upload_id)
    if offset is not None and offset != upload.size:
        raise _range(upload.size, offset)
    chunks = iter(chunks)
    first = next((chunk for chunk in chunks if chunk), b"")
    if not first:
        if length:
            raise _short(0, length)
        return upload
    images = kept(deps)
    tap = Tap(images.max_unpacked) if upload.size == 0 else None
    content = None
    if tap is not None:
        # one that is small is looked at first: then its record tells all
        second = next(chunks, None)
        if second is None:
            content, tap = _look(deps, upload, tap, first), None
        else:
            chunks = itertools.chain([second], chunks)
    part_id = str(uuid.uuid4())

    def write(conn: sa.Connection) -> None:
        if not uploads.write(conn, upload, part_id):
            raise _overtaken()
        if len(parts.of(conn, upload.id)) >= MAX_PARTS:
            raise exception.BadRequest(
                f"An upload may come in {MAX_PARTS} pieces at most; send "
                "larger ones."
            )

    deps.store.write(write)
    body = _Body(
        deps,
        upload,
        part_id,
        itertools.chain([first], chunks),
        tap,
        quotas.image_usage(deps, upload.project_id),
        length,
    )
    try:
        size = _store(images, upload, part_id, body, content)
        published = content is not None
        if tap is not None:
            content = _finish(tap)
        deps.store.write(
            lambda conn: _written(
                conn, upload, part_id, size, content, published=published
            )
        )
    except (exception.QuotaExceeded, _BombError):
        _discard(deps, upload)
        raise
    except BaseException:
        _abandon(deps, [part_id])
        raise
    return dataclasses.replace(upload, size=upload.size + size)


def finish(
    deps: Deps, ctx: RequestContext, name: Name, upload_id: str, digest: str
) -> Blob:
    """The bytes are all there: they are a blob of the namespace from now on.

    :raises UploadUnknown: there is none.
    :raises DigestInvalid: they are others; the upload is gone.
    :raises QuotaExceeded: the project has no room; the upload is gone.
    :raises Conflict: something else was done with the upload meanwhile.
    """
    namespace = namespaces.pushable(deps, ctx, name.namespace)
    upload = _upload(deps, namespace, name, upload_id)
    if not DIGEST.fullmatch(digest):
        _discard(deps, upload)
        raise exception.DigestInvalid(
            f"{digest[:200]!r} is not of the form sha256:HEX, the only one "
            "taken here."
        )
    with deps.store.reader() as conn:
        there = parts.of(conn, upload.id)
    if sum(part.size for part in there) != upload.size:
        raise _overtaken()
    try:
        if len(there) == 1 and there[0].content is not None:
            part_id, content = there[0].id, there[0].content
            published = there[0].published
        else:
            part_id, content = _join(deps, upload, there)
            published = False
        if content.digest != digest:
            raise exception.DigestInvalid(
                f"The bytes that came have the digest {content.digest}, not "
                f"{digest}; upload them again."
            )
        blob, left = _commit(
            deps, ctx, namespace, upload, part_id, content, published
        )
    except (exception.DigestInvalid, exception.QuotaExceeded, _BombError):
        _discard(deps, upload)
        raise
    waste.try_remove(deps.store, kept(deps).records, left)
    return blob


def find(
    deps: Deps,
    ctx: RequestContext,
    name: Name,
    digest: str,
    *,
    touch: bool = False,
) -> Blob:
    """A blob the project may pull.

    :param touch: somebody relies on finding it again soon.
    :raises BlobUnknown: it is not there, or not for the project.
    """
    access = namespaces.access(deps, ctx, name.namespace)
    found: dict[str, Blob] = {}
    images: list[str] = []
    if access.namespace is not None:
        namespace = access.namespace
        with deps.store.reader() as conn:
            found = store.find(conn, namespace.id, [digest])
            if access.role is None:
                images = _showing(conn, namespace, name, digest)
    if access.role is None and not namespaces.shown(
        deps, ctx, images, f"{name}@{digest}"
    ):
        raise unknown(name, digest)
    blob = found.get(digest)
    if blob is None or (touch and not _touch(deps, blob)):
        raise unknown(name, digest)
    return blob


def _showing(
    conn: sa.Connection, namespace: Namespace, name: Name, digest: str
) -> list[str]:
    """Ids of the images of a repository that a blob is part of."""
    using = manifests.with_blob(conn, namespace.id, name.repository, digest)
    shown = tags.of_manifests(conn, manifests.ancestors(conn, using))
    return [tag.image_id for tag in shown]


def unknown(name: Name, digest: str) -> exception.BlobUnknown:
    return exception.BlobUnknown(
        f"There is no blob {digest[:100]} in {name} that the project can see."
    )


def mount(
    deps: Deps, ctx: RequestContext, name: Name, digest: str, source: Name
) -> Blob | None:
    """Have a blob of another repository be seen here.

    Blobs of another project are not, unless they are public, by their
    namespace or as part of an image that Glance shows to everybody: that
    project would go on paying for their storage.

    :returns: None: it has to be uploaded.
    """
    namespace = namespaces.pushable(deps, ctx, name.namespace)
    access = namespaces.access(deps, ctx, source.namespace)
    public: set[str] = set()
    if access.role is None:
        # whatever there is: the time it takes must not tell
        public = kept(deps).seen.public()
    if access.namespace is None:
        return None
    with deps.store.reader() as conn:
        blob = store.find(conn, access.namespace.id, [digest]).get(digest)
        if access.role is None:
            if public.isdisjoint(
                _showing(conn, access.namespace, source, digest)
            ):
                return None
        elif blob is not None and blob.project_id != namespace.project_id:
            # seen from the namespace itself: is it public?
            blob = store.find(conn, namespace.id, [digest]).get(digest)
    if blob is None or not _link(deps, namespace, blob):
        return None
    return blob


def open_(
    deps: Deps, blob: Blob, start: int | None = None, end: int | None = None
) -> Bytes:
    """The bytes of a blob, or those from ``start`` to ``end``, both
    included.

    They end with an error if there are fewer than there should be.

    :raises BlobUnknown: Glance does not have them any more.
    """
    size = blob.content.size
    if not size:
        return _Whole(iter(()), 0)
    first = start or 0
    last = size - 1 if end is None else min(end, size - 1)
    try:
        content = kept(deps).records.open(
            blob.data_id, start, None if end is None else last
        )
    except exception.NotFound:
        raise exception.BlobUnknown(publish.miss(deps, blob)) from None
    return _Whole(content.chunks, max(0, last - first + 1))


def delete(deps: Deps, ctx: RequestContext, name: Name, digest: str) -> None:
    """It is not seen from the namespace any more.

    :raises BlobUnknown: it is not now.
    :raises Conflict: an image there is made of it.
    """
    namespace = namespaces.pushable(deps, ctx, name.namespace)

    def unlink(conn: sa.Connection) -> None:
        found = store.find(conn, namespace.id, [digest]).get(digest)
        if found is not None and (
            users := store.users(conn, namespace.id, found.id)
        ):
            repository, manifest = users[0]
            raise exception.Conflict(
                f"The blob is part of {name.namespace}/{repository}@"
                f"{manifest}; delete that first."
            )
        if not store.unlink(conn, namespace.id, digest):
            raise unknown(name, digest)

    deps.store.write(unlink)


class _Whole:
    """:ivar size: bytes there have to be."""

    def __init__(self, chunks: Iterator[bytes], size: int) -> None:
        self.size = size
        self.chunks = self._read(chunks)

    def _read(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        left = self.size
        try:
            for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()
        if left:
            raise exception.Unavailable(
                "The image service (Glance) gave fewer or more bytes than "
                "are stored there."
            )


class _BombError(exception.BadRequest):
    pass


class _Body:
    """Chunks on their way into a record, watched.

    :ivar size: bytes that went by.
    """

    def __init__(
        self,
        deps: Deps,
        upload: Upload,
        part_id: str,
        chunks: Iterable[bytes],
        tap: Tap | None,
        usage: Usage | None,
        length: int | None = None,
    ) -> None:
        """:param usage: of bytes, None: there is room.
        :param length: bytes there have to be, None if not known.
        """
        self._deps = deps
        self._upload = upload
        self._part_id = part_id
        self._chunks = chunks
        self._tap = tap
        self._usage = usage
        self._length = length
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        deps, upload, usage = self._deps, self._upload, self._usage
        most = kept(deps).max_blob - upload.size
        beat = time.monotonic() + BEAT
        for chunk in self._chunks:
            self.size += len(chunk)
            if self._length is not None and self.size > self._length:
                raise _long(self._length)
            if self.size > most:
                raise exception.SizeInvalid(
                    f"A blob may have {kept(deps).max_blob} bytes at most."
                )
            if usage is not None and 0 <= usage.limit < usage.used + self.size:
                raise quotas.over_images(usage, self.size)
            if self._tap is not None:
                try:
                    self._tap.feed(chunk)
                except Bomb as error:
                    raise _bomb(error) from None
            if time.monotonic() > beat:
                if not deps.store.write(
                    lambda conn: uploads.beat(conn, upload.id, self._part_id)
                ):
                    raise _overtaken()
                beat = time.monotonic() + BEAT
            yield chunk
        if self._length is not None and self.size != self._length:
            raise _short(self.size, self._length)


def _written(
    conn: sa.Connection,
    upload: Upload,
    part_id: str,
    size: int,
    content: Content | None,
    *,
    published: bool,
) -> None:
    total = upload.size + size
    if not (
        uploads.written(conn, upload.id, part_id, total)
        and parts.stored(conn, part_id, size, content, published=published)
    ):
        raise _overtaken()


def _touch(deps: Deps, blob: Blob) -> bool:
    return deps.store.write(
        lambda conn: store.touch(conn, [blob.id], utcnow())
    )


def _look(deps: Deps, upload: Upload, tap: Tap, body: bytes) -> Content:
    """What a body is that has come as a whole.

    :raises BadRequest: it unpacks to too much; the upload is gone.
    """
    try:
        tap.feed(body)
        return _finish(tap)
    except Bomb as error:
        _discard(deps, upload)
        raise _bomb(error) from None
    except _BombError:
        _discard(deps, upload)
        raise


def _store(
    images: Kept,
    upload: Upload,
    part_id: str,
    body: _Body,
    content: Content | None = None,
) -> int:
    """:param content: what it is, None if that is not known yet.
    :returns: bytes.
    """
    name, properties = publish.blob_record(content.digest if content else None)
    try:
        images.records.create(
            part_id,
            owner=upload.project_id,
            name=name,
            properties=properties,
        )
        images.records.upload(part_id, body)
    except exception.NotFound:
        raise _overtaken() from None
    return body.size


def _join(
    deps: Deps, upload: Upload, there: list[Part]
) -> tuple[str, Content]:
    """Write all bodies into one record, from one end to the other."""
    images = kept(deps)

    def read() -> Iterator[bytes]:
        for part in there:
            yield from images.records.open(part.id).chunks

    part_id = str(uuid.uuid4())
    if not deps.store.write(lambda c: uploads.write(c, upload, part_id)):
        raise _overtaken()
    tap = Tap(images.max_unpacked)
    # the room for it was looked at when the bodies came
    begun = dataclasses.replace(upload, size=0)
    body = _Body(deps, begun, part_id, read(), tap, None)
    try:
        size = _store(images, upload, part_id, body)
        if size != upload.size:
            raise exception.Unavailable(
                "The image service (Glance) gave fewer or more bytes than "
                "are stored there."
            )
        return part_id, _finish(tap)
    except BaseException:
        _abandon(deps, [part_id])
        raise


@retry
def _commit(
    deps: Deps,
    ctx: RequestContext,
    namespace: Namespace,
    upload: Upload,
    part_id: str,
    content: Content,
    published: bool,
) -> tuple[Blob, list[str]]:
    """:param published: its record says what it is.
    :returns: the blob, and ids of records that are waste now.
    """
    now = utcnow()
    quota = quotas.ready(deps, namespace.project_id)
    try:
        with deps.store.writer() as conn:
            blob = store.get(conn, namespace.project_id, content.digest)
            if blob is None or not store.touch(conn, [blob.id], now):
                blob = Blob(
                    id=part_id,
                    data_id=part_id,
                    project_id=namespace.project_id,
                    content=content,
                    missing=False,
                    published=published,
                    created_at=now,
                )
                _take(conn, part_id, upload)
                store.insert(conn, blob, now)
                quotas.claim_images(conn, quota, content.size)
            elif blob.missing and store.restore(conn, blob, part_id):
                _take(conn, part_id, upload)
            left = uploads.end(conn, upload.id, size=upload.size)
            if left is None:
                raise _overtaken()
            store.link(conn, namespace.id, [blob.id])
    except db_exception.DBDuplicateEntry as error:
        # the same bytes were uploaded twice at once
        raise db_exception.RetryRequest(error) from None
    return blob, left


def _take(conn: sa.Connection, part_id: str, upload: Upload) -> None:
    if not parts.take(conn, part_id, upload.id):
        raise _overtaken()


@retry
def _link(deps: Deps, namespace: Namespace, blob: Blob) -> bool:
    try:
        with deps.store.writer() as conn:
            if not store.touch(conn, [blob.id], utcnow()):
                return False
            store.link(conn, namespace.id, [blob.id])
    except db_exception.DBDuplicateEntry as error:
        raise db_exception.RetryRequest(error) from None
    return True


def _upload(
    deps: Deps, namespace: Namespace, name: Name, upload_id: str
) -> Upload:
    with deps.store.reader() as conn:
        found = uploads.get(conn, upload_id, namespace.id, name.repository)
    if found is None:
        raise exception.UploadUnknown(
            "There is no such upload under way in this repository; begin "
            "another."
        )
    return found


def _finish(tap: Tap) -> Content:
    try:
        found = tap.finish()
    except Bomb as error:
        raise _bomb(error) from None
    return dataclasses.replace(found, problem=found.problem[:255])


def _discard(deps: Deps, upload: Upload) -> None:
    """Nothing of an upload is left."""
    left = deps.store.write(lambda conn: uploads.end(conn, upload.id))
    waste.try_remove(deps.store, kept(deps).records, left or [])


def _abandon(deps: Deps, part_ids: list[str]) -> None:
    deps.store.write(lambda conn: parts.abandon(conn, part_ids))
    waste.try_remove(deps.store, kept(deps).records, part_ids)


def _range(size: int, offset: int) -> exception.RangeInvalid:
    return exception.RangeInvalid(
        f"The upload has {size} bytes so far; it goes on there, not at "
        f"{offset}.",
        size,
    )


def _short(size: int, length: int) -> exception.SizeInvalid:
    return exception.SizeInvalid(
        f"{size} bytes came, though {length} were announced."
    )


def _long(length: int) -> exception.SizeInvalid:
    return exception.SizeInvalid(
        f"More bytes came than the {length} that were announced."
    )


def _bomb(error: Bomb) -> _BombError:
    return _BombError(f"The layer is not taken: {error}.")


def _overtaken() -> exception.Conflict:
    return exception.Conflict(
        "Something else was done with this upload at the same time; ask how "
        "much is there, and go on from that."
    )
