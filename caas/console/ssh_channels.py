"""Channels of SSH as ends of sessions: what :mod:`caas.console.relay` serves.

A channel behaves as the websocket of a client does: what comes over it is
put in the messages of :mod:`caas.model.streams`, and what these say goes over
it.  Both sides wait for the one that is behind.
"""

import asyncio
import collections
import contextlib
import re
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, Protocol

import asyncssh
from websockets.exceptions import ConnectionClosedOK

from caas import exception
from caas.console import link
from caas.console.ssh_access import Place
from caas.core import sessions
from caas.model import streams
from caas.model.streams import Channel, Verb

#: Bytes a client may be ahead of the agent before it has to wait.
AHEAD = 1 << 18
#: Things to say a client may be ahead (signals, sizes of its terminal).
SAID = 64
#: Exit status of what failed before or beside the command, as ssh has it.
FAILED = 255

#: Longest command, in bytes; the kernel takes no longer argument
#: (MAX_ARG_STRLEN).
LONGEST_COMMAND = 1 << 17

_NO_SHELL = (
    "This container may have no shell: its image is without /bin/sh. Its "
    "logs, and sftp, work all the same."
)
#: Exit codes of engines for a command that is not there.
_NOT_THERE = (126, 127)

#: What scp asks for without SFTP (``scp -O``, and before OpenSSH 9).
_SCP = re.compile(r"scp (?:-[dprv]+ )*-[dprv]*[tf][dprv]* .+", re.DOTALL)

#: Variables that are passed on, and what they may hold.
_VARIABLE = re.compile(rb"LANG|LC_[A-Z]{1,32}")
_VALUE = re.compile(rb"[A-Za-z0-9_.@:+-]{0,64}")
_TERM = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_SIGNAL = re.compile(r"[A-Z][A-Z0-9]{0,15}")
#: The one by which somebody says why (``ssh -o SetEnv=CAAS_REASON=...``);
#: it is not passed on.
_REASON = b"CAAS_REASON"
_LONGEST_REASON = 255


class Owner(Protocol):
    """The connection a channel belongs to."""

    async def serve(
        self,
        place: Place | None,
        verb: Verb,
        arguments: dict[str, Any],
        client: "End",
        reason: str,
    ) -> None:
        """Do it, to its end.

        :param place: None: the one the user named at login.
        :raises CaasError: it could not begin.
        """

    async def drained(self) -> None:
        """Wait until the network has taken what was written."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it run beside what else is done."""

    def closed(self, channel: "End") -> None: ...


class End:
    """A channel, as a client of a relay."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._chan: Any = None
        self._open = asyncio.Event()
        self._queue: collections.deque[str | bytes] = collections.deque()
        self._size = 0
        self._said = 0
        self._came = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = False

    # What asyncssh calls.

    def connection_made(self, chan: Any) -> None:
        self._chan = chan
        self._open.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._gone = True
        for event in (self._came, self._writable, self._open):
            event.set()
        self._owner.closed(self)

    def data_received(self, data: bytes, _datatype: Any) -> None:
        self._put(bytes((Channel.STDIN,)) + data)
        if self._size > AHEAD:
            self._chan.pause_reading()

    def eof_received(self) -> bool:
        self._say(streams.EOF, True)
        return True

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _say(self, name: str, value: Any) -> None:
        if self._said >= SAID and name != streams.EOF:
            return
        self._said += 1
        self._put(link.said(name, value))

    def _put(self, message: str | bytes) -> None:
        self._queue.append(message)
        self._size += len(message)
        self._came.set()

    # What the relay calls.

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while not self._gone:
            while self._queue:
                message = self._queue.popleft()
                yield message
                self._size -= len(message)
                if isinstance(message, str):
                    self._said -= 1
                elif self._size <= AHEAD // 2 and self._chan is not None:
                    self._chan.resume_reading()
            self._came.clear()
            if not self._gone:
                await self._came.wait()

    async def send(self, message: str | bytes, /) -> None:
        """:raises ConnectionClosed: the channel is closed."""
        if isinstance(message, bytes):
            await self._open.wait()
            await self._writable.wait()
            await self._owner.drained()
            self._write(message[0], message[1:])
        else:
            self._hear(*link.read(message))
        if self._gone:
            raise ConnectionClosedOK(None, None)

    def _write(self, channel: int, data: bytes) -> None:
        if self._gone or self._chan.is_closing():
            raise ConnectionClosedOK(None, None)
        if channel == Channel.STDERR:
            self._chan.write_stderr(data)
        else:
            self._chan.write(data)

    def _hear(self, name: str, value: Any) -> None:
        """What an agent, or the relay, says."""
        raise NotImplementedError


class Session(End, asyncssh.SSHServerSession[bytes]):
    """A shell, a command, or SFTP."""

    def __init__(self, owner: Owner) -> None:
        End.__init__(self, owner)
        self._verb = Verb.EXEC
        self._command: str | None = None
        self._term = ""
        self._typed = False

    def pty_requested(
        self, term_type: str, _term_size: Any, _term_modes: Any
    ) -> bool:
        self._term = term_type if _TERM.fullmatch(term_type) else "dumb"
        return True

    def terminal_size_changed(
        self, width: int, height: int, _pixwidth: int, _pixheight: int
    ) -> None:
        self._say(streams.RESIZE, _size(width, height))

    def signal_received(self, signal: str) -> None:
        if _SIGNAL.fullmatch(signal):
            self._say(streams.SIGNAL, signal)

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = command
        if _SCP.fullmatch(command):
            # images have no scp
            self._verb = Verb.SFTP
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self._verb = Verb.SFTP
        return subsystem == "sftp"

    def session_started(self) -> None:
        self._owner.run(self._serve())

    def data_received(self, data: bytes, datatype: Any) -> None:
        self._typed = True
        super().data_received(data, datatype)

    async def _serve(self) -> None:
        environment = self._chan.get_environment_bytes()
        reason = environment.get(_REASON, b"").decode(errors="replace")
        try:
            await self._owner.serve(
                None,
                self._verb,
                self._arguments(environment),
                self,
                reason[:_LONGEST_REASON],
            )
        except exception.CaasError as error:
            self._fail(error.message)
        finally:
            # it may have gone without a word of an end
            self._end(FAILED)

    def _arguments(self, environment: Mapping[bytes, bytes]) -> dict[str, Any]:
        """:raises BadRequest: the command cannot be."""
        command = sessions.SHELL if self._command is None else self._command
        if "\0" in command or len(command.encode()) >= LONGEST_COMMAND:
            raise exception.BadRequest(
                f"A command has less than {LONGEST_COMMAND} bytes, none of "
                "them NUL."
            )
        if self._verb == Verb.SFTP:
            scp = {} if self._command is None else {"scp": command}
            return {"client": self._client(), **scp}
        env = {
            name.decode(): value.decode()
            for name, value in environment.items()
            if _VARIABLE.fullmatch(name) and _VALUE.fullmatch(value)
        }
        arguments: dict[str, Any] = {
            "command": ["/bin/sh", "-c", command],
            "tty": bool(self._term),
            "stdin": True,
            "env": env,
        }
        if self._term:
            env["TERM"] = self._term
            width, height, _, _ = self._chan.get_terminal_size()
            arguments |= _size(width, height)
        return arguments

    def _client(self) -> str:
        """Which program it is: some have ways of their own with SFTP."""
        version = str(self._chan.get_extra_info("client_version", ""))
        return "".join(c for c in version if c.isprintable())[:255]

    def _hear(self, name: str, value: Any) -> None:
        if name == streams.NOTICE:
            self._tell(str(value))
        elif name == streams.ERROR:
            self._fail(str(value.get("message", "")))
        elif name == streams.EXIT:
            code = value.get("exit_code")
            if self._shell and code in _NOT_THERE and not self._typed:
                self._tell(_NO_SHELL)
            known = isinstance(code, int) and 0 <= code < FAILED
            self._end(code if known else FAILED)

    @property
    def _shell(self) -> bool:
        return self._verb == Verb.EXEC and self._command is None

    def _tell(self, sentence: str) -> None:
        """To the terminal of the user, where it is one line."""
        line = "".join(c if c.isprintable() else " " for c in sentence)
        end = "\r\n" if self._term else "\n"
        with contextlib.suppress(ConnectionClosedOK):
            self._write(Channel.STDERR, f"{line}{end}".encode())

    def _fail(self, sentence: str) -> None:
        self._tell(sentence)
        self._end(FAILED)

    def _end(self, status: int) -> None:
        """What is written is sent before that."""
        if not self._gone and not self._chan.is_closing():
            self._chan.exit(status)


class Forward(End, asyncssh.SSHTCPSession[bytes]):
    """A connection to a port of the set."""

    def __init__(self, owner: Owner) -> None:
        End.__init__(self, owner)
        self._begun: asyncio.Future[None] = asyncio.Future()

    async def open(self, place: Place, port: int) -> None:
        """Wait until it is open.

        :raises CaasError: it cannot be opened.
        """
        self._owner.run(self._serve(place, port))
        await self._begun

    async def _serve(self, place: Place, port: int) -> None:
        error = exception.Unavailable(link.LOST)
        try:
            await self._owner.serve(
                place, Verb.FORWARD, {"port": port}, self, ""
            )
        except exception.CaasError as refused:
            self._failed(refused)
        finally:
            self._failed(error)

    def _hear(self, name: str, value: Any) -> None:
        if name == streams.STARTED:
            if not self._begun.done():
                self._begun.set_result(None)
        elif name == streams.ERROR:
            self._failed(exception.Unavailable(str(value.get("message", ""))))
        elif name == streams.EXIT:
            self._failed(exception.Unavailable("The connection was closed."))

    def _failed(self, error: exception.CaasError) -> None:
        if not self._begun.done():
            self._begun.set_exception(error)
        if self._chan is not None and not self._gone:
            self._chan.close()


def refusal(error: exception.CaasError) -> asyncssh.ChannelOpenError:
    """How a channel that cannot be opened says why."""
    code = (
        asyncssh.OPEN_CONNECT_FAILED
        if isinstance(error, exception.Unavailable)
        else asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
    )
    return asyncssh.ChannelOpenError(code, error.message)


def _size(width: int, height: int) -> dict[str, int]:
    """Of a terminal; what says nothing gets what most begin with."""
    return {
        "width": min(width or 80, 0xFFFF),
        "height": min(height or 24, 0xFFFF),
    }
