"""Jobs of a set: each done once, beside whatever else happens to the set.

Nothing of them is a part of what the set is: it neither waits for them nor
fails of them.  Only a container that is to be frozen meanwhile is wanted to
be paused for so long, so that it does not stay so if the agent dies.
"""

import dataclasses
import functools
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from caas.agent import validate
from caas.agent.found import Container, Found, retry_delay
from caas.agent.hands import DRIVER_ERRORS, Drivers
from caas.agent.pool import Pool
from caas.drivers.image import base as image_base
from caas.model import spec, wire

LOG = logging.getLogger(__name__)

#: Commits of a host at work at once; the disk is what they share.
AT_ONCE = 2
#: How long a container may take until it is frozen (s).
FREEZE_TIME = 20.0

RUNNING, DONE, FAILED = "running", "done", "failed"


class JobError(Exception):
    """:ivar permanent: trying again cannot help.
    :ivar expired: it needs fresh leave.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, expired: bool = False
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.expired = expired


@dataclasses.dataclass
class Entry:
    """What is remembered of a job; see :class:`wire.JobReport`."""

    state: str = RUNNING
    progress: str = ""
    reason: str = ""
    digest: str = ""
    sent: int = 0


class Owner(Protocol):
    """The keeper of the set."""

    found: Found

    def look(self) -> bool: ...

    def keep(self) -> None:
        """Write the books to the disk."""


class Workshop:
    """Where jobs are done: what those of all sets of a host share.

    :param ask: gets fresh leave to push.
    """

    def __init__(
        self, drivers: Drivers, pool: Pool, ask: Callable[[], None]
    ) -> None:
        self.drivers = drivers
        self.pool = pool
        self.ask = ask
        self.room = threading.BoundedSemaphore(AT_ONCE)

    def tidy(self, wanted: Callable[[], set[str]]) -> None:
        """Remove images of jobs that are not wanted any more.

        :param wanted: tells the ids of those that are.
        """
        left = set(self.drivers.image.committed())
        # asked after that, so that none of a new job is among them
        for reference in left - {image_base.committed(i) for i in wanted()}:
            self.drivers.image.remove(reference)


class Jobs:
    """:param lock: of the owner; held by whoever calls a method."""

    def __init__(
        self,
        owner: Owner,
        lock: threading.RLock,
        workshop: Workshop,
        book: Mapping[str, Any],
    ) -> None:
        self._owner = owner
        self._workshop = workshop
        self._changed = threading.Condition(lock)
        self._wanted: dict[str, wire.WantedJob] = {}
        self._entries = {i: spec.pick(Entry, one) for i, one in book.items()}
        self._working: set[str] = set()
        self._frozen: dict[str, str] = {}

    def to_dict(self) -> dict[str, Any]:
        """The part that outlives the agent."""
        return {i: dataclasses.asdict(e) for i, e in self._entries.items()}

    def read(self, wanted: wire.Wanted | None) -> list[Callable[[], None]]:
        """Take in what is wanted.

        :returns: what to begin once the books have been kept.
        """
        self._wanted = {job.id: job for job in wanted.jobs} if wanted else {}
        for job_id in self._entries.keys() - self._wanted.keys():
            # one at work sees it for itself
            del self._entries[job_id]
        self._changed.notify_all()
        begin: list[Callable[[], None]] = []
        for job in self._wanted.values():
            entry = self._entries.setdefault(job.id, Entry())
            if (
                entry.state == RUNNING
                and job.id not in self._working
                # of the list on the disk: maybe it is not wanted any more
                and job.push is not None
                and self._owner.found.known
            ):
                self._working.add(job.id)
                begin.append(functools.partial(self._begin, job.id))
        return begin

    def reports(self) -> tuple[wire.JobReport, ...]:
        return tuple(
            wire.JobReport(id=i, **dataclasses.asdict(self._entries[i]))
            for i in sorted(self._wanted)
        )

    def freeze(self, wanted: wire.Wanted) -> wire.Wanted:
        """What is wanted of the set while jobs are at it."""
        frozen = set(self._frozen.values())
        if not frozen:
            return wanted
        return dataclasses.replace(
            wanted,
            containers=tuple(
                dataclasses.replace(c, paused=True) if c.id in frozen else c
                for c in wanted.containers
            ),
        )

    def _begin(self, job_id: str) -> None:
        self._workshop.pool.spawn(functools.partial(self._work, job_id))

    # What follows runs on threads of its own.

    def _work(self, job_id: str) -> None:
        """Do it until it is done, fails for good or is not wanted."""
        try:
            tries = 0
            while (job := self._job(job_id)) is not None:
                try:
                    done = self._try(job)
                except (JobError, *DRIVER_ERRORS) as error:
                    tries += 1
                    if not self._failed(job, error, tries):
                        break
                else:
                    if done is not None:
                        self._end(
                            job_id,
                            Entry(
                                DONE,
                                f"sent {_size(done.sent)}",
                                digest=done.digest,
                                sent=done.sent,
                            ),
                        )
                        break
        except Exception as error:
            LOG.exception("Job %s failed unexpectedly", job_id)
            reason = f"Unexpected {type(error).__name__} on the host."
            self._end(job_id, Entry(FAILED, reason=reason))
        finally:
            self._tidy(job_id)

    def _job(self, job_id: str) -> wire.WantedJob | None:
        with self._changed:
            return self._wanted.get(job_id)

    def _try(self, job: wire.WantedJob) -> image_base.Pushed | None:
        """:returns: None: it is not wanted any more."""
        if refusal := validate.job_refusal(job):
            raise JobError(refusal, permanent=True)
        if job.push is None:
            raise JobError("There is no leave to push.", expired=True)
        drivers = self._workshop.drivers
        reference = image_base.committed(job.id)
        self._say(job.id, "waiting for other jobs on its host")
        with self._workshop.room:
            if self._job(job.id) is None:
                return None
            # an earlier try may have made it
            if reference not in drivers.image.committed():
                self._commit(job, reference)
            self._say(job.id, "about to be pushed")
            return drivers.image.push(
                reference,
                job.push,
                functools.partial(self._say, job.id),
                lambda: self._job(job.id) is None,
            )

    def _commit(self, job: wire.WantedJob, reference: str) -> None:
        options = job.options
        self._say(job.id, "gathering what the container has changed")
        try:
            self._workshop.drivers.runtime.commit(
                self._container(job, freeze=bool(options.get("pause"))),
                reference,
                message=options.get("message") or "",
                author=options.get("author") or "",
                changes=options.get("changes") or (),
            )
        finally:
            self._thaw(job.id)

    def _container(self, job: wire.WantedJob, *, freeze: bool) -> str:
        """Engine id of the container a job is about.

        :param freeze: wait until its processes do not run.
        """
        with self._changed:
            there = self._find(job)
            if not freeze or not there.running:
                return there.id
            self._frozen[job.id] = job.container
        self._owner.look()
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._find(job).state != "running", FREEZE_TIME
            ):
                raise JobError(
                    "The container could not be frozen within "
                    f"{FREEZE_TIME:g} s."
                )
            return self._find(job).id

    def _find(self, job: wire.WantedJob) -> Container:
        for there in self._owner.found.containers.values():
            if there.member == job.container:
                return there
        raise JobError("The container is not there any more.", permanent=True)

    def _thaw(self, job_id: str) -> None:
        with self._changed:
            if self._frozen.pop(job_id, None) is None:
                return
        self._owner.look()

    def _say(self, job_id: str, sentence: str) -> None:
        with self._changed:
            entry = self._entries.get(job_id)
            if entry is None or (entry.progress, entry.reason) == (
                sentence,
                "",
            ):
                return
            entry.progress, entry.reason = sentence, ""
        self._owner.look()

    def _failed(
        self, job: wire.WantedJob, error: Exception, tries: int
    ) -> bool:
        """:returns: whether to try again, after the wait for that."""
        reason = str(error.args[0])
        LOG.warning("Job %s: %s", job.id, reason)
        if getattr(error, "expired", False):
            self._workshop.ask()
        elif getattr(error, "permanent", False):
            self._end(job.id, Entry(FAILED, reason=reason))
            return False
        with self._changed:
            entry = self._entries.get(job.id)
            if entry is None:
                return False
            entry.reason = f"{reason} It is tried again."
        self._owner.look()
        with self._changed:
            # until it is cancelled, or there is fresh leave
            self._changed.wait_for(
                lambda: self._wanted.get(job.id) != job, retry_delay(tries)
            )
            return job.id in self._wanted

    def _end(self, job_id: str, entry: Entry) -> None:
        with self._changed:
            if job_id not in self._entries:
                return
            self._entries[job_id] = entry
            # before anybody hears of it, or it might be done again
            self._owner.keep()
        LOG.info("Job %s: %s %s", job_id, entry.state, entry.reason)
        self._owner.look()

    def _tidy(self, job_id: str) -> None:
        self._thaw(job_id)
        try:
            self._workshop.drivers.image.remove(image_base.committed(job_id))
        except DRIVER_ERRORS as error:
            LOG.warning("Job %s: its image is left for now: %s", job_id, error)
        with self._changed:
            self._working.discard(job_id)


def _size(count: int) -> str:
    """Bytes, for people."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.0f} MB"
