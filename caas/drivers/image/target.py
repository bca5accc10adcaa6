"""A repository of the cloud's registry, as a host with leave pushes to it."""

import json
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import quote, urlsplit

import requests

from caas.drivers.image.base import ImageError
from caas.drivers.image.upstream import BROKEN, Upstream, why_broken
from caas.model import wire

T = TypeVar("T")

_OCTETS = {"Content-Type": "application/octet-stream"}
#: Seconds the registry may take to put a layer together.
_FINISH_TIMEOUT = 600.0
#: Of what an error answer says, bytes.
_SAID = 64 << 10


class Target:
    """Its methods raise :class:`ImageError`."""

    def __init__(self, upstream: Upstream, push: wire.Push) -> None:
        self._upstream = upstream
        self._push = push

    @property
    def tag(self) -> str:
        return self._push.tag

    def stat(self, digest: str) -> int | None:
        """Bytes of a blob; None if it is not there."""
        # what is refused is asked for by other means, which tell why
        absent = (403, 404)

        def read(response: requests.Response) -> int | None:
            if response.status_code in absent:
                return None
            return int(response.headers.get("Content-Length") or 0)

        return self._ask("HEAD", self._of(f"blobs/{digest}"), read, *absent)

    def mount(self, digest: str) -> bool:
        """Have a blob of the image it is made from be here, too.

        :returns: False: it has to be sent.
        """
        base = self._push.base
        if not base:
            return False
        path = f"blobs/uploads/?mount={quote(digest)}&from={quote(base)}"

        def read(response: requests.Response) -> str:
            if response.status_code == 201:
                return ""
            return _location(response)

        # one that is not there is to be uploaded then; later, maybe
        location = self._ask("POST", self._of(path), read)
        if location:
            self._ask("DELETE", location, lambda _: None, 404)
        return not location

    def begin(self) -> str:
        """:returns: where to send the bytes of a blob."""
        return self._ask("POST", self._of("blobs/uploads/"), _location)

    def append(self, location: str, chunks: Iterable[bytes]) -> str:
        """:returns: where to send what comes after."""
        return self._ask(
            "PATCH", location, _location, headers=_OCTETS, body=chunks
        )

    def finish(self, location: str, digest: str) -> None:
        parts = urlsplit(location)
        query = "&".join(filter(None, (parts.query, f"digest={digest}")))
        self._ask(
            "PUT",
            parts._replace(query=query).geturl(),
            lambda _: None,
            headers=_OCTETS,
            timeout=_FINISH_TIMEOUT,
        )

    def manifest(self, reference: str, media_type: str, body: bytes) -> None:
        """:param reference: a tag or a digest."""
        self._ask(
            "PUT",
            self._of(f"manifests/{reference}"),
            lambda _: None,
            headers={"Content-Type": media_type},
            body=body,
            timeout=_FINISH_TIMEOUT,
        )

    def _of(self, path: str) -> str:
        return f"/v2/{self._push.repository}/{path}"

    def _ask(
        self,
        method: str,
        path: str,
        read: Callable[[requests.Response], T],
        *fine: int,
        headers: dict[str, str] | None = None,
        body: Iterable[bytes] | bytes | None = None,
        timeout: float | None = None,
    ) -> T:
        """:param read: takes what is wanted out of a good answer.
        :param fine: statuses of good answers beside those below 400.
        """
        try:
            with self._upstream.request(
                method,
                path,
                self._push.token,
                headers=headers,
                body=body,
                timeout=timeout,
            ) as response:
                if response.status_code < 300 or response.status_code in fine:
                    return read(response)
                raise _refused(response.status_code, response.raw.read(_SAID))
        except BROKEN as error:
            raise ImageError(
                f"The image cannot be pushed: {why_broken(error)}."
            ) from error


def _location(response: requests.Response) -> str:
    found = response.headers.get("Location")
    if not found:
        raise ImageError(
            "The image cannot be pushed: the registry did not say where to."
        )
    return found


def _refused(status: int, body: bytes) -> ImageError:
    what = "The image cannot be pushed"
    if status == 401:
        return ImageError(
            f"{what}: the leave to push it has run out.", expired=True
        )
    return ImageError(
        f"{what}: {_said(body) or f'the registry answered {status}.'}",
        permanent=400 <= status < 500
        and status not in (408, 409, 416, 425, 429),
    )


def _said(body: bytes) -> str:
    """The sentence of an error answer; "" without one."""
    try:
        message = json.loads(body)["errors"][0]["message"]
    except (ValueError, LookupError, TypeError):
        return ""
    text = "".join(c for c in str(message)[:1000] if c.isprintable())
    return text and f"{text.rstrip('.')}."
