"""Images: names, and what is known of what is stored in Glance.

Rules of names are those of the OCI distribution specification 1.1; the first
part of a repository's name is a namespace here.
"""

import dataclasses
import datetime
import enum
import re
from typing import Any

from caas import exception

#: How Docker images are marked in Glance.
CONTAINER_FORMAT = "docker"

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAMESPACE = re.compile(rf"(?=.{{1,63}}\Z){_PART}")
REPOSITORY = re.compile(rf"(?=.{{1,191}}\Z){_PART}(?:/{_PART})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Kind(enum.StrEnum):
    """What the bytes of a blob are."""

    TAR = "tar"
    JSON = "json"
    OTHER = "other"


class Role(enum.StrEnum):
    """What a member may do in a namespace; ``push`` includes ``pull``."""

    PULL = "pull"
    PUSH = "push"


class State(enum.StrEnum):
    """Of a manifest; a deleted one is there for hosts that run it only."""

    LIVE = "live"
    DELETED = "deleted"


@dataclasses.dataclass(frozen=True)
class Name:
    """Of a repository: ``namespace/repository``."""

    namespace: str
    repository: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.repository}"

    @classmethod
    def parse(cls, text: str) -> "Name":
        """:raises BadRequest: it is none."""
        namespace, slash, repository = text.partition("/")
        if (
            not slash
            or not NAMESPACE.fullmatch(namespace)
            or not REPOSITORY.fullmatch(repository)
        ):
            raise exception.BadRequest(
                f"{text[:300]!r} is not a name of a repository: it has to be "
                "NAMESPACE/REPOSITORY, in lower-case letters and digits, with "
                "'.', '_' or '-' between them."
            )
        return cls(namespace, repository)


@dataclasses.dataclass(frozen=True)
class Content:
    """What was learnt of bytes as they went by.

    :ivar digest: ``sha256:hex`` of all of them.
    :ivar size: bytes.
    :ivar problem: why they are no tar though they look like one.
    :ivar diff_id: of a tar: ``sha256:hex`` of it unpacked.
    :ivar unpacked_size: of a tar: bytes of it unpacked.
    """

    digest: str
    size: int
    kind: Kind
    problem: str = ""
    diff_id: str = ""
    unpacked_size: int = 0

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Content":
        return cls(**{**data, "kind": Kind(data["kind"])})


@dataclasses.dataclass(frozen=True)
class Namespace:
    """:ivar project_id: its owner: the scope within which a blob is stored
    once.
    :ivar public: everybody with an account may pull.
    """

    id: str
    name: str
    project_id: str
    description: str
    public: bool
    created_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Blob:
    """:ivar id: of its Glance record.
    :ivar data_id: of the Glance record with the bytes, mostly the same.
    :ivar missing: Glance does not have the bytes any more.
    :ivar published: its records say what they are.
    """

    id: str
    data_id: str
    project_id: str
    content: Content
    missing: bool
    published: bool
    created_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Layer:
    """A blob at a place in the tree.

    :ivar id: of its Glance record: the blob's own at the first place.
    :ivar parent_id: "" at the bottom.
    """

    id: str
    project_id: str
    blob_id: str
    parent_id: str
    chain_id: str
    published: bool


@dataclasses.dataclass(frozen=True)
class Manifest:
    """:ivar body: as pushed, byte for byte.
    :ivar subject: digest of the manifest it refers to, or "".
    :ivar config: of an image, else {}.
    :ivar size: bytes of its layers as stored.
    :ivar problem: why no set can be made of it.
    """

    id: str
    namespace_id: str
    repository: str
    digest: str
    media_type: str
    artifact_type: str
    subject: str
    annotations: dict[str, str]
    body: bytes
    config: dict[str, Any]
    top_layer_id: str
    size: int
    unpacked_size: int
    os: str
    architecture: str
    problem: str
    state: State
    created_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Tag:
    """:ivar image_id: of its Glance record.
    :ivar deleted_at: since when it is in the recycle bin.
    """

    id: str
    namespace_id: str
    repository: str
    name: str
    manifest_id: str
    image_id: str
    published: bool
    user_id: str
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deleted_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Upload:
    """:ivar size: bytes that are safe."""

    id: str
    namespace_id: str
    repository: str
    project_id: str
    size: int


@dataclasses.dataclass(frozen=True)
class Part:
    """What one body of an upload brought.

    :ivar id: of its Glance record.
    :ivar upload_id: "" once nobody wants it.
    :ivar stored: it is whole.
    :ivar content: of the first one, which may be all there is.
    :ivar published: its record says what it is.
    """

    id: str
    upload_id: str
    offset: int
    size: int
    stored: bool
    content: Content | None
    published: bool = False


@dataclasses.dataclass(frozen=True)
class Image:
    """What users see and manage: a tag, with what it is a name for.

    :ivar id: of its Glance record.
    :ivar project_id: of its namespace.
    :ivar public: its namespace is.
    :ivar layers: how many; 0 for what has none (an index, an artifact).
    :ivar platforms: ``os/architecture`` of what an index has, else of itself.
    :ivar size: bytes of its layers as stored; of an index, of all in it.
    """

    id: str
    tag_id: str
    manifest_id: str
    namespace_id: str
    project_id: str
    namespace: str
    public: bool
    repository: str
    tag: str
    digest: str
    media_type: str
    artifact_type: str
    size: int
    unpacked_size: int
    top_layer_id: str
    problem: str
    published: bool
    user_id: str
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deleted_at: datetime.datetime | None
    layers: int = 0
    platforms: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.repository}:{self.tag}"


@dataclasses.dataclass(frozen=True)
class PlacedLayer:
    """A layer of an image.

    :ivar id: of its Glance record.
    :ivar digest: of the bytes as stored.
    :ivar missing: they were deleted in Glance.
    """

    id: str
    parent_id: str
    digest: str
    diff_id: str
    chain_id: str
    size: int
    unpacked_size: int
    missing: bool = False


@dataclasses.dataclass(frozen=True)
class Step:
    """A line of the Dockerfile an image was built from, as far as its
    configuration tells.

    :ivar layer: what it added; None if nothing.
    """

    created_by: str
    created: str
    author: str
    comment: str
    layer: PlacedLayer | None


@dataclasses.dataclass(frozen=True)
class Relative:
    """Another image that shares layers with one.

    :ivar common: layers they have in common, from the bottom.
    :ivar parent_id: the nearest image below it of those found, or "".
    """

    image: Image
    common: int
    parent_id: str = ""


@dataclasses.dataclass(frozen=True)
class Space:
    """What something takes of the image store.

    :ivar name: of a namespace, repository or image.
    :ivar id: of a namespace or image, else "".
    :ivar images: how many tags.
    :ivar size: bytes, what is shared within counted once.
    :ivar alone: bytes that nothing else needs: what would be free without it.
    """

    name: str
    id: str
    images: int
    size: int
    alone: int
