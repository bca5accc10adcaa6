"""One image on its way from the engine to the cloud's registry.

The engine pushes to the agent's registry as it would to any.  Layers pass
through as they come; what is JSON is held back, as the configuration is among
it, until the manifest says which it is.  Then it goes out without what caas
gave to the container, and so does a manifest that refers to it.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from caas.drivers.image import stripping
from caas.drivers.image.base import ImageError
from caas.drivers.image.target import Target

T = TypeVar("T")

#: Bytes of JSON that are held back at most; more is no configuration.
HELD = 4 << 20


class _Upload:
    """:ivar held: what has come, while it may be a configuration.
    :ivar location: of the upload it has become in the registry.
    """

    def __init__(self) -> None:
        self.held: bytes | None = b""
        self.location = ""


class Outbound:
    """:ivar secret: who shows it is the engine.
    :ivar fault: the first thing that went wrong.
    :ivar digest: of the manifest that was pushed, "" before.
    :ivar sent: bytes that went to the registry.
    """

    def __init__(self, target: Target, cancelled: Callable[[], bool]) -> None:
        """:param cancelled: asked now and then whether to give up."""
        self.secret = secrets.token_urlsafe(24)
        self.fault: ImageError | None = None
        self.digest = ""
        self.sent = 0
        self._target = target
        self._closed = False
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}
        #: by digest: held back, and manifests as they went out
        self._held: dict[str, bytes] = {}
        self._manifests: dict[str, bytes] = {}

    def close(self) -> None:
        """Nothing passes any more."""
        self._closed = True

    def stopped(self) -> ImageError | None:
        """Why nothing more is to be sent, if so."""
        if self.fault is None and (
            self._closed or (not self.digest and self._cancelled())
        ):
            return ImageError("The push was given up.")
        return self.fault

    def stat(self, digest: str) -> int | None:
        """Bytes of a blob that need not be sent; None if it has to be.

        :raises ImageError:
        """
        held = self._held.get(digest)
        if held is not None:
            return len(held)
        return self._run(lambda: self._stat(digest))

    def _stat(self, digest: str) -> int | None:
        size = self._target.stat(digest)
        if size is None and self._target.mount(digest):
            size = self._target.stat(digest)
        return size

    def begin(self) -> str:
        """:returns: id of a new upload."""
        upload_id = secrets.token_hex(16)
        with self._lock:
            self._uploads[upload_id] = _Upload()
        return upload_id

    def append(self, upload_id: str, chunks: Iterable[bytes]) -> bool:
        """Take in bytes as they come.

        :returns: False: there is no such upload.
        :raises ImageError:
        """
        upload = self._uploads.get(upload_id)
        if upload is None:
            return False
        self._run(lambda: self._append(upload, iter(chunks)))
        return True

    def _append(self, upload: _Upload, chunks: Iterator[bytes]) -> None:
        while upload.held is not None:
            data = next(chunks, b"")
            if not data:
                return
            upload.held += data
            if not upload.held.startswith(b"{") or len(upload.held) > HELD:
                break
        first, upload.held = upload.held or b"", None

        def all_() -> Iterator[bytes]:
            if first:
                yield self._counted(first)
            for data in chunks:
                yield self._counted(data)

        if not upload.location:
            upload.location = self._target.begin()
        upload.location = self._target.append(upload.location, all_())

    def finish(self, upload_id: str, digest: str) -> bool:
        """All bytes are there.

        :returns: False: there is no such upload, or it is another blob.
        :raises ImageError:
        """
        with self._lock:
            upload = self._uploads.pop(upload_id, None)
        if upload is None:
            return False
        if upload.held is None:
            self._run(lambda: self._target.finish(upload.location, digest))
            return True
        if stripping.digest(upload.held) != digest:
            return False
        self._held[digest] = upload.held
        return True

    def manifest(self, reference: str, media_type: str, body: bytes) -> None:
        """Send a manifest or an index on, referring to what was sent.

        :param reference: a digest: of a part of an index, else a tag.
        :raises ImageError:
        """
        self._run(lambda: self._manifest(reference, media_type, body))

    def _manifest(self, reference: str, media_type: str, body: bytes) -> None:
        try:
            config, layers = stripping.blobs(body)
            new = dict(self._manifests)
            if config:
                held = self._held.get(config)
                if held is None:
                    raise ValueError("its configuration did not come")
                new[config] = stripping.stripped(held)
                self._put(new[config])
            for layer in layers:
                # what looked like a configuration and is none
                if layer in self._held:
                    self._put(self._held[layer])
            out = stripping.replaced(body, new)
        except ValueError as error:
            raise ImageError(
                f"The image cannot be pushed: {error}.", permanent=True
            ) from error
        part = reference.startswith("sha256:")
        self._target.manifest(
            stripping.digest(out) if part else self._target.tag,
            media_type,
            out,
        )
        self.sent += len(out)
        self._manifests[stripping.digest(body)] = out
        if not part:
            self.digest = stripping.digest(out)

    def _put(self, data: bytes) -> None:
        if self._target.stat(stripping.digest(data)) is not None:
            # by an earlier try
            return
        location = self._target.append(
            self._target.begin(), iter([self._counted(data)])
        )
        self._target.finish(location, stripping.digest(data))

    def _counted(self, data: bytes) -> bytes:
        if (fault := self.stopped()) is not None:
            raise fault
        with self._lock:
            self.sent += len(data)
        return data

    def _run(self, work: Callable[[], T]) -> T:
        """Only when nothing has gone wrong yet; what does is kept."""
        if (fault := self.stopped()) is not None:
            raise fault.again()
        try:
            return work()
        except ImageError as error:
            self._fail(error)
            raise

    def _fail(self, error: ImageError) -> None:
        with self._lock:
            self.fault = self.fault or error
