"""Work inside the network namespace of a process, without a fork."""

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from caas.drivers.network.base import NetworkError

_CLONE_NEWNET = 0x40000000

T = TypeVar("T")


def open_of(pid: int) -> int:
    """A descriptor of the network namespace of a process.

    While it is open the namespace lives, whatever becomes of the process.

    :raises NetworkError: when the process is gone, or lives in the namespace
        of this one, which is the host's.
    """
    try:
        found = os.open(
            f"/proc/{pid or 'none'}/ns/net", os.O_RDONLY | os.O_CLOEXEC
        )
    except OSError as e:
        raise NetworkError(
            "The infra container of the set does not run."
        ) from e
    own, other = os.stat("/proc/self/ns/net"), os.fstat(found)
    if (own.st_dev, own.st_ino) == (other.st_dev, other.st_ino):
        os.close(found)
        raise NetworkError(
            "The infra container of the set has no network of its own."
        )
    return found


def call_in(namespace: int, do: Callable[[], T]) -> T:
    """Call ``do`` on a thread that lives in ``namespace``.

    The thread ends with the call, so no other work can get into it.
    """
    return _call(lambda libc: libc.setns(namespace, _CLONE_NEWNET), do)


def call_apart(do: Callable[[], T]) -> T:
    """Call ``do`` on a thread with a network namespace of its own.

    It has nothing but a loopback, and is gone with the call, with whatever
    was made in it.
    """
    return _call(lambda libc: libc.unshare(_CLONE_NEWNET), do)


def _call(enter: Callable[[ctypes.CDLL], int], do: Callable[[], T]) -> T:
    outcome: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if enter(libc) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            outcome.append(do())
        except BaseException as e:
            failure.append(e)

    thread = threading.Thread(target=work, name="netns")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
