"""Use cases of archives: images that somebody gave to Glance as one file.

A job takes such a file apart into layers, as if it had been pushed.  Each
step may be done again: what is stored already is found by its digest.
"""

import contextlib
import functools
import hashlib
import logging
import pathlib
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import IO, Any, cast

from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core import blobs, manifests, namespaces, tagging
from caas.core.deps import Deps, Kept, kept
from caas.layers import archive
from caas.model.images import CONTAINER_FORMAT, TAG, Name, Tag
from caas.model.jobs import Job, Kind, State
from caas.store import events, jobs, tags
from caas.store import namespaces as namespaces_store
from caas.store.engine import retry, utcnow

LOG = logging.getLogger(__name__)

#: Seconds after which a job is given up, however often it was taken up.
TIMEOUT = 6 * 3600.0
#: Bytes left free on the disk archives are read from.
SPARE = 256 << 20

#: Properties of records: what they are, why they are not taken apart and
#: what they were called when that was found, and what became of them.
KIND = "caas_kind"
PROBLEM = "caas_problem"
PROBLEM_OF = "caas_problem_of"
IMAGE = "caas_image_id"

_CHUNK = 1 << 20
_POLL = 0.2
#: What every record of Glance has, and what it keeps for itself; the rest is
#: of users.
_GLANCE = frozenset(
    {
        *("id", "name", "status", "visibility", "owner", "protected", "tags"),
        *("size", "virtual_size", "min_disk", "min_ram", "os_hidden"),
        *("checksum", "os_hash_algo", "os_hash_value", "stores", "locations"),
        *("container_format", "disk_format", "created_at", "updated_at"),
        *("direct_url", "file", "schema", "self"),
    }
)
_NOT_USERS = ("caas_", "os_glance_")

#: Told how far the work is, as a sentence; raises to end it.
Say = Callable[[str], None]
#: The name of a project in Keystone, None if there is no such project.
ProjectName = Callable[[str], str | None]


class NoRoomError(exception.Unavailable):
    """Of the disk archives are read from."""


def is_archive(record: Mapping[str, Any]) -> bool:
    """Whether a record of Glance is one that has to be taken apart."""
    return (
        record.get("container_format") == CONTAINER_FORMAT
        and record.get("status") == "active"
        and bool(record.get("owner"))
        and KIND not in record
    )


def is_image(record: Mapping[str, Any]) -> bool:
    """Whether a record of Glance shows an image of caas."""
    return record.get(KIND) == "image"


def refused(record: Mapping[str, Any]) -> str:
    """Why an archive was found to be of no use under its name, or ""."""
    if record.get(PROBLEM_OF) != _called(record):
        return ""
    return str(record.get(PROBLEM) or "")


@retry
def start(deps: Deps, ctx: RequestContext, record: Mapping[str, Any]) -> Job:
    """Have an archive be taken apart.

    :returns: the job, perhaps one that was at it already.
    """
    now = utcnow()
    owner = str(record["owner"])
    job = Job(
        id=str(uuid.uuid4()),
        kind=Kind.IMPORT,
        project_id=owner,
        user_id=ctx.user_id or "",
        request_id=ctx.request_id or "",
        subject=str(record["id"]),
        created_at=now,
        updated_at=now,
        deadline=now + timedelta(seconds=TIMEOUT),
        arguments={
            "name": _called(record),
            # else Keystone is asked
            "project_name": ctx.project_name
            if ctx.project_id == owner
            else None,
        },
    )
    try:
        with deps.store.writer() as conn:
            jobs.insert(conn, job)
    except db_exception.DBDuplicateEntry as error:
        with deps.store.reader() as conn:
            there = jobs.at_work(conn, Kind.IMPORT, job.subject)
        if there is None:
            # it has just ended
            raise db_exception.RetryRequest(error) from None
        job = there
    deps.notify_jobs(ctx)
    return job


def look(deps: Deps, ctx: RequestContext, image_id: str) -> Job | None:
    """Look at a record of Glance, as somebody says that there is something.

    An archive that was refused is tried again.  An image of the project that
    was deleted in Glance goes to the recycle bin.

    :returns: the job that takes it apart; None: it is no archive.
    :raises NotFound: the user does not see such a record.
    """
    try:
        uuid.UUID(image_id)
    except ValueError:
        record = None
    else:
        record = kept(deps).seen.record(ctx, image_id)
        if record is None and _deleted(deps, ctx, image_id):
            return None
    if record is None:
        raise exception.NotFound(
            f"There is no image {image_id[:300]!r} that you can see in "
            "Glance; name it by its id there."
        )
    return start(deps, ctx, record) if is_archive(record) else None


def _deleted(deps: Deps, ctx: RequestContext, image_id: str) -> bool:
    """Whether an id was that of an image of the project; what others have is
    none of its business.
    """
    image_id = str(uuid.UUID(image_id))
    with deps.store.reader() as conn:
        tag = tags.by_image(conn, [image_id]).get(image_id)
        if tag is None:
            return False
        found = namespaces_store.by_id(conn, [tag.namespace_id])
    namespace = found.get(tag.namespace_id)
    if namespace is None or namespace.project_id != ctx.project_id:
        return False
    tagging.gone(deps, tag.id, utcnow())
    return True


def wait(
    deps: Deps, ctx: RequestContext, record: Mapping[str, Any], seconds: float
) -> Tag:
    """The image of an archive, which is taken apart now if it was not.

    :param record: of Glance, as the user sees it.
    :raises BadRequest: no image can be made of it.
    :raises Conflict: it takes longer than ``seconds``.
    """
    if found := become(deps, str(record["id"])):
        return found
    if why := refused(record):
        raise _unusable(record, why)
    job = start(deps, ctx, record)
    until = time.monotonic() + seconds
    while job.active:
        left = until - time.monotonic()
        if left <= 0:
            raise exception.Conflict(
                f"The image {_called(record)!r} ({record['id']}) was uploaded "
                "as one file, which is being taken apart into layers: "
                f"{job.progress or 'it waits for its turn'}. Try again when "
                f"job {job.id} is done."
            )
        time.sleep(min(_POLL, left))
        with deps.store.reader() as conn:
            job = jobs.get(conn, job.id) or job
    found = become(deps, str(record["id"]))
    if found is None:
        raise _unusable(record, job.reason)
    return found


def become(deps: Deps, archive_id: str) -> Tag | None:
    """The image that was made of an archive."""
    with deps.store.reader() as conn:
        return tags.by_image(conn, [archive_id]).get(archive_id)


def context(job: Job, project_name: ProjectName) -> RequestContext:
    """In whose name a job works: of the project that owns the archive.

    :raises Unavailable: Keystone does not answer.
    """
    name = job.arguments.get("project_name") or project_name(job.project_id)
    return RequestContext(
        request_id=job.request_id or None,
        user_id=job.user_id or None,
        project_id=job.project_id,
        project_name=name,
        roles=["member"],
        overwrite=False,
    )


def take_apart(
    deps: Deps,
    ctx: RequestContext,
    record: Mapping[str, Any],
    spool: pathlib.Path,
    say: Say,
) -> Tag:
    """Make an image, with its layers, of an archive.

    :param ctx: see :func:`context`.
    :param spool: folder for what is worked on; nothing is ever left there.
    :returns: the image.
    :raises CaasError: with a status of 4xx: never, the sentence says why.
        Else: not now.
    :raises OSError: the spool is of no use.
    """
    name, tag_name = _target(deps, ctx, record)
    # before gigabytes travel
    namespaces.pushable(deps, ctx, name.namespace)
    limit = kept(deps).max_unpacked
    try:
        with (
            _downloaded(deps, record, spool, say) as packed,
            _expanded(packed, spool, limit, say) as file,
        ):
            found = archive.read(_watched(file, say, "reading"), limit)
            for number, blob in enumerate(found.blobs, 1):
                said = f"storing part {number} of {len(found.blobs)}"
                told = functools.partial(say, said)
                _store(deps, ctx, name, file, blob, told)
    except archive.BadArchive as error:
        raise exception.BadRequest(
            f"It is no archive of a Docker image: {error}."
        ) from error
    *others, top = found.manifests
    for each in others:
        manifests.put(deps, ctx, name, each.digest, each.media_type, each.body)
    manifests.put(deps, ctx, name, tag_name, top.media_type, top.body)
    return _dressed(deps, name, tag_name, record)


def done(
    deps: Deps,
    record: Mapping[str, Any],
    tag: Tag,
    *,
    keep: bool,
) -> None:
    """An archive has become an image: its id means that from now on.

    :param keep: the archive stays in Glance.
    """
    records = kept(deps).records
    archive_id = str(record["id"])
    with deps.store.writer() as conn:
        tags.alias(conn, archive_id, tag.id)
    if not keep:
        try:
            records.delete(archive_id)
            return
        except exception.Conflict as error:
            # it is protected
            LOG.info("Archive %s stays: %s", archive_id, error.message)
    with contextlib.suppress(exception.NotFound):
        records.update(
            archive_id,
            {
                KIND: "archive",
                IMAGE: tag.image_id,
                **_without(record, PROBLEM, PROBLEM_OF),
            },
        )


def end(
    deps: Deps,
    job: Job,
    owner: str | None,
    state: State,
    *,
    reason: str = "",
    tag: Tag | None = None,
) -> bool:
    """Write how a job ended, with an event.

    :param owner: of its lease, None for whoever.
    :returns: False: it had ended before, or is another's.
    """
    with deps.store.writer() as conn:
        ended = jobs.end(
            conn,
            job.id,
            state,
            utcnow(),
            reason=reason,
            image_id=tag.image_id if tag else "",
            owner=owner,
        )
        if ended:
            events.add(
                conn,
                project_id=job.project_id,
                user_id=job.user_id or None,
                request_id=job.request_id,
                object_type="image",
                object_id=tag.image_id if tag else job.subject,
                action="image.import",
                result="success" if tag else "error",
                reason=reason,
                details={
                    "name": job.arguments.get("name", ""),
                    "archive": job.subject,
                },
            )
    return ended


def refuse(deps: Deps, record: Mapping[str, Any], why: str) -> None:
    """Say at an archive why it is of no use."""
    with contextlib.suppress(exception.NotFound, exception.Conflict):
        kept(deps).records.update(
            str(record["id"]),
            {PROBLEM: why[:255], PROBLEM_OF: _called(record)},
        )


def _called(record: Mapping[str, Any]) -> str:
    return str(record.get("name") or "")[:255]


def _without(
    record: Mapping[str, Any], *keys: str
) -> dict[str, str | bool | None]:
    return {key: None for key in keys if key in record}


def _unusable(record: Mapping[str, Any], why: str) -> exception.BadRequest:
    return exception.BadRequest(
        f"No image can be made of {_called(record)!r} ({record['id']}): {why}"
    )


def _target(
    deps: Deps, ctx: RequestContext, record: Mapping[str, Any]
) -> tuple[Name, str]:
    """What an image is to be called after its archive.

    :raises BadRequest: nothing can be.
    """
    called = _called(record)
    head, slash, last = called.rpartition("/")
    last, _, tag = last.partition(":")
    tag = tag or "latest"
    if not called or not TAG.fullmatch(tag):
        raise exception.BadRequest(
            f"Its name is {called!r}, which cannot be the name of an image; "
            "it has to be like app:1 or namespace/app:1."
        )
    if slash:
        return Name.parse(f"{head}/{last}"), tag
    return Name.parse(f"{_own(deps, ctx)}/{last}"), tag


def _own(deps: Deps, ctx: RequestContext) -> str:
    """The namespace of a project."""
    name = namespaces.own_name(ctx)
    if name is None:
        raise exception.BadRequest(
            f"Its name has no namespace, and the name of the project, "
            f"{ctx.project_name!r}, cannot be one: make a namespace "
            "(openstack caas namespace create) and have the name begin with "
            "it, as in namespace/app:1."
        )
    if namespaces.own(deps, ctx) is None:
        raise exception.BadRequest(
            f"Its name has no namespace, and {name!r}, the name of the "
            "project, is the namespace of another project: make a namespace "
            "(openstack caas namespace create) and have the name begin with "
            "it, as in namespace/app:1."
        )
    return name


@contextlib.contextmanager
def _downloaded(
    deps: Deps, record: Mapping[str, Any], spool: pathlib.Path, say: Say
) -> Iterator[IO[bytes]]:
    """The bytes of an archive, as Glance had them when it was uploaded."""
    images = kept(deps)
    size = int(record.get("size") or 0)
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    if size > _room(spool):
        raise NoRoomError(
            f"It has {_mb(size)} MB, more than there is room for where "
            "archives are taken apart; it is tried again."
        )
    # without a name, so that it goes when its process does
    with tempfile.TemporaryFile(dir=spool) as file:
        digest = hashlib.new(record.get("os_hash_algo") or "sha512")
        for chunk in _opened(images, record):
            file.write(chunk)
            digest.update(chunk)
            say(f"downloading: {_mb(file.tell())} of {_mb(size)} MB")
        if record.get("os_hash_value") not in (None, digest.hexdigest()):
            raise exception.Unavailable(
                "Glance gave other bytes than were uploaded."
            )
        file.seek(0)
        yield file


def _opened(images: Kept, record: Mapping[str, Any]) -> Iterator[bytes]:
    try:
        return images.records.open(str(record["id"])).chunks
    except exception.NotFound:
        raise exception.BadRequest("It has no bytes in Glance.") from None


@contextlib.contextmanager
def _expanded(
    packed: IO[bytes], spool: pathlib.Path, limit: int, say: Say
) -> Iterator[IO[bytes]]:
    """An archive without the compression of the whole."""
    room = _room(spool)
    with tempfile.TemporaryFile(dir=spool) as file:
        try:
            found = archive.expand(
                _watched(packed, say, "unpacking"), file, min(limit, room)
            )
        except archive.TooLarge:
            if room >= limit:
                raise
            raise NoRoomError(
                "It unpacks to more than there is room for where archives "
                "are taken apart; it is tried again."
            ) from None
        file.seek(0)
        yield file if found else packed


def _room(spool: pathlib.Path) -> int:
    return max(0, shutil.disk_usage(spool).free - SPARE)


def _mb(size: int) -> str:
    return f"{size / 1e6:.{0 if size >= 10e6 else 1}f}"


class _Watched:
    """A file that tells how far it is read."""

    def __init__(self, file: IO[bytes], say: Say, doing: str) -> None:
        self._file = file
        self._say = say
        self._doing = doing
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        self._say(f"{self._doing}: {_mb(self._file.tell())} MB")
        return self._file.read(size)


def _watched(file: IO[bytes], say: Say, doing: str) -> IO[bytes]:
    return cast(IO[bytes], _Watched(file, say, doing))


def _store(
    deps: Deps,
    ctx: RequestContext,
    name: Name,
    file: IO[bytes],
    blob: archive.Blob,
    say: Callable[[], None],
) -> None:
    """Have a blob of an archive be one of the namespace."""
    digest = blob.content.digest
    say()
    try:
        blobs.find(deps, ctx, name, digest, touch=True)
        return
    except exception.BlobUnknown:
        pass

    def read() -> Iterator[bytes]:
        for chunk in archive.chunks(file, blob):
            say()
            yield chunk

    upload = blobs.begin(deps, ctx, name)
    try:
        blobs.append(
            deps, ctx, name, upload.id, read(), length=blob.content.size
        )
        blobs.finish(deps, ctx, name, upload.id, digest)
    except BaseException:
        with contextlib.suppress(exception.CaasError):
            blobs.abort(deps, ctx, name, upload.id)
        raise


def _dressed(
    deps: Deps, name: Name, tag_name: str, record: Mapping[str, Any]
) -> Tag:
    """Give the record of an image what its archive had: the name it was
    uploaded by, who may see it, and what users wrote there.

    :returns: the image.
    """
    records = kept(deps).records
    with deps.store.reader() as conn:
        namespace = namespaces_store.get(conn, name.namespace)
        tag = None
        if namespace is not None:
            tag = tags.get(conn, namespace.id, name.repository, tag_name)
    if tag is None or namespace is None:
        raise exception.Unavailable("The image was deleted just now.")
    image_id = tag.image_id
    changes: dict[str, Any] = {
        key: value
        for key, value in record.items()
        if key not in _GLANCE and not key.startswith(_NOT_USERS)
    }
    changes["name"] = _called(record)
    if not namespace.public:
        changes["visibility"] = record["visibility"]
    if record.get("tags"):
        changes["tags"] = record["tags"]
    records.update(image_id, changes)
    if changes.get("visibility") == "shared":
        for project_id, status in records.members(str(record["id"])).items():
            records.share(image_id, project_id, status)
    return tag
