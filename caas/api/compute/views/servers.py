"""A set as a server."""

import dataclasses
import datetime
import hashlib
from typing import Any

from caas.api.compute.operation import Call
from caas.api.compute.views import common
from caas.api.compute.views import flavors as flavor_views
from caas.model.containers import Container
from caas.model.hosts import liveness
from caas.model.sets import Set
from caas.model.states import (
    Case,
    ContainerStatus,
    Desired,
    Frozen,
    HostStatus,
    Move,
    Placement,
    SetStatus,
    Shelved,
)
from caas.store.engine import utcnow

#: Name under which the addresses of a set are shown.
NETWORK = "caas"


#: What Nova calls states of power.
POWER = {
    0: "pending",
    1: "running",
    3: "paused",
    4: "shutdown",
    7: "suspended",
}


@dataclasses.dataclass(frozen=True)
class State:
    """What Nova tells of where an instance is in its life.

    :ivar power: see :data:`POWER`.
    """

    status: str
    vm: str
    task: str | None
    power: int


_STATES = {
    SetStatus.BUILD: State("BUILD", "building", "spawning", 0),
    SetStatus.ACTIVE: State("ACTIVE", "active", None, 1),
    SetStatus.STARTING: State("SHUTOFF", "stopped", "powering-on", 4),
    SetStatus.RESTARTING: State("REBOOT", "active", "reboot_started", 1),
    SetStatus.RESIZE: State("RESIZE", "active", "resize_migrating", 1),
    SetStatus.VERIFY_RESIZE: State("VERIFY_RESIZE", "resized", None, 1),
    SetStatus.RESCUE: State("RESCUE", "rescued", None, 1),
    SetStatus.MIGRATING: State("RESIZE", "active", "resize_migrating", 1),
    SetStatus.PAUSED: State("PAUSED", "paused", None, 3),
    SetStatus.SUSPENDED: State("SUSPENDED", "suspended", None, 7),
    SetStatus.SHELVED_OFFLOADED: State(
        "SHELVED_OFFLOADED", "shelved_offloaded", None, 4
    ),
    SetStatus.SOFT_DELETED: State("SOFT_DELETED", "soft-delete", None, 4),
    SetStatus.STOPPING: State("ACTIVE", "active", "powering-off", 1),
    SetStatus.SHUTOFF: State("SHUTOFF", "stopped", None, 4),
    SetStatus.ERROR: State("ERROR", "error", None, 0),
    SetStatus.DELETED: State("DELETED", "deleted", None, 0),
}

#: Of changes that show as UPDATING: one is Nova's rebuild, for all others a
#: server has no state of its own.
_REBUILD = State("REBUILD", "active", "rebuilding", 1)
REBUILD = "rebuild"

#: Their task: containers are disks.
_CHANGING = "block_device_mapping"
#: And of some that Nova has a word for.
_TASKS = {"rescue": "rescuing", "unrescue": "unrescuing"}

#: A resize that waits for nobody after it leads to where Nova's reverts do.
_REVERT = State("REVERT_RESIZE", "resized", "resize_reverting", 1)
#: Its containers are about to go on, by the word in which they were frozen.
_THAW = {
    Frozen.PAUSED: State("PAUSED", "paused", "unpausing", 3),
    Frozen.SUSPENDED: State("SUSPENDED", "suspended", "resuming", 7),
}

#: What is being done to a set that is put away, or was.
_SHELVING: dict[SetStatus, dict[str, str]] = {
    SetStatus.STOPPING: {Shelved.AWAY: "shelving"},
    SetStatus.SHELVED_OFFLOADED: {Shelved.RETURNING: "unshelving"},
}

#: Statuses in which Nova tells how far something is.
_PROGRESS = {
    "ACTIVE": 100,
    "BUILD": 0,
    "REBUILD": 0,
    "RESIZE": 0,
    "VERIFY_RESIZE": 100,
    "MIGRATING": 0,
}


def state(item: Set) -> State:
    status = item.status
    if status == SetStatus.DELETING:
        # Nova shows what it was until it is gone
        was = (
            _STATES[SetStatus.BUILD]
            if item.launched_at is None
            else _STATES[SetStatus.ACTIVE]
        )
        return dataclasses.replace(was, task="deleting")
    if status == SetStatus.UPDATING:
        if item.change_action == REBUILD:
            return _REBUILD
        was = _STATES[
            SetStatus.SHUTOFF
            if item.desired == Desired.STOPPED
            else SetStatus.ACTIVE
        ]
        # else nobody could tell why nothing can be asked of it now
        return dataclasses.replace(
            was, task=_TASKS.get(item.change_action, _CHANGING)
        )
    if status == SetStatus.RESIZE and item.resized_at is None:
        return _REVERT
    if status == SetStatus.MIGRATING:
        if item.move == Move.EVACUATE:
            return _REBUILD
        return _REVERT if item.resized_at is None else _STATES[status]
    if item.shelved and status in _SHELVING:
        return dataclasses.replace(
            _STATES[status], task=_SHELVING[status].get(item.shelved)
        )
    if status == SetStatus.RESTARTING and item.frozen_before and _frozen(item):
        return _THAW[Frozen(item.frozen_before)]
    if status == SetStatus.VERIFY_RESIZE and item.desired == Desired.STOPPED:
        return dataclasses.replace(_STATES[status], power=4)
    if (
        status == SetStatus.ACTIVE
        and item.frozen
        and item.desired == Desired.RUNNING
    ):
        task = {"paused": "pausing", "suspended": "suspending"}
        return dataclasses.replace(_STATES[status], task=task.get(item.frozen))
    return _STATES[status]


def _frozen(item: Set) -> bool:
    """Whether one of its containers was when last seen."""
    found = {each.status for each in _business(item)}
    return ContainerStatus.PAUSED in found


#: Statuses of sets that are shown in more than one way.
_APART = (
    ("BUILD", Case(SetStatus.DELETING, launched=False)),
    ("ACTIVE", Case(SetStatus.DELETING, launched=True)),
    (_REBUILD.status, Case(SetStatus.UPDATING, change=REBUILD)),
    ("SHUTOFF", Case(SetStatus.UPDATING, not_change=REBUILD, stopped=True)),
    ("ACTIVE", Case(SetStatus.UPDATING, not_change=REBUILD, stopped=False)),
    ("RESIZE", Case(SetStatus.RESIZE, resized=True)),
    (_REVERT.status, Case(SetStatus.RESIZE, resized=False)),
    (_REBUILD.status, Case(SetStatus.MIGRATING, move=Move.EVACUATE)),
    ("RESIZE", Case(SetStatus.MIGRATING, move=Move.MIGRATE, resized=True)),
    (
        _REVERT.status,
        Case(SetStatus.MIGRATING, move=Move.MIGRATE, resized=False),
    ),
    ("REBOOT", Case(SetStatus.RESTARTING, thawing="")),
    *(
        (shown.status, Case(SetStatus.RESTARTING, thawing=word))
        for word, shown in _THAW.items()
    ),
)


def cases(status: str) -> list[Case]:
    """All that :func:`state` shows as this one of Nova's."""
    apart = {case.status for _, case in _APART}
    found = [
        Case(own)
        for own, shown in _STATES.items()
        if shown.status == status and own not in apart
    ]
    return found + [case for shown, case in _APART if shown == status]


#: All that may be shown.
SHOWN = frozenset(each.status for each in _STATES.values()) | {
    _REBUILD.status,
    _REVERT.status,
}


@dataclasses.dataclass(frozen=True)
class Viewer:
    """Shows servers to one user; made once for all of an answer.

    :ivar minor: of the microversion.
    :ivar host: also where they are, and what else only operators see.
    :ivar tags: by id of the server; likewise ``user_data``, for operators.
    """

    url: str
    minor: int
    host: bool
    now: datetime.datetime
    heartbeat_timeout: float
    tags: dict[str, list[str]]
    user_data: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls, call: Call, tags: dict[str, list[str]] | None = None
    ) -> "Viewer":
        return cls(
            url=call.url,
            minor=call.version.minor,
            host=call.allows("caas:sets:get:host"),
            now=utcnow(),
            heartbeat_timeout=call.deps.heartbeat_timeout,
            tags=tags or {},
        )

    def summary(self, item: Set) -> dict[str, Any]:
        return {
            "id": item.id,
            "name": item.name,
            "links": common.links(self.url, "servers", item.id),
        }

    def detail(self, item: Set) -> dict[str, Any]:
        shown = state(item)
        view = {
            **self.summary(item),
            "status": shown.status,
            "tenant_id": item.project_id,
            "user_id": item.user_id,
            "metadata": item.metadata,
            "hostId": _host_id(item),
            "image": self._image(item),
            "flavor": self._flavor(item),
            "created": common.zulu(item.created_at),
            "updated": common.zulu(item.updated_at),
            "addresses": addresses(item),
            "accessIPv4": "",
            "accessIPv6": "",
            "OS-DCF:diskConfig": "AUTO",
            "OS-EXT-AZ:availability_zone": item.host_zone or item.zone or "",
            "config_drive": "",
            "key_name": item.key_name or None,
            "OS-SRV-USG:launched_at": common.plain(item.launched_at),
            "OS-SRV-USG:terminated_at": common.plain(item.deleted_at),
            "OS-EXT-STS:task_state": shown.task,
            "OS-EXT-STS:vm_state": shown.vm,
            "OS-EXT-STS:power_state": shown.power,
            "os-extended-volumes:volumes_attached": [
                self._attached(each) for each in _business(item)
            ],
        }
        if shown.status in _PROGRESS:
            view["progress"] = _PROGRESS[shown.status]
        if shown.status in ("ERROR", "DELETED") and item.reason:
            view["fault"] = self._fault(item)
        if item.address:
            view["security_groups"] = [{"name": "default"}]
        if self.host:
            view |= self._placement(item)
        return view | self._later(item)

    def _later(self, item: Set) -> dict[str, Any]:
        """What came with microversions."""
        fields: tuple[tuple[int, str, Any], ...] = (
            (9, "locked", item.locked),
            (19, "description", item.description or None),
            (26, "tags", self.tags.get(item.id, [])),
            (63, "trusted_image_certificates", None),
            (71, "server_groups", [item.group_id] if item.group_id else []),
            (73, "locked_reason", item.locked_reason or None),
            (90, "OS-EXT-SRV-ATTR:hostname", item.hostname),
            (96, "pinned_availability_zone", item.zone),
        )
        return {
            name: value for since, name, value in fields if self.minor >= since
        }

    def in_list(self, item: Set) -> dict[str, Any]:
        """As :meth:`detail`, without what only one alone shows."""
        view = self.detail(item)
        view.pop("server_groups", None)
        return view

    def _placement(self, item: Set) -> dict[str, Any]:
        # as to Nova's clients it has given it up
        away = item.status == SetStatus.SHELVED_OFFLOADED
        host = None if away else item.host_name
        view: dict[str, Any] = {
            "OS-EXT-SRV-ATTR:host": host,
            "OS-EXT-SRV-ATTR:hypervisor_hostname": host,
            "OS-EXT-SRV-ATTR:instance_name": f"caas-{item.id}",
        }
        if self.minor >= 3:
            view |= {
                "OS-EXT-SRV-ATTR:reservation_id": item.reservation_id,
                "OS-EXT-SRV-ATTR:launch_index": 0,
                "OS-EXT-SRV-ATTR:hostname": item.hostname,
                "OS-EXT-SRV-ATTR:kernel_id": "",
                "OS-EXT-SRV-ATTR:ramdisk_id": "",
                "OS-EXT-SRV-ATTR:root_device_name": None,
                "OS-EXT-SRV-ATTR:user_data": self.user_data.get(item.id),
            }
        if self.minor >= 16:
            view["host_status"] = self._host_status(item)
        return view

    def _host_status(self, item: Set) -> str:
        away = item.status == SetStatus.SHELVED_OFFLOADED
        if item.host_name is None or away:
            return ""
        if item.host_forced_down:
            return "DOWN"
        if not item.host_enabled:
            return "MAINTENANCE"
        up = liveness(item.host_last_seen, self.now, self.heartbeat_timeout)
        return "UP" if up == HostStatus.UP else "UNKNOWN"

    def _attached(self, container: Container) -> dict[str, Any]:
        view: dict[str, Any] = {"id": container.id}
        if self.minor >= 3:
            view["delete_on_termination"] = True
        return view

    def _image(self, item: Set) -> Any:
        first = next(iter(_business(item)), None)
        if first is None or first.spec is None or not first.spec.image.id:
            return ""
        image_id = first.spec.image.id
        if item.rescued:
            # what stands in for it is nobody's image
            image_id = item.rescued["image"]["id"]
        return {
            "id": image_id,
            "links": [
                {
                    "rel": "bookmark",
                    "href": common.bookmark(self.url, "images", image_id),
                }
            ],
        }

    def _flavor(self, item: Set) -> dict[str, Any]:
        if self.minor >= 47:
            return flavor_views.embedded(item)
        return {
            "id": item.flavor_id,
            "links": [
                {
                    "rel": "bookmark",
                    "href": common.bookmark(
                        self.url, "flavors", item.flavor_id
                    ),
                }
            ],
        }

    def _fault(self, item: Set) -> dict[str, Any]:
        text = item.reason
        if item.placement == Placement.FAILED:
            # what clients look for
            text = f"No valid host was found. {text}"
        fault = {
            "code": 500,
            "created": common.zulu(item.updated_at),
            "message": text[:255],
        }
        return {**fault, "details": text} if self.host else fault


def _business(item: Set) -> list[Container]:
    return [each for each in item.containers if each.spec is not None]


def addresses(item: Set) -> dict[str, list[dict[str, Any]]]:
    """By name of the network, with all there is to know of them."""
    if not item.address:
        return {}
    return {
        NETWORK: [
            {
                "version": 4,
                "addr": item.address,
                "OS-EXT-IPS:type": "fixed",
                "OS-EXT-IPS-MAC:mac_addr": common.mac(item.address),
            }
        ]
    }


def _host_id(item: Set) -> str:
    """Tells whether two servers of a project are on one host, and no more."""
    if item.host_id is None or item.status == SetStatus.SHELVED_OFFLOADED:
        return ""
    text = f"{item.project_id}{item.host_id}".encode()
    return hashlib.sha224(text).hexdigest()
