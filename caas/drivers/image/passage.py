"""One image on its way to the engine: what it may ask for, and what of it."""

import contextlib
import dataclasses
import secrets
import threading
from collections.abc import Callable, Generator, Iterator

from caas import exception
from caas.drivers.image.base import ImageError
from caas.drivers.image.upstream import Upstream
from caas.model import manifests, spec, wire


@dataclasses.dataclass(frozen=True)
class Manifest:
    """:ivar media_type: the registry's word for it."""

    body: bytes
    media_type: str


class Passage:
    """Lets through what belongs to one image, and nothing else.

    :ivar secret: who shows it is the engine.
    :ivar fault: the first thing that went wrong.
    :ivar sizes: of the layers of the image the engine has chosen, bytes, by
        digest.
    """

    def __init__(
        self,
        image: spec.ImageRef,
        pull: wire.Pull,
        upstream: Upstream,
        room: Callable[[int], contextlib.AbstractContextManager[bool]],
        waiting: Callable[[str], None],
        limit: int,
    ) -> None:
        """
        :param room: keeps so many bytes of the disk free while it is in use;
            says whether they are.
        :param waiting: told why nothing comes, "" when it does again.
        :param limit: bytes an image may unpack to.
        :raises ImageError: there is no such image, or not for us.
        """
        self.secret = secrets.token_urlsafe(24)
        self.fault: ImageError | None = None
        self.sizes: dict[str, int] = {}
        self._what = f"The image {image.ref}"
        self._image = image
        self._pull = pull
        self._upstream = upstream
        self._room = room
        self._waiting = waiting
        self._limit = limit
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._manifests: dict[str, Manifest] = {}
        self._children: set[str] = {image.digest}
        #: sizes by digest
        self._blobs: dict[str, int] = {}
        if image.unpacked_size > limit:
            raise self._too_large()
        # what is wrong with it shows before the engine is troubled
        self.manifest(image.digest)

    def renew(self, pull: wire.Pull) -> None:
        """Ask with a newer leave from now on."""
        self._pull = pull

    def close(self) -> None:
        self._closed.set()

    def manifest(self, digest: str) -> Manifest | None:
        """None if it is not of this image.

        :raises ImageError:
        """
        with self._failing():
            if digest not in self._children:
                return None
            with self._lock:
                found = self._manifests.get(digest)
                if found is None:
                    found = Manifest(
                        *self._upstream.manifest(
                            self._what, self._pull, digest
                        )
                    )
                    self._take(found)
                    self._manifests[digest] = found
            return found

    def size(self, digest: str) -> int | None:
        """Of a blob, bytes; None if it is not of this image."""
        return self._blobs.get(digest)

    def blob(self, digest: str, start: int) -> Generator[bytes, None, None]:
        """:raises ImageError: also in the middle."""
        size = self._blobs[digest]
        with self._failing(), self._room(self._needs(size - start)) as enough:
            if not enough:
                raise ImageError(
                    f"{self._what} has {size / 1e6:.1f} MB more to unpack "
                    "than this host has room for."
                )
            yield from self._upstream.blob(
                self._what,
                lambda: self._pull,
                digest,
                start,
                size,
                self._closed,
                self._waiting,
            )

    def _needs(self, size: int) -> int:
        """Of a layer: as it comes and, when known, as it is unpacked."""
        ratio = 1.0
        if self._image.unpacked_size and self._image.size:
            ratio = self._image.unpacked_size / self._image.size
        return int(size * (1 + max(1.0, ratio)))

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Only when nothing has gone wrong yet; what does is kept."""
        if self.fault is not None:
            raise self.fault.again()
        try:
            yield
        except ImageError as e:
            self.fault = self.fault or e
            raise

    def _take(self, manifest: Manifest) -> None:
        """Take down what a manifest refers to."""
        try:
            found = manifests.parse(manifest.media_type, manifest.body)
        except exception.ManifestInvalid as e:
            raise self._unfit(e.message.rstrip(".")) from e
        if found.kind == manifests.Kind.ARTIFACT:
            raise self._unfit(
                f"it is no image but of the type {found.artifact_type}"
            )
        self._children.update(child.digest for child in found.children)
        if not found.layers:
            return
        if any(layer.elsewhere for layer in found.blobs):
            # the containerd store would ask whatever server is named
            raise self._unfit("some of its layers are not kept in registries")
        if sum(layer.size for layer in found.layers) > self._limit:
            raise self._too_large()
        self._blobs.update((blob.digest, blob.size) for blob in found.blobs)
        self.sizes = {layer.digest: layer.size for layer in found.layers}

    def _unfit(self, why: str) -> ImageError:
        return ImageError(
            f"{self._what} cannot be run: {why}.", permanent=True
        )

    def _too_large(self) -> ImageError:
        return self._unfit(
            f"it takes more than the {self._limit >> 30} GiB that [pull] "
            "max_unpacked_gb lets an image have"
        )
