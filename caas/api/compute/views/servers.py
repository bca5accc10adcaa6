"""A set as a server."""

import dataclasses
import datetime
import hashlib
from collections.abc import Callable
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
    Ranks,
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


_BUILD = State("BUILD", "building", "spawning", 0)
_ACTIVE = State("ACTIVE", "active", None, 1)
_SHUTOFF = State("SHUTOFF", "stopped", None, 4)
_RESIZE = State("RESIZE", "active", "resize_migrating", 1)
#: A resize that waits for nobody after it leads to where Nova's reverts do.
_REVERT = State("REVERT_RESIZE", "resized", "resize_reverting", 1)
_VERIFY = State("VERIFY_RESIZE", "resized", None, 1)
_PAUSED = State("PAUSED", "paused", None, 3)
_SUSPENDED = State("SUSPENDED", "suspended", None, 7)
_AWAY = State("SHELVED_OFFLOADED", "shelved_offloaded", None, 4)

#: Of changes that show as UPDATING: one is Nova's rebuild, for all others a
#: server has no state of its own.
_REBUILD = State("REBUILD", "active", "rebuilding", 1)
REBUILD = "rebuild"

#: The tasks of those others, without which nobody could tell why nothing can
#: be asked of it now: some that Nova has a word for, else containers are
#: disks.
_TASKS = {"rescue": "rescuing", "unrescue": "unrescuing"}
_CHANGING = "block_device_mapping"


def _doing(task: str, shown: State) -> State:
    return dataclasses.replace(shown, task=task)


#: What sets are to Nova.  Of those of one status the first case that one is
#: counts.
_TABLE: tuple[tuple[Case, State], ...] = (
    (Case(SetStatus.BUILD), _BUILD),
    (
        Case(SetStatus.ACTIVE, frozen=Frozen.PAUSED),
        _doing("pausing", _ACTIVE),
    ),
    (
        Case(SetStatus.ACTIVE, frozen=Frozen.SUSPENDED),
        _doing("suspending", _ACTIVE),
    ),
    (Case(SetStatus.ACTIVE), _ACTIVE),
    (Case(SetStatus.STARTING), _doing("powering-on", _SHUTOFF)),
    # its containers are about to go on
    (
        Case(SetStatus.RESTARTING, thawing=Frozen.PAUSED),
        _doing("unpausing", _PAUSED),
    ),
    (
        Case(SetStatus.RESTARTING, thawing=Frozen.SUSPENDED),
        _doing("resuming", _SUSPENDED),
    ),
    (
        Case(SetStatus.RESTARTING),
        State("REBOOT", "active", "reboot_started", 1),
    ),
    (Case(SetStatus.RESIZE, resized=False), _REVERT),
    (Case(SetStatus.RESIZE), _RESIZE),
    (
        Case(SetStatus.VERIFY_RESIZE, stopped=True),
        dataclasses.replace(_VERIFY, power=4),
    ),
    (Case(SetStatus.VERIFY_RESIZE), _VERIFY),
    (Case(SetStatus.UPDATING, change=REBUILD), _REBUILD),
    *(
        (
            Case(SetStatus.UPDATING, change=change, stopped=stopped),
            _doing(task, _SHUTOFF if stopped else _ACTIVE),
        )
        for change, task in (*_TASKS.items(), (None, _CHANGING))
        for stopped in (True, False)
    ),
    (Case(SetStatus.MIGRATING, move=Move.EVACUATE), _REBUILD),
    (Case(SetStatus.MIGRATING, resized=False), _REVERT),
    (Case(SetStatus.MIGRATING), _RESIZE),
    (Case(SetStatus.RESCUE), State("RESCUE", "rescued", None, 1)),
    (Case(SetStatus.PAUSED), _PAUSED),
    (Case(SetStatus.SUSPENDED), _SUSPENDED),
    (
        Case(SetStatus.SHELVED_OFFLOADED, shelved=Shelved.RETURNING),
        _doing("unshelving", _AWAY),
    ),
    (Case(SetStatus.SHELVED_OFFLOADED), _AWAY),
    (
        Case(SetStatus.SOFT_DELETED),
        State("SOFT_DELETED", "soft-delete", None, 4),
    ),
    (
        Case(SetStatus.STOPPING, shelved=Shelved.AWAY),
        _doing("shelving", _ACTIVE),
    ),
    (Case(SetStatus.STOPPING), _doing("powering-off", _ACTIVE)),
    (Case(SetStatus.SHUTOFF), _SHUTOFF),
    (Case(SetStatus.ERROR), State("ERROR", "error", None, 0)),
    # Nova shows what it was until it is gone
    (
        Case(SetStatus.DELETING, launched=True),
        _doing("deleting", _ACTIVE),
    ),
    (Case(SetStatus.DELETING), _doing("deleting", _BUILD)),
    (Case(SetStatus.DELETED), State("DELETED", "deleted", None, 0)),
)

#: What a case says, by its fields.
_FACTS: dict[str, Callable[[Set], Any]] = {
    "launched": lambda item: item.launched_at is not None,
    "change": lambda item: item.change_action,
    "stopped": lambda item: item.desired == Desired.STOPPED,
    "resized": lambda item: item.resized_at is not None,
    "frozen": lambda item: item.frozen,
    "shelved": lambda item: item.shelved,
    "move": lambda item: item.move,
    "thawing": lambda item: item.frozen_before if _frozen(item) else "",
}


def _wanted(case: Case) -> list[tuple[Callable[[Set], Any], Any]]:
    """What has to be so of a set of its status."""
    return [
        (fact, getattr(case, name))
        for name, fact in _FACTS.items()
        if getattr(case, name) is not None
    ]


# once, as lists ask for the states of a thousand sets
_BY_STATUS = {
    status: [
        (_wanted(case), shown)
        for case, shown in _TABLE
        if case.status == status
    ]
    for status in SetStatus
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
    return next(
        shown
        for wanted, shown in _BY_STATUS[item.status]
        if all(fact(item) == value for fact, value in wanted)
    )


def _frozen(item: Set) -> bool:
    """Whether one of its containers was when last seen."""
    found = {each.status for each in _business(item)}
    return ContainerStatus.PAUSED in found


def chosen(choose: Callable[[State], bool]) -> Ranks:
    """Cases of all that :func:`state` shows in a way that is chosen."""
    found = tuple((case, int(choose(shown))) for case, shown in _TABLE)
    return found if any(rank for _, rank in found) else ()


def ordered(by: Callable[[State], Any]) -> Ranks:
    """Cases in the order of what :func:`state` shows; None comes first."""
    values = sorted({by(shown) for _, shown in _TABLE} - {None})
    places = {None: 0, **{each: n for n, each in enumerate(values, start=1)}}
    return tuple((case, places[by(shown)]) for case, shown in _TABLE)


def progress(shown: State) -> int | None:
    """In percent; None where Nova does not tell it."""
    return _PROGRESS.get(shown.status)


#: What lists are filtered and sorted by, of where a server is in its life.
OF_STATE: dict[str, Callable[[State], Any]] = {
    "power_state": lambda shown: shown.power,
    "progress": progress,
    "task_state": lambda shown: shown.task,
    "vm_state": lambda shown: shown.vm,
}

#: All that may be shown.
SHOWN = frozenset(shown.status for _, shown in _TABLE)


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
            "accessIPv4": item.access_ipv4,
            "accessIPv6": item.access_ipv6,
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
        far = progress(shown)
        if far is not None:
            view["progress"] = far
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
