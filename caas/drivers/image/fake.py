"""Images in memory, held to the contract of the real ones."""

import hashlib
import threading
from collections.abc import Callable, Collection
from typing import Any

from caas.drivers.faults import Faults
from caas.drivers.image import base
from caas.model import spec, wire


class FakeImage(base.Image):
    """Downloads nothing, yet insists on the leave to.

    :param images: references the fake runtime has, to which those ensured
        here are added.
    :ivar downloads: digests, one entry for each download.
    :ivar pushes: references and where they went, one entry for each push.
    """

    def __init__(
        self,
        conf: Any = None,
        *,
        faults: Faults | None = None,
        images: set[str] | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.images = set() if images is None else images
        self.downloads: list[str] = []
        self.pushes: list[tuple[str, wire.Push]] = []
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def ensure(
        self,
        image: spec.ImageRef,
        pull: wire.Pull | None,
        progress: Callable[[str], None],
    ) -> str:
        with self._lock:
            busy = self._busy.setdefault(image.digest, threading.Lock())
        with busy:
            reference = base.reference(image.digest)
            if reference in self.images:
                return reference
            with self.faults.call("image.ensure", image.digest):
                if pull is None:
                    raise base.ImageError(
                        f"There is no leave to pull the image {image.ref}.",
                        expired=True,
                    )
                progress(f"0 of {image.size} bytes")
                self.downloads.append(image.digest)
                self.images.add(reference)
            return reference

    def present(self, digest: str) -> str | None:
        with self.faults.call("image.present", digest):
            reference = base.reference(digest)
            return reference if reference in self.images else None

    def push(
        self,
        reference: str,
        push: wire.Push,
        progress: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> base.Pushed:
        with self.faults.call("image.push", reference):
            if reference not in self.images:
                raise base.ImageError(
                    "The image cannot be pushed: it is not there."
                )
            progress("pushed 0 of 10 bytes")
            if cancelled():
                raise base.ImageError("The push was given up.")
            self.pushes.append((reference, push))
            digest = hashlib.sha256(reference.encode()).hexdigest()
            return base.Pushed(f"sha256:{digest}", 10)

    def committed(self) -> Collection[str]:
        with self.faults.call("image.committed"):
            return {i for i in self.images if i.startswith(base.COMMITTED)}

    def remove(self, reference: str) -> None:
        with self.faults.call("image.remove", reference):
            self.images.discard(reference)
