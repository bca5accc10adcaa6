"""What packing and unpacking have in common."""

import errno
import os
import tarfile
from typing import Any

from caas.agent.inside.outside import Problem

#: Bytes of one read or write.
CHUNK = 1 << 16

_MIB = 1 << 20
# How what failed is told.
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_UNFIT = (
    *(errno.EISDIR, errno.EEXIST, errno.EROFS, errno.ELOOP, errno.EPERM),
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTEMPTY, errno.ENOSPC),
    *(errno.EDQUOT, errno.EFBIG),
)


class Allowance:
    """Of the bytes of one archive.

    :param most: in MiB.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most * _MIB

    def take(self, count: int) -> None:
        """:raises Problem: that is too many."""
        self._left -= count
        if self._left < 0:
            raise Problem(
                413,
                f"The archive is larger than the {self._most} MiB that can "
                "be copied at once; copy less of it.",
            )


def no_names() -> None:
    """Have users be numbers.

    For a name the C library loads what the container's /etc/nsswitch.conf
    says.
    """
    module: Any = tarfile
    module.pwd = module.grp = None


def forget(tar: tarfile.TarFile) -> None:
    """It keeps all members there were, for nobody."""
    tar.members.clear()  # type: ignore[attr-defined]


def trouble(what: str, error: OSError) -> Problem:
    """:param what: that failed: "The files cannot be copied"."""
    where = ""
    if isinstance(error.filename, str):
        name = os.fsencode(error.filename)
        where = name.decode(errors="backslashreplace") + ": "
    reason = f"{what}: {where}{error.strerror or error}."
    if error.errno == errno.EACCES:
        return Problem(
            403, f"{reason} The user that the container runs as may not."
        )
    if error.errno in _ABSENT:
        return Problem(404, reason)
    return Problem(400 if error.errno in _UNFIT else 503, reason)
