"""How an image gets from Glance to the engine of a host."""

import abc
from collections.abc import Callable

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


def reference(digest: str) -> str:
    """What an image is called in the engine: a name no tenant can choose.

    :param digest: ``algorithm:hex``.
    """
    return f"caas.local/image:{digest.rpartition(':')[2]}"


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
