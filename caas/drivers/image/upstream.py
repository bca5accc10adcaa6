"""The cloud's registry, as a host asks it with leave for one image.

Nothing that comes from there is believed: all of it is named by a digest, and
what has another one goes no further.
"""

import hashlib
import hmac
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from caas.drivers.image.base import ImageError
from caas.model import manifests, wire

_TYPES = ", ".join(sorted(manifests.MANIFESTS | manifests.INDEXES))
_CHUNK = 1 << 20
_CONNECT_TIMEOUT = 10
_POOL = 16
#: Seconds between tries of one that does not answer, at first and at most.
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
#: What a connection that breaks raises.
BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)


class _Bearer(AuthBase):
    """Also keeps what a .netrc of the host may say out of it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(
        self, request: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Upstream:
    """Connections are kept for the next request."""

    def __init__(
        self, endpoint: str, ca_file: str | None, timeout: float
    ) -> None:
        """:param timeout: seconds without a byte before it is given up."""
        self._endpoint = endpoint.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        self._verify: str | bool = ca_file or True
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_POOL))

    def request(
        self,
        method: str,
        path: str,
        token: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | bytes | None = None,
        timeout: float | None = None,
    ) -> requests.Response:
        """Ask; the body of the answer is still to be read, and closed.

        :param path: from the root, or what the registry gave as location.
        :param timeout: seconds without a byte of the answer; None for as
            long as always.
        :raises BROKEN: what these stand for.
        """
        # never to another server, whatever the registry says
        here = urllib.parse.urlsplit(path)._replace(scheme="", netloc="")
        return self._session.request(
            method,
            f"{self._endpoint}{here.geturl()}",
            headers=headers,
            data=body,
            auth=_Bearer(token),
            stream=True,
            # here, or a variable of the environment would have the say
            verify=self._verify,
            allow_redirects=False,
            timeout=(_CONNECT_TIMEOUT, timeout or self._timeout),
        )

    def manifest(
        self, what: str, pull: wire.Pull, digest: str
    ) -> tuple[bytes, str]:
        """A manifest, byte for byte, and its media type.

        :param what: for errors, such as "The image web:1".
        :raises ImageError: it cannot be had.
        """
        try:
            with self._get(what, pull, f"manifests/{digest}") as response:
                data = b""
                while part := response.raw.read1(_CHUNK, decode_content=False):
                    data += part
                    if len(data) > manifests.MAX_BODY:
                        raise ImageError(
                            f"{what} has too long a manifest.", permanent=True
                        )
                kind = response.headers.get("Content-Type", "")
        except BROKEN as e:
            raise _broken(what, e) from e
        _check(what, digest, hashlib.sha256(data), "manifest")
        return data, kind

    def blob(
        self,
        what: str,
        pull: Callable[[], wire.Pull],
        digest: str,
        start: int,
        size: int,
        given_up: threading.Event,
        waiting: Callable[[str], None],
    ) -> Iterator[bytes]:
        """The bytes of a blob, checked before the last of them goes out.

        Goes on where it was when the connection breaks, as long as there is
        a byte every ``timeout`` seconds.

        :param pull: the newest leave to.
        :param start: first byte; if not 0, whoever asked has to check.
        :param size: of the whole, bytes.
        :param given_up: nobody wants it any more.
        :param waiting: told why nothing comes, "" when it does again.
        :raises ImageError: the rest cannot be had.
        """
        chunks = self._resumed(
            what, pull, digest, start, size, given_up, waiting
        )
        if start:
            yield from chunks
            return
        whole, held = hashlib.sha256(), b""
        for data in chunks:
            whole.update(data)
            if held:
                yield held
            held = data
        _check(what, digest, whole, "layer")
        if held:
            yield held

    def _resumed(
        self,
        what: str,
        pull: Callable[[], wire.Pull],
        digest: str,
        start: int,
        size: int,
        given_up: threading.Event,
        waiting: Callable[[str], None],
    ) -> Iterator[bytes]:
        """All from ``start`` on, with as many connections as it takes."""
        at, heard, pause = start, time.monotonic(), _PAUSE
        while True:
            try:
                for data in self._part(what, pull(), digest, at, size):
                    at += len(data)
                    if pause != _PAUSE:
                        waiting("")
                    pause = _PAUSE
                    yield data
                    # however long the engine took to take it
                    heard = time.monotonic()
                return
            except ImageError as e:
                if e.permanent or e.expired:
                    raise
                error = e
            except BROKEN as e:
                error = _broken(what, e)
            if time.monotonic() - heard >= self._timeout:
                raise error
            waiting(error.message.removeprefix(_cannot(what)).rstrip("."))
            if given_up.wait(pause):
                raise error
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _part(
        self, what: str, pull: wire.Pull, digest: str, start: int, size: int
    ) -> Iterator[bytes]:
        """From ``start`` to the end, or to where the connection breaks."""
        if start >= size:
            return
        path = f"blobs/{digest}"
        at = start
        with self._get(what, pull, path, start) as response:
            if start and response.status_code != 206:
                at = 0
            while data := response.raw.read1(_CHUNK, decode_content=False):
                skip = max(0, start - at)
                at += len(data)
                if at > size:
                    raise ImageError(
                        f"{what} has a layer of more bytes than the {size} "
                        "it is to have.",
                        permanent=True,
                    )
                if data := data[skip:]:
                    yield data
        if at < size:
            raise ImageError(
                f"{_cannot(what)}a layer of it ended after "
                f"{at} of {size} bytes."
            )

    def _get(
        self, what: str, pull: wire.Pull, path: str, start: int = 0
    ) -> requests.Response:
        # digests are of the bytes as they are kept
        headers = {"Accept": _TYPES, "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        response = self.request(
            "GET",
            f"/v2/{pull.repository}/{path}",
            pull.token,
            headers=headers,
            # so that one that hangs is asked a second time
            timeout=self._timeout / 2,
        )
        status = response.status_code
        if status in (200, 206):
            return response
        response.close()
        if status in (401, 403):
            raise ImageError(
                f"{_cannot(what)}the leave to pull it has run out.",
                expired=True,
            )
        if status in (404, 410):
            part = "it" if path.startswith("manifests/") else "a layer of it"
            raise ImageError(
                f"{_cannot(what)}{part} is no longer in the registry.",
                permanent=True,
            )
        raise ImageError(
            f"{_cannot(what)}the registry answered {status}.",
            permanent=400 <= status < 500 and status not in (408, 425, 429),
        )


def _cannot(what: str) -> str:
    return f"{what} cannot be downloaded: "


def _check(what: str, digest: str, found: "hashlib._Hash", part: str) -> None:
    if not hmac.compare_digest(f"sha256:{found.hexdigest()}", digest):
        raise ImageError(
            f"{what} is not what it was when the set was created: the bytes "
            f"of a {part} have another digest.",
            permanent=True,
        )


def _broken(what: str, error: Exception) -> ImageError:
    return ImageError(f"{_cannot(what)}{why_broken(error)}.")


def why_broken(error: Exception) -> str:
    """What is wrong with a connection of which :data:`BROKEN` was raised."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate of the registry is not to be trusted"
    if isinstance(
        error, requests.Timeout | urllib3.exceptions.ReadTimeoutError
    ):
        return "the registry did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "the registry cannot be reached"
    return "the connection to the registry was cut"
