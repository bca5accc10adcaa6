"""Opening files that a tenant made."""

import errno
import os
import stat

from caas.agent.inside.outside import Problem


def open_regular(path: str | bytes, flags: int, mode: int = 0o666) -> int:
    """Open a regular file, and nothing else.

    Opening a device can do something, and a FIFO has one wait for ever.

    :raises Problem: it is another kind of file.
    :raises OSError: it cannot be opened.
    """
    try:
        _check(path, os.stat(path))
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    fd = os.open(
        path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode
    )
    try:
        # it may have been replaced meanwhile
        _check(path, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check(path: str | bytes, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise Problem(
            409, f"{os.fsdecode(path)!r} is no regular file; only those are."
        )
