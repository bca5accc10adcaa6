"""Removes what no image needs any more, and makes good what was left half
done when a process died or Glance did not answer.

All of it can be seen in the database: each record of Glance was written down
before it was made.  A row goes first, by a guarded statement, if it still is
not needed; its record in Glance after that.
"""

import dataclasses
import datetime
import functools
import logging
import random
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from caas import exception
from caas.core import publish, quotas, retentions, tagging, waste
from caas.core.deps import Deps, kept
from caas.model.images import Blob
from caas.store import (
    blobs,
    duties,
    layers,
    manifests,
    namespaces,
    parts,
    tags,
    uploads,
)
from caas.store.engine import utcnow

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: Rows looked at in one query.
BATCH = 200
#: Records asked for in one request: servers take lines of 8 KiB.
_RECORDS = 100
#: Seconds an image may take to be stored before it is given up.
_BEGUN = 3600.0
#: And after which what was not told to Glance is told again.
_UNTOLD = 60.0
#: After so long one who took the duty on has died at it.
_LEASE = datetime.timedelta(minutes=10)
_DUTY = "images"
#: What is unused is looked for less often: all rows have to be looked at.
_UNUSED = "images-unused"
_UNUSED_EVERY = datetime.timedelta(minutes=10)
_RETENTION = "retention"
_RETENTION_EVERY = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds; see ``[registry]``.

    :ivar interval: between two rounds.
    :ivar upload: for which an upload nobody goes on with is kept.
    :ivar unused: for which blobs are kept that no image is made of.
    :ivar untagged: for which manifests are kept that no tag shows.
    """

    interval: float = 60.0
    upload: float = 86400.0
    unused: float = 86400.0
    untagged: float = 7 * 86400.0


class Collector:
    """One conductor at a time does a round, from a thread of its own.

    :param deps: with ``kept``.
    """

    def __init__(
        self,
        deps: Deps,
        times: Times,
        clock: Callable[[], datetime.datetime] = utcnow,
    ) -> None:
        self._deps = deps
        self._times = times
        self._clock = clock
        #: the last blob and tag that Glance was asked for
        self._seen = {"blobs": "", "tags": ""}
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="images", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            try:
                self.round()
            except exception.Unavailable as error:
                LOG.warning("Images are looked at later: %s", error.message)
            except Exception:
                LOG.exception("Images are looked at later")
            jitter = random.uniform(0.75, 1.25)  # noqa: S311
            if self._stopping.wait(self._times.interval * jitter):
                return

    def round(self) -> None:
        """Do all there is to do, as far as it is our turn.

        :raises Unavailable: Glance does not answer.
        """
        self._duty(_RETENTION, _RETENTION_EVERY, (self.retention,))
        self._duty(
            _UNUSED,
            _UNUSED_EVERY,
            (self.tags, self.manifests, self.layers, self.blobs),
        )
        self._duty(
            _DUTY,
            datetime.timedelta(seconds=self._times.interval),
            (self.uploads, self.waste, self.publish, self.missing),
        )

    def _duty(
        self,
        name: str,
        every: datetime.timedelta,
        steps: Sequence[Callable[[], None]],
    ) -> None:
        now = self._clock()
        until = now + _LEASE
        if not duties.claim(self._deps.store, name, now, until):
            return
        try:
            for step in steps:
                if not self._stopping.is_set():
                    step()
        finally:
            self._write(lambda c: duties.end(c, name, until, now + every))

    def retention(self) -> None:
        """What the rules of namespaces remove."""
        count = retentions.apply(
            self._deps, self._clock(), self._stopping.is_set
        )
        if count:
            LOG.info("Rules of retention removed %d image(s)", count)

    def uploads(self) -> None:
        """Uploads nobody went on with, and bodies that broke off."""
        before = self._ago(self._times.upload)
        with self._deps.store.reader() as conn:
            stale = uploads.stale(conn, before, BATCH)
        for upload_id in stale:
            self._write(
                functools.partial(
                    uploads.end, upload_id=upload_id, before=before
                )
            )
        self._write(parts.lose)

    def tags(self) -> None:
        """Tags that were long enough in the recycle bin, and such as were
        never given their names."""
        binned = self._ago(kept(self._deps).recycle)
        begun = self._ago(_BEGUN)
        for tag in self._all(lambda c: tags.over(c, binned, begun, BATCH)):
            self._write(
                functools.partial(
                    tags.collect, tag=tag, binned=binned, begun=begun
                )
            )

    def manifests(self) -> None:
        """Manifests of no tag, index, subject or container."""
        before = self._ago(self._times.untagged)

        def collect(
            manifest_id: str, namespace_id: str, size: int, conn: sa.Connection
        ) -> None:
            if manifests.collect(conn, manifest_id, before):
                found = namespaces.by_id(conn, [namespace_id])
                for namespace in found.values():
                    quotas.release_images(conn, namespace.project_id, size)

        for row in self._all(lambda c: manifests.unused(c, before, BATCH)):
            self._write(functools.partial(collect, *row))

    def layers(self) -> None:
        """Layers of no image, from the top down."""
        before = self._ago(self._times.unused)
        for layer in self._all(lambda c: layers.unused(c, before, BATCH)):
            self._write(
                functools.partial(layers.collect, layer=layer, before=before)
            )

    def blobs(self) -> None:
        """Blobs of no image."""
        before = self._ago(self._times.unused)

        def collect(blob: Blob, conn: sa.Connection) -> None:
            if blobs.collect(conn, blob, before):
                quotas.release_images(conn, blob.project_id, blob.content.size)

        for blob in self._all(lambda c: blobs.unused(c, before, BATCH)):
            self._write(functools.partial(collect, blob))

    def waste(self) -> None:
        """Records nobody wants, those first on which nothing stands."""
        store, records = self._deps.store, kept(self._deps).records
        with store.reader() as conn:
            left = parts.waste(conn, BATCH)
        after = ""
        while left:
            after = left[-1]
            count = len(left) + 1
            # Glance may guard what others stand on: those go then
            while left and len(left) < count:
                count = len(left)
                left = waste.remove(store, records, left)
            with store.reader() as conn:
                left = parts.waste(conn, BATCH, after)

    def publish(self) -> None:
        """What Glance was not told."""
        before = self._ago(_UNTOLD)
        with self._deps.store.reader() as conn:
            tag_ids = tags.unpublished(conn, before, BATCH)
            waiting = blobs.unpublished(conn, before, BATCH)
            places = layers.unpublished(conn, before, BATCH)
            leaving = blobs.leaving(conn, before, BATCH)
        for tag_id in tag_ids:
            publish.try_tag(self._deps, tag_id, renew=True)
        for blob_id in leaving:
            publish.leave_place(self._deps, blob_id)
        for blob in waiting:
            publish.blob(self._deps, blob)
        for layer in places:
            publish.place(self._deps, layer)

    def missing(self) -> None:
        """What was deleted in Glance itself: a part of all in each round.

        An image goes to the recycle bin as if it had been deleted here;
        bytes have to be uploaded again by whoever pushes them next.
        """
        with self._deps.store.reader() as conn:
            some_blobs = blobs.next_(conn, self._seen["blobs"], BATCH)
            some_tags = tags.next_(conn, self._seen["tags"], BATCH)
        self._seen = {
            "blobs": some_blobs[-1].id if len(some_blobs) == BATCH else "",
            "tags": some_tags[-1].id if len(some_tags) == BATCH else "",
        }
        wanted = {blob.data_id for blob in some_blobs}
        wanted |= {tag.image_id for tag in some_tags}
        there = self._there(wanted)
        if wanted and not there:
            LOG.warning(
                "Glance shows none of the records that caas keeps in it: "
                "may its user still see those of all projects?"
            )
            return
        for blob in some_blobs:
            if blob.missing == (blob.data_id in there):
                self._miss(blob.data_id, blob.content.digest)
        for tag in some_tags:
            if tag.image_id not in there:
                tagging.gone(self._deps, tag.id, self._clock())

    def _there(self, record_ids: Collection[str]) -> set[str]:
        """Those of these records that are in Glance, hidden or not."""
        records = kept(self._deps).records
        found: set[str] = set()
        ids = sorted(record_ids)
        for start in range(0, len(ids), _RECORDS):
            some = f"in:{','.join(ids[start : start + _RECORDS])}"
            for hidden in ("true", "false"):
                found |= {
                    record["id"]
                    for record in records.list(id=some, os_hidden=hidden)
                }
        return found

    def _miss(self, data_id: str, digest: str) -> None:
        # asked for by itself, as the list was made before some records were
        missing = kept(self._deps).records.get(data_id) is None
        news = self._write(lambda c: blobs.miss(c, data_id, missing=missing))
        if news and missing:
            LOG.error("The bytes of %s were deleted in Glance", digest)

    def _write(self, act: Callable[[sa.Connection], T]) -> T:
        return self._deps.store.write(act)

    def _ago(self, seconds: float) -> datetime.datetime:
        return self._clock() - datetime.timedelta(seconds=seconds)

    def _all(self, some: Callable[[sa.Connection], list[T]]) -> Iterator[T]:
        """What a query gives, until it gives nothing new."""
        last: list[Any] = []
        while not self._stopping.is_set():
            with self._deps.store.reader() as conn:
                found = some(conn)
            if not found or found == last:
                return
            yield from found
            last = found
