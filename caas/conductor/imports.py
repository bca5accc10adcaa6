"""Takes apart archives that users upload to Glance.

Each is a job that one conductor leases at a time: who dies at it leaves it
to others when the lease has run out, and they begin anew.
"""

import logging
import pathlib
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from caas import exception
from caas.context import for_service
from caas.core import imports
from caas.core.deps import Deps, kept
from caas.model.images import CONTAINER_FORMAT
from caas.model.jobs import Job, Kind, State
from caas.store import duties, jobs
from caas.store.engine import utcnow

LOG = logging.getLogger(__name__)

#: Seconds a job is left to who took it up without a sign of life.
LEASE = 60.0
#: And between two signs, while bytes go by.
BEAT = 1.0
#: Seconds to the next attempt, by how many there were.
PAUSES = (2, 5, 15, 60, 300)
#: Attempts at what fails for no reason that is known.
ATTEMPTS = 10
_SWEEP = "archives"
#: Glance shows a record some time after the time it bears.
_OVERLAP = timedelta(minutes=2)
_IDLE = 10.0
#: What another attempt may mend.
_LATER = (exception.Unavailable, exception.Conflict)


class _LostError(Exception):
    """The job was cancelled, or is another's."""


class Importer:
    """:param project_name: asks Keystone, see :mod:`caas.core.imports`.
    :param spool: folder for archives that are worked on.
    :param keep: archives stay in Glance.
    :param threads: archives taken apart at once.
    :param sweep_interval: seconds between looks for new archives in Glance.
    """

    def __init__(
        self,
        deps: Deps,
        project_name: imports.ProjectName,
        *,
        spool: pathlib.Path,
        keep: bool = False,
        threads: int = 2,
        sweep_interval: float = 60,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        self._deps = deps
        self._project_name = project_name
        self._spool = spool
        self._keep = keep
        self._every = timedelta(seconds=sweep_interval)
        self._clock = clock
        # of the newest record seen, as Glance wrote it
        self._seen = ""
        self._stopping = threading.Event()
        self._wake = threading.Condition()
        self._looks = 0
        self._threads = [
            threading.Thread(
                target=self._run, args=(task,), name=name, daemon=True
            )
            for name, task in [
                ("archives", self.sweep),
                *((f"imports-{n}", self.work) for n in range(threads)),
            ]
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> None:
        """Leave what is under way to others."""
        self._stopping.set()
        self.look()
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def look(self) -> None:
        """There may be a job."""
        with self._wake:
            self._looks += 1
            self._wake.notify_all()

    def _run(self, task: Callable[[], bool]) -> None:
        """Do what there is to do; look again when told, or after a while."""
        while not self._stopping.is_set():
            looks = self._looks
            try:
                while not self._stopping.is_set() and task():
                    pass
            except Exception:
                LOG.exception("Archives are left to the next look")
            with self._wake:
                if self._looks == looks:
                    self._wake.wait(_IDLE)

    def sweep(self) -> bool:
        """Have archives taken apart nobody told of, if it is our turn.

        Only what Glance has changed since the last time is looked at.

        :returns: False: there is no more to do now.
        """
        now = self._clock()
        until = now + max(self._every, timedelta(minutes=5))
        if not duties.claim(self._deps.store, _SWEEP, now, until):
            return False
        try:
            self._overdue(now)
            self._find()
        finally:
            with self._deps.store.writer() as conn:
                duties.end(conn, _SWEEP, until, now + self._every)
        return False

    def work(self) -> bool:
        """Take up one job.

        :returns: whether there was one.
        """
        owner = str(uuid.uuid4())
        now = self._clock()
        with self._deps.store.writer() as conn:
            job = jobs.take(conn, Kind.IMPORT, owner, now, _after(now, LEASE))
        if job is None:
            return False
        try:
            self._work(job, owner)
        except _LostError:
            LOG.info("Archive %s is not taken apart further", job.subject)
        except (*_LATER, OSError) as error:
            self._put_off(job, owner, _words(error))
        except Exception:
            LOG.exception("Archive %s cannot be taken apart", job.subject)
            why = "Something went wrong that is in the conductor's log."
            if job.attempts < ATTEMPTS:
                self._put_off(job, owner, f"{why} It is tried again.")
            else:
                imports.end(self._deps, job, owner, State.FAILED, reason=why)
        return True

    def _work(self, job: Job, owner: str) -> None:
        deps = self._deps
        record = kept(deps).records.get(job.subject)
        if record is None or not imports.is_archive(record):
            self._gone(job, owner)
            return
        try:
            tag = imports.take_apart(
                deps,
                imports.context(job, self._project_name),
                record,
                self._spool,
                _Beat(self._say, job, owner),
            )
        except _LATER:
            raise
        except exception.CaasError as error:
            imports.refuse(deps, record, error.message)
            if imports.end(
                deps, job, owner, State.FAILED, reason=error.message
            ):
                LOG.info("Archive %s is refused: %s", job.subject, error)
            return
        self._say(job, owner, "stored")
        imports.done(deps, record, tag, keep=self._keep)
        imports.end(deps, job, owner, State.DONE, tag=tag)
        LOG.info("Archive %s is image %s now", job.subject, tag.image_id)

    def _gone(self, job: Job, owner: str) -> None:
        """It is no archive any more: done by who died thereafter?"""
        tag = imports.become(self._deps, job.subject)
        imports.end(
            self._deps,
            job,
            owner,
            State.DONE if tag else State.FAILED,
            tag=tag,
            reason="" if tag else "It is no archive in Glance any more.",
        )

    def _say(self, job: Job, owner: str, said: str) -> None:
        """:raises _LostError: this is not ours to do any more."""
        now = self._clock()
        if self._stopping.is_set():
            self._put_off(job, owner, "Its conductor was stopped.", 0)
            raise _LostError
        with self._deps.store.writer() as conn:
            ours = jobs.renew(
                conn, job.id, owner, now, _after(now, LEASE), said
            )
        if not ours:
            raise _LostError

    def _put_off(
        self, job: Job, owner: str, why: str, pause: float | None = None
    ) -> None:
        LOG.warning("Archive %s has to wait: %s", job.subject, why)
        if pause is None:
            pause = PAUSES[min(job.attempts, len(PAUSES)) - 1]
        until = _after(self._clock(), pause)
        with self._deps.store.writer() as conn:
            jobs.put_off(conn, job.id, owner, until, why)

    def _overdue(self, now: datetime) -> None:
        with self._deps.store.reader() as conn:
            late = jobs.overdue(conn, Kind.IMPORT, now, 100)
        for job in late:
            why = f"It was not done in {imports.TIMEOUT / 3600:g} hours."
            if job.reason:
                why += f" Last: {job.reason}"
            record = kept(self._deps).records.get(job.subject)
            if record is not None and imports.is_archive(record):
                imports.refuse(self._deps, record, why)
            imports.end(self._deps, job, None, State.FAILED, reason=why)

    def _find(self) -> None:
        filters: dict[str, str] = {
            "container_format": CONTAINER_FORMAT,
            "status": "active",
            "visibility": "all",
        }
        if self._seen:
            since = datetime.fromisoformat(self._seen) - _OVERLAP
            filters["updated_at"] = f"gte:{since:%Y-%m-%dT%H:%M:%SZ}"
        seen = self._seen
        ctx = for_service()
        for record in kept(self._deps).records.list(**filters):
            seen = max(seen, str(record["updated_at"]))
            if imports.is_archive(record) and not imports.refused(record):
                imports.start(self._deps, ctx, record)
        self._seen = seen


class _Beat:
    """Passes on what is said, not too often."""

    def __init__(
        self, say: Callable[[Job, str, str], None], job: Job, owner: str
    ) -> None:
        self._say = say
        self._job = job
        self._owner = owner
        self._next = 0.0

    def __call__(self, said: str) -> None:
        if time.monotonic() >= self._next:
            self._say(self._job, self._owner, said)
            self._next = time.monotonic() + BEAT


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def _words(error: Any) -> str:
    if isinstance(error, OSError):
        return (
            "The folder for archives that are taken apart cannot be used: "
            f"{error.strerror or error}."
        )
    return str(error.message)
