"""The log of a container and of those that it was before.

Read without the engine, so that it works while that hangs.
"""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

from inotify_simple import INotify

from caas.agent.logs import FormerLogs, Kept, numbered
from caas.agent.streams.changes import WRITTEN
from caas.agent.streams.lines import Entry
from caas.agent.streams.logfiles import Reader, Wish
from caas.host.errors import HostError
from caas.host.listing import Container

#: Seconds between two looks whether the container runs yet.
LOOK = 1.0


def read(
    there: Container,
    former: FormerLogs,
    *,
    tail: int | None,
    follow: bool,
    runs: Callable[[], bool],
) -> Iterator[Entry]:
    """What is in a log, and what is written to it until the container ends.

    :param tail: lines, None for all.
    :param runs: whether the container does.
    :raises HostError: it cannot be read.
    """
    log = pathlib.Path(there.log) if there.log else None
    try:
        _look(there, former, log)
        reader = Reader(lambda: _kept(there, former), Wish(tail=tail))
        with contextlib.closing(reader), contextlib.ExitStack() as stack:
            watch = stack.enter_context(INotify()) if follow else None
            if log is not None:
                reader.live = Kept(there.engine_id, log)
                if watch:
                    watch.add_watch(log.parent, WRITTEN)
            while True:
                # first asked, then read: what was written before the end
                # is not missed
                goes_on = watch is not None and runs()
                more = True
                while more:
                    entries, more = reader.read()
                    yield from entries
                if watch is None or not goes_on:
                    return
                watch.read(timeout=int(LOOK * 1000))
    except PermissionError as error:
        raise HostError(
            f"{error.filename or log} cannot be read; run it as root."
        ) from error
    except OSError as error:
        raise HostError(
            f"{error.filename or log} cannot be read: {error.strerror}."
        ) from error


def _kept(there: Container, former: FormerLogs) -> list[Kept]:
    # an infra container has no id, and nothing of it is kept
    return former.of_member(there.set_id, there.id) if there.id else []


def _look(
    there: Container, former: FormerLogs, log: pathlib.Path | None
) -> None:
    """:raises HostError: nothing can be read, now or later."""
    if _kept(there, former):
        return
    if log is None:
        raise HostError("The container has no log that can be read.")
    if not numbered(log):
        # says why
        log.stat()
