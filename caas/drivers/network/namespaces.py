"""Work inside the network namespace of a process, without a fork."""

import ctypes
import dataclasses
import fcntl
import os
import pathlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import TypeVar

from caas.drivers.network.base import NetworkError

_CLONE_NEWNET = 0x40000000
# ioctl(2) that tells the address of an interface, see netdevice(7).
_SIOCGIFADDR = 0x8915
#: The interface of a set in its network.
NIC = "eth0"

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Traffic:
    """All that went through the interfaces of a network but its loopback."""

    rx_bytes: int = 0
    rx_packets: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0


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
    outcome: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(namespace, _CLONE_NEWNET) != 0:
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


def tcp_sockets(pid: int, count: int) -> list[socket.socket]:
    """Sockets in the network of a process; they stay in it.

    :raises NetworkError: see :func:`open_of`.
    """
    namespace = open_of(pid)
    try:
        return call_in(
            namespace,
            lambda: [
                socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                for _ in range(count)
            ],
        )
    finally:
        os.close(namespace)


def is_own_end(way: socket.socket) -> bool:
    """Whether a socket is connected to itself.

    Where nothing listens, the port may be given to the very socket that wants
    to be connected to it.
    """
    return way.getsockname() == way.getpeername()  # type: ignore[no-any-return]


def address_of(way: socket.socket) -> str:
    """Of the set in whose network a socket is; "" without."""
    try:
        found = fcntl.ioctl(
            way, _SIOCGIFADDR, struct.pack("256s", NIC.encode())
        )
    except OSError:
        return ""
    return socket.inet_ntoa(found[20:24])


def traffic_of(pid: int) -> Traffic:
    """What the kernel has counted in the network of a process.

    :raises NetworkError: see :func:`open_of`.
    """
    os.close(open_of(pid))
    try:
        lines = pathlib.Path(f"/proc/{pid}/net/dev").read_text("ascii")
    except OSError as e:
        raise NetworkError(
            "The infra container of the set does not run."
        ) from e
    return traffic(lines)


def traffic(table: str) -> Traffic:
    """:param table: as of ``/proc/net/dev``."""
    sums = [0] * 16
    # two lines are above the table
    for line in table.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        if name.strip() != "lo":
            pairs = zip(sums, map(int, numbers.split()), strict=True)
            sums = [a + b for a, b in pairs]
    return Traffic(sums[0], sums[1], sums[8], sums[9])
