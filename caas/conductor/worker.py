"""Works on sets: leases them, decides, writes it down, tells the hosts.

Whatever step it dies after, nothing is lost: what is leased is taken up
again when the lease ends, and a host that was not told of a new version of
its list finds out with its next report.
"""

import dataclasses
import datetime
import itertools
import logging
import uuid
from collections.abc import Callable, Collection
from typing import Any

from caas import pull
from caas.conductor.batch import Batch, lease
from caas.conductor.reconcile import Action
from caas.conductor.settings import Settings
from caas.conductor.view import View
from caas.conductor.wanted import Writer, assigns
from caas.core import changes, moves, shelving
from caas.model.sets import Set
from caas.model.spec import Resources
from caas.model.states import Desired, Shelved
from caas.scheduler.filters import Refusal
from caas.scheduler.plan import Plan
from caas.store import (
    addresses,
    claims,
    events,
    jobs,
    placements,
    server_groups,
    set_inputs,
    sets,
)
from caas.store.engine import Store, retry
from caas.store.placements import Leased

LOG = logging.getLogger(__name__)

#: Plans made for one batch while other conductors take what was planned.
_ROUNDS = 8

#: Sends an assign to a host.
Send = Callable[[str, dict[str, Any]], None]


class TakenError(Exception):
    """Hosts have not got any more what was planned to be taken of them."""

    def __init__(self, host_ids: Collection[str]) -> None:
        super().__init__(f"taken by others: {', '.join(host_ids)}")
        self.host_ids = host_ids


class JoinedError(Exception):
    """Sets of the same server groups were placed by others since it was
    planned."""

    def __init__(self, group_ids: Collection[str]) -> None:
        super().__init__(f"server groups changed: {', '.join(group_ids)}")


class NoAddressError(Exception):
    """:ivar left: how many addresses there are."""

    def __init__(self, left: int) -> None:
        super().__init__("the address pool is used up")
        self.left = left


class Worker:
    """For one thread at a time."""

    def __init__(
        self,
        store: Store,
        view: View,
        send: Send,
        tokens: pull.Tokens,
        settings: Settings,
        clock: Callable[[], datetime.datetime],
    ) -> None:
        self._store = store
        self._view = view
        self._send = send
        self._tokens = tokens
        self._settings = settings
        self._clock = clock
        # what the tokens of all lives of this conductor begin with
        self._owner = f"{settings.name[:40]}/"
        self._life = uuid.uuid4().hex[:12]
        self._count = itertools.count(1)

    def begin(self) -> None:
        """Give up what an earlier life left leased; make the pool."""
        network = self._settings.network
        with self._store.writer() as conn:
            placements.unlease_all(conn, self._owner)
            addresses.ensure_pool(conn, network.pool, network.cidr)

    def work(self, set_ids: Collection[str]) -> None:
        """Do whatever is to be done about these sets now."""
        now = self._clock()
        batch = lease(
            self._store,
            set_ids,
            f"{self._owner}{self._life}.{next(self._count)}",
            now,
            now + datetime.timedelta(seconds=self._settings.lease_time),
        )
        if not batch.leased:
            return
        for _ in range(_ROUNDS):
            plan = self._view.plan(batch.groups) if batch.groups else Plan()
            try:
                messages, lost = self._commit(batch, plan)
            except (TakenError, JoinedError, NoAddressError) as error:
                LOG.info("Planning again: %s", error)
                self._view.refresh(set(plan.placed.values()))
                if isinstance(error, NoAddressError):
                    batch.limit(self._settings.network, error.left)
                continue
            except Exception:
                self._view.refresh()
                raise
            for message in messages:
                self._send(message["host"], message)
            if lost:
                self._view.refresh({plan.placed[i] for i in lost})
            return
        LOG.warning(
            "%d set(s) are left to a sweep: others are always quicker to "
            "take what was planned",
            len(batch.leased),
        )
        with self._store.writer() as conn:
            placements.unlease(conn, list(batch.leased), batch.token)

    @retry
    def _commit(
        self, batch: Batch, plan: Plan
    ) -> tuple[list[dict[str, Any]], set[str]]:
        """One transaction for the whole batch.

        The pool is written to first, then server groups by id, then hosts by
        id, then sets, then what belongs to them: the same order everywhere.

        :returns: messages to send, and sets that were planned in vain
            because the user wants something else of them by now.
        :raises TakenError: and nothing is changed.
        :raises JoinedError: likewise.
        :raises NoAddressError: likewise.
        """
        now = self._clock()
        placed = dict(sorted(plan.placed.items()))
        with self._store.writer() as conn:
            new = self._addresses(conn, batch, placed)
            if joined := server_groups.advance(conn, plan.versions):
                raise JoinedError(joined)
            self._hosts(conn, batch, placed, now)
            ended: set[str] = set()
            if ends := batch.having(Action.END):
                ended = sets.tombstone(conn, ends, now)
            self._sets(conn, batch, plan, new, now)
            current = placements.reread(conn, batch.leased, batch.token)
            if self._grow(conn, batch, current, now):
                current = placements.reread(conn, batch.leased, batch.token)
            lost = self._claims(conn, batch, placed, current, now)
            if lost:
                # something else is wanted of them: nobody has to wait for
                # the end of our lease
                placements.unlease(conn, lost, batch.token)
            arrived = {i: placed[i] for i in placed if i not in lost}
            told = claims.told(conn, batch.hosts(placed))
            found = jobs.tell(conn, batch.leased)
            handed = set_inputs.brief(conn, batch.leased)
            rows = self._events(batch, plan, arrived, ended, told, now)
            events.add_many(conn, rows)
        writer = Writer(self._settings.network, self._tokens, found, handed)
        since = self._view.alive_since(now)
        return assigns(writer, batch, arrived, current, told, since), lost

    def _addresses(
        self, conn: Any, batch: Batch, placed: Collection[str]
    ) -> dict[str, str]:
        network = self._settings.network
        need = [i for i in placed if batch.item(i).unaddressed]
        if not need:
            return {}
        found = addresses.take(
            conn, network.pool, network.cidr, {network.gateway}, need
        )
        if len(found) < len(need):
            raise NoAddressError(len(found))
        return found

    def _hosts(
        self,
        conn: Any,
        batch: Batch,
        placed: dict[str, str],
        now: datetime.datetime,
    ) -> None:
        """Take what is planned and begin new versions of the lists."""
        taken: dict[str, list[Resources]] = {}
        for set_id, host_id in placed.items():
            taken.setdefault(host_id, []).append(batch.item(set_id).needs)
        refused = []
        for host_id in sorted(batch.hosts(placed)):
            if host_id not in taken:
                claims.bump(conn, host_id)
            elif not claims.take(
                conn,
                host_id,
                taken[host_id],
                self._settings.ratios,
                self._view.alive_since(now),
            ):
                refused.append(host_id)
        if refused:
            raise TakenError(refused)

    def _sets(
        self,
        conn: Any,
        batch: Batch,
        plan: Plan,
        new: dict[str, str],
        now: datetime.datetime,
    ) -> None:
        place, issue, note, refuse, wait = [], [], [], [], []
        refused = plan.refused | batch.refused
        for set_id in sorted(batch.leased):
            item = batch.item(set_id)
            row: dict[str, Any] = {"b_id": set_id, "b_token": batch.token}
            if set_id in plan.placed:
                row["b_host"] = plan.placed[set_id]
                row["b_incarnation"] = item.incarnation
                row["b_revision"] = item.revision
                row["b_from"] = item.host_id or ""
                row["b_desired"] = item.desired.value
                row["b_address"] = (
                    new[set_id] if item.unaddressed else item.address
                )
                row["b_deadline"] = self._deadline(now, 0)
                place.append(row)
            elif set_id in refused:
                refusal = refused[set_id]
                row["b_reason"] = refusal.reason
                if item.leaving:
                    # what it is told by it is not written down as issued:
                    # that is left to who looks next
                    moves.take_back(conn, item, refusal.reason, now)
                    placements.unlease(conn, [set_id], batch.token)
                elif self._waits(item, refusal, now):
                    wait.append(row)
                else:
                    row["b_revision"] = item.revision
                    refuse.append(row)
            elif set_id in batch.told:
                row.update(self._issue(batch.leased[set_id], now))
                issue.append(row)
            else:
                row["b_revision"] = item.revision
                note.append(row)
        for write, rows in (
            (placements.place, place),
            (placements.issue, issue),
            (placements.note, note),
            (placements.refuse, refuse),
            (placements.wait, wait),
        ):
            if rows:
                write(conn, rows)

    def _waits(
        self, item: Set, refusal: Refusal, now: datetime.datetime
    ) -> bool:
        """Whether hosts that are down may yet be back for it.

        They all seem down when it was conductors, broker or database that
        were away.
        """
        return refusal.hope and item.updated_at > self._view.alive_since(now)

    def _deadline(
        self, now: datetime.datetime, attempts: int
    ) -> datetime.datetime:
        seconds = self._settings.settle_time(attempts)
        return now + datetime.timedelta(seconds=seconds)

    def _issue(self, leased: Leased, now: datetime.datetime) -> dict[str, Any]:
        """Deadline, attempts and reason of a set that hosts are told of."""
        item = leased.item
        attempts = 0
        reason = ""
        if (
            item.issued == item.revision
            and leased.deadline is not None
            # else it is told of a job
            and leased.deadline < now
        ):
            attempts = leased.attempts + 1
            asked = leased.deadline - datetime.timedelta(
                seconds=self._settings.settle_time(leased.attempts)
            )
            reason = (
                f"Its host has not reported on this since {asked:%H:%M:%S} "
                f"UTC; asked again ({attempts})."
            )
        seen = item.host_last_seen
        if seen is not None and seen < self._view.alive_since(now):
            reason = (
                f"Its host is down since {seen:%Y-%m-%d %H:%M:%S} UTC; this "
                "goes on when it is back."
            )
        return {
            "b_reason": reason,
            "b_deadline": self._deadline(now, attempts),
            "b_attempts": attempts,
        }

    def _claims(
        self,
        conn: Any,
        batch: Batch,
        placed: dict[str, str],
        current: dict[str, Set],
        now: datetime.datetime,
    ) -> set[str]:
        """Write the claims of those that took their host.

        :returns: the others.
        """
        rows = []
        lost: dict[str, list[str]] = {}
        for set_id, host_id in placed.items():
            item = batch.item(set_id)
            mine = current.get(set_id)
            if mine is None or (mine.host_id, mine.incarnation) != (
                host_id,
                item.incarnation + 1,
            ):
                lost.setdefault(host_id, []).append(set_id)
                continue
            rows.append(
                {
                    "set_id": set_id,
                    "incarnation": mine.incarnation,
                    "host_id": host_id,
                    "created_at": now,
                    **dataclasses.asdict(item.needs),
                }
            )
        if rows:
            claims.insert(conn, rows)
        for host_id, set_ids in sorted(lost.items()):
            claims.give_back(
                conn, host_id, [batch.item(i).needs for i in set_ids]
            )
            sets.free_addresses(conn, set_ids)
        return {i for set_ids in lost.values() for i in set_ids}

    def _grow(
        self,
        conn: Any,
        batch: Batch,
        current: dict[str, Set],
        now: datetime.datetime,
    ) -> bool:
        """Claim what sets that are changed, or return, are to have, or take
        that back.

        :returns: whether any was taken back.
        """
        refused = []
        for set_id in sorted(batch.told):
            item = current.get(set_id)
            if (
                item is None
                or item.host_id is None
                or item.desired == Desired.DELETED
            ):
                continue
            returns = item.shelved == Shelved.RETURNING
            if not (item.change_revision or returns):
                continue
            lacking = claims.grow(
                conn,
                item.host_id,
                (item.id, item.incarnation),
                item.resources,
                self._settings.ratios,
            )
            undo = shelving.put_back if returns else changes.take_back
            if lacking is not None and undo(
                conn, item, _too_little(lacking), now
            ):
                refused.append(set_id)
        if refused:
            # told of with this batch, so nobody has to look again
            placements.reissue(conn, refused)
        return bool(refused)

    def _events(
        self,
        batch: Batch,
        plan: Plan,
        arrived: dict[str, str],
        ended: Collection[str],
        told: dict[str, claims.Told],
        now: datetime.datetime,
    ) -> list[dict[str, Any]]:
        rows = []
        for set_id, host_id in arrived.items():
            item = batch.item(set_id)
            queued = (now - item.updated_at).total_seconds()
            rows.append(
                _event(
                    item,
                    "set.schedule",
                    host=told[host_id].name,
                    details={"queued_ms": round(queued * 1000)},
                )
            )
        for set_id, refusal in (plan.refused | batch.refused).items():
            item = batch.item(set_id)
            if not (item.leaving or self._waits(item, refusal, now)):
                rows.append(
                    _event(
                        item,
                        "set.schedule",
                        result="error",
                        reason=refusal.reason,
                    )
                )
        rows += [_event(batch.item(i), "set.delete") for i in sorted(ended)]
        rows += [
            _event(batch.item(i), "set.stop")
            for i in batch.having(Action.NOTE)
            if batch.item(i).desired == Desired.STOPPED
        ]
        return rows


def _too_little(lacking: claims.Lacking) -> str:
    """Why a host cannot give a set what it is to have."""
    more, free = lacking.more, lacking.free
    parts = [
        f"{what}: {asked:g} more asked for, {left:g} free"
        for what, asked, left in (
            ("CPUs", more.millicpus / 1000, free.millicpus / 1000),
            ("memory", more.memory_mb, free.memory_mb),
            ("disk", more.disk_gb, free.disk_gb),
        )
        if asked > left
    ]
    units = "memory in MiB, disk in GiB"
    return (
        f"The host of the set has too little left ({units}) - "
        f"{'; '.join(parts)}."
    )


def _event(item: Set, action: str, **fields: Any) -> dict[str, Any]:
    return {
        "project_id": item.project_id,
        "object_type": "set",
        "object_id": item.id,
        "action": action,
        "request_id": item.request_id,
        **fields,
    }
