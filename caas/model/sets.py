"""A set as stored."""

import dataclasses
import datetime
from typing import Any

from caas.model import spec, states
from caas.model.containers import Asked, Container
from caas.model.content import Content, Member
from caas.model.hints import NONE, Hints


@dataclasses.dataclass(frozen=True)
class Set:
    """One set; the columns are explained in :mod:`caas.store.tables`.

    :ivar host_name: of the host it is placed on, None without.
    :ivar host_zone: zone of that host.
    :ivar host_last_seen: when that host last reported.
    :ivar host_enabled: whether that host takes new sets, and
        ``host_forced_down``: it counts as down.
    :ivar containers: infra first, then by Index and name; empty where a list
        did not ask for them.
    :ivar tags: in order; None where nobody asked for them.
    """

    id: str
    project_id: str
    user_id: str
    name: str
    description: str
    hostname: str
    metadata: dict[str, str]
    flavor_id: str
    flavor_name: str
    resources: spec.Resources
    zone: str | None
    reservation_id: str
    min_count: int
    desired: states.Desired
    revision: int
    restart_epoch: int
    grace_period: int
    request_id: str
    created_at: datetime.datetime
    updated_at: datetime.datetime
    cpu_burst: bool = False
    flavor_specs: dict[str, str] = dataclasses.field(default_factory=dict)
    rescued: dict[str, Any] = dataclasses.field(default_factory=dict)
    sysctls: dict[str, str] = dataclasses.field(default_factory=dict)
    change_revision: int = 0
    change_action: str = ""
    change_from: dict[str, Any] = dataclasses.field(default_factory=dict)
    monitor: float = 0.0
    failure: dict[str, Any] = dataclasses.field(default_factory=dict)
    resized_at: datetime.datetime | None = None
    resized_from: dict[str, Any] = dataclasses.field(default_factory=dict)
    frozen: str = ""
    shelved: str = ""
    binned_at: datetime.datetime | None = None
    move: str = ""
    move_from: int = 0
    move_to: str = ""
    frozen_before: str = ""
    locked_by: str = ""
    locked_reason: str = ""
    access_ipv4: str = ""
    access_ipv6: str = ""
    networked: bool = True
    marked: bool = False
    has_user_data: bool = False
    key_name: str = ""
    group_id: str | None = None
    hints: Hints = NONE
    placement: states.Placement = states.Placement.PENDING
    placement_reason: str = ""
    host_id: str | None = None
    incarnation: int = 0
    issued: int = 0
    address: str | None = None
    phase: states.Phase = states.Phase.NONE
    phase_reason: str = ""
    seen_incarnation: int = 0
    seen_revision: int = 0
    launched_at: datetime.datetime | None = None
    deleted_at: datetime.datetime | None = None
    host_name: str | None = None
    host_zone: str | None = None
    host_last_seen: datetime.datetime | None = None
    host_enabled: bool = True
    host_forced_down: bool = False
    containers: tuple[Container, ...] = ()
    tags: tuple[str, ...] | None = None

    @property
    def locked(self) -> bool:
        return self.locked_by != ""

    @property
    def unaddressed(self) -> bool:
        """It is yet to get its address."""
        return self.networked and self.address is None

    @property
    def current(self) -> bool:
        """Whether the last report is about what is wanted now."""
        return (
            self.seen_incarnation == self.incarnation
            and self.seen_revision == self.revision
        )

    @property
    def content(self) -> Content:
        """What it is made of by what is wanted now."""
        return Content(
            flavor_id=self.flavor_id,
            flavor_name=self.flavor_name,
            resources=self.resources,
            cpu_burst=self.cpu_burst,
            members=tuple(
                Member(c.id, c.spec)
                for c in sorted(
                    self.containers, key=lambda c: (c.index, c.name)
                )
                if c.spec is not None
            ),
            flavor_specs=self.flavor_specs,
            rescued=self.rescued,
        )

    @property
    def before(self) -> Content:
        """What it was made of before the change that is under way."""
        return Content.from_dict(self.change_from)

    @property
    def removed(self) -> dict[str, Asked]:
        """Containers that the change under way removes, by id."""
        return {
            container_id: spec.pick(Asked, asked)
            for container_id, asked in self.change_from.get(
                "removed", {}
            ).items()
        }

    @property
    def needs(self) -> spec.Resources:
        """What of a host is to be claimed for it: amid a change, enough for
        what it is to be made of and for what it was made of."""
        if not self.change_revision:
            return self.resources
        return self.resources.or_more(self.before.resources)

    @property
    def leaving(self) -> bool:
        """It is to leave its host, and has not been given another one."""
        return self.move != "" and self.incarnation == self.move_from

    @property
    def status(self) -> states.SetStatus:
        return states.set_status(
            deleted=self.deleted_at is not None,
            desired=self.desired,
            placement=self.placement,
            phase=self.phase,
            current=self.current,
            issued=self.issued >= self.revision,
            launched=self.launched_at is not None,
            change=self.change_action,
            resized=self.resized_at is not None,
            frozen=self.frozen,
            shelved=self.shelved,
            marked=self.marked,
            moving=self.move != "",
            rescued=bool(self.rescued),
            binned=self.binned_at is not None,
        )

    @property
    def reason(self) -> str:
        """Why it is not (yet) what the user wants; "" when all is well."""
        if self.deleted_at is not None:
            return ""
        if self.marked:
            return "An operator says that it is broken."
        if self.placement != states.Placement.PLACED:
            if self.desired == states.Desired.RUNNING:
                said = self.placement_reason
                if self.placement == states.Placement.FAILED:
                    # of an earlier revision: it is tried again
                    said = said if self.issued >= self.revision else ""
                return said or "Waiting for a host."
            return ""
        if self.placement_reason and not self.current:
            return self.placement_reason
        if self.phase_reason:
            return self.phase_reason
        if self.current:
            return ""
        return "Waiting for its host to report."
