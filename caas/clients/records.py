"""Glance as the place where images are kept: records, written and read by the
service user of caas.
"""

import contextlib
import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import requests
from keystoneauth1 import exceptions as ksa
from oslo_serialization import jsonutils

from caas import exception
from caas.clients.glance import Service, silent, strange
from caas.model.images import CONTAINER_FORMAT

#: Seconds for the answer to what has been sent, or between two pieces of what
#: is read, unless the session has a time-out of its own.
TIMEOUT = 300.0

#: Bytes read at a time.
CHUNK = 1 << 20

#: Bytes sent in one piece: uWSGI takes less than 1 MiB.
_PIECE = 256 << 10

_PATCH = "application/openstack-images-v2.1-json-patch"

#: What every record has; Glance lets these be replaced only.
_BASE = frozenset({"name", "visibility", "os_hidden", "protected", "owner"})


@dataclasses.dataclass(frozen=True)
class Content:
    """The bytes of a record.

    :ivar size: how many, None when Glance does not say.
    """

    size: int | None
    chunks: Iterator[bytes]


class Records(Service):
    """The records of one Glance.

    All calls may be made again.  Each raises ``Unavailable`` if Glance does
    not answer, or not as it should.

    See :class:`Service`; the service user has to be let write records of any
    project (role ``admin`` with Glance's own policy).
    """

    def guarded(self) -> bool:
        """Whether our filter is loaded there, which keeps parents whole."""
        answer = self._call("GET", "/v2/info/caas", (200, 404))
        return bool(answer.status_code == 200)

    def create(
        self,
        record_id: str,
        *,
        owner: str,
        name: str,
        hidden: bool = True,
        visibility: str = "private",
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Make a record without bytes; nothing if it is there already.

        :param owner: id of a project.
        :raises Forbidden: the service user may not make such a record.
        :raises QuotaExceeded: Glance has a limit of its own.
        """
        body = {
            **(properties or {}),
            "id": record_id,
            "name": name,
            "owner": owner,
            "container_format": CONTAINER_FORMAT,
            "disk_format": "raw",
            "visibility": visibility,
            "os_hidden": hidden,
        }
        answer = self._call(
            "POST", "/v2/images", (201, 403, 409, 413), json=body
        )
        if answer.status_code == 413:
            raise _full()
        if answer.status_code == 403:
            raise exception.Forbidden(
                "The image service (Glance) does not let caas make this "
                f"record: {_words(answer)}"
            )

    def upload(self, record_id: str, chunks: Iterable[bytes]) -> None:
        """Store the bytes of a record that has none.

        What ``chunks`` raises is raised, and the record is of no use then.

        :raises NotFound: the record was deleted.
        :raises Conflict: it has bytes already.
        :raises QuotaExceeded: Glance has no room for them.
        """
        url = f"{self.url()}/v2/images/{record_id}/file"
        source = _Source(chunks)
        try:
            headers = self._session.get_auth_headers() or {}
            # Not over a kept connection: it may turn out to be closed when
            # some of the bytes are gone, which nobody can send again.
            with requests.Session() as connection:
                answer = connection.put(
                    url,
                    data=iter(source),
                    headers={
                        **headers,
                        "Content-Type": "application/octet-stream",
                    },
                    verify=self._session.verify,
                    cert=self._session.cert,
                    timeout=self._session.timeout or TIMEOUT,
                )
        except _BrokenError:
            raise source.error from None  # type: ignore[misc]
        except (requests.RequestException, ksa.ClientException) as error:
            raise silent() from error
        if answer.status_code == 204 and source.ended:
            return
        if answer.status_code == 404:
            raise exception.NotFound(f"The record {record_id} is gone.")
        if answer.status_code == 409:
            raise exception.Conflict(
                f"The record {record_id} has bytes already."
            )
        if answer.status_code == 413:
            raise _full()
        raise strange(answer)

    def open(
        self, record_id: str, start: int | None = None, end: int | None = None
    ) -> Content:
        """Read bytes of a record.

        :param start: of the first byte, None for 0.
        :param end: of the last byte, None for all that follow.
        :returns: ``size`` is that of the part asked for.
        :raises NotFound: there is no such record, or it has no bytes yet.
        """
        start = start or 0
        ranged = start > 0 or end is not None
        path = f"/v2/images/{record_id}/file"
        headers = {"Accept-Encoding": "identity"}
        # 204: there are none
        want = (200, 204, 403, 404)
        if ranged:
            last = "" if end is None else end
            answer = self._call(
                "GET",
                path,
                (*want, 206, 400, 416),
                stream=True,
                headers={**headers, "Range": f"bytes={start}-{last}"},
            )
            if answer.status_code in (400, 416):
                # some stores of Glance only give all of it
                answer.close()
                answer = self._call(
                    "GET", path, want, stream=True, headers=headers
                )
        else:
            answer = self._call(
                "GET", path, want, stream=True, headers=headers
            )
        if answer.status_code in (204, 403, 404):
            answer.close()
            raise exception.NotFound(f"The record {record_id} has no bytes.")
        length = answer.headers.get("Content-Length")
        size = int(length) if length else None
        if not ranged or answer.status_code == 206:
            return Content(size, _chunks(answer))
        if size is not None:
            stop = size if end is None else min(size, end + 1)
            size = max(0, stop - start)
        return Content(size, _part(_chunks(answer), start, end))

    def update(
        self, record_id: str, changes: Mapping[str, str | bool | None]
    ) -> str:
        """Set what is named, properties or what every record has.

        :param changes: None removes a property.
        :returns: its status; ``queued``: it has no bytes yet.
        :raises NotFound: there is no such record.
        :raises Conflict: Glance does not let it be changed so.
        """
        steps: list[dict[str, Any]] = []
        for key, value in changes.items():
            if value is None:
                steps.append({"op": "remove", "path": f"/{key}"})
            else:
                how = "replace" if key in _BASE else "add"
                steps.append({"op": how, "path": f"/{key}", "value": value})
        answer = self._call(
            "PATCH",
            f"/v2/images/{record_id}",
            (200, 400, 403, 404, 409),
            data=jsonutils.dumps(steps),
            headers={"Content-Type": _PATCH},
        )
        if answer.status_code == 404:
            raise exception.NotFound(f"The record {record_id} is gone.")
        if answer.status_code != 200:
            raise exception.Conflict(
                f"The image service (Glance) refuses a change of the record "
                f"{record_id}: {_words(answer)}"
            )
        return str(answer.json()["status"])

    def get(self, record_id: str) -> dict[str, Any] | None:
        answer = self._call("GET", f"/v2/images/{record_id}", (200, 403, 404))
        if answer.status_code != 200:
            return None
        found: dict[str, Any] = answer.json()
        return found

    def delete(self, record_id: str) -> None:
        """Nothing if it is not there.

        :raises Conflict: Glance does not let it be deleted.
        """
        answer = self._call(
            "DELETE", f"/v2/images/{record_id}", (204, 403, 404, 409)
        )
        if answer.status_code in (403, 409):
            raise exception.Conflict(
                f"The image service (Glance) refuses to delete the record "
                f"{record_id}: {_words(answer)}"
            )

    def list(self, **filters: str) -> Iterator[dict[str, Any]]:
        """All records that fit, of any project, page by page.

        :param filters: as Glance knows them; ``os_hidden=true`` for those
            that are in no list.
        """
        answer = self._call(
            "GET", "/v2/images", (200,), params={"limit": "1000", **filters}
        )
        while True:
            page = answer.json()
            yield from page["images"]
            if not page.get("next"):
                return
            answer = self._call("GET", page["next"], (200,))

    def members(self, record_id: str) -> dict[str, str]:
        """Status by project, of those it is shared with."""
        answer = self._call(
            "GET", f"/v2/images/{record_id}/members", (200, 403, 404)
        )
        if answer.status_code != 200:
            return {}
        return {
            member["member_id"]: member["status"]
            for member in answer.json()["members"]
        }

    def share(self, record_id: str, project_id: str, status: str) -> None:
        """Share a record with a project.

        :param status: ``pending``, ``accepted`` or ``rejected``.
        """
        path = f"/v2/images/{record_id}/members"
        self._call("POST", path, (200, 409), json={"member": project_id})
        if status != "pending":
            self._call(
                "PUT", f"{path}/{project_id}", (200,), json={"status": status}
            )

    def _call(
        self, method: str, path: str, want: Collection[int], **how: Any
    ) -> requests.Response:
        """As the service user; see :meth:`Service.ask`."""
        return self.ask(
            method, self.url() + path, want, authenticated=True, **how
        )


class _BrokenError(Exception):
    """The source of an upload raised something."""


class _Source:
    """Chunks on their way to Glance, apart from whose failing it was.

    :ivar error: what the source raised.
    :ivar ended: it came to its end.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.error: BaseException | None = None
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                for start in range(0, len(chunk), _PIECE):
                    yield chunk[start : start + _PIECE]
        except GeneratorExit:
            raise
        except BaseException as error:
            # as something the HTTP client does not take for its own: it
            # swallows some errors of sockets
            self.error = error
            raise _BrokenError from None
        self.ended = True


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    """The body of an answer, which is closed after it."""
    with answer:
        yield from answer.iter_content(CHUNK)


def _part(
    chunks: Iterator[bytes], start: int, end: int | None
) -> Iterator[bytes]:
    at = 0
    with contextlib.closing(chunks):  # type: ignore[type-var]
        for chunk in chunks:
            stop = at + len(chunk)
            piece = chunk[
                max(0, start - at) : None if end is None else end + 1 - at
            ]
            if piece and stop > start:
                yield piece
            at = stop
            if end is not None and at > end:
                return


def _full() -> exception.QuotaExceeded:
    return exception.QuotaExceeded(
        "The image service (Glance) has no room for this: its own quota, or "
        "its disk, is full."
    )


def _words(answer: requests.Response) -> str:
    """Glance's own, without its HTML."""
    text = answer.text.rpartition("</h1>")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())[:200]
