"""A host as a hypervisor, its agent as a service."""

import dataclasses
import datetime
import uuid
from typing import Any

from caas.api.compute.operation import Call
from caas.api.compute.views import common
from caas.core import services as core
from caas.model.hosts import Host
from caas.model.sets import Set
from caas.model.states import HostStatus
from caas.store.engine import utcnow

#: What tools of VMs look for among services.
AGENT = "nova-compute"
CONDUCTOR = "nova-conductor"
#: What statistics are of.
_SUMMED = (
    *("vcpus", "vcpus_used", "memory_mb", "memory_mb_used"),
    *("free_ram_mb", "local_gb", "local_gb_used", "free_disk_gb"),
    *("disk_available_least", "running_vms", "current_workload"),
)
_BINARIES = {"caas-conductor": CONDUCTOR}


def ident(item: Host, minor: int) -> Any:
    """Numbers were ids before 2.53."""
    if minor >= 53:
        return item.id
    return common.number(item.id)


@dataclasses.dataclass(frozen=True)
class Viewer:
    url: str
    minor: int
    now: datetime.datetime
    timeout: float

    @classmethod
    def of(cls, call: Call) -> "Viewer":
        return cls(
            call.url, call.version.minor, utcnow(), call.deps.heartbeat_timeout
        )

    def _up(self, item: Host) -> bool:
        return item.status(self.now, self.timeout) == HostStatus.UP

    def hypervisor(self, item: Host) -> dict[str, Any]:
        return {
            "id": ident(item, self.minor),
            "hypervisor_hostname": item.name,
            "state": "up" if self._up(item) else "down",
            "status": "enabled" if item.enabled else "disabled",
        }

    def hypervisor_detail(self, item: Host) -> dict[str, Any]:
        view = {
            **self.hypervisor(item),
            "hypervisor_type": "docker",
            "hypervisor_version": _version(item.facts.get("engine_version")),
            "host_ip": (item.facts.get("streams") or "").rpartition(":")[0]
            or None,
            "service": {
                "id": ident(item, self.minor),
                "host": item.name,
                "disabled_reason": item.disabled_reason,
            },
        }
        if self.minor >= 88:
            view["uptime"] = self.uptime(item)
        else:
            view |= self._resources(item) | {"cpu_info": self._cpu_info()}
        return view

    def uptime(self, item: Host) -> str | None:
        """For how long it has been up, in words; None while it is not."""
        booted = item.facts.get("booted_at")
        if not booted or not self._up(item):
            return None
        since = datetime.datetime.fromtimestamp(booted, datetime.UTC)
        minutes = int(
            (self.now - since.replace(tzinfo=None)).total_seconds() // 60
        )
        days, minutes = divmod(max(minutes, 0), 1440)
        hours, minutes = divmod(minutes, 60)
        return f"{self.now:%H:%M:%S} up {days} days, {hours:2}:{minutes:02}"

    def _cpu_info(self) -> Any:
        return {} if self.minor >= 28 else "{}"

    def _resources(self, item: Host) -> dict[str, int]:
        capacity, used = item.capacity, item.used
        return {
            "vcpus": capacity.millicpus // 1000,
            "vcpus_used": -(-used.millicpus // 1000),
            "memory_mb": capacity.memory_mb,
            "memory_mb_used": used.memory_mb,
            "free_ram_mb": capacity.memory_mb - used.memory_mb,
            "local_gb": capacity.disk_gb,
            "local_gb_used": used.disk_gb,
            "free_disk_gb": capacity.disk_gb - used.disk_gb,
            "disk_available_least": capacity.disk_gb - used.disk_gb,
            "running_vms": item.used_sets,
            "current_workload": 0,
        }

    def statistics(self, items: list[Host]) -> dict[str, int]:
        total: dict[str, int] = {"count": len(items)}
        for key in _SUMMED:
            total[key] = sum(self._resources(each)[key] for each in items)
        return total

    def agent(self, item: Host) -> dict[str, Any]:
        view: dict[str, Any] = {
            "id": ident(item, self.minor),
            "binary": AGENT,
            "host": item.name,
            "zone": item.zone,
            "status": "enabled" if item.enabled else "disabled",
            "state": "up" if self._up(item) else "down",
            "updated_at": common.plain(item.last_seen),
            "disabled_reason": item.disabled_reason,
        }
        if self.minor >= 11:
            view["forced_down"] = item.forced_down
        return view

    def zones(self, items: list[Host], detail: bool) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for item in items:
            zone = found.setdefault(
                item.zone,
                {
                    "zoneName": item.zone,
                    "zoneState": {"available": False},
                    "hosts": {} if detail else None,
                },
            )
            if item.enabled:
                zone["zoneState"]["available"] = True
            if detail:
                zone["hosts"][item.name] = {
                    AGENT: {
                        "active": item.enabled,
                        "available": self._up(item),
                        "updated_at": common.plain(item.last_seen),
                    }
                }
        return [found[name] for name in sorted(found)]


def servers(items: list[Set]) -> list[dict[str, str]]:
    """As hypervisors show what is on them."""
    return [{"uuid": each.id, "name": each.name} for each in items]


def resources(item: Host, items: list[Set]) -> list[dict[str, Any]]:
    """As ``os-hosts`` shows a host: what it has, what is used now, what its
    servers may use, and that by project.

    :param items: on it.
    """

    def row(project: str, millicpus: int, memory: int, disk: int) -> Any:
        return {
            "resource": {
                "host": item.name,
                "project": project,
                "cpu": -(-millicpus // 1000),
                "memory_mb": memory,
                "disk_gb": disk,
            }
        }

    total, used = item.capacity, item.used
    found = [
        row("(total)", total.millicpus, total.memory_mb, total.disk_gb),
        row("(used_now)", used.millicpus, used.memory_mb, used.disk_gb),
    ]
    by_project: dict[str, list[Set]] = {"(used_max)": items}
    for each in items:
        by_project.setdefault(each.project_id, []).append(each)
    return found + [
        row(
            name,
            sum(s.resources.millicpus for s in mine),
            sum(s.resources.memory_mb for s in mine),
            sum(s.resources.disk_gb for s in mine),
        )
        for name, mine in by_project.items()
    ]


def own_binary(name: str) -> str:
    """What is called so by :func:`services`."""
    return next(own for own, shown in _BINARIES.items() if shown == name)


def services(call: Call) -> list[dict[str, Any]]:
    """Processes that have a name among Nova's."""
    now, minor = utcnow(), call.version.minor
    found = []
    for each in core.list_(call.deps, call.ctx):
        if each.binary not in _BINARIES or each.last_seen is None:
            continue
        silent = (now - each.last_seen).total_seconds()
        name = f"{each.binary} {each.host}"
        made = uuid.uuid5(uuid.NAMESPACE_OID, name)
        view: dict[str, Any] = {
            "id": str(made) if minor >= 53 else common.number(str(made)),
            "binary": _BINARIES[each.binary],
            "host": each.host,
            "zone": "internal",
            "status": "enabled",
            "state": "up" if silent < call.deps.heartbeat_timeout else "down",
            "updated_at": common.plain(each.last_seen),
            "disabled_reason": None,
        }
        if minor >= 11:
            view["forced_down"] = False
        found.append(view)
    return found


def _version(text: str | None) -> int:
    """20.10.24 as 20010024, as hypervisors are numbered."""
    parts = [
        int(p)
        for p in (text or "").split("+")[0].split(".")[:3]
        if p.isdigit()
    ]
    number = 0
    for part in (*parts, 0, 0, 0)[:3]:
        number = number * 1000 + part
    return number
