"""Images that Glance keeps as one Docker archive each.

Downloaded once per host however many sets wait for it, verified while it
comes, looked through, and only then given to the engine.
"""

import hashlib
import hmac
import logging
import pathlib
import re
import shutil
import threading
import time
from collections.abc import Callable
from typing import IO, Any

import requests

from caas.drivers.image import base, repack
from caas.drivers.runtime.base import Absent, EngineError
from caas.drivers.runtime.engine import Engine, clean
from caas.model import spec, wire

LOG = logging.getLogger(__name__)

TOKEN_HEADER = "X-Caas-Pull-Token"  # noqa: S105 - the name, no token
#: How long the engine may be silent while it loads, in s.
LOAD_TIMEOUT = 900

_CHUNK = 1 << 20
_PROGRESS_INTERVAL = 0.5
_CONNECT_TIMEOUT = 10
#: Room left on the disk, bytes.
_SPARE = 256 << 20
_DIGEST = re.compile(r"(sha256|sha384|sha512):([0-9a-f]{64,128})")
_TRANSIENT = re.compile(r"no space left|timed? ?out|context canceled|broken")

Progress = Callable[[str], None]


class _Job:
    """One download that many callers may wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._said: list[str] = []
        self._done = False
        self._error: base.ImageError | None = None

    def say(self, sentence: str) -> None:
        with self._changed:
            self._said.append(sentence)
            self._changed.notify_all()

    def end(self, error: base.ImageError | None) -> None:
        with self._changed:
            self._done, self._error = True, error
            self._changed.notify_all()

    def wait(self, progress: Progress) -> base.ImageError | None:
        """Pass on what is said until the end; return how it failed."""
        told = 0
        while True:
            with self._changed:
                while not self._done and len(self._said) == told:
                    self._changed.wait()
                last, told = self._said[-1:], len(self._said)
                done, error = self._done, self._error
            if done:
                return error
            for sentence in last:
                progress(sentence)


class ArchiveImage(base.Image):
    """:param conf: with the groups ``pull``, ``docker`` and ``agent``."""

    def __init__(self, conf: Any) -> None:
        self._endpoint: str = conf.pull.endpoint.rstrip("/")
        self._verify: str | bool = conf.pull.ca_file or True
        self._timeout: int = conf.pull.timeout
        self._limit: int = conf.pull.max_unpacked_gb << 30
        self._engine = Engine(conf.docker.url, conf.docker.timeout)
        self._loader = Engine(conf.docker.url, LOAD_TIMEOUT)
        self._spool = pathlib.Path(conf.agent.state_path) / "images"
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        # what an agent that was killed left behind
        shutil.rmtree(self._spool, ignore_errors=True)

    def present(self, digest: str) -> str | None:
        reference = base.reference(digest)
        try:
            with self._engine.call("The image cannot be looked for") as api:
                api.inspect_image(reference)  # type: ignore[no-untyped-call]
        except Absent:
            return None
        except EngineError as e:
            raise base.ImageError(e.message) from e
        return reference

    def ensure(
        self,
        image: spec.ImageRef,
        pull: wire.Pull | None,
        progress: Progress,
    ) -> str:
        while True:
            with self._lock:
                job = self._jobs.get(image.digest)
                mine = job is None
                if job is None:
                    job = self._jobs[image.digest] = _Job()
            if mine:
                return self._lead(job, image, pull, progress)
            error = job.wait(progress)
            if error is None:
                return base.reference(image.digest)
            if not error.expired:
                raise _copy(error)
            # its leave had run out; ours may not

    def _lead(
        self,
        job: _Job,
        image: spec.ImageRef,
        pull: wire.Pull | None,
        progress: Progress,
    ) -> str:
        def say(sentence: str) -> None:
            job.say(sentence)
            progress(sentence)

        error: base.ImageError | None = base.ImageError(
            f"The image {image.ref} was given up."
        )
        try:
            reference = self.present(image.digest)
            if reference is None:
                reference = self._get(image, pull, say)
            error = None
            return reference
        except base.ImageError as e:
            error = e
            raise
        finally:
            with self._lock:
                del self._jobs[image.digest]
            job.end(error)

    def _get(
        self, image: spec.ImageRef, pull: wire.Pull | None, say: Progress
    ) -> str:
        what = f"The image {image.ref}"
        digest = _DIGEST.fullmatch(image.digest)
        if digest is None:
            raise base.ImageError(
                f"{what} has a digest of an unknown kind.", permanent=True
            )
        if pull is None:
            raise base.ImageError(
                f"{what} is not on this host and there is no leave to pull "
                "it.",
                expired=True,
            )
        path = self._spool / digest[2]
        unpacked = self._spool / f"{digest[2]}.tar"
        try:
            self._spool.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._check_room(what, image.size)
            with path.open("w+b") as file:
                self._download(what, image, pull, file, say)
                file.seek(0)
                with unpacked.open("w+b") as plain:
                    packed = self._decompress(what, file, plain)
                    tar: IO[bytes] = plain if packed else file
                    tar.seek(0)
                    found = repack.read(tar, self._limit)
                    say("loading into the engine")
                    return self._load(what, image.digest, tar, found)
        except repack.BadArchive as e:
            raise base.ImageError(
                f"{what} is no Docker archive that can be run: {e}.",
                permanent=True,
            ) from e
        except OSError as e:
            raise base.ImageError(
                f"{what} cannot be kept on this host: {e.strerror}."
            ) from e
        finally:
            path.unlink(missing_ok=True)
            unpacked.unlink(missing_ok=True)

    def _decompress(
        self, what: str, file: IO[bytes], plain: IO[bytes]
    ) -> bool:
        room = self._room()
        try:
            return repack.decompress(file, plain, min(self._limit, room))
        except repack.TooLarge as e:
            if room >= self._limit:
                raise
            raise base.ImageError(
                f"{what} unpacks to more than this host has room for."
            ) from e

    def _room(self) -> int:
        return max(0, shutil.disk_usage(self._spool).free - _SPARE)

    def _check_room(self, what: str, size: int) -> None:
        if size > self._room():
            raise base.ImageError(
                f"{what} has {_mb(size)} MB, more than this host has room for."
            )

    def _download(
        self,
        what: str,
        image: spec.ImageRef,
        pull: wire.Pull,
        file: IO[bytes],
        say: Progress,
    ) -> None:
        """Write the image to ``file``; on return its digest is right."""
        algorithm, _, wanted = image.digest.partition(":")
        digest = hashlib.new(algorithm)
        got, said = 0, -_PROGRESS_INTERVAL
        limit = image.size or self._limit
        try:
            with self._request(what, pull) as response:
                for data in response.iter_content(_CHUNK):
                    got += len(data)
                    if got > limit:
                        raise base.ImageError(
                            f"{what} has more bytes than the {limit} it is "
                            "to have.",
                            permanent=True,
                        )
                    digest.update(data)
                    file.write(data)
                    if time.monotonic() - said >= _PROGRESS_INTERVAL:
                        said = time.monotonic()
                        say(_so_far(got, image.size))
        except requests.exceptions.RequestException as e:
            raise base.ImageError(
                f"{what} cannot be downloaded: {_why(e)}."
            ) from e
        if got < image.size:
            raise base.ImageError(
                f"{what} cannot be downloaded: it ended after {got} of "
                f"{image.size} bytes."
            )
        if not hmac.compare_digest(digest.hexdigest(), wanted):
            raise base.ImageError(
                f"{what} is not what it was when the set was created: its "
                "bytes have another digest.",
                permanent=True,
            )

    def _request(self, what: str, pull: wire.Pull) -> requests.Response:
        response = requests.get(
            f"{self._endpoint}/pull/v1/images/{pull.image_id}",
            headers={
                TOKEN_HEADER: pull.token,
                # the digest is of the bytes as they are kept
                "Accept-Encoding": "identity",
            },
            stream=True,
            allow_redirects=False,
            timeout=(_CONNECT_TIMEOUT, self._timeout),
            verify=self._verify,
        )
        status = response.status_code
        if status == 200:
            return response
        response.close()
        if status in (401, 403):
            raise base.ImageError(
                f"{what} cannot be downloaded: the leave to pull it has run "
                "out.",
                expired=True,
            )
        if status in (404, 410):
            raise base.ImageError(
                f"{what} cannot be downloaded: it is no longer in Glance.",
                permanent=True,
            )
        raise base.ImageError(
            f"{what} cannot be downloaded: the API answered {status}.",
            permanent=400 <= status < 500 and status not in (408, 429),
        )

    def _load(
        self, what: str, digest: str, tar: IO[bytes], found: repack.Image
    ) -> str:
        reference = base.reference(digest)
        try:
            with self._loader.call(f"{what} cannot be loaded") as api:
                archive = repack.write(tar, found, reference)
                for line in api.load_image(archive):  # type: ignore[no-untyped-call]
                    if "error" in line or "message" in line:
                        raise _refused(what, line)
        except EngineError as e:
            raise base.ImageError(e.message) from e
        if self.present(digest) is None:
            raise base.ImageError(
                f"{what} was loaded, yet the engine does not have it."
            )
        return reference


def _refused(what: str, line: dict[str, Any]) -> base.ImageError:
    said = clean(str(line.get("error") or line.get("message")))
    return base.ImageError(
        f"{what} cannot be loaded: {said.rstrip('.')}.",
        permanent=not _TRANSIENT.search(said),
    )


def _copy(error: base.ImageError) -> base.ImageError:
    """One exception raised on several threads would mix their tracebacks."""
    return base.ImageError(
        error.message, permanent=error.permanent, expired=error.expired
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:.{0 if size >= 10e6 else 1}f}"


def _so_far(got: int, size: int) -> str:
    of = f" of {_mb(size)}" if size else ""
    return f"downloading: {_mb(got)}{of} MB"


def _why(error: requests.exceptions.RequestException) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return "the API did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate of the API is not to be trusted"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    return "the API cannot be reached"
