"""The part of ``conn.caas`` that looks inside sets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib import parse

from openstack import exceptions, proxy, resource

from caasclient.sdk.containers import Container
from caasclient.sdk.sessions import Session
from caasclient.sdk.sets import Set
from caasclient.sdk.streams import Stream, tls_context


class Inside(proxy.Proxy):
    """Where a method takes a set or container, it takes the object or its id,
    for containers the name as well.  Methods that give a
    :class:`~caasclient.sdk.streams.Stream` take ``reason``, why it is done.
    """

    def exec_container(
        self,
        value: str | Set,
        container: str | Container,
        command: Sequence[str],
        *,
        tty: bool = False,
        stdin: bool = False,
        user: str | None = None,
        working_dir: str | None = None,
        env: Mapping[str, str] | None = None,
        width: int | None = None,
        height: int | None = None,
        record: bool = False,
        reason: str | None = None,
    ) -> Stream:
        """Run a command in it; the command ends with the stream."""
        return self._open(
            _path(value, container, "exec"),
            command=list(command),
            tty=tty,
            stdin=stdin,
            user=user,
            working_dir=working_dir,
            env=None if env is None else dict(env),
            width=width,
            height=height,
            record=record,
            reason=reason,
        )

    def attach_container(
        self,
        value: str | Set,
        container: str | Container,
        *,
        stdin: bool = False,
        width: int | None = None,
        height: int | None = None,
        record: bool = False,
        reason: str | None = None,
    ) -> Stream:
        """See what its first process writes from now on, and write to it."""
        return self._open(
            _path(value, container, "attach"),
            stdin=stdin,
            width=width,
            height=height,
            record=record,
            reason=reason,
        )

    def logs(
        self,
        value: str | Set,
        container: str | Container | None = None,
        *,
        follow: bool = False,
        since: str | None = None,
        until: str | None = None,
        tail: int | None = None,
        timestamps: bool = False,
        reason: str | None = None,
    ) -> Stream:
        """What a container has written, or all those of a set.

        :param since: and ``until``: ISO 8601.
        :param tail: only so many last lines of each container.
        """
        return self._open(
            _path(value, container, "logs"),
            follow=follow,
            since=since,
            until=until,
            tail=tail,
            timestamps=timestamps,
            reason=reason,
        )

    def download(
        self,
        value: str | Set,
        container: str | Container,
        path: str,
        *,
        reason: str | None = None,
    ) -> Stream:
        """A file or folder as a tar archive, on STDOUT."""
        return self._open(
            _path(value, container, "download"), path=path, reason=reason
        )

    def upload(
        self,
        value: str | Set,
        container: str | Container,
        path: str,
        *,
        reason: str | None = None,
    ) -> Stream:
        """Unpack a tar archive, sent on STDIN, in the folder ``path``.

        Send it, call :meth:`Stream.end_input`, and read to the end.
        """
        return self._open(
            _path(value, container, "upload"), path=path, reason=reason
        )

    def tail_file(
        self,
        value: str | Set,
        container: str | Container,
        path: str,
        *,
        lines: int = 10,
        follow: bool = False,
        reason: str | None = None,
    ) -> Stream:
        """The last lines of a file in it, and those to come."""
        return self._open(
            _path(value, container, "tail"),
            path=path,
            lines=lines,
            follow=follow,
            reason=reason,
        )

    def sftp(
        self,
        value: str | Set,
        container: str | Container,
        *,
        reason: str | None = None,
    ) -> Stream:
        """SFTP, version 3, on STDIN and STDOUT."""
        return self._open(_path(value, container, "sftp"), reason=reason)

    def forward(
        self,
        value: str | Set,
        container: str | Container,
        port: int,
        *,
        reason: str | None = None,
    ) -> Stream:
        """A TCP connection to a port of the set."""
        return self._open(
            _path(value, container, "forward"), port=port, reason=reason
        )

    def stats(
        self, value: str | Set, container: str | Container | None = None
    ) -> dict[str, Any]:
        """What it uses now."""
        return self._ask_host(value, container, "stats", "stats")

    def top(
        self, value: str | Set, container: str | Container
    ) -> dict[str, Any]:
        """Its processes."""
        return self._ask_host(value, container, "top", "top")

    def diff(
        self, value: str | Set, container: str | Container
    ) -> dict[str, Any]:
        """Which files of its image it has changed."""
        return self._ask_host(value, container, "diff", "diff")

    def inspect(
        self, value: str | Set, container: str | Container
    ) -> dict[str, Any]:
        """How the engine runs it."""
        return self._ask_host(value, container, "inspect", "inspect")

    def files(
        self, value: str | Set, container: str | Container, path: str
    ) -> dict[str, Any]:
        """What is in a folder of it."""
        return self._ask_host(value, container, "files", "files", path=path)

    def sessions(self, **query: Any) -> Iterator[Session]:
        """List sessions, the newest first."""
        return self._list(Session, **query)

    def get_session(self, value: str | Session) -> Session:
        return self._get(Session, value)

    def recording(self, value: str | Session) -> Iterator[str]:
        """Pieces of what was recorded of a session: asciicast v2."""
        return self._get_resource(Session, value).recording(self)

    def _open(self, url: str, /, **body: Any) -> Stream:
        given = {k: v for k, v in body.items() if v is not None}
        answer = self.post(
            url,
            json={"session": given},
            microversion=Session._get_microversion(self),
        )
        exceptions.raise_from_response(answer)
        return Stream.open(
            answer.json()["session"],
            self.get_token(),
            tls_context(self.session.verify or False),
        )

    def _ask_host(
        self,
        value: str | Set,
        container: str | Container | None,
        what: str,
        key: str,
        **query: Any,
    ) -> dict[str, Any]:
        answer = self.get(
            _path(value, container, what),
            params=query,
            microversion=Session._get_microversion(self),
        )
        exceptions.raise_from_response(answer)
        found: dict[str, Any] = answer.json()[key]
        return found


def _path(
    value: str | Set, container: str | Container | None, verb: str
) -> str:
    ident = resource.Resource._get_id(value)
    path = f"{Set.base_path}/{ident}"
    if container is not None:
        name = resource.Resource._get_id(container)
        path += f"/containers/{parse.quote(name, safe='')}"
    return f"{path}/{verb}"
