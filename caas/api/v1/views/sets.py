"""How sets are shown."""

import dataclasses
import datetime
from typing import Any

from caas.api.operation import Call
from caas.api.v1.views import common
from caas.api.v1.views.containers import container, member
from caas.model.content import Content
from caas.model.hosts import liveness
from caas.model.sets import Set
from caas.store.engine import utcnow
from caas.store.history import Entry


@dataclasses.dataclass(frozen=True)
class Viewer:
    """Shows sets to one user; made once for all sets of an answer.

    :ivar host: also where it is, and what else only operators can use.
    :ivar runtime: also the ids of its containers in the engine.
    """

    url: str
    host: bool
    runtime: bool
    now: datetime.datetime
    heartbeat_timeout: float
    reclaim_interval: float

    @classmethod
    def of(cls, call: Call) -> "Viewer":
        return cls(
            url=call.url,
            host=call.allows("caas:sets:get:host"),
            runtime=call.allows("caas:containers:get:runtime"),
            now=utcnow(),
            heartbeat_timeout=call.deps.heartbeat_timeout,
            reclaim_interval=call.deps.reclaim_interval,
        )

    def summary(self, item: Set) -> dict[str, Any]:
        return {
            "id": item.id,
            "name": item.name,
            "status": item.status.value,
            "links": common.links(self.url, f"/v1/sets/{item.id}"),
        }

    def detail(self, item: Set) -> dict[str, Any]:
        view = {
            **self.summary(item),
            "description": item.description,
            "hostname": item.hostname,
            "project_id": item.project_id,
            "user_id": item.user_id,
            "reason": item.reason,
            "failure": item.failure or None,
            "desired": item.desired.value,
            "change": item.change_action or None,
            "sysctls": item.sysctls,
            "flavor": _flavor(item.content),
            "metadata": item.metadata,
            "availability_zone": item.host_zone or item.zone,
            "key_name": item.key_name or None,
            "network": "auto" if item.networked else "none",
            "addresses": [{"address": item.address}] if item.address else [],
            "server_group_id": item.group_id,
            "reservation_id": item.reservation_id,
            "containers": [
                container(c, runtime=self.runtime) for c in item.containers
            ],
            "created_at": common.time(item.created_at),
            "updated_at": common.time(item.updated_at),
            "launched_at": common.optional_time(item.launched_at),
            "reclaim_at": common.optional_time(self._reclaim_at(item)),
        }
        if self.host:
            view |= {
                "host": item.host_name,
                "host_status": self._host_status(item),
                "incarnation": item.incarnation,
                "revision": item.revision,
            }
        return view

    def history(self, entry: Entry) -> dict[str, Any]:
        """What a set was made of."""
        return {
            "revision": entry.revision,
            "at": common.time(entry.at),
            "action": entry.action,
            "failure": entry.failure,
            "user_id": entry.user_id,
            "request_id": entry.request_id,
            "flavor": _flavor(entry.content),
            "containers": [member(m) for m in entry.content.members],
        }

    def _reclaim_at(self, item: Set) -> datetime.datetime | None:
        if item.binned_at is None or not self.reclaim_interval:
            return None
        return item.binned_at + datetime.timedelta(
            seconds=self.reclaim_interval
        )

    def _host_status(self, item: Set) -> str | None:
        if item.host_name is None:
            return None
        return liveness(
            item.host_last_seen, self.now, self.heartbeat_timeout
        ).value


def _flavor(content: Content) -> dict[str, Any]:
    return {
        "id": content.flavor_id,
        "name": content.flavor_name,
        **common.resources(content.resources),
        "cpu_burst": content.cpu_burst,
    }
