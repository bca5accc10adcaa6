"""Records what is seen in a session, as asciicast v2.

Format: https://docs.asciinema.org/manual/asciicast/v2/.  What is typed is not
recorded: passwords are.
"""

import codecs
import json
import time
from collections.abc import Awaitable, Callable

from caas import exception
from caas.model.sessions import Session
from caas.model.streams import Channel

#: Bytes after which a piece is kept.
PIECE = 1 << 18

#: Size of a terminal of which nothing is known.
WIDTH, HEIGHT = 80, 24


class Recorder:
    """Gathers what is seen and keeps it in pieces.

    :param keep: keeps a piece: its number and its text.
    :param largest: bytes of a whole recording.
    """

    def __init__(
        self,
        session: Session,
        keep: Callable[[int, str], Awaitable[None]],
        largest: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep = keep
        self._left = largest
        self._clock = clock
        self._began = clock()
        self._decoders = {
            channel: codecs.getincrementaldecoder("utf-8")("replace")
            for channel in (Channel.STDOUT, Channel.STDERR)
        }
        self._lines: list[str] = []
        self._size = 0
        self._pieces = 0
        self._line(json.dumps(_header(session)))

    async def output(self, channel: int, data: bytes) -> None:
        """Data on STDOUT or STDERR, cut anywhere.

        :raises Conflict: the recording is full.
        """
        text = self._decoders[Channel(channel)].decode(data)
        if text:
            await self._event("o", text)

    async def resized(self, width: int, height: int) -> None:
        await self._event("r", f"{width}x{height}")

    async def flush(self) -> None:
        """Keep what has been gathered."""
        if self._lines:
            text = "".join(self._lines)
            self._lines, self._size = [], 0
            piece, self._pieces = self._pieces, self._pieces + 1
            await self._keep(piece, text)

    async def _event(self, code: str, data: str) -> None:
        at = round(self._clock() - self._began, 6)
        self._line(json.dumps([at, code, data], ensure_ascii=False))
        if self._left < 0:
            raise exception.Conflict(
                "The recording of this session is full, so it ends; a new "
                "session begins a new one."
            )
        if self._size >= PIECE:
            await self.flush()

    def _line(self, text: str) -> None:
        self._lines.append(text + "\n")
        self._size += len(text)
        self._left -= len(text)


def _header(session: Session) -> dict[str, object]:
    arguments = session.arguments
    return {
        "version": 2,
        "width": arguments.get("width") or WIDTH,
        "height": arguments.get("height") or HEIGHT,
        "timestamp": int(session.created_at.timestamp()),
        "title": f"{session.verb} in {session.set_name}/{session.container}",
        # beyond the format, whose readers ignore what they do not know
        "caas": {
            "session": session.id,
            "set": session.set_id,
            "container": session.container,
            "user": session.user_id,
            "reason": session.reason,
            "request_id": session.request_id,
        },
    }
