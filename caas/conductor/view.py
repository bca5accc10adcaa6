"""The scheduler's view of the hosts, kept near to what the database says."""

import datetime
from collections.abc import Callable, Collection, Sequence
from typing import Any

from caas.conductor.settings import Settings
from caas.model.spec import Resources
from caas.scheduler.groups import ServerGroup
from caas.scheduler.plan import Group, Plan, Planner
from caas.scheduler.snapshot import Host, Snapshot
from caas.scheduler.weighers import Weigher, spread
from caas.scheduler.where import Named, Others
from caas.store import claims, server_groups
from caas.store.engine import Store

#: Seconds after which all hosts are read again.  The view may be older than
#: the truth, because claims have the last word; but no set is refused for
#: what was true before it was asked for.
_FRESH = 5.0


class View:
    """For one thread at a time."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Callable[[], datetime.datetime],
        weigher: Weigher = spread,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._planner = Planner(Snapshot(), weigher)
        self._read_at: datetime.datetime | None = None

    def plan(self, groups: Sequence[Group]) -> Plan:
        """Find hosts; what is found is assumed to be taken."""
        now = self._clock()
        if self._age(now) > _FRESH:
            self.refresh()
        plan = self._planner.plan(groups, self._others(groups))
        if plan.refused and self._age(now) > 0:
            # what was just assumed is overwritten, so plan all of it anew
            self.refresh()
            plan = self._planner.plan(groups, self._others(groups))
        return plan

    def _others(self, groups: Sequence[Group]) -> Others:
        """Where sets are that those to be placed are to be with, or apart
        from: always as of now."""
        asked = [r for g in groups for r in g.sets.values() if r.bound]
        group_ids = {r.group_id for r in asked if r.group_id is not None}
        set_ids = {
            each
            for r in asked
            for each in (*r.hints.same_host, *r.hints.different_host)
        }
        if not group_ids and not set_ids:
            return Others()
        with self._store.reader() as conn:
            placed = server_groups.placed(conn, group_ids)
            named = server_groups.whereabouts(conn, set_ids)
        return Others(
            {
                each.id: ServerGroup(
                    id=each.id,
                    name=each.name,
                    policy=each.policy,
                    most=each.max_per_host,
                    version=each.version,
                    hosts=dict(each.hosts),
                )
                for each in placed.values()
            },
            {
                i: Named(each.project_id, each.host_id, each.waiting)
                for i, each in named.items()
            },
        )

    def _age(self, now: datetime.datetime) -> float:
        if self._read_at is None:
            return float("inf")
        return (now - self._read_at).total_seconds()

    def refresh(self, host_ids: Collection[str] | None = None) -> None:
        """Read hosts again, and drop what was assumed of them.

        :param host_ids: None for all.
        """
        now = self._clock()
        with self._store.reader() as conn:
            rows = claims.hosts_view(conn, host_ids)
        hosts = [self._host(row, now) for row in rows]
        if host_ids is None:
            self._planner.snapshot.replace(hosts)
            self._read_at = now
        else:
            self._planner.snapshot.update(hosts)
            self._planner.snapshot.drop(
                set(host_ids) - {host.id for host in hosts}
            )

    def alive_since(self, now: datetime.datetime) -> datetime.datetime:
        """A host that has not reported since is down."""
        return now - datetime.timedelta(
            seconds=self._settings.heartbeat_timeout
        )

    def _host(self, row: Any, now: datetime.datetime) -> Host:
        ratios = self._settings.ratios
        capacity = Resources(
            int(row.millicpus * ratios.cpu),
            int(row.memory_mb * ratios.memory),
            int(row.disk_gb * ratios.disk),
        )
        return Host(
            id=row.id,
            name=row.name,
            zone=row.zone,
            enabled=row.enabled,
            unfit=row.unfit,
            up=not row.forced_down
            and row.last_seen is not None
            and row.last_seen >= self.alive_since(now),
            capacity=capacity,
            free_millicpus=capacity.millicpus - row.used_millicpus,
            free_memory_mb=capacity.memory_mb - row.used_memory_mb,
            free_disk_gb=capacity.disk_gb - row.used_disk_gb,
            sets=row.used_sets,
        )
