"""Sessions: what somebody does inside a container, asked for and recorded."""

import dataclasses
import datetime
import enum
from typing import Any

from caas.model.streams import Verb

#: Verbs of which what is seen can be recorded.
RECORDABLE = (Verb.EXEC, Verb.ATTACH)

#: Arguments that may hold secrets, of no use once it has begun.
SECRET = ("env",)


class SessionStatus(enum.StrEnum):
    #: Nobody has come with the token yet.
    PENDING = "PENDING"
    #: Nobody came in time.
    EXPIRED = "EXPIRED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


@dataclasses.dataclass(frozen=True)
class Session:
    """:ivar project_id: of the set.
    :ivar container: its name, and ``container_id``; "" and None for the set
        as a whole.
    :ivar arguments: of the verb, see :class:`caas.model.streams.Verb`.
    :ivar reason: why, as the user says.
    :ivar client: address it was begun from.
    :ivar result: ``success`` or ``error``, "" before its end.
    :ivar message: why it ended, if not by itself.
    :ivar alone: its token is enough; else whoever comes has to be its user.
    """

    id: str
    project_id: str
    set_id: str
    set_name: str
    container_id: str | None
    container: str
    user_id: str
    verb: Verb
    arguments: dict[str, Any]
    reason: str
    recorded: bool
    request_id: str
    incarnation: int
    host_id: str
    created_at: datetime.datetime
    expires_at: datetime.datetime
    proxy: str = ""
    client: str = ""
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    result: str = ""
    message: str = ""
    exit_code: int | None = None
    alone: bool = False

    @property
    def shown(self) -> dict[str, Any]:
        """Its arguments without those that may hold secrets."""
        return {k: v for k, v in self.arguments.items() if k not in SECRET}

    def status(self, now: datetime.datetime) -> SessionStatus:
        if self.ended_at is not None:
            return SessionStatus.ENDED
        if self.started_at is not None:
            return SessionStatus.ACTIVE
        if now >= self.expires_at:
            return SessionStatus.EXPIRED
        return SessionStatus.PENDING
