"""Serves one session: passes messages on, watches, records, notes its end."""

import asyncio
import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed

from caas import exception
from caas.console import link
from caas.console.recording import Recorder
from caas.core import sessions
from caas.core.deps import Deps
from caas.model import streams
from caas.model.hosts import Host
from caas.model.sessions import Session
from caas.model.streams import Verb

LOG = logging.getLogger(__name__)

#: Verbs whose silence means that nobody is there any more.
_IDLE = (Verb.EXEC, Verb.ATTACH, Verb.SFTP, Verb.FORWARD)

#: Seconds after which what is recorded is kept.
_FLUSH = 5.0


@dataclasses.dataclass(frozen=True)
class Limits:
    """See :mod:`caas.conf.console`.  Times in seconds, sizes in bytes."""

    idle: float
    total: float
    recording: int


class Client(Protocol):
    """The user's end of a stream: a websocket, or what behaves as one."""

    async def send(self, message: str | bytes, /) -> None:
        """Waits while the reader is behind.

        :raises ConnectionClosed: it is gone.
        """

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """What comes, until it is gone."""


class Relay:
    """Serves sessions; one for a process."""

    def __init__(self, deps: Deps, links: link.Links, limits: Limits) -> None:
        self._deps = deps
        self._links = links
        self._limits = limits

    async def serve(
        self, session: Session, host: Host, client: Client
    ) -> None:
        """From its begin to its end, which is noted whatever comes."""
        ending = _Ending("error", "The proxy that served it ended.")
        try:
            ending = await self._served(session, host, client)
        except asyncio.CancelledError:
            with contextlib.suppress(ConnectionClosed):
                await client.send(
                    link.problem(exception.Unavailable(ending.message))
                )
            raise
        finally:
            LOG.info(
                "Set %s (%s), session %s of user %s: %s ends: %s %s",
                session.set_id,
                session.request_id,
                session.id,
                session.user_id,
                session.verb,
                ending.result,
                ending.message,
            )
            await asyncio.shield(self._note(session, ending))

    async def abandon(self, session: Session) -> None:
        """End one whose client went before anything was said."""
        await self._note(
            session, _Ending("error", "The client went away at once.")
        )

    async def _note(self, session: Session, ending: "_Ending") -> None:
        try:
            await asyncio.to_thread(
                functools.partial(
                    sessions.end,
                    self._deps,
                    session,
                    result=ending.result,
                    message=ending.message,
                    exit_code=ending.exit_code,
                )
            )
        except Exception:
            LOG.exception("The end of session %s is not noted", session.id)

    async def _served(
        self, session: Session, host: Host, client: Client
    ) -> "_Ending":
        try:
            way = await self._links.open(
                host.name, host.facts.get("streams", ""), sessions.ask(session)
            )
        except exception.CaasError as error:
            return await _failed(client, error)
        stream = _Stream(session, way, client, self._recorder(session))
        try:
            return await stream.run(self._limits)
        except exception.CaasError as error:
            return await _failed(client, error)
        except ConnectionClosed:
            return _Ending("success", "The client went away.")
        finally:
            await way.close()

    def _recorder(self, session: Session) -> Recorder | None:
        if not session.recorded:
            return None

        async def keep(piece: int, text: str) -> None:
            await asyncio.to_thread(
                sessions.record, self._deps, session, piece, text
            )

        return Recorder(session, keep, self._limits.recording)


@dataclasses.dataclass(frozen=True)
class _Ending:
    result: str
    message: str = ""
    exit_code: int | None = None


async def _failed(client: Client, error: exception.CaasError) -> _Ending:
    with contextlib.suppress(ConnectionClosed):
        await client.send(link.problem(error))
    return _Ending("error", error.message)


class _Stream:
    """What is under way for one session."""

    def __init__(
        self,
        session: Session,
        way: link.Link,
        client: Client,
        recorder: Recorder | None,
    ) -> None:
        self._session = session
        self._way = way
        self._client = client
        self._recorder = recorder
        self._moved = time.monotonic()

    async def run(self, limits: Limits) -> _Ending:
        """:raises CaasError: it is ended for a reason the user is to know.
        :raises ConnectionClosed: the client is gone.
        """
        await self._client.send(self._way.first)
        tasks = [
            asyncio.ensure_future(each)
            for each in (
                self._to_client(),
                self._to_agent(),
                self._watch(limits),
            )
        ]
        try:
            done, _ = await asyncio.wait(
                tasks, return_when=asyncio.FIRST_COMPLETED
            )
            # what the agent said last counts most
            first = next(task for task in tasks if task in done)
            return first.result() or _Ending(
                "success", "The client went away."
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._recorder:
                await self._recorder.flush()

    async def _to_client(self) -> _Ending:
        async for message in self._way.messages():
            self._moved = time.monotonic()
            ending = None
            if isinstance(message, str):
                ending = _ending(*link.read(message))
            elif self._recorder:
                await self._recorder.output(message[0], message[1:])
            await self._client.send(message)
            if ending is not None:
                # not once the agent has closed: a client that goes at once
                # would be taken for one that went before the end
                return ending
        return _Ending("error", link.LOST)

    async def _to_agent(self) -> None:
        async for message in self._client:
            self._moved = time.monotonic()
            if self._recorder and isinstance(message, str):
                await self._resized(*link.read(message))
            try:
                await self._way.send(message)
            except ConnectionClosed:
                # _to_client tells why
                await asyncio.Event().wait()

    async def _resized(self, name: str, value: Any) -> None:
        if name == streams.RESIZE and self._recorder:
            with contextlib.suppress(TypeError, KeyError, ValueError):
                await self._recorder.resized(
                    int(value["width"]), int(value["height"])
                )

    async def _watch(self, limits: Limits) -> None:
        """End what nobody uses, or what has gone on for too long."""
        deadline = time.monotonic() + limits.total
        idle = limits.idle if self._session.verb in _IDLE else limits.total
        while True:
            now = time.monotonic()
            quiet = self._moved + idle
            if now >= deadline:
                raise exception.Conflict(
                    f"A session lasts {limits.total:g} s at most."
                )
            if now >= quiet:
                raise exception.Conflict(
                    f"Nothing has moved for {idle:g} s, so the session ends."
                )
            wait = min(deadline, quiet) - now
            await asyncio.sleep(min(wait, _FLUSH) if self._recorder else wait)
            if self._recorder:
                await self._recorder.flush()


def _ending(name: str, value: Any) -> _Ending | None:
    """What a last message of an agent says."""
    if name == streams.EXIT:
        code = value.get("exit_code") if isinstance(value, dict) else None
        return _Ending("success", exit_code=code)
    if name == streams.ERROR:
        return _Ending("error", str(value.get("message", "")))
    return None
