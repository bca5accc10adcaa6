"""Takes in what agents report and tells them what to run."""

import dataclasses
import datetime
import logging
import uuid
from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import pull
from caas.conductor import jobs, observe
from caas.conductor.settings import Settings
from caas.conductor.wanted import Writer
from caas.core import changes
from caas.model import wire
from caas.model.hosts import liveness
from caas.model.sets import Set
from caas.model.spec import NOTHING
from caas.model.states import (
    ContainerStatus,
    Desired,
    HostStatus,
    Phase,
    Shelved,
)
from caas.store import claims, events, placements, reports, set_inputs, sets
from caas.store import jobs as store_jobs
from caas.store.engine import Store, retry

LOG = logging.getLogger(__name__)


class Agents:
    """:param clock: now, UTC without zone.
    :param look_again: told of sets of which hosts have to be told something.
    """

    def __init__(
        self,
        store: Store,
        tokens: pull.Tokens,
        settings: Settings,
        clock: Callable[[], datetime.datetime],
        look_again: Callable[[list[str]], None],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._settings = settings
        self._clock = clock
        self._look_again = look_again

    def sync(self, report: dict[str, Any]) -> dict[str, Any]:
        """Take in a report; see :mod:`caas.model.wire`.

        :returns: the version of the list, with the list if the agent has
            another one, and ``facts`` if the agent is to say what it is.
        """
        parsed = wire.Report.from_dict(report)
        host = self._host(parsed)
        version, changed = self._take_in(host, parsed)
        if changed:
            self._look_again(changed)
        answer: dict[str, Any] = {"version": version, "sets": None}
        if version != parsed.version:
            answer.update(self._listing(host.id))
        if host.bare and parsed.facts is None:
            answer["facts"] = True
        if parsed.facts is not None:
            answer["networks"] = [str(self._settings.network.cidr)]
        return answer

    def inputs(self, host: str, set_id: str) -> dict[str, Any] | None:
        """What was handed into a set, for the host it is on; else None."""
        with self._store.reader() as conn:
            found = reports.find_host(conn, host)
            if found is None or not claims.on_host(conn, found.id, [set_id]):
                return None
            return set_inputs.get(conn, set_id).to_dict()

    def _host(self, report: wire.Report) -> reports.Host:
        with self._store.reader() as conn:
            found = reports.find_host(conn, report.host)
        if found is not None:
            return found
        reason = (
            None
            if self._settings.enable_new_hosts
            else "It is new; enable it to use it."
        )
        try:
            with self._store.writer() as conn:
                host_id = reports.add_host(
                    conn, report.host, reason, self._clock()
                )
                events.add(
                    conn, **_host_event(host_id, report.host, "host.add")
                )
        except db_exception.DBDuplicateEntry:
            LOG.debug("Host %s was added at the same moment", report.host)
        else:
            LOG.info("Host %s is new", report.host)
        with self._store.reader() as conn:
            found = reports.find_host(conn, report.host)
        if found is None:
            raise LookupError(f"host {report.host} was deleted just now")
        return found

    @retry
    def _take_in(
        self, host: reports.Host, report: wire.Report
    ) -> tuple[int, list[str]]:
        """One transaction.

        :returns: the version of the host's list, and sets of which something
            else is wanted now.
        """
        now = self._clock()
        with self._store.writer() as conn:
            if not reports.fence(conn, host.id, report, now):
                LOG.info(
                    "Report %s.%s of host %s came late",
                    report.boot,
                    report.seq,
                    report.host,
                )
                return placements.version_of(conn, host.id), []
            changed: list[str] = []
            rows = self._back(host, report, now) + _fitness(host, report)
            rows += self._began(host, report)
            if report.sets or report.events:
                intake = _Intake(conn, host, report, now)
                rows += intake.run(self._settings.settle_timeout)
                changed = intake.changed
            events.add_many(conn, rows)
            return placements.version_of(conn, host.id), changed

    def _back(
        self, host: reports.Host, report: wire.Report, now: datetime.datetime
    ) -> list[dict[str, Any]]:
        """The event of a host that was down until now."""
        if host.last_seen is None:
            return []
        timeout = self._settings.heartbeat_timeout
        if liveness(host.last_seen, now, timeout) == HostStatus.UP:
            return []
        return [
            _host_event(
                host.id,
                report.host,
                "host.up",
                reason=f"It had been silent since {host.last_seen} UTC.",
            )
        ]

    def _began(
        self, host: reports.Host, report: wire.Report
    ) -> list[dict[str, Any]]:
        """The event of an agent that was started anew."""
        if not 0 < host.boot < report.boot:
            return []
        version = report.facts.agent_version if report.facts else ""
        return [
            _host_event(
                host.id,
                report.host,
                "host.agent-start",
                details={"version": version} if version else {},
            )
        ]

    def _listing(self, host_id: str) -> dict[str, Any]:
        # a transaction of its own, which shows version and list of one
        # moment, or the list of a later one
        with self._store.reader() as conn:
            version, entries = placements.listing(conn, host_id)
            present = [entry.set_id for entry in entries if entry.present]
            found = store_jobs.of_sets(conn, present)
            handed = set_inputs.brief(conn, present)
        writer = Writer(self._settings.network, self._tokens, found, handed)
        return {
            "version": version,
            "sets": [
                (
                    writer.present(entry.item)
                    if entry.present and entry.item
                    else writer.removal(
                        entry.set_id, entry.incarnation, entry.item
                    )
                ).to_dict()
                for entry in entries
            ],
        }


class _Intake:
    """The sets and events of one report, in the transaction of its fence.

    :ivar changed: sets of which something else is wanted now.
    """

    def __init__(
        self,
        conn: sa.Connection,
        host: reports.Host,
        report: wire.Report,
        now: datetime.datetime,
    ) -> None:
        self._conn = conn
        self._host = host
        self._report = report
        self._now = now
        self.changed: list[str] = []
        ids = {one.id for one in report.sets}
        ids.update(event.set_id for event in report.events)
        # a host has a say about what is claimed on it, and nothing else
        self._claimed = claims.on_host(conn, host.id, ids)
        self._seen = reports.seen(conn, ids)

    def run(self, settle_timeout: float) -> list[dict[str, Any]]:
        """Write what is to be written but the events, which are returned."""
        gone: dict[claims.Key, Any] = {}
        afters: list[reports.Seen] = []
        present: list[tuple[reports.Seen, wire.SetReport]] = []
        parts: list[tuple[str, wire.ContainerReport]] = []
        work: dict[str, tuple[wire.JobReport, ...]] = {}
        rows: list[dict[str, Any]] = []
        happened: list[tuple[reports.Seen, observe.Happening]] = []
        for one in sorted(self._report.sets, key=lambda s: s.id):
            key = (one.id, one.incarnation)
            before = self._seen.get(one.id)
            if key not in self._claimed:
                continue
            about = observe.about(before, one, self._host.id)
            if about is observe.About.GONE:
                gone[key] = self._claimed[key]
            elif about is observe.About.PRESENT and before is not None:
                after, happening = observe.observe(
                    before, one, self._now, settle_timeout
                )
                if after != before:
                    afters.append(after)
                present.append((after, one))
                parts += [(one.id, part) for part in one.containers]
                if one.jobs:
                    work[one.id] = one.jobs
                if happening is not None:
                    happened.append((after, happening))
        if afters:
            reports.observe(self._conn, afters)
        self.changed += [after.id for after, _ in present if after.left]
        failed = self._changes(present)
        if parts:
            reports.observe_containers(self._conn, parts)
        if work:
            rows += jobs.take_in(
                self._conn, work, self._report.host, self._now
            )
        if gone:
            rows += self._release(gone)
        # that a change failed is told with what was asked for
        happened = [(s, h) for s, h in happened if s.id not in failed]
        return rows + self._happenings(happened) + self._agent_events()

    def _changes(
        self, reported: list[tuple[reports.Seen, wire.SetReport]]
    ) -> set[str]:
        """Changes that are carried out, or that the host cannot do.

        :returns: ids of sets whose changes were taken back.
        """
        failed = set()
        for seen, one in reported:
            if seen.move and observe.settled(seen):
                # amid a change, too
                sets.moved(self._conn, [seen.id])
            if seen.change_revision:
                told = one.refused or any(c.verdict for c in one.containers)
                if seen.current and (told or observe.settled(seen)):
                    failed.update(self._change(seen, one))
            elif observe.settled(seen):
                if seen.shelved == Shelved.RETURNING:
                    sets.returned(self._conn, [seen.id])
                # of a change taken back it may have had more until now
                self._shrink(seen)
        self.changed += sorted(failed)
        return failed

    def _change(self, seen: reports.Seen, one: wire.SetReport) -> list[str]:
        """:returns: its id if its change was taken back."""
        item = sets.get(self._conn, seen.id)
        if item is None or not item.current:
            return []
        if refused := one.refused or _failed(item, one):
            if changes.take_back(self._conn, item, refused, self._now):
                return [item.id]
        elif observe.settled(seen) and changes.finish(self._conn, item):
            self._shrink(seen)
        return []

    def _shrink(self, seen: reports.Seen) -> None:
        """Give back what is claimed for a set beyond what it has."""
        if seen.phase == Phase.FAILED:
            # who knows what it has
            return
        key = (seen.id, seen.incarnation)
        if self._claimed[key].beyond(seen.needs) != NOTHING:
            claims.shrink(self._conn, self._host.id, key, seen.needs)

    def _release(self, gone: dict[claims.Key, Any]) -> list[dict[str, Any]]:
        """Free what is gone; end the sets of which nothing is left."""
        claims.release(self._conn, self._host.id, gone)
        ids = {set_id for set_id, _ in gone}
        left = claims.of_sets(self._conn, ids)
        over = set()
        past = set()
        for set_id in ids:
            item = self._seen.get(set_id)
            if item is None or item.ended:
                # by force, while the host still had it
                if set_id not in left:
                    past.add(set_id)
            elif item.desired == Desired.DELETED and not any(
                # what a lost host has of another one does not count
                incarnation == item.incarnation
                for incarnation, _ in left.get(set_id, ())
            ):
                over.add(set_id)
        ended = sets.tombstone(self._conn, over, self._now) if over else set()
        if past:
            reports.forget(self._conn, past)
            sets.free_addresses(self._conn, past)
        return [
            self._event(self._seen[i], observe.Happening("set.delete"))
            for i in sorted(ended)
        ]

    def _happenings(
        self, happened: list[tuple[reports.Seen, observe.Happening]]
    ) -> list[dict[str, Any]]:
        unnamed = [s for s, h in happened if h.action == observe.ASKED]
        asked = reports.asked(self._conn, unnamed) if unnamed else {}
        rows = []
        for item, happening in happened:
            if happening.action == observe.ASKED:
                default = (
                    "set.stop"
                    if item.desired == Desired.STOPPED
                    else "set.start"
                )
                verb = asked.get(item.id, reports.Asked(default))
                action = verb.action
                if verb.told == "success" and item.phase == Phase.RUNNING:
                    action = observe.RECOVER
                elif verb.told:
                    continue
                happening = dataclasses.replace(happening, action=action)
            rows.append(self._event(item, happening))
        return rows

    def _event(
        self, item: reports.Seen, happening: observe.Happening
    ) -> dict[str, Any]:
        return {
            "project_id": item.project_id,
            "object_type": "set",
            "object_id": item.id,
            "request_id": item.request_id,
            "host": self._report.host,
            "action": happening.action,
            "result": happening.result,
            "reason": happening.reason,
            "details": happening.details,
        }

    def _may_tell(
        self, event: wire.AgentEvent, claimed: Collection[str]
    ) -> bool:
        """A host has a say about itself and what is, or was, its own."""
        if not event.set_id:
            return event.action.startswith("host.")
        item = self._seen.get(event.set_id)
        return item is not None and (
            event.set_id in claimed or item.host_id == self._host.id
        )

    def _agent_events(self) -> list[dict[str, Any]]:
        claimed = {set_id for set_id, _ in self._claimed}
        mine = {
            event.id: event
            for event in self._report.events
            if self._may_tell(event, claimed)
        }
        if not mine:
            return []
        known = reports.known_events(self._conn, mine)
        named = {e.set_id for e in mine.values() if e.container}
        ids = reports.container_ids(self._conn, named) if named else {}
        return [
            {
                "id": event.id,
                # a clock that is ahead must not put it above all others
                "at": min(reports.when(event.at) or self._now, self._now),
                **self._object(event),
                # no longer than the columns: an event that cannot be
                # written would come again for ever
                "container": event.container[:63],
                "container_id": ids.get((event.set_id, event.container), ""),
                "host": self._report.host,
                "action": event.action[:64],
                "result": event.result[:16],
                "reason": event.reason,
                "details": event.details,
            }
            for event in mine.values()
            if event.id not in known
        ]

    def _object(self, event: wire.AgentEvent) -> dict[str, Any]:
        """What it is about, and whose that is."""
        if not event.set_id:
            return {"object_type": "host", "object_id": self._host.id}
        item = self._seen[event.set_id]
        kind = event.action.partition(".")[0]
        if kind == "image":
            return {
                "project_id": item.project_id,
                "request_id": item.request_id,
                "object_type": kind,
                "object_id": event.object_id[:64],
            }
        return {
            "project_id": item.project_id,
            "object_type": "set",
            "object_id": event.set_id,
        }


def _failed(item: Set, one: wire.SetReport) -> str:
    """Why the set cannot run with what a change brought; "" if it can.

    Other containers that fail did so before, and are no reason to take it
    back.
    """
    failed = [
        part
        for part in one.containers
        if part.verdict
        or (
            one.phase == Phase.FAILED and part.status == ContainerStatus.FAILED
        )
    ]
    if not failed:
        # if it does not run, the host cannot have the set as a whole
        runs = one.phase != Phase.FAILED
        return "" if runs else one.reason or "The set does not run."
    new = changes.touched(item)
    return "; ".join(
        part.verdict
        or part.reason
        or one.reason
        or f"Container {part.name!r} does not run."
        for part in failed
        if part.id in new
    )


def _host_event(
    host_id: str, name: str, action: str, **fields: Any
) -> dict[str, Any]:
    return {
        "object_type": "host",
        "object_id": host_id,
        "host": name,
        "action": action,
        **fields,
    }


def _fitness(host: reports.Host, report: wire.Report) -> list[dict[str, Any]]:
    """The event of a host that is unfit now, for other reasons, or fit."""
    facts = report.facts
    if facts is None or ", ".join(facts.unfit_checks)[:255] == host.unfit:
        return []
    if facts.unfit:
        return [
            _host_event(
                host.id,
                report.host,
                "host.unfit",
                result="error",
                reason=" ".join(facts.unfit),
            )
        ]
    return [
        _host_event(
            host.id,
            report.host,
            "host.fit",
            reason=f"It had been unfit ({host.unfit}).",
        )
    ]


def silent_events(
    hosts: Collection[tuple[str, str, datetime.datetime]],
) -> list[dict[str, Any]]:
    """Events of hosts that went down; the same ones whoever makes them.

    :param hosts: id, name and time of the last report.
    """
    return [
        _host_event(
            host_id,
            name,
            "host.down",
            id=str(uuid.uuid5(uuid.UUID(host_id), last_seen.isoformat())),
            result="error",
            reason=f"It has been silent since {last_seen} UTC.",
        )
        for host_id, name, last_seen in hosts
    ]
