"""The way out of the container: three pipes to the agent.

Data come on stdin and go to stdout.  What is said goes to stderr, a JSON
object with one key in each line, as in :mod:`caas.model.streams`.
"""

import errno
import json
import os
import select
import struct
import sys
from typing import Any, NoReturn

STDIN, STDOUT, STDERR = 0, 1, 2

#: A pidfd of the first process of the container, once it has been entered.
FIRST = 3

#: Before the order: its length.
HEAD = struct.Struct(">L")

#: Exit code when there is nobody left to tell why.
NOBODY = 1


class Problem(Exception):
    """What was asked for cannot be.

    :param code: as of HTTP.
    :param message: a sentence for the user.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def order() -> dict[str, Any]:
    """What is to be done.  What follows it on stdin is left there."""
    (length,) = HEAD.unpack(_exactly(HEAD.size))
    found: dict[str, Any] = json.loads(_exactly(length))
    return found


def _exactly(length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = os.read(STDIN, length - len(data))
        if not part:
            end(NOBODY)
        data += part
    return data


def say(what: str, value: Any) -> None:
    """Say something such as ``{"started": {}}``."""
    write(STDERR, json.dumps({what: value}).encode() + b"\n")


def write(fd: int, data: bytes) -> None:
    """Write all of it, waiting while the reader is behind.

    Ends the process when there is no reader any more, or no container.
    """
    view = memoryview(data)
    while view:
        wait(fd, select.POLLOUT)
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            continue
        except BrokenPipeError:
            end(NOBODY)


def wait(fd: int, event: int, timeout: float | None = None) -> None:
    """Until ``event`` of ``fd``, ``timeout`` s at most.

    Ends the process as :func:`write` does.
    """
    poll = select.poll()
    poll.register(STDOUT, 0)
    poll.register(FIRST, select.POLLIN)
    if fd >= 0:
        poll.register(fd, event)
    found = dict(poll.poll(None if timeout is None else timeout * 1000))
    gone = select.POLLERR | select.POLLHUP
    if found.get(STDOUT, 0) & gone or found.get(FIRST, 0) & select.POLLIN:
        end(NOBODY)


def end(code: int) -> NoReturn:
    """At once: nothing of the interpreter is to run in the container."""
    os._exit(code)


def trouble(path: str, error: OSError) -> Problem:
    """Why a file cannot be had."""
    name = json.dumps(path)
    code, message = {
        errno.ENOENT: (404, f"There is no {name} in the container."),
        errno.ENOTDIR: (
            404,
            f"There is no {name} in the container: a part of it is no folder.",
        ),
        errno.EACCES: (
            403,
            f"The user that the container runs as may not read {name}.",
        ),
        errno.ELOOP: (
            409,
            f"{name} cannot be reached: its symbolic links go in circles.",
        ),
        errno.ENAMETOOLONG: (400, f"{name} is too long to be a path."),
    }.get(
        error.errno or 0,
        (409, f"{name} cannot be read: {error.strerror or error}."),
    )
    return Problem(code, message)


def seal() -> None:
    """Import nothing from now on; a search would be in the container."""
    for search in (sys.meta_path, sys.path_hooks, sys.path):
        search.clear()
    sys.path_importer_cache.clear()
