"""Groups of sets that are to be on one host, or apart."""

import dataclasses
import datetime
import enum


class Policy(enum.StrEnum):
    """Where the sets of a group are to be; the words are Nova's."""

    #: All on one host, or not at all.
    AFFINITY = "affinity"
    #: No more than ``max_per_host`` on one host.
    ANTI_AFFINITY = "anti-affinity"
    #: As many on one host as can be.
    SOFT_AFFINITY = "soft-affinity"
    #: As few on one host as can be.
    SOFT_ANTI_AFFINITY = "soft-anti-affinity"


@dataclasses.dataclass(frozen=True)
class ServerGroup:
    """The columns are explained in :mod:`caas.store.tables`.

    :ivar max_per_host: of anti-affinity; None: nothing was said, which
        means one.
    :ivar members: ids of its sets, the oldest first.
    """

    id: str
    project_id: str
    user_id: str
    name: str
    policy: Policy
    max_per_host: int | None
    created_at: datetime.datetime
    members: tuple[str, ...] = ()
