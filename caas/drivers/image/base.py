"""How an image gets from the registry to the engine of a host."""

import abc
import dataclasses
from collections.abc import Callable, Collection

from caas.model import spec, wire


class ImageError(Exception):
    """The image cannot be had.

    :ivar permanent: trying again cannot help (wrong digest, not an image).
    :ivar expired: the leave to pull has run out; a new list brings one.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, expired: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.expired = expired

    def again(self) -> "ImageError":
        """The same, to raise it on another thread: tracebacks do not mix."""
        return ImageError(
            self.message, permanent=self.permanent, expired=self.expired
        )


def reference(digest: str) -> str:
    """What an image is called in the engine: a name no tenant can choose.

    :param digest: ``sha256:hex`` of its manifest.
    """
    return f"caas.local/image:{digest.rpartition(':')[2]}"


def committed(job_id: str) -> str:
    """What the image is called that a job makes of a container, until it has
    been pushed."""
    return f"{COMMITTED}:{job_id}"


COMMITTED = "caas.local/commit"


@dataclasses.dataclass(frozen=True)
class Pushed:
    """:ivar digest: of its manifest in the registry.
    :ivar sent: bytes that went there.
    """

    digest: str
    sent: int


class Image(abc.ABC):
    @abc.abstractmethod
    def ensure(
        self,
        image: spec.ImageRef,
        pull: wire.Pull | None,
        progress: Callable[[str], None],
    ) -> str:
        """Have the image in the engine; return the reference to run it by.

        One download for many callers that want the same image at once.

        :param progress: called with a sentence when something changes, such
            as "12 of 40 MB".
        """

    @abc.abstractmethod
    def present(self, digest: str) -> str | None:
        """The reference of an image the engine has, or None; no download."""

    # Not every way can do these.

    def push(
        self,
        reference: str,
        push: wire.Push,
        progress: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> Pushed:
        """Push an image of the engine.

        Labels and variables that caas gave to the container it was made of
        are left out on the way.

        :param reference: as :func:`committed` has it.
        :param progress: called with a sentence when something changes.
        :param cancelled: asked now and then whether to give up.
        """
        raise _lacking()

    def committed(self) -> Collection[str]:
        """References of images that jobs have made."""
        return ()

    def remove(self, reference: str) -> None:
        """Remove one of those; one that is not there is no error."""
        raise _lacking()


def _lacking() -> ImageError:
    return ImageError("Images cannot be pushed from here.", permanent=True)
