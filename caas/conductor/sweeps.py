"""Looks now and then for work that no message told about."""

import contextlib
import datetime
import logging
import random
import threading
import time
from collections.abc import Callable

from oslo_db import exception as db_exception

from caas.conductor import jobs
from caas.conductor.agents import silent_events
from caas.conductor.settings import Settings
from caas.core import changes, recycling
from caas.store import (
    duties,
    events,
    placements,
    purge,
    reports,
    services,
    sets,
)
from caas.store.engine import Store

LOG = logging.getLogger(__name__)

#: Sets taken up in one sweep.
_MOST = 20_000
#: Time between two searches for what is too old to be kept, give or take a
#: quarter, and how long one may take of those in which it is found.
_PURGE_EVERY = datetime.timedelta(hours=1)
_PURGE_FOR = 2.0
#: After so long one who took that on has died at it.
_PURGE_LEASE = datetime.timedelta(minutes=5)
_PURGE = "purge"
#: A host silent for longer is no news.
_NEWS = datetime.timedelta(days=1)

BINARY = "caas-conductor"


class Sweeper:
    """:param look_again: takes the ids of sets that wait for work.
    :param version: of this program, for the list of services.
    """

    def __init__(
        self,
        store: Store,
        look_again: Callable[[list[str]], None],
        settings: Settings,
        clock: Callable[[], datetime.datetime],
        version: str,
    ) -> None:
        self._store = store
        self._look_again = look_again
        self._settings = settings
        self._clock = clock
        self._version = version
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="conductor-sweeps", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            for task in (
                self.beat,
                self.jobs,
                self.sets,
                self.hosts,
                self.resizes,
                self.recycle_bin,
                self.purge,
            ):
                try:
                    task()
                except Exception:
                    LOG.exception("A sweep failed; the next one may not")
            # conductors that started together drift apart
            jitter = random.uniform(0.75, 1.25)  # noqa: S311
            if self._stopping.wait(self._settings.sweep_interval * jitter):
                return

    def beat(self) -> None:
        """Report itself."""
        with self._store.writer() as conn:
            services.beat(
                conn,
                BINARY,
                self._settings.name,
                self._version,
                self._clock(),
            )

    def jobs(self) -> None:
        """End jobs of hosts that come to nothing."""
        with self._store.writer() as conn:
            events.add_many(conn, jobs.give_up(conn, self._clock()))

    def sets(self) -> None:
        """Sets nobody was told of, whose lease or deadline has passed."""
        with self._store.reader() as conn:
            due = placements.due(conn, self._clock(), _MOST)
        if due:
            self._look_again(due)

    def hosts(self) -> None:
        """Write an event for each host that has fallen silent."""
        now = self._clock()
        timeout = datetime.timedelta(seconds=self._settings.heartbeat_timeout)
        with self._store.reader() as conn:
            silent = reports.silent(conn, now - _NEWS, now - timeout)
            if not silent:
                return
            rows = silent_events(silent)
            known = reports.known_events(conn, [row["id"] for row in rows])
        rows = [row for row in rows if row["id"] not in known]
        if not rows:
            return
        # another conductor writes the same ones
        with (
            contextlib.suppress(db_exception.DBDuplicateEntry),
            self._store.writer() as conn,
        ):
            events.add_many(conn, rows)
        for row in rows:
            LOG.warning("Host %s is down. %s", row["host"], row["reason"])

    def resizes(self) -> None:
        """Confirm those that have waited long enough for it."""
        window = self._settings.resize_confirm_window
        if not window:
            return
        before = self._clock() - datetime.timedelta(seconds=window)
        with self._store.reader() as conn:
            due = sets.resized(conn, before, _MOST)
        for set_id in due:
            with self._store.writer() as conn:
                changes.confirm_old(conn, set_id, before)

    def recycle_bin(self) -> None:
        """Remove sets that have been in it for long enough."""
        interval = self._settings.reclaim_interval
        if not interval:
            return
        now = self._clock()
        before = now - datetime.timedelta(seconds=interval)
        with self._store.reader() as conn:
            due = sets.binned(conn, before, _MOST)
        removed = []
        for set_id in due:
            with self._store.writer() as conn:
                if recycling.reclaim(conn, set_id, before, now):
                    removed.append(set_id)
        if removed:
            self._look_again(removed)

    def purge(self) -> None:
        """Remove what is too old to be kept, if it is our turn.

        A little in each sweep, until there is no more: it must hold up
        neither the sweeps nor the database.
        """
        settings = self._settings
        now = self._clock()
        until = now + _PURGE_LEASE
        if not duties.claim(self._store, _PURGE, now, until):
            return
        end = time.monotonic() + _PURGE_FOR
        removed, all_ = purge.purge(
            self._store,
            _ago(now, settings.event_retention),
            _ago(now, settings.deleted_set_retention),
            lambda: time.monotonic() < end and not self._stopping.is_set(),
        )
        if any(removed.values()):
            LOG.info(
                "Removed for their age: %(events)d event(s), %(sessions)d "
                "session(s), %(jobs)d job(s), %(sets)d deleted set(s) with "
                "%(containers)d container(s)",
                removed,
            )
        jitter = random.uniform(0.75, 1.25)  # noqa: S311
        with self._store.writer() as conn:
            duties.end(
                conn,
                _PURGE,
                until,
                now + _PURGE_EVERY * jitter if all_ else now,
            )


def _ago(now: datetime.datetime, days: int) -> datetime.datetime | None:
    return now - datetime.timedelta(days=days) if days else None
