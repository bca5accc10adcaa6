"""What a set is made of: what a change replaces, and a revert brings back."""

import dataclasses
from typing import Any

from caas.model import spec


@dataclasses.dataclass(frozen=True)
class Member:
    """One business container; its id stays whatever it is made from."""

    id: str
    spec: spec.ContainerSpec


@dataclasses.dataclass(frozen=True)
class Content:
    """:ivar members: by Index and name.
    :ivar rescued: what the first one is to be again after a rescue
        (:meth:`ContainerSpec.to_dict`); {} for none.
    """

    flavor_id: str
    flavor_name: str
    resources: spec.Resources
    cpu_burst: bool
    members: tuple[Member, ...]
    flavor_specs: dict[str, str] = dataclasses.field(default_factory=dict)
    rescued: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, the form in the database."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Content":
        """The inverse of :meth:`to_dict`."""
        return cls(
            flavor_id=data["flavor_id"],
            flavor_name=data["flavor_name"],
            resources=spec.pick(spec.Resources, data["resources"]),
            cpu_burst=data["cpu_burst"],
            members=tuple(
                Member(m["id"], spec.ContainerSpec.from_dict(m["spec"]))
                for m in data["members"]
            ),
            flavor_specs=data.get("flavor_specs") or {},
            rescued=data.get("rescued") or {},
        )

    def held(self) -> dict[str, int]:
        """What of a quota it takes, by resource."""
        return {
            "containers": len(self.members),
            **dataclasses.asdict(self.resources),
        }


def more(one: Content, other: Content) -> dict[str, int]:
    """What one takes of a quota beyond another, by resource; no zeros."""
    mine, theirs = one.held(), other.held()
    return {r: n - theirs[r] for r, n in mine.items() if n > theirs[r]}
