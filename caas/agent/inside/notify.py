"""The kernel's word that files change: inotify(7).

By the C library that runs already: what the library for it does, to look for
one by name and load it when first used, would be done within the container.
"""

import ctypes
import os

_MODIFY, _ATTRIB = 0x2, 0x4
_MOVED_TO, _CREATE = 0x80, 0x100
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_ONLYDIR = 0x01000000

#: What to be told of a file, and of a folder.
FILE = _MODIFY | _ATTRIB | _DELETE_SELF | _MOVE_SELF
FOLDER = _CREATE | _MOVED_TO | _ONLYDIR

_LIBC = ctypes.CDLL(None, use_errno=True)


def instance() -> int:
    """A descriptor to be read, which does not block.

    :raises OSError: the user has too many.
    """
    return _checked(_LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))


def add(fd: int, path: str, mask: int) -> None:
    """:raises OSError: it is not there, or there are too many."""
    _checked(_LIBC.inotify_add_watch(fd, os.fsencode(path), mask))


def _checked(answer: int) -> int:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
