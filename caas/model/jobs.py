"""Jobs: what takes a while, is asked for once and ends by itself."""

import dataclasses
import datetime
import enum
from typing import Any


class Kind(enum.StrEnum):
    #: Take an archive in Glance apart into an image and its layers.
    IMPORT = "import"
    #: Make an image of what a container has changed.
    COMMIT = "commit"


class State(enum.StrEnum):
    #: Nobody is at it yet.
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: States of jobs that have not ended.
ACTIVE = (State.PENDING, State.RUNNING)


@dataclasses.dataclass(frozen=True)
class Job:
    """:ivar subject: what it is about; of a kind at most one is at work on
        the same.
    :ivar arguments: what was asked for; of a commit those of
        :class:`Commit`.
    :ivar progress: how far it is, as a sentence.
    :ivar reason: why it failed, or waits.
    :ivar set_id: and ``container_id``: of a commit, else "".
    :ivar image_id: of the Glance record of the image it made, "" before.
    :ivar to_tell: the host of the set has not been told of it, or of its
        end, yet.
    :ivar attempts: how often it was taken up.
    :ivar deadline: when it fails if it has not ended.
    """

    id: str
    kind: Kind
    project_id: str
    user_id: str
    request_id: str
    subject: str
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deadline: datetime.datetime
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    state: State = State.PENDING
    progress: str = ""
    reason: str = ""
    set_id: str = ""
    container_id: str = ""
    image_id: str = ""
    to_tell: bool = False
    attempts: int = 0
    ended_at: datetime.datetime | None = None

    @property
    def active(self) -> bool:
        return self.state in ACTIVE


@dataclasses.dataclass(frozen=True)
class Commit:
    """What is asked of a commit.

    :ivar container: name of the container when it was asked.
    :ivar incarnation: of the set; what another one has is not what was meant.
    :ivar repository: ``namespace/repository``, and ``tag``.
    :ivar project_id: whose rights in the namespace count: the project in
        which it was asked for.
    :ivar base: repository of the image the container was made from, and
        ``base_digest`` of its manifest; what it has need not travel.
    :ivar pause: freeze the container while its files are taken.
    :ivar changes: instructions of a Dockerfile, as ``docker commit`` takes.
    """

    container: str
    incarnation: int
    repository: str
    tag: str
    project_id: str = ""
    base: str = ""
    base_digest: str = ""
    message: str = ""
    author: str = ""
    pause: bool = False
    changes: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return f"{self.repository}:{self.tag}"

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "changes": list(self.changes)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Commit":
        known = {f.name for f in dataclasses.fields(cls)}
        args = {k: v for k, v in data.items() if k in known}
        return cls(**{**args, "changes": tuple(args.get("changes") or ())})
